"""$everything: the record of one patient, or all that belongs to one encounter, with what it refers to.

Specification: https://hl7.org/fhir/R4/patient-operation-everything.html and encounter-operation-everything.html.
The one thing to know: members of the compartment are matches, resources that they refer to are includes, and a
page with more behind it has a `next` link.
"""

from suture.api import bundles
from suture.api.http import Request, Response
from suture.api.interactions.patch import require
from suture.api.interactions.search import with_query
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services
from suture.api.subsets import subset_of
from suture.fhir.outcomes import Invalid
from suture.search.everything import Everything, Scope

_CURSOR = "_cursor"
_SHARED = (
    parameter("_since", "in", "0..1", "instant", "Only resources that changed at or after this instant."),
    parameter("_type", "in", "0..*", "code", "Only resources of these types; also the referenced ones."),
    parameter("_count", "in", "0..1", "integer", "Most members on a page; without it up to the setting `max_count`."),
    parameter("return", "out", "1..1", "Bundle", "A searchset: members as matches, referenced resources as includes."),
)
_DATES = (
    parameter(
        "start", "in", "0..1", "date", "Only resources whose clinical date is not before this date, or that have none."
    ),
    parameter(
        "end", "in", "0..1", "date", "Only resources whose clinical date is not after this date, or that have none."
    ),
)
PATIENT = define(
    "Patient-everything",
    "Fetch Patient Record",
    "The resources in the compartment of one patient, and the resources that these refer to. "
    "Suture answers for one patient; it does not answer for all patients at once.",
    resource="Patient",
    levels=("instance",),
    affects_state=False,
    parameters=(*_DATES, *_SHARED),
)
ENCOUNTER = define(
    "Encounter-everything",
    "Fetch Encounter Record",
    "The resources in the compartment of one encounter, and the resources that these refer to.",
    resource="Encounter",
    levels=("instance",),
    affects_state=False,
    parameters=_SHARED,
)


async def everything(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/Patient/[id]/$everything` and `[base]/Encounter/[id]/$everything`."""
    assert type is not None and id is not None
    decision = services.decide(request, type)
    known = [
        entry["name"] for entry in (PATIENT if type == "Patient" else ENCOUNTER)["parameter"] if entry["use"] == "in"
    ]
    inputs = await read_inputs(request, [*known, _CURSOR])
    scope = _scope(inputs, model, services)
    subset = subset_of(request, model)
    owner = require(await services.store.read(type, id, decision.predicate), type, id)
    reader = Everything(model.search.compartments, services.store.keys, services.store.dialect, services.store.bodies)
    async with services.store.reading() as connection:
        record = await reader.page(connection, owner, scope, decision.predicate)
    url = f"{request.base}/{type}/{id}/$everything"
    pairs = [(name, str(value)) for name in known for value in inputs.all(name)]
    pairs += [pair for pair in request.pairs if pair[0] in ("_format", "_pretty", "_summary", "_elements")]
    links = [("self", with_query(url, [*pairs, *([(_CURSOR, scope.after)] if scope.after else [])]))]
    if record.next:
        links.append(("next", with_query(url, [*pairs, (_CURSOR, record.next)])))
    whole = not scope.after and not record.next
    body = bundles.searchset(
        request.base,
        links,
        ((stored, subset.apply(stored.body) if subset else stored.body) for stored in record.matches),
        ((stored, subset.apply(stored.body) if subset else stored.body) for stored in record.includes),
        total=len(record.matches) if whole else None,
    )
    return Response(200, body)


def _scope(inputs: Inputs, model: Model, services: Services) -> Scope:
    types = inputs.codes("_type")
    for name in types:
        if name not in model.types:
            raise Invalid(f"_type: there is no resource type {name[:80]!r} here.")
    since, start, end = inputs.moment("_since"), inputs.moment("start"), inputs.moment("end")
    count = inputs.number("_count")
    most = services.settings.max_count
    if count == 0:
        raise Invalid("_count must be at least 1 for $everything.")
    return Scope(
        count=min(count or most, most),
        most_includes=services.settings.max_include,
        types=types,
        since=since[0] if since else None,
        start=start[0] if start else None,
        end=end[1] if end else None,
        after=inputs.text(_CURSOR),
    )


EVERYTHING = Operation(everything, PATIENT, ENCOUNTER)
