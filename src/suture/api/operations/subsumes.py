"""$subsumes: how two codes of a code system stand to each other.

Specification: https://hl7.org/fhir/R4/codesystem-operation-subsumes.html. The one thing to know: `suture.terminology`
does the work; this is its address.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import Json, read_call, terminological
from suture.api.services import Model, Services
from suture.terminology.problems import bad_request
from suture.terminology.subsumption import subsumes as subsumed

_DEFINITION = define(
    "CodeSystem-subsumes",
    "Subsumption Testing",
    "Whether a code subsumes another one, is subsumed by it, or is equivalent.",
    resource="CodeSystem",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter("codeA", "in", "0..1", "code", "The one code."),
        parameter("codeB", "in", "0..1", "code", "The other code."),
        parameter("system", "in", "0..1", "uri", "Their code system."),
        parameter("version", "in", "0..1", "string", "Its version."),
        parameter("codingA", "in", "0..1", "Coding", "The one code as a Coding."),
        parameter("codingB", "in", "0..1", "Coding", "The other code as a Coding."),
        parameter("outcome", "out", "1..1", "code", "equivalent, subsumes, subsumed-by or not-subsumed."),
    ),
)


async def subsumes(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/CodeSystem[/id]/$subsumes`."""
    call = await read_call(services, model, request, "CodeSystem")
    own: Json = await call.stored("CodeSystem", id) if id is not None else {}
    one, other = call.element("codingA") or {}, call.element("codingB") or {}
    a = one.get("code") or call.asked.text("codeA")
    b = other.get("code") or call.asked.text("codeB")
    named = own.get("url") or call.asked.text("system")
    systems = {system for system in (named, one.get("system"), other.get("system")) if system}
    if not a or not b:
        raise bad_request("$subsumes needs two codes: 'codeA' and 'codeB', or 'codingA' and 'codingB'")
    if not systems:
        raise bad_request("$subsumes needs the 'system' of the two codes", "SUBSUMPTION_NO_SYSTEM")
    if len(systems) > 1:
        named = " and ".join(sorted(systems))
        raise bad_request(f"Subsumption can only be tested within one code system, but these are {named}")
    version = own.get("version") or call.asked.text("version") or one.get("version") or other.get("version") or ""
    question = call.question(own) if own else call.question()
    return resource_response(200, await subsumed(question, systems.pop(), version, a, b))


SUBSUMES = Operation(terminological(subsumes), _DEFINITION)
