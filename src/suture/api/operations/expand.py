"""$expand: the codes of a value set.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html. The one thing to know: `suture.terminology` does
the work; this is its address.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Operation, define, parameter
from suture.api.operations.terms import CACHE_ID, TX_RESOURCE, USE_SUPPLEMENT, VALUE_SET, read_call
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid
from suture.terminology.dated import DatedLibrary
from suture.terminology.desk import Question
from suture.terminology.expansion import expand as expanded

if TYPE_CHECKING:
    from suture.fhir.profiles import contexts
else:
    contexts = deferred("suture.fhir.profiles.contexts")

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
        parameter("context", "in", "0..1", "uri", "Instead: the element that is bound to it, URL#path or Type.path."),
        parameter("contextDirection", "in", "0..1", "code", "incoming or outgoing: the same value set here."),
        parameter("date", "in", "0..1", "dateTime", "Use the definitions of this day."),
        parameter("filter", "in", "0..1", "string", "Words with which words of a display begin."),
        parameter("offset", "in", "0..1", "integer", "Codes to leave out at the beginning."),
        parameter("count", "in", "0..1", "integer", "Most codes to give; 0 asks for their number."),
        parameter("includeDesignations", "in", "0..1", "boolean", "Also give designations."),
        parameter("designation", "in", "0..*", "string", "Which designations: system|code of a use or language."),
        parameter("includeDefinition", "in", "0..1", "boolean", "Also give the definition of the value set."),
        parameter("activeOnly", "in", "0..1", "boolean", "Leave out inactive codes."),
        parameter("excludeNested", "in", "0..1", "boolean", "Give a flat list."),
        parameter("excludeNotForUI", "in", "0..1", "boolean", "Leave out abstract codes."),
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
    dated = _as_of(question, call.asked.text("date"))
    context = call.asked.text("context")
    if context and id is None and not (call.asked.has("url") or call.sent("valueSet", "ValueSet")):
        composed = await question.value_set(await _bound(model, context, call.asked.text("contextDirection")))
    else:
        composed = await call.value_set(question, id)
        if dated is not None and id is not None:
            dated.check(composed.resource)
    answer = await expanded(question.composer, composed, call.asked, model.version)
    return resource_response(200, answer)


async def _bound(model: Model, context: str, direction: str) -> str:
    """The value set of an element. Bindings say the same for both directions. Raises Invalid, NotFound."""
    if direction not in ("", "incoming", "outgoing"):
        raise Invalid("The parameter 'contextDirection' must be incoming or outgoing.")
    return await asyncio.to_thread(contexts.bound_value_set, model.judge.library, context)


def _as_of(question: Question, date: str) -> DatedLibrary | None:
    """Make a question one about the definitions of a day; None without a day, or with one to come. Raises Invalid."""
    if not date:
        return None
    try:
        moment = bounds(date.replace(" ", "+"))[1]
    except ValueError as error:
        raise Invalid(f"The parameter 'date' is wrong: {error}") from None
    if moment >= time.time() * 1_000_000:
        return None
    return question.on(moment, date)


EXPAND = Operation(expand, _DEFINITION)
