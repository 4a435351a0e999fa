"""$preferred-id: the identifier of a code system or identifier system in the form that is wanted.

Specification: https://hl7.org/fhir/R4/namingsystem-operation-preferred-id.html. The one thing to know: the
NamingSystems of this server, of its packages and of the specification answer together.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import read_call, terminological
from suture.api.services import Model, Services
from suture.fhir.outcomes import Conflict, Invalid, NotFound

MAX_ID = 2000
"""Characters of an identifier."""

_DEFINITION = define(
    "NamingSystem-preferred-id",
    "Fetch Preferred Id",
    "The URI, OID or UUID of a code system or identifier system for another of its identifiers.",
    resource="NamingSystem",
    levels=("type",),
    affects_state=False,
    parameters=(
        parameter("id", "in", "1..1", "string", "What is known: a URI, or an OID or UUID, also as a URI."),
        parameter("type", "in", "1..1", "code", "What is wanted: uri, oid, uuid or another type of NamingSystem."),
        parameter("result", "out", "1..1", "string", "The identifier; an OID or UUID by itself, not as a URI."),
    ),
)


async def preferred_id(
    services: Services, model: Model, request: Request, type: str | None, id: str | None
) -> Response:
    """`GET|POST [base]/NamingSystem/$preferred-id`."""
    call = await read_call(services, model, request, "NamingSystem")
    known, wanted = call.asked.text("id"), call.asked.text("type")
    if not known or not wanted:
        raise Invalid("$preferred-id needs 'id' and 'type'.")
    if len(known) > MAX_ID or len(wanted) > MAX_ID:
        raise Invalid(f"An identifier has at most {MAX_ID} characters.")
    systems = await model.terms.naming_systems()
    if known not in systems:
        raise NotFound(f"No NamingSystem has the identifier '{known[:200]}'.")
    found = systems.preferred(known, wanted)
    if not found:
        raise NotFound(f"What is identified by '{known[:200]}' has no identifier of the type '{wanted[:60]}'.")
    if len(found) > 1:
        raise Conflict(f"The NamingSystems do not agree on it: {', '.join(found)[:1000]}.")
    return resource_response(
        200, {"resourceType": "Parameters", "parameter": [{"name": "result", "valueString": found[0]}]}
    )


PREFERRED_ID = Operation(terminological(preferred_id), _DEFINITION)
