"""$validate-code: whether a code is in a value set, or in a code system.

Specification: https://hl7.org/fhir/R4/valueset-operation-validate-code.html and codesystem-operation-validate-code.html
there. The one thing to know: an unknown value set is an error of the request, an unknown code system makes the code
invalid.
"""

from typing import TYPE_CHECKING

from suture.api.http import Request, Response, resource_response
from suture.api.operations.operation import Definition, Operation, define, parameter
from suture.api.operations.terms import (
    CACHE_ID,
    CONTEXT,
    DATE,
    TX_RESOURCE,
    USE_SUPPLEMENT,
    VALUE_SET,
    Call,
    Json,
    read_call,
    terminological,
)
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.terminology import texts
from suture.terminology.asked import Coded
from suture.terminology.desk import Question
from suture.terminology.lookup import provider_for
from suture.terminology.problems import Refused, bad_request
from suture.terminology.validation import (
    Answer,
    Subject,
    Validation,
    not_answered,
    subject_of_code,
    subject_of_coding,
    subject_of_concept,
)

if TYPE_CHECKING:
    from suture.api.operations import batch_validate_code
else:
    batch_validate_code = deferred("suture.api.operations.batch_validate_code")

_SHARED = (
    parameter("code", "in", "0..1", "code", "The code, by itself."),
    parameter("display", "in", "0..1", "string", "Its display, which is checked too."),
    parameter("coding", "in", "0..1", "Coding", "The code as a Coding."),
    parameter("codeableConcept", "in", "0..1", "CodeableConcept", "The code as a CodeableConcept: one must be in it."),
    DATE,
    parameter("abstract", "in", "0..1", "boolean", "Whether an abstract code will do (true)."),
    parameter("activeOnly", "in", "0..1", "boolean", "Whether only active codes are valid."),
    parameter("displayLanguage", "in", "0..1", "code", "The language of the display, with weights."),
    parameter("lenient-display-validation", "in", "0..1", "boolean", "A wrong display is only a warning."),
    USE_SUPPLEMENT,
    TX_RESOURCE,
    CACHE_ID,
)
_OUT = (
    parameter("result", "out", "1..1", "boolean", "Whether the code is valid."),
    parameter("message", "out", "0..1", "string", "What is to be said, in one line."),
    parameter("display", "out", "0..1", "string", "The display of the code."),
    parameter("code", "out", "0..1", "code", "The code that was found."),
    parameter("system", "out", "0..1", "uri", "Its code system."),
    parameter("version", "out", "0..1", "string", "The version of the code system."),
    parameter("inactive", "out", "0..1", "boolean", "True for an inactive code."),
    parameter("issues", "out", "0..1", "OperationOutcome", "What is to be said, with places and codes."),
)

_IN_VALUE_SET: Definition = define(
    "ValueSet-validate-code",
    "Value Set based Validation",
    "Whether a code is in a value set, is still used, and has the display that was sent.",
    resource="ValueSet",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        *VALUE_SET,
        CONTEXT,
        parameter("system", "in", "0..1", "uri", "The code system of `code`."),
        parameter("systemVersion", "in", "0..1", "string", "Its version."),
        parameter("inferSystem", "in", "0..1", "boolean", "Find the system of a code without one."),
        parameter("valueset-membership-only", "in", "0..1", "boolean", "Only tell whether it is in the value set."),
        *_SHARED,
        *_OUT,
    ),
)

_IN_CODE_SYSTEM: Definition = define(
    "CodeSystem-validate-code",
    "Code System based Validation",
    "Whether a code system has a code, and whether the display that was sent is right.",
    resource="CodeSystem",
    levels=("type", "instance"),
    affects_state=False,
    parameters=(
        parameter("url", "in", "0..1", "uri", "The URL of the code system."),
        parameter("codeSystem", "in", "0..1", "CodeSystem", "The code system itself."),
        parameter("version", "in", "0..1", "string", "Its version."),
        *_SHARED,
        *_OUT,
    ),
)


