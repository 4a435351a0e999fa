"""Questionnaires that say how they are derived from others: what the derivation promises about items and answers.

Specification: the extension http://hl7.org/fhir/StructureDefinition/questionnaire-derivationType and its code system.
Responses to a form that *complies with* another are valid against that one too, so everything may only be tightened.
Responses to a form that is *extended* are valid against the one that extends it, so everything may only be widened.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, cast

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.questionnaire import items
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, extension_value, listed, numbered, text

_DERIVATION = "http://hl7.org/fhir/StructureDefinition/questionnaire-derivationType"
_SYSTEM = "http://hl7.org/fhir/questionnaire-derivationType"


def derivation(seen: Seen) -> Iterable[Issue]:
    """The items of a derived form agree with those of the form that it is derived from, as far as it promises."""
    found: Any = seen.value.get("derivedFrom")
    urls = cast("list[Any]", found) if isinstance(found, list) else []
    for number, sibling in numbered(seen.value, "_derivedFrom"):
        url = urls[number] if number < len(urls) else None
        kind = extension_value(sibling, _DERIVATION)
        code = text(kind, "code") if text(kind, "system") == _SYSTEM else ""
        base = seen.scene.canonicals.find("Questionnaire", url) if isinstance(url, str) and code else None
        if base is None:
            continue
        if code in ("compliesWith", "validAgainst"):
            yield from _complies(seen, base)
        elif code == "extends":
            yield from _extends(seen, base)


def _complies(seen: Seen, base: Json) -> Iterator[Issue]:
    asked = _by_link(base)
    for place, item in items(seen.value):
        found = asked.get(text(item, "linkId"))
        if found is None:
            yield _wrong(seen, f"The form that this one complies with has no item {_named(item)}.", place)
            continue
        yield from _same_type(seen, found, item, place)
        if item.get("repeats") is True and found.get("repeats") is not True:
            yield _wrong(
                seen, f"The item {_named(item)} does not repeat in the form complied with.", f"{place}.repeats"
            )
        if found.get("required") is True and item.get("required") is not True:
            yield _wrong(seen, f"The item {_named(item)} is required in the form complied with.", f"{place}.required")
        allowed = _options(found)
        for number, option in numbered(item, "answerOption") if allowed else ():
            if _option(option) not in allowed:
                where = f"{place}.answerOption[{number}]"
                yield _wrong(seen, "The form complied with does not have this answer to choose from.", where)
    own = _by_link(seen.value)
    for link, item in asked.items():
        if item.get("required") is True and link not in own:
            yield _wrong(seen, f"The form that this one complies with requires the item {_named(item)}.", "")


def _extends(seen: Seen, base: Json) -> Iterator[Issue]:
    places = {text(item, "linkId"): (place, item) for place, item in items(seen.value)}
    for link, found in _by_link(base).items():
        if link not in places:
            yield _wrong(seen, f"The item {_named(found)} of the form that this one extends is missing.", "")
            continue
        place, item = places[link]
        yield from _same_type(seen, found, item, place)
        if found.get("repeats") is True and item.get("repeats") is not True:
            yield _wrong(seen, f"The item {_named(item)} repeats in the form that is extended.", f"{place}.repeats")
        if item.get("required") is True and found.get("required") is not True:
            yield _wrong(
                seen, f"The item {_named(item)} is optional in the form that is extended.", f"{place}.required"
            )
        if listed(item, "answerOption") and not _options(found) <= _options(item):
            yield _wrong(seen, f"The item {_named(item)} lacks answers of the form that is extended.", place)


def _same_type(seen: Seen, found: Json, item: Json, place: str) -> Iterator[Issue]:
    if text(found, "type") != text(item, "type"):
        complaint = f"The item {_named(item)} is of type {shown(text(found, 'type'))} in the form it comes from"
        yield _wrong(seen, f"{complaint}, not {shown(text(item, 'type'))}.", f"{place}.type")


def _wrong(seen: Seen, complaint: str, place: str) -> Issue:
    return seen.error("business-rule", complaint, place) if place else seen.error("business-rule", complaint)


def _by_link(questionnaire: Json) -> dict[str, Json]:
    return {text(item, "linkId"): item for _, item in items(questionnaire)}


def _named(item: Json) -> str:
    return shown(text(item, "linkId"))


def _options(item: Json) -> set[Hashable]:
    return {_option(option) for option in listed(item, "answerOption")}


def _option(option: Json) -> Hashable:
    type, value = choice(option, "value")
    return (type, text(value, "system"), text(value, "code")) if type == "Coding" else (type, shown(value))
