"""Equality and order of FHIRPath items: numbers, texts, dates of any precision, and whole objects.

Specification: http://hl7.org/fhirpath/N1/#equality and #comparison. The one thing to know: two dates of which one is
less precise are neither equal nor unequal while their spans overlap, so the answer is None.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid

_DATES = frozenset(("date", "dateTime", "instant"))


class Item(NamedTuple):
    """One value with its FHIR type (`string`, `HumanName`, `Patient.contact`)."""

    value: Any
    type: str


def equal(left: list[Item], right: list[Item]) -> bool | None:
    """`=` of two collections; None when either is empty or the precision of dates leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    answers = [_same(one, other) for one, other in zip(left, right, strict=True)]
    if False in answers:
        return False
    return None if None in answers else True


def compared(operator: str, left: list[Item], right: list[Item]) -> bool | None:
    """`<`, `<=`, `>`, `>=` of two single items; None when one is missing or it cannot be known. Raises Invalid."""
    if not left or not right:
        return None
    one, other = left[0], right[0]
    if _both_dates(one, other):
        return _spans_compared(operator, _span(one), _span(other))
    low, high = one.value, other.value
    both_numbers = _is_number(low) and _is_number(high)
    if not both_numbers and not (isinstance(low, str) and isinstance(high, str)):
        raise Invalid(f"FHIRPath: {one.type} and {other.type} cannot be compared with {operator!r}.")
    return {"<": low < high, "<=": low <= high, ">": low > high, ">=": low >= high}[operator]


def _same(left: Item, right: Item) -> bool | None:
    if _both_dates(left, right):
        one, other = _span(left), _span(right)
        if one == other:
            return True
        return False if one[1] < other[0] or other[1] < one[0] else None
    if isinstance(left.value, bool) != isinstance(right.value, bool):
        return False
    return bool(left.value == right.value)


def _both_dates(left: Item, right: Item) -> bool:
    """Whether two items are compared as dates: one is a date, and the other one a date or a text."""
    pair = {left.type, right.type}
    return bool(pair & _DATES) and isinstance(left.value, str) and isinstance(right.value, str)


def _span(item: Item) -> tuple[int, int]:
    try:
        return bounds(item.value)
    except ValueError as error:
        raise Invalid(f"FHIRPath: {error}") from None


def _spans_compared(operator: str, one: tuple[int, int], other: tuple[int, int]) -> bool | None:
    if one == other:
        return operator in ("<=", ">=")
    if one[1] < other[0]:
        return operator in ("<", "<=")
    if other[1] < one[0]:
        return operator in (">", ">=")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
