"""$find-matches: the codes of a code system that have given properties.

Specification: https://hl7.org/fhir/R4/codesystem-operation-find-matches.html. The one thing to know:
`suture.terminology` does the work; this is its address.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import Json, read_call, terminological
from suture.api.services import Model, Services
from suture.fhir.outcomes import Invalid
from suture.terminology.find_matches import find_matches as found_matches
from suture.terminology.find_matches import sought

_DEFINITION = define(
    "CodeSystem-find-matches",
    "Finding codes based on supplied properties",
    "The codes of a code system with given properties; codes are not composed of others.",
    resource="CodeSystem",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter("system", "in", "0..1", "uri", "The code system."),
        parameter("version", "in", "0..1", "string", "Its version."),
        parameter("property", "in", "1..*", "Element", "code and value of a property; subproperty for a role group."),
        parameter("exact", "in", "1..1", "boolean", "true: all must match; false: also what comes near."),
        parameter("compositional", "in", "0..1", "boolean", "Whether composed codes will do; there are none."),
        parameter("match", "out", "0..*", "Element", "code (a Coding), unmatched and comment of each code."),
    ),
)


async def find_matches(
    services: Services, model: Model, request: Request, type: str | None, id: str | None
) -> Response:
    """`POST [base]/CodeSystem[/id]/$find-matches`: a URL cannot say what a property is."""
    call = await read_call(services, model, request, "CodeSystem")
    own: Json = await call.stored("CodeSystem", id) if id is not None else {}
    system = own.get("url") or call.asked.text("system")
    properties = [sought(one) for one in call.asked.all("property")]
    if not system or not properties:
        raise Invalid("$find-matches needs 'system' and at least one 'property' with its parts 'code' and 'value'.")
    if not call.asked.has("exact"):
        raise Invalid("$find-matches needs 'exact': true for a program, false for a person.")
    call.asked.truth("compositional")
    question = call.question(own) if own else call.question()
    version = own.get("version") or call.asked.text("version")
    answer = await found_matches(question, system, version, properties, exact=call.asked.truth("exact"))
    return resource_response(200, answer)


FIND_MATCHES = Operation(terminological(find_matches), _DEFINITION)
