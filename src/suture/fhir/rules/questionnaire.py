"""Questionnaire: its items and the conditions between them.

Specification: https://hl7.org/fhir/R4/questionnaire.html; what the invariants que-0 to que-13 say is left to them.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, listed, numbered, text
from suture.fhir.versions import Version


def items(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """(path below the Questionnaire, item) of all items, in the order of the document."""
    for number, item in numbered(value, "item"):
        place = f"{path}item[{number}]"
        yield place, item
        yield from items(item, f"{place}.")


def conditions(seen: Seen) -> Iterable[Issue]:
    """A condition names another question of the form, which comes before the item that depends on it."""
    order: dict[str, int] = {}
    for number, (_, item) in enumerate(items(seen.value)):
        order.setdefault(text(item, "linkId"), number)
    for number, (place, item) in enumerate(items(seen.value)):
        inner = {text(below, "linkId") for _, below in items(item)}
        for condition in listed(item, "enableWhen"):
            question = text(condition, "question")
            if not question:
                continue
            if question not in order:
                yield seen.error(
                    "business-rule", f"The condition names '{question[:100]}', which is no item here.", place
                )
            elif question == text(item, "linkId"):
                yield seen.error("business-rule", "The condition of an item depends on the item itself.", place)
            elif question in inner:
                yield seen.error("business-rule", "The condition of an item depends on an item within it.", place)
            elif order[question] > number:
                yield seen.warning("business-rule", "The question of the condition comes after the item itself.", place)


_VALUES = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal",),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime",),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
    "choice": ("Coding", "Date", "Time", "Integer", "String", "Reference"),
    "open-choice": ("Coding", "Date", "Time", "Integer", "String", "Reference"),
    "coding": ("Coding",),
}


def value_types(item: Json) -> tuple[str, ...]:
    """The types of answers, as in `valueCoding`, that an item takes; empty for groups, displays and unknown types."""
    return _VALUES.get(text(item, "type"), ())


def initial_values(seen: Seen) -> Iterable[Issue]:
    """Initial values and options are of the type of the item."""
    for place, item in items(seen.value):
        allowed = set(value_types(item))
        if text(item, "type") == "url" or not allowed:
            continue
        if text(item, "type") in ("decimal", "quantity") or seen.scene.definitions.version is Version.R5:
            allowed |= {"Integer", "String"} if text(item, "type") == "coding" else {"Integer"}
        for name in ("initial", "answerOption"):
            for number, option in numbered(item, name):
                type, _ = choice(option, "value")
                if type and type not in allowed:
                    yield seen.warning(
                        "business-rule",
                        f"The value is a {type[:40]}, but the item is of type '{text(item, 'type')}'.",
                        f"{place}.{name}[{number}]",
                    )
