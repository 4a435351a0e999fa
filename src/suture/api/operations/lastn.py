"""$lastn: the newest observations of every code.

Specification: https://hl7.org/fhir/R4/observation-operation-lastn.html. The one thing to know: whatever finds
observations in a search finds them here too; only the order and the pages are the operation's own, so parameters
that are about these are refused.
"""

from typing import Any

from suture.api import bundles
from suture.api.http import PRESENTATION, Request, Response
from suture.api.interactions.search import shown, with_query
from suture.api.negotiation import preferences
from suture.api.operations.inputs import read_pairs
from suture.api.operations.operation import Operation, define, parameter
from suture.api.services import Model, Services
from suture.api.shapes import as_array, as_object
from suture.api.subsets import subset_of
from suture.fhir.outcomes import Invalid
from suture.search.latest import OBSERVATION, Latest

_DEFINITION = define(
    "Observation-lastn",
    "Last N Observations Query",
    "The newest observations of each code among those that a search would find: takes all search parameters of "
    "Observation, `patient` or `subject` among them.",
    resource=OBSERVATION,
    levels=("type",),
    affects_state=False,
    parameters=(
        parameter(
            "max", "in", "0..1", "positiveInt", "How many of each code, 1 without it; more when some are as new."
        ),
        parameter("return", "out", "1..1", "Bundle", "A searchset: group after group, the newest first."),
    ),
)

_NOT_HERE = frozenset(("_sort", "_count", "_cursor", "_total", "_include", "_revinclude", "_contained"))


async def lastn(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/Observation/$lastn?max=…&patient=…`."""
    decision = services.decide(request, OBSERVATION)
    given, body = await read_pairs(request)
    if body is not None:
        raise Invalid("The body must be a form or a Parameters resource with search parameters.")
    pairs = [(name, _text(name, value)) for name, value in given]
    most = _most([value for name, value in pairs if name == "max"])
    asked = [pair for pair in pairs if pair[0] != "max"]
    _check([name for name, _ in asked])
    subset = subset_of(request, model, OBSERVATION)
    if request.parameter("_summary") == "count":
        raise Invalid("$lastn does not know _summary=count.")
    lenient = preferences(request.header("prefer")).lenient
    query = await services.catalogue.certainly(
        lambda: model.search.parse(OBSERVATION, asked, lenient=lenient, base=f"{request.base}/")
    )
    store = services.store
    finder = Latest(model.search, model.parameters, store.keys, store.bodies)
    async with store.reading() as connection:
        found = await finder.newest(connection, query, decision.predicate, most)
    presented = [pair for pair in request.pairs if pair[0] in PRESENTATION]
    link = with_query(f"{request.base}/{OBSERVATION}/$lastn", [*query.applied, ("max", str(most)), *presented])
    bundle = bundles.searchset(
        request.base, [("self", link)], shown(found, subset), (), total=len(found), warnings=query.warnings
    )
    return Response(200, bundle)


def _most(values: list[str]) -> int:
    if not values:
        return 1
    if len(values) > 1 or not (
        values[0].isascii() and values[0].isdecimal() and len(values[0]) < 10 and int(values[0])
    ):
        raise Invalid("The parameter 'max' is one whole number of at least 1.")
    return int(values[0])


def _check(names: list[str]) -> None:
    bare = [name.partition(":")[0].partition(".")[0] for name in names]
    for name in bare:
        if name in _NOT_HERE:
            raise Invalid(f"$lastn does not know {name}: it has an order of its own and one page.")
    if "patient" not in bare and "subject" not in bare:
        raise Invalid("$lastn needs the parameter 'patient' or 'subject': whose observations are wanted.")


def _text(name: str, value: Any) -> str:
    """The value of a Parameters entry as it would be written in a URL."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case dict():
            found = _structured(as_object(value) or {})
        case _:
            return str(value)
    if not found:
        raise Invalid(f"The parameter {name[:80]!r} must be a value that a search parameter can have.")
    return found


def _structured(value: dict[str, Any]) -> str:
    """A Reference, Coding, Identifier, CodeableConcept or Quantity as a search value; "" for anything else."""
    if "reference" in value:
        return str(value["reference"])
    if "coding" in value:
        return ",".join(
            filter(None, (_structured(as_object(coding) or {}) for coding in as_array(value["coding"]) or ()))
        )
    parts = [str(value.get(name, "")) for name in ("system", "code")]
    if "unit" in value or ("value" in value and not isinstance(value["value"], str)):
        return "|".join(
            (str(value.get("value", "")), *(map(_escaped, parts if parts[1] else ("", value.get("unit", "")))))
        )
    code = parts[1] or str(value.get("value", ""))
    if not code:
        return ""
    return f"{_escaped(parts[0])}|{_escaped(code)}" if "system" in value else _escaped(code)


def _escaped(text: Any) -> str:
    return str(text).replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|").replace("$", "\\$")


LASTN = Operation(lastn, _DEFINITION)
