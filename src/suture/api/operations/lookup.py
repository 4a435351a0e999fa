"""$lookup: what is known of a code.

Specification: https://hl7.org/fhir/R4/codesystem-operation-lookup.html. The one thing to know:
`suture.terminology` does the work; this is its address.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import CACHE_ID, DATE, TX_RESOURCE, USE_SUPPLEMENT, read_call, terminological
from suture.api.services import Model, Services
from suture.terminology.lookup import lookup as looked_up
from suture.terminology.problems import bad_request

_DEFINITION = define(
    "CodeSystem-lookup",
    "Concept Look Up & Decomposition",
    "Display, designations, definition and properties of a code.",
    resource="CodeSystem",
    levels=("type",),
    affects_state=False,
    parameters=(
        parameter("code", "in", "0..1", "code", "The code."),
        parameter("system", "in", "0..1", "uri", "Its code system."),
        parameter("version", "in", "0..1", "string", "The version of the code system."),
        parameter("coding", "in", "0..1", "Coding", "The code as a Coding."),
        DATE,
        parameter("displayLanguage", "in", "0..1", "code", "The language of the display."),
        parameter("property", "in", "0..*", "code", "What to give; without it, everything."),
        USE_SUPPLEMENT,
        TX_RESOURCE,
        CACHE_ID,
        parameter("name", "out", "1..1", "string", "The name of the code system."),
        parameter("version", "out", "0..1", "string", "Its version."),
        parameter("display", "out", "1..1", "string", "The display of the code."),
        parameter("designation", "out", "0..*", "Element", "Its other names."),
        parameter("property", "out", "0..*", "Element", "Its properties."),
    ),
)


async def lookup(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/CodeSystem/$lookup`."""
    call = await read_call(services, model, request, "CodeSystem")
    coding = call.element("coding") or {}
    system = coding.get("system") or call.asked.text("system")
    code = coding.get("code") or call.asked.text("code")
    version = coding.get("version") or call.asked.text("version")
    if not system or not code:
        raise bad_request("$lookup needs 'system' and 'code', or a 'coding' with both")
    return resource_response(200, await looked_up(call.question(), system, version, code))


LOOKUP = Operation(terminological(lookup), _DEFINITION)