async def validate_code(
    services: Services, model: Model, request: Request, type: str | None, id: str | None
) -> Response:
    """`GET|POST [base]/ValueSet|CodeSystem[/id]/$validate-code`; with `validation`s it is a $batch-validate-code."""
    call = await read_call(services, model, request, type or "ValueSet")
    if call.asked.has("validation") and id is None:
        return await batch_validate_code.answers(model, request, call)
    answer = await judged(call, type or "ValueSet", id)
    return resource_response(200, answer.parameters)


async def judged(call: Call, type: str, id: str | None) -> Answer:
    """The answer to one call. Raises Refused, Invalid, TooCostly."""
    if type == "CodeSystem":
        return await _in_code_system(call, id)
    question = call.question()
    subject = _subject(call, call.asked.text("system"), call.asked.text("systemVersion"))
    inferred = call.asked.truth("inferSystem") or call.asked.has("context")
    if subject.mode == "code" and not subject.codings[0].system and not inferred:
        raise bad_request("The parameter 'code' needs its 'system', or 'inferSystem' with the value true")
    try:
        composed = await call.value_set(question, id)
    except Refused as error:
        if error.fatal:
            raise
        return not_answered(error, subject)
    return await Validation(question.composer, composed, call.asked, subject).answer()


async def _in_code_system(call: Call, id: str | None) -> Answer:
    asked = call.asked
    resource = await call.stored("CodeSystem", id) if id is not None else call.sent("codeSystem", "CodeSystem")
    question = call.question() if resource is None else call.question(resource)
    if resource is not None and not resource.get("url"):
        raise bad_request("The code system has no url, so no code can be one of its own")
    url = resource["url"] if resource is not None else asked.text("url") or asked.text("system")
    version = asked.text("version") or (resource or {}).get("version", "")
    subject = _subject(call, url, version)
    first = next((one for one in subject.codings if one.system), subject.codings[0] if subject.codings else None)
    if first is not None and not url:
        url, version = first.system, version or first.version
    if not url:
        if first is None:
            raise bad_request("$validate-code needs 'url' or 'codeSystem', or a coding with its system")
        if subject.mode == "code":
            raise bad_request("The parameter 'code' needs the 'url' of its code system, or the 'codeSystem' itself")
        lacking = texts.no_system if first.code else texts.no_code
        return not_answered(Refused(*map(lacking, subject.codings)), subject)
    provider = await provider_for(question, url, version)
    if provider is None:
        return await _no_system(question, url, version, subject)
    composed = await question.codes_of(provider.head)
    return await Validation(question.composer, composed, asked, subject, internal=True).answer()


async def _no_system(question: Question, url: str, version: str, subject: Subject) -> Answer:
    """Why there is no such code system: it may be a supplement or a value set."""
    first = subject.codings[0] if subject.codings else Coded("", "", "", "", "")
    library = question.library
    supplement = await library.supplement(url)
    if supplement is not None:
        return not_answered(Refused(texts.supplement_as_system(first, supplement.head), unknown=(url,)), subject)
    try:
        await library.value_set(url)
    except Refused:
        version = question.asked.rules.chosen(url, version)
        here = await library.code_system_versions(url) if version else []
        problem = texts.unknown_system(url, version, here, first.at("system"))
        name = f"{url}|{version}" if version and here else url
        return not_answered(Refused(problem, unknown=(name,)), subject)
    return not_answered(Refused(texts.value_set_as_system(first)), subject)


def _subject(call: Call, system: str, version: str) -> Subject:
    concept: Json | None = call.element("codeableConcept")
    if concept is not None:
        return subject_of_concept(concept)
    coding = call.element("coding")
    if coding is not None:
        return subject_of_coding(coding)
    code = call.asked.text("code")
    if not code:
        raise bad_request("Unable to find code to validate (looked for coding | codeableConcept | code)")
    return subject_of_code(system, version, code, call.asked.text("display"))


VALIDATE_CODE = Operation(terminological(validate_code), _IN_VALUE_SET, _IN_CODE_SYSTEM)
