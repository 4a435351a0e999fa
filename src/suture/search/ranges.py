"""Numbers, dates and quantities: prefixes and the ranges they stand for.

Specification: https://hl7.org/fhir/R4/search.html#prefix, #number, #date, #quantity. The one thing to know:
both sides are ranges. A search value covers what its precision leaves open (2013-01 is a month, 100 is
[99.5, 100.5)), a resource's value covers [lo, hi]. For numbers the precision of the search value counts for
`eq` and `ne` only.
"""

import math
import re
from decimal import Decimal

from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid
from suture.search.escapes import split, unescape
from suture.search.filters import Range, Test, Updated
from suture.search.parameters import Parameter
from suture.search.values import unit_code, unit_full
from suture.store.keys import Keys

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

Tests = tuple[tuple[Test, ...], tuple[Test, ...]]
"""What all must pass, and of what one must pass."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LARGEST = 1.7e308
_PERCENT_10 = Decimal("0.1")


def date_filter(parameter: Parameter, keys: Keys, value: str, now: int) -> Range:
    """The filter for one value of a date parameter. `now`: microseconds, for `ap`. Raises Invalid."""
    prefix, first, last = _date(parameter, value, now)
    every, some = _tests(prefix, first, last)
    return Range("dat", keys.parameter(parameter.resource_type, parameter.rows), every, some, parameter.sdate)


def updated_filter(parameter: Parameter, value: str, now: int) -> Updated:
    """The filter for one value of `_lastUpdated`, which is a point in time. Raises Invalid."""
    prefix, first, last = _date(parameter, value, now)
    match prefix:
        case "eq" | "ap":
            return Updated(first, last)
        case "ne":
            return Updated(first, last, inside=False)
        case "gt" | "sa":
            return Updated(last + 1, None)
        case "ge":
            return Updated(first, None)
        case "lt" | "eb":
            return Updated(None, first - 1)
        case _:
            return Updated(None, last)


def number_filter(parameter: Parameter, keys: Keys, value: str) -> Range:
    """The filter for one value of a number parameter. Raises Invalid."""
    every, some = _number_tests(parameter, value)
    return Range("qty", keys.parameter(parameter.resource_type, parameter.rows), every, some)


def quantity_filter(parameter: Parameter, keys: Keys, value: str) -> Range:
    """The filter for one value of a quantity parameter: `5.4`, `5.4|system|code` or `5.4||unit`. Raises Invalid."""
    parts = split(value, "|")
    type, rows = parameter.resource_type, parameter.rows
    if len(parts) == 1:
        h = keys.parameter(type, rows)
    elif len(parts) == 3 and parts[2]:
        system, code = unescape(parts[1]), unescape(parts[2])
        h = keys.token(type, rows, unit_full(system, code) if system else unit_code(code))
    else:
        raise _invalid(parameter, value, "a quantity such as 5.4, 5.4|http://unitsofmeasure.org|mg or 5.4||mg")
    every, some = _number_tests(parameter, parts[0])
    return Range("qty", h, every, some)


def _date(parameter: Parameter, value: str, now: int) -> tuple[str, int, int]:
    prefix, text = _prefixed(parameter, value)
    try:
        first, last = bounds(text.replace(" ", "+"))  # a "+" that was not percent-encoded arrives as a blank
    except ValueError as error:
        raise Invalid(f"The value of the search parameter '{parameter.code}' is wrong: {error}") from None
    if prefix == "ap":
        gap = abs(now - (first + last) // 2) // 10
        first, last = first - gap, last + gap
    return prefix, first, last


def _number_tests(parameter: Parameter, value: str) -> Tests:
    prefix, text = _prefixed(parameter, value)
    if not _NUMBER.fullmatch(text):
        raise _invalid(parameter, value, "a number such as 5, -0.25 or 1e2, with a prefix like 'ge' where needed")
    number = Decimal(text)
    if abs(number) > _LARGEST:
        raise _invalid(parameter, value, "a number below 1.7e308")
    if prefix in ("eq", "ne"):
        half = _half_unit(number, text)
        # Columns are doubles: of a number with more digits than those hold, at least the nearest double must match.
        low, high = float(number - half), max(float(number + half), math.nextafter(float(number), math.inf))
        if prefix == "ne":
            return (), (("lo", "<", low), ("hi", ">=", high))
        return (("lo", ">=", low), ("lo", "<", high), ("hi", "<", high)), ()
    if prefix == "ap":
        margin = abs(number) * _PERCENT_10
        return _tests("ap", float(number - margin), float(number + margin))
    return _tests(prefix, float(number), float(number))


def _half_unit(number: Decimal, text: str) -> Decimal:
    """Half of the last digit that was written. 1e2 means [95, 105), as the specification's example says."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # neither infinite nor NaN
    if exponent > 0 and "." not in text:
        exponent -= 1
    return Decimal(5).scaleb(exponent - 1)


def _tests(prefix: str, first: float, last: float) -> Tests:
    """What `prefix` asks of [lo, hi] when the search value is [first, last], both inclusive.

    Tests on `lo` that follow from the others are added, since the index is ordered by `lo`.
    """
    match prefix:
        case "eq":
            return (("lo", ">=", first), ("lo", "<=", last), ("hi", "<=", last)), ()
        case "ne":
            return (), (("lo", "<", first), ("hi", ">", last))
        case "gt":
            return (("hi", ">", last),), ()
        case "lt":
            return (("lo", "<", first),), ()
        case "ge":
            return (), (("hi", ">", last), ("lo", ">=", first))
        case "le":
            return (("lo", "<=", last),), (("lo", "<", first), ("hi", "<=", last))
        case "sa":
            return (("lo", ">", last),), ()
        case "eb":
            return (("lo", "<", first), ("hi", "<", first)), ()
        case _:
            return (("lo", "<=", last), ("hi", ">=", first)), ()


def _prefixed(parameter: Parameter, value: str) -> tuple[str, str]:
    prefix = value[:2]
    if not prefix.isalpha():
        return "eq", value
    if prefix not in PREFIXES:
        shown = "".join(c for c in value[:12] if c.isalpha())
        raise Invalid(
            f"The search parameter '{parameter.code}' has the unknown prefix '{shown}'. "
            f"The prefixes are {', '.join(PREFIXES)}."
        )
    return prefix, value[2:].strip()


def _invalid(parameter: Parameter, value: str, right: str) -> Invalid:
    shown = value if len(value) <= 60 else value[:60] + "…"
    return Invalid(f"The value '{shown}' of the search parameter '{parameter.code}' is not {right}.")
