"""$expand: the codes of a value set.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html. The one thing to know: `suture.terminology` does
the work; this is its address.
"""

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import (
    CACHE_ID,
    CONTEXT,
    DATE,
    TX_RESOURCE,
    USE_SUPPLEMENT,
    VALUE_SET,
    read_call,
    terminological,
)
from suture.api.services import Model, Services
from suture.terminology.expansion import expand as expanded

_DEFINITION = define(
    "ValueSet-expand",
    "Value Set Expansion",
    "The codes of a value set of this server, of its packages or of the request, in pages, filtered by text, with the "
    "displays, designations and properties that are asked for.",
    resource="ValueSet",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        *VALUE_SET,
        CONTEXT,
        parameter("contextDirection", "in", "0..1", "code", "incoming or outgoing: the same value set here."),
        DATE,
        parameter("filter", "in", "0..1", "string", "Words with which words of a display begin."),
        parameter("offset", "in", "0..1", "integer", "Codes to leave out at the beginning."),
        parameter("count", "in", "0..1", "integer", "Most codes to give; 0 asks for their number."),
        parameter("includeDesignations", "in", "0..1", "boolean", "Also give designations."),
        parameter("designation", "in", "0..*", "string", "Which designations: system|code of a use or language."),
        parameter("includeDefinition", "in", "0..1", "boolean", "Also give the definition of the value set."),
        parameter("activeOnly", "in", "0..1", "boolean", "Leave out inactive codes."),
        parameter("excludeNested", "in", "0..1", "boolean", "Give a flat list."),
        parameter("excludeNotForUI", "in", "0..1", "boolean", "Leave out abstract codes."),
        parameter("excludePostCoordinated", "in", "0..1", "boolean", "Leave out composed codes: there are none."),
        parameter("exclude-system", "in", "0..*", "canonical", "Code systems whose codes are left out."),
        parameter("displayLanguage", "in", "0..1", "code", "The language of the displays, with weights."),
        parameter("property", "in", "0..*", "string", "Properties of the codes to give."),
        USE_SUPPLEMENT,
        parameter("system-version", "in", "0..*", "canonical", "Versions of code systems where none is named."),
        parameter("check-system-version", "in", "0..*", "canonical", "Versions that code systems must have."),
        parameter("force-system-version", "in", "0..*", "canonical", "Versions of code systems in any case."),
        parameter("default-valueset-version", "in", "0..*", "canonical", "Versions of value sets likewise."),
        TX_RESOURCE,
        CACHE_ID,
        parameter("return", "out", "1..1", "ValueSet", "The value set with its expansion."),
    ),
)


async def expand(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    """`GET|POST [base]/ValueSet/$expand`, `GET|POST [base]/ValueSet/[id]/$expand`."""
    call = await read_call(services, model, request, "ValueSet")
    question = call.question()
    composed = await call.value_set(question, id)
    answer = await expanded(question.composer, composed, call.asked, model.version)
    return resource_response(200, answer)


EXPAND = Operation(terminological(expand), _DEFINITION)
