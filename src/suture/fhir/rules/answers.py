"""One answer of a QuestionnaireResponse: of the type that its question asks for, and within its limits.

Specification: https://hl7.org/fhir/R4/questionnaire.html and the extensions of Questionnaire for lengths, values,
sizes, units and reference types (https://hl7.org/fhir/R4/questionnaire-profiles.html).
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.references import parse_literal
from suture.fhir.rules.enable_when import order_dates, order_quantities
from suture.fhir.rules.form import Form
from suture.fhir.rules.patterns import matches
from suture.fhir.rules.questionnaire import value_types
from suture.fhir.rules.questions import Coded, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, choice, extension_value, extensions, listed, text, texts

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

Findings = Iterable[Issue | Question]


def answer_faults(seen: Seen, form: Form, asked: Json, answer: Json, path: str) -> Findings:
    """What is wrong with an answer to the item `asked`. `path`: of the answer, below the response."""
    type, value = choice(answer, "value")
    allowed = value_types(asked)
    if not type or not allowed:
        return
    place = f"{path}.value"
    open_text = text(asked, "type") == "open-choice" or text(asked, "answerConstraint") in (
        "optionsOrString",
        "optionsOrType",
    )
    if type not in allowed and not (type == "String" and open_text):
        names = " or ".join(allowed)
        yield seen.error("value", f"The answer must be of type {names}, not {type[:40]}.", place)
        return
    for check in (_lengths, _limits, _attachment, _reference, _unit):
        yield from check(seen, asked, type, value, place)
    yield from _options(seen, form, asked, type, value, path, open_text)


def exclusive_options(seen: Seen, asked: Json, answers: Sequence[tuple[int, Json]], place: str) -> Iterator[Issue]:
    """Answers that must be the only one and are not. `answers`: (number, answer) of the item at `place`."""
    exclusive = [
        choice(option, "value")
        for option in listed(asked, "answerOption")
        if extension_value(option, _CORE + "questionnaire-optionExclusive") is True
    ]
    if not exclusive or len(answers) < 2:
        return
    alone = {(type, _member(type, value)) for type, value in exclusive}
    for number, answer in answers:
        type, value = choice(answer, "value")
        if (type, _member(type, value)) in alone:
            yield seen.error(
                "business-rule",
                "This answer excludes all others, but it is not the only one.",
                f"{place}.answer[{number}]",
            )


def _lengths(seen: Seen, asked: Json, type: str, value: Any, place: str) -> Iterator[Issue]:
    if type not in ("String", "Uri") or not isinstance(value, str):
        return
    least, most = extension_value(asked, _CORE + "minLength"), asked.get("maxLength")
    if isinstance(least, int) and len(value) < least:
        yield seen.error("value", f"The answer has {len(value)} characters; at least {least} are needed.", place)
    if isinstance(most, int) and len(value) > most:
        yield seen.error("value", f"The answer has {len(value)} characters; at most {most} are allowed.", place)
    if text(asked, "type") == "string" and ("\n" in value or "\r" in value):
        yield seen.warning("value", "An answer of type 'string' is one line.", place)
    pattern = extension_value(asked, _CORE + "regex")
    if isinstance(pattern, str) and pattern and matches(pattern, value) is False:
        yield seen.error("value", f"The answer does not match the pattern {shown(pattern)} of the question.", place)


def _limits(seen: Seen, asked: Json, type: str, value: Any, place: str) -> Iterator[Issue]:
    number: Any = below(value).get("value") if type == "Quantity" else value
    places = extension_value(asked, _CORE + "maxDecimalPlaces")
    if isinstance(places, int) and isinstance(number, Decimal):
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > places:
            yield seen.error("value", f"{shown(number)} has more than {places} decimal places.", place)
    for name, wrong, words in (("min", -1, "less than the least"), ("max", 1, "more than the largest")):
        limit = extension_value(asked, f"{_CORE}{name}Value")
        quantity = extension_value(asked, f"{_SDC}{name}Quantity")
        if type == "Quantity" and isinstance(quantity, dict):
            order = order_quantities(value, quantity)
            if order is None:
                yield seen.error(
                    "value", "The quantity cannot be compared with the limit: the units do not fit.", place
                )
            elif order == wrong:
                yield seen.error("value", f"The quantity is {words} that is allowed.", place)
        elif limit is not None and _compare(number, limit) == wrong:
            yield seen.error("value", f"{shown(number)} is {words} value that is allowed, {shown(limit)}.", place)


def _compare(value: Any, limit: Any) -> int | None:
    if isinstance(value, bool) or isinstance(limit, bool):
        return None
    if isinstance(value, (int, Decimal)) and isinstance(limit, (int, Decimal)):
        return (value > limit) - (value < limit)
    if isinstance(value, str) and isinstance(limit, str):
        return order_dates(value, limit) if "-" in limit or len(limit) == 4 else (value > limit) - (value < limit)
    return None


def _attachment(seen: Seen, asked: Json, type: str, value: Any, place: str) -> Iterator[Issue]:
    if type != "Attachment":
        return
    most = extension_value(asked, _CORE + "maxSize")
    size = _size(value)
    if isinstance(most, (int, Decimal)) and not isinstance(most, bool) and size is not None and size > most:
        yield seen.error(
            "value", f"The attachment has {size} bytes; at most {most} are allowed.", place.removesuffix(".value")
        )
    kinds = {text(extension, "valueCode") for extension in extensions(asked, _CORE + "mimeType")} - {""}
    given = text(value, "contentType")
    if kinds and given and given not in kinds:
        yield seen.error("value", f"The content type {shown(given)} is none of {', '.join(sorted(kinds))}.", place)


def _size(attachment: Any) -> int | None:
    data = text(attachment, "data")
    if data:
        try:
            return len(a2b_base64(data))
        except Base64Error:
            return None
    size = below(attachment).get("size")
    return int(size) if isinstance(size, int) or (isinstance(size, str) and size.isdigit()) else None


_TYPE_AND_ID = re.compile(r"(?:.*/)?([A-Z][A-Za-z]*)/[A-Za-z0-9.\-]{1,64}(?:/_history/[A-Za-z0-9.\-]{1,64})?").fullmatch


def _reference(seen: Seen, asked: Json, type: str, value: Any, place: str) -> Iterator[Issue]:
    if type != "Reference":
        return
    literal = text(value, "reference")
    found = _TYPE_AND_ID(literal) if parse_literal(literal) or literal.startswith("http") else None
    named = found[1] if found else text(value, "type")
    if not named:
        return
    if named not in seen.scene.definitions.resource_types:
        yield seen.error(
            "value", f"{shown(literal)} names the resource type {shown(named)}, which there is not.", place
        )
        return
    allowed = {
        text(extension, "valueCode") for extension in extensions(asked, _CORE + "questionnaire-referenceResource")
    }
    allowed -= {""}
    if allowed and named not in allowed:
        yield seen.error("value", f"A reference to a {named} is no answer; {' or '.join(sorted(allowed))} is.", place)


def _unit(seen: Seen, asked: Json, type: str, value: Any, place: str) -> Findings:
    if type != "Quantity":
        return
    given = (text(value, "system"), text(value, "code"))
    options = [below(extension, "valueCoding") for extension in extensions(asked, _CORE + "questionnaire-unitOption")]
    if options and not any((text(option, "system"), text(option, "code")) == given for option in options):
        names = ", ".join(text(option, "code") for option in options)
        yield seen.error("value", f"The unit must be one of {names}, not {shown(given[1])}.", place)
    value_set = extension_value(asked, _CORE + "questionnaire-unitValueSet")
    if not isinstance(value_set, str) or not value_set:
        return
    wrong = seen.error("code-invalid", f"The unit is not in the value set {value_set[:300]}.", place)
    if not all(given):
        yield wrong
        return
    yield Question(Coded(value_set, *given), lambda answer: [wrong] if answer.result is False else [])


_MEMBERS: dict[str, Callable[[Any], Hashable]] = {
    "Coding": lambda value: (text(value, "system"), text(value, "code")),
    "Reference": lambda value: text(value, "reference"),
}


def _member(type: str, value: Any) -> Hashable:
    """What two values of answers have in common when they are the same answer."""
    return _MEMBERS.get(type, shown)(value)


def _options(seen: Seen, form: Form, asked: Json, type: str, value: Any, path: str, open_text: bool) -> Findings:
    if open_text and type == "String":
        yield from _typed_option(seen, asked, value, path)
        return
    if text(asked, "answerConstraint") == "optionsOrType":
        return
    choices = [choice(item, "value") for item in listed(asked, "answerOption")]
    if choices:
        allowed = [_member(kind, option) for kind, option in choices if kind == type]
        if not allowed:
            yield seen.error("code-invalid", f"None of the answers to choose from is a {type[:40]}.", path)
        elif _member(type, value) not in allowed:
            code, place = (text(value, "code"), path) if type == "Coding" else (value, f"{path}.value")
            yield seen.error("code-invalid", f"{shown(code)} is none of the answers to choose from.", place)
    elif type == "Coding" and text(asked, "answerValueSet"):
        yield from _in_value_set(seen, form, text(asked, "answerValueSet"), value, path)


def _typed_option(seen: Seen, asked: Json, value: Any, path: str) -> Iterator[Issue]:
    displays = {text(item, "valueCoding", "display") for item in listed(asked, "answerOption")} - {""}
    if value in displays:
        yield seen.warning(
            "business-rule", f"{shown(value)} is one of the answers to choose from; give its code.", path
        )


def _in_value_set(seen: Seen, form: Form, url: str, value: Any, path: str) -> Findings:
    system, code = text(value, "system"), text(value, "code")
    wrong = seen.error("code-invalid", f"{shown(code)} is not in the value set {url[:300]} of the question.", path)
    if not system or not code:
        yield seen.warning("code-invalid", "The answer has no system, so its code has no meaning.", path)
        return
    if url.startswith("#"):
        found = form.contained(url)
        listed_codes = _listed_codes(found) if found else None
        if listed_codes is not None and (system, code) not in listed_codes:
            yield wrong
        return

    def then(answer: Any) -> Findings:
        if answer.result is False or answer.display_ok is False:
            return [wrong]
        if answer.result is None:
            return [seen.warning("code-invalid", f"The value set {url[:300]} of the question cannot be asked.", path)]
        return []

    yield Question(Coded(url, system, code, text(value, "version"), text(value, "display")), then)


def _listed_codes(value_set: Json) -> set[tuple[str, str]] | None:
    """The codes of a ValueSet that lists all of them; None when it says them in another way."""
    compose = below(value_set, "compose")
    codes: set[tuple[str, str]] = set()
    for include in listed(compose, "include"):
        concepts = listed(include, "concept")
        if not concepts or texts(include, "valueSet"):
            return None
        codes.update((text(include, "system"), text(concept, "code")) for concept in concepts)
    return codes if not listed(compose, "exclude") else None
