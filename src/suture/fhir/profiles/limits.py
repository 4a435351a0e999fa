"""Smallest and largest values, lengths: `minValue[x]`, `maxValue[x]`, `maxLength` and the extension `minLength`.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.minValue_x_. The one thing to know: a
Quantity or Duration as the limit of a date counts from now: the smallest value lies that long ago, the largest that
far ahead.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from suture.fhir import ucum
from suture.fhir.dates import bounds
from suture.fhir.profiles.values import brief, number

Complaint = Callable[[Any], str]
"""Says why a value is refused; "" when it is not."""

MIN_LENGTH = "http://hl7.org/fhir/StructureDefinition/minLength"
_YEAR_DAYS = Fraction(36525, 100)
_CALENDAR = {
    "a": _YEAR_DAYS * 86400, "mo": _YEAR_DAYS * 86400 / 12, "wk": Fraction(604800), "d": Fraction(86400),
    "h": Fraction(3600), "min": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000),
}  # fmt: skip
_DATES = ("date", "dateTime", "instant")


def length_limits(facts: Mapping[str, Any]) -> list[Complaint]:
    """What an ElementDefinition says about the length of a text."""
    found: list[Complaint] = []
    longest = facts.get("maxLength")
    if isinstance(longest, int):
        found.append(_at_most(longest))
    extensions = (extension for extension in facts.get("extension") or () if extension.get("url") == MIN_LENGTH)
    shortest = (extension.get("valueInteger") for extension in extensions)
    return [*found, *(_at_least(length) for length in shortest if isinstance(length, int))]


def value_limits(facts: Mapping[str, Any], type: str) -> list[Complaint]:
    """What an ElementDefinition says about the smallest and largest value, for values of `type`."""
    found: list[Complaint] = []
    for key, limit in facts.items():
        if key.startswith("minValue"):
            found.append(_limited(limit, key[8:], type, -1))
        elif key.startswith("maxValue"):
            found.append(_limited(limit, key[8:], type, 1))
    return found


def _at_most(longest: int) -> Complaint:
    def complaint(value: Any) -> str:
        if isinstance(value, str) and len(value) > longest:
            return f"The text has {len(value)} characters; at most {longest} are allowed."
        return ""

    return complaint


def _at_least(shortest: int) -> Complaint:
    def complaint(value: Any) -> str:
        if isinstance(value, str) and len(value) < shortest:
            return f"The text has {len(value)} characters; at least {shortest} are required."
        return ""

    return complaint


def _limited(limit: Any, limit_type: str, type: str, side: int) -> Complaint:
    """`side`: -1 for the smallest value, 1 for the largest."""
    word = "smallest" if side < 0 else "largest"

    def complaint(value: Any) -> str:
        order = _order(value, limit, limit_type, type, side)
        if order is None:
            return ""
        if isinstance(order, str):
            return f"{brief(value)} cannot be compared with the {word} value allowed, {brief(limit)}: {order}."
        if order * side > 0:
            beyond = "less" if side < 0 else "more"
            return f"{brief(value)} is {beyond} than the {word} value allowed, {brief(limit)}."
        return ""

    return complaint


def _order(value: Any, limit: Any, limit_type: str, type: str, side: int) -> int | str | None:
    """-1, 0 or 1; why the two cannot be compared; None where the limit is about another type."""
    if limit_type in ("Quantity", "Duration") and type in _DATES:
        return _order_of_dates(value, _from_now(limit, side))
    if limit_type in ("Quantity", "Duration"):
        return _order_of_quantities(value, limit) if isinstance(value, dict) else None
    if type in _DATES and isinstance(limit, str):
        try:
            return _order_of_dates(value, bounds(limit))
        except ValueError:
            return None
    if type == "time" and isinstance(value, str) and isinstance(limit, str):
        return (value > limit) - (value < limit)
    one, other = number(value), number(limit)
    if one is None or other is None:
        return None
    return (one > other) - (one < other)


def _order_of_dates(value: Any, limit: tuple[int, int] | None) -> int | None:
    if not isinstance(value, str) or limit is None:
        return None
    try:
        first, last = bounds(value)
    except ValueError:
        return None
    if last < limit[0]:
        return -1
    return 1 if first > limit[1] else 0


def _from_now(quantity: Any, side: int) -> tuple[int, int] | None:
    amount = number(quantity.get("value")) if isinstance(quantity, dict) else None
    seconds = _CALENDAR.get(str(quantity.get("code") or quantity.get("unit"))) if amount is not None else None
    if amount is None or seconds is None:
        return None
    moment = int((Fraction(time.time()) + side * Fraction(amount) * seconds) * 1_000_000)
    return moment, moment


def _order_of_quantities(value: dict[str, Any], limit: dict[str, Any]) -> int | str | None:
    one, other = number(value.get("value")), number(limit.get("value"))
    if one is None or other is None:
        return "it has no value" if one is None else None
    if (value.get("system"), value.get("code")) == (limit.get("system"), limit.get("code")):
        return (one > other) - (one < other)
    if value.get("system") != limit.get("system") or value.get("system") != "http://unitsofmeasure.org":
        return "the units are of different systems"
    left, right = _converted(one, value.get("code")), _converted(other, limit.get("code"))
    if left is None or right is None or left[1] != right[1]:
        return "the units are of different kinds"
    return (left[0] > right[0]) - (left[0] < right[0])


def _converted(amount: Decimal, code: Any) -> tuple[Fraction, str] | None:
    unit = ucum.canonical(code) if isinstance(code, str) else None
    return None if unit is None else (Fraction(amount) * unit.factor + unit.offset, unit.dimension)
