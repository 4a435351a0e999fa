"""The operations of FHIRPath's %terminologies: expand, lookup, validateVS, validateCS, subsumes, translate.

Specification: https://hl7.org/fhir/R4/fhirpath.html#txapi. The one thing to know: they are the operations of the
terminology service with arguments in order; what these refuse gives nothing here, as that page demands.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import parse_qsl

from suture.fhir.outcomes import FhirError, Invalid, TimedOut, Unavailable
from suture.fhir.versions import Version
from suture.terminology.asked import Asked
from suture.terminology.composing import Composed
from suture.terminology.concept_maps import concept_map
from suture.terminology.desk import Desk, Question
from suture.terminology.expansion import expand
from suture.terminology.lookup import lookup, provider_for
from suture.terminology.subsumption import subsumes
from suture.terminology.systems import Json
from suture.terminology.translation import Translation, Wanted, map_of
from suture.terminology.validation import (
    MAX_CODINGS,
    Subject,
    Validation,
    subject_of_code,
    subject_of_coding,
    subject_of_concept,
)

OPERATIONS = {
    "expand": ("ValueSet", "expand"),
    "lookup": ("CodeSystem", "lookup"),
    "validateVS": ("ValueSet", "validate-code"),
    "validateCS": ("CodeSystem", "validate-code"),
    "subsumes": ("CodeSystem", "subsumes"),
    "translate": ("ConceptMap", "translate"),
}
"""Function of %terminologies -> the type and the name of the operation that it is."""

MAX_PARAMETERS = 50
"""Further parameters of one call."""

_MALFORMED = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What a resource may raise that an expression brings along, and that nobody has validated."""

_ARGUMENTS = {"expand": 1, "lookup": 1, "subsumes": 3}


async def operate(desk: Desk, operation: str, arguments: Sequence[Any]) -> Json | str | None:
    """The answer: a ValueSet, Parameters or, of `subsumes`, a code; None where the operation fails.

    `arguments`: plain values, in the order of the function; those that are missing or empty are None. Raises
    Unavailable and TimedOut when another server that must be asked does not answer.
    """
    number = _ARGUMENTS.get(operation, 2)
    values = [*arguments, *[None] * (number + 1 - len(arguments))]
    if operation not in OPERATIONS or any(value is None for value in values[:number]):
        return None
    try:
        asked = Asked(_further(values[number]))
        brought = operation == "validateCS" and isinstance(values[0], dict)
        question = desk.question(asked, (cast(Json, values[0]),) if brought else ())
        return await _operated(desk, operation, values, question, asked)
    except (Unavailable, TimedOut):
        raise
    except FhirError:
        return None
    except _MALFORMED:
        if any(isinstance(value, dict) for value in values):
            return None
        raise


async def _operated(
    desk: Desk, operation: str, values: Sequence[Any], question: Question, asked: Asked
) -> Json | str | None:
    match operation:
        case "expand":
            composed = await _value_set(question, values[0])
            return await expand(question.composer, composed, asked, desk.version)
        case "lookup":
            coding = _coding(values[0])
            return await lookup(question, _text(coding, "system"), _text(coding, "version"), _text(coding, "code"))
        case "validateVS":
            composed = await _value_set(question, values[0])
            return (await Validation(question.composer, composed, asked, _subject(values[1], "")).answer()).parameters
        case "validateCS":
            return await _in_code_system(question, asked, values[0], values[1])
        case "subsumes":
            a, b = _coding(values[1]), _coding(values[2])
            answer = await subsumes(question, str(values[0]), asked.text("version"), _text(a, "code"), _text(b, "code"))
            return answer["parameter"][0]["valueCode"]
        case _:
            sent = cast(Json, values[0]) if isinstance(values[0], dict) else None
            known = concept_map(sent) if sent is not None else await map_of(question.library, f"{values[0]}")
            wanted = Wanted(
                tuple(_codings(values[1])),
                reverse=asked.truth("reverse"),
                system=asked.text("targetsystem") or asked.text("targetSystem"),
                source_scope=asked.text("source") or asked.text("sourceScope"),
                target_scope=asked.text("target") or asked.text("targetScope"),
                native=desk.version is Version.R5,
            )
            return await Translation(question, [known], wanted).answer()


async def _in_code_system(question: Question, asked: Asked, system: Any, coded: Any) -> Json | None:
    url = _text(cast(Json, system), "url") if isinstance(system, dict) else str(system)
    provider = await provider_for(question, url, asked.text("version"))
    if provider is None:
        return None
    composed = await question.codes_of(provider.head)
    subject = _subject(coded, url)
    return (await Validation(question.composer, composed, asked, subject, internal=True).answer()).parameters


async def _value_set(question: Question, given: Any) -> Composed:
    """A value set by canonical URL, or the ValueSet itself."""
    if isinstance(given, dict):
        return await question.resource(cast(Json, given))
    version = question.asked.text("valueSetVersion")
    return await question.value_set(f"{given}|{version}" if version and "|" not in str(given) else str(given))


def _subject(value: Any, system: str) -> Subject:
    """What is to be judged. `system`: of a code by itself."""
    if not isinstance(value, dict):
        return subject_of_code(system, "", str(value), "")
    if isinstance(cast(Json, value).get("coding"), list):
        return subject_of_concept({"coding": list(_codings(value))})
    return subject_of_coding(_coding(value))


def _further(given: Any) -> dict[str, list[Any]]:
    """The last argument: more parameters, as a Parameters resource or in the form of a URL. Raises Invalid."""
    pairs: list[tuple[str, Any]] = []
    if isinstance(given, dict):
        for one in cast(Json, given).get("parameter") or ():
            value = next((v for key, v in one.items() if key == "resource" or key.startswith("value")), None)
            if isinstance(one.get("name"), str) and value is not None:
                pairs.append((one["name"], value))
    elif isinstance(given, str):
        try:
            pairs += parse_qsl(given, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise Invalid(f"More than {MAX_PARAMETERS} parameters.") from None
    found: dict[str, list[Any]] = {}
    for name, value in pairs[:MAX_PARAMETERS]:
        found.setdefault(name, []).append(value)
    return found


def _codings(value: Any) -> Iterator[Json]:
    """The codings of a code, a Coding or a CodeableConcept that have a code."""
    if isinstance(value, str):
        yield {"code": value}
    elif isinstance(value, dict):
        coded = cast(Json, value)
        many = coded.get("coding")
        for one in cast("list[Any]", many)[:MAX_CODINGS] if isinstance(many, list) else (coded,):
            known = cast(Json, one) if isinstance(one, dict) else dict[str, Any]()
            if isinstance(known.get("code"), str):
                yield {name: known[name] for name in _CODING if isinstance(known.get(name), str)}


_CODING = "system", "version", "code", "display"


def _coding(value: Any) -> Json:
    return next(_codings(value), dict[str, Any]())


def _text(element: Json, name: str) -> str:
    value = element.get(name)
    return value if isinstance(value, str) else ""
