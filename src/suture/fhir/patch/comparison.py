"""How FHIRPath compares two values: equality, equivalence, order, and logic with a third value for "unknown".

Sections: http://hl7.org/fhirpath/N1/#equality, #comparison and #boolean-logic. Dates of different precision that
overlap have no order: the answer is the empty collection.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from suture.fhir.dates import bounds
from suture.fhir.outcomes import Unprocessable
from suture.fhir.patch.elements import Location
from suture.fhir.patch.json_patch import equal

Found = list[Any]
"""A FHIRPath collection: Locations, and plain bool, str, int, Decimal or Moment for computed values."""


class Moment:
    """A date, dateTime or time literal; `text` is in FHIR's own form."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def plain(item: Any) -> Any:
    """The JSON value behind an item of a collection."""
    return item.value if isinstance(item, Location) else item


def equal_items(left: Any, right: Any) -> bool:
    """The operator `=` for two items."""
    if isinstance(left, Moment) or isinstance(right, Moment):
        spans = _span(left), _span(right)
        return spans[0] is not None and spans[0] == spans[1]
    return equal(plain(left), plain(right))


def equivalent(left: Any, right: Any) -> bool:
    """The operator `~` for two items: strings are compared without case and with white space collapsed."""
    first, second = plain(left), plain(right)
    if isinstance(first, str) and isinstance(second, str):
        return " ".join(first.casefold().split()) == " ".join(second.casefold().split())
    return equal_items(left, right)


def _span(item: Any) -> tuple[int, int] | str | None:
    text = item.text if isinstance(item, Moment) else plain(item)
    if not isinstance(text, str):
        return None
    try:
        return bounds(text)
    except ValueError:
        return text


def ordered(operator: str, left: Found, right: Found) -> Found:
    """The operators `<`, `<=`, `>` and `>=`. Raises Unprocessable for values that have no order."""
    if len(left) != 1 or len(right) != 1:
        return []
    first, second = plain(left[0]), plain(right[0])
    if isinstance(first, Moment) or isinstance(second, Moment):
        spans = _span(left[0]), _span(right[0])
        if not isinstance(spans[0], tuple) or not isinstance(spans[1], tuple):
            raise _no_order(operator)
        if spans[0] != spans[1] and spans[0][0] <= spans[1][1] and spans[1][0] <= spans[0][1]:
            return []
        sign = _sign(spans[0][0], spans[1][0])
    elif (isinstance(first, str) and isinstance(second, str)) or (_is_number(first) and _is_number(second)):
        sign = _sign(first, second)
    else:
        raise _no_order(operator)
    return [{"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[operator]]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _sign(first: Any, second: Any) -> int:
    return (first > second) - (first < second)


def _no_order(operator: str) -> Unprocessable:
    return Unprocessable(f"the operator {operator} compares two dates, two numbers or two strings")


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _xor(left: bool | None, right: bool | None) -> bool | None:
    return None if left is None or right is None else left is not right


def _implies(left: bool | None, right: bool | None) -> bool | None:
    return _or(None if left is None else not left, right)


LOGIC: Mapping[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
"""The operators on true, false and unknown (None)."""
