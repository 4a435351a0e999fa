"""Whether a question of a Questionnaire is asked, given the answers so far.

Specification: https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen. A condition holds
when any answer to the question it names satisfies it. Of several occurrences of that question those count that share
the nearest ancestor with the item. Conditions that cannot be judged count as neither true nor false.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from suture.fhir.dates import bounds
from suture.fhir.rules.shapes import Json, below, choice, listed, text
from suture.fhir.ucum import canonical

Occurrence = Json
"""An item of a response."""


def enabled(item: Json, around: Sequence[Json]) -> bool | None:
    """Whether an item of a Questionnaire is enabled; None when that cannot be said.

    `around`: what the item stands in, from the QuestionnaireResponse to the response's item or answer that holds it.
    """
    conditions = listed(item, "enableWhen")
    if not conditions:
        return True
    results = [_holds(condition, around) for condition in conditions]
    if text(item, "enableBehavior") == "any":
        return True if True in results else (None if None in results else False)
    return False if False in results else (None if None in results else True)


def _holds(condition: Json, around: Sequence[Json]) -> bool | None:
    question, operator = text(condition, "question"), text(condition, "operator")
    type, wanted = choice(condition, "answer")
    answers = [answer for occurrence in _nearest(question, around) for answer in listed(occurrence, "answer")]
    if operator == "exists":
        return bool(answers) == wanted if isinstance(wanted, bool) else None
    compare = _OPERATORS.get(operator)
    if compare is None or not question:
        return None
    results = [compare(type, *choice(answer, "value"), wanted) for answer in answers]
    return True if True in results else (None if None in results else False)


def _nearest(question: str, around: Sequence[Json]) -> list[Occurrence]:
    for holder in reversed(around):
        found = list(_below(question, holder))
        if found:
            return found
    return []


def _below(question: str, holder: Json) -> Iterator[Occurrence]:
    stack = [holder]
    while stack:
        value = stack.pop()
        if value.get("linkId") == question:
            yield value
        stack.extend(reversed([*listed(value, "item"), *listed(value, "answer")]))


def _equal(wanted_type: str, type: str, value: Any, wanted: Any) -> bool | None:
    if type == wanted_type == "Coding":
        systems = {text(value, "system"), text(wanted, "system")} - {""}
        return text(value, "code") == text(wanted, "code") and len(systems) <= 1
    if type == wanted_type == "Reference":
        return text(value, "reference") == text(wanted, "reference")
    order = _order(wanted_type, type, value, wanted)
    if order is not None:
        return order == 0
    return value == wanted if type == wanted_type and isinstance(value, (str, bool)) else None


def _different(wanted_type: str, type: str, value: Any, wanted: Any) -> bool | None:
    equal = _equal(wanted_type, type, value, wanted)
    return None if equal is None else not equal


def _ordered(right: Callable[[int], bool]) -> "Callable[[str, str, Any, Any], bool | None]":
    def compare(wanted_type: str, type: str, value: Any, wanted: Any) -> bool | None:
        order = _order(wanted_type, type, value, wanted)
        return None if order is None else right(order)

    return compare


_OPERATORS: dict[str, Callable[[str, str, Any, Any], bool | None]] = {
    "=": _equal,
    "!=": _different,
    ">": _ordered(lambda order: order > 0),
    "<": _ordered(lambda order: order < 0),
    ">=": _ordered(lambda order: order >= 0),
    "<=": _ordered(lambda order: order <= 0),
}


def _order(wanted_type: str, type: str, value: Any, wanted: Any) -> int | None:
    if wanted_type == "Quantity" and type == "Quantity":
        return order_quantities(value, wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return None
    if isinstance(value, (int, Decimal)) and isinstance(wanted, (int, Decimal)):
        return _sign(value, wanted)
    if not isinstance(value, str) or not isinstance(wanted, str):
        return None
    if type in ("Date", "DateTime", "Instant") and wanted_type in ("Date", "DateTime", "Instant"):
        return order_dates(value, wanted)
    return _sign(value, wanted) if type == wanted_type == "Time" else None


def order_quantities(one: Any, other: Any) -> int | None:
    """-1, 0 or 1 as a Quantity is less than, equal to or more than another; None when they cannot be compared."""
    value, limit = below(one).get("value"), below(other).get("value")
    if not isinstance(value, (int, Decimal)) or not isinstance(limit, (int, Decimal)):
        return None
    code, wanted = text(one, "code"), text(other, "code")
    system = text(one, "system")
    if not code or not wanted or not system or system != text(other, "system"):
        return None
    if code == wanted:
        return _sign(value, limit)
    if system != "http://unitsofmeasure.org":
        return None
    mine, theirs = canonical(code), canonical(wanted)
    if mine is None or theirs is None or mine.dimension != theirs.dimension:
        return None
    return _sign(Fraction(value) * mine.factor + mine.offset, Fraction(limit) * theirs.factor + theirs.offset)


def order_dates(one: str, other: str) -> int | None:
    """-1, 0 or 1 as a date is before, within (or around) or after another; None for what is no date."""
    try:
        first, last = bounds(one)
        start, end = bounds(other)
    except ValueError:
        return None
    return -1 if last < start else int(first > end)


def _sign(one: Any, other: Any) -> int:
    return (one > other) - (one < other)
