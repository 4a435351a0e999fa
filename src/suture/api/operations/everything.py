"""$everything: whole records, of a patient, an encounter, the patients of a group, or of all patients.

Specification: https://hl7.org/fhir/R4/patient-operation-everything.html, encounter-operation-everything.html and
group-operation-everything.html. The one thing to know: members of the compartments are matches, resources that they
refer to are includes, and a page with more behind it has a `next` link, which is sealed like those of searches.
"""

from collections.abc import Iterator
from typing import Any

from suture.api import bundles
from suture.api.http import PRESENTATION, Request, Response
from suture.api.interactions.patch import require
from suture.api.interactions.search import with_query
from suture.api.operations.inputs import Inputs, read_inputs
from suture.api.operations.operation import Definition, Operation, define, parameter
from suture.api.services import Model, Services
from suture.api.shapes import as_array, as_object
from suture.api.subsets import subset_of
from suture.fhir import json
from suture.fhir.outcomes import Invalid, Issue
from suture.search.everything import Everything, Record, Scope
from suture.store.predicate import Predicate
from suture.store.rows import Stored

_CURSOR = "_cursor"
_SHARED = (
    parameter("_since", "in", "0..1", "instant", "Only resources that changed at or after this instant."),
    parameter("_type", "in", "0..*", "code", "Only resources of these types; also the referenced ones."),
    parameter("_count", "in", "0..1", "integer", "Most members on a page; without it up to the setting `max_count`."),
    parameter("return", "out", "1..1", "Bundle", "A searchset: members as matches, referenced resources as includes."),
)
_DATES = (
    parameter("start", "in", "0..1", "date", "Only resources whose clinical date reaches to this date or beyond."),
    parameter("end", "in", "0..1", "date", "Only resources whose clinical date begins at this date or before."),
)
PATIENT = define(
    "Patient-everything",
    "Fetch Patient Record",
    "The resources in the compartment of one patient, or of all patients that the caller may see, and the resources "
    "that these refer to.",
    resource="Patient",
    levels=("type", "instance"),
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
GROUP = define(
    "Group-everything",
    "Fetch Group Record",
    "The resources in the compartments of the patients that are members of a group, and the resources that these "
    "refer to. Inactive members and groups within the group are left out.",
    resource="Group",
    levels=("instance",),
    affects_state=False,
    parameters=(*_DATES, *_SHARED),
)
_DEFINITIONS: dict[str | None, Definition] = {"Patient": PATIENT, "Encounter": ENCOUNTER, "Group": GROUP}


async def everything(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/Patient/[id]/$everything`, `[base]/Patient/$everything`, and of an Encounter or a Group."""
    decision = services.decide(request, type or "")
    known = [entry["name"] for entry in _DEFINITIONS[type]["parameter"] if entry["use"] == "in"]
    inputs = await read_inputs(request, [*known, _CURSOR])
    scope = _scope(inputs, model, services)
    subset = subset_of(request, model)
    owner = require(await services.store.read(type, id, decision.predicate), type, id) if type and id else None
    record = await _read(services, model, owner, scope, decision.predicate)
    url = "/".join(part for part in (request.base, type, id, "$everything") if part)
    pairs = [(name, str(value)) for name in known if name != "_count" for value in inputs.all(name)]
    pairs += [("_count", str(scope.count)) for _ in inputs.all("_count")]
    pairs += [pair for pair in request.pairs if pair[0] in PRESENTATION]
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
        warnings=_warnings(record),
    )
    return Response(200, body)


async def _read(services: Services, model: Model, owner: Stored | None, scope: Scope, predicate: Predicate) -> Record:
    store = services.store
    reader = Everything(model.parameters, model.search.compartments, store.keys, store.dialect, store.bodies)
    async with store.reading() as connection:
        if owner is None:
            return await reader.of_all(connection, scope, predicate)
        if owner.type == "Group":
            ids = list(dict.fromkeys(_members(json.reread(owner.body))))
            return await reader.of_patients(connection, f"Group/{owner.id}", ids, scope, predicate)
        return await reader.of_one(connection, owner, scope, predicate)


def _members(group: dict[str, Any]) -> Iterator[str]:
    """The ids of the patients that are active members of a group."""
    for item in as_array(group.get("member")) or []:
        member = as_object(item) or {}
        reference = (as_object(member.get("entity")) or {}).get("reference", "")
        type, _, id = str(reference).partition("/")
        if type == "Patient" and member.get("inactive") is not True:
            yield id.partition("/")[0]


def _warnings(record: Record) -> list[Issue]:
    if not record.truncated:
        return []
    text = f"Only {len(record.includes)} of the resources that this page refers to are given; there are more."
    return [Issue("warning", "too-costly", text)]


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


EVERYTHING = Operation(everything, PATIENT, ENCOUNTER, GROUP)
