"""Numbers, dates and quantities: prefixes and the ranges they stand for.

Specification: https://hl7.org/fhir/R4/search.html#prefix, #number, #date, #quantity. The one thing to know:
both sides are ranges. A search value covers what its precision leaves open (2013-01 is a month, 100 is
[99.5, 100.5)), a resource's value covers [lo, hi]. For numbers the precision of the search value counts for
`eq` and `ne` only.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from suture.fhir.dates import bounds
from suture.fhir.outcomes import Invalid
from suture.fhir.ucum import Canonical, canonical
from suture.search.escapes import split, unescape
from suture.search.filters import Filter, Range, Test, Updated, any_of
from suture.search.parameters import Parameter
from suture.search.values import FAR_SUFFIX, unit_code, unit_dimension, unit_full
from suture.store.keys import Keys

UCUM = "http://unitsofmeasure.org"
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

Tests = tuple[tuple[Test, ...], tuple[Test, ...]]
"""What all must pass, and of what one must pass."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LARGEST = 1.7e308
_PERCENT_10 = Decimal("0.1")
_SAME = Canonical("", Fraction(1), Fraction(0))


def date_filter(parameter: Parameter, keys: Keys, value: str, now: int) -> Filter:
    """The filter for one value of a date parameter. `now`: microseconds, for `ap`. Raises Invalid."""
    prefix, first, last = _date(parameter, value, now)
    return _dates(parameter, keys, _tests(prefix, first, last))


def overlap_filter(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """Dates that have a moment in common with `value`, which has no prefix. Raises Invalid."""
    _, first, last = _date(parameter, value, 0)
    return _dates(parameter, keys, _tests("overlap", first, last))


def covering_dates(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """Dates whose period includes all of `value`, which has no prefix. Raises Invalid."""
    _, first, last = _date(parameter, value, 0)
    return _dates(parameter, keys, ((("lo", "<=", first), ("hi", ">=", last)), ()))


def _dates(parameter: Parameter, keys: Keys, tests: Tests) -> Filter:
    type, (every, some) = parameter.resource_type, tests
    far = keys.token(type, FAR_SUFFIX, "") if parameter.sdate and len(parameter.rows) == 1 else None
    return any_of(Range("dat", keys.parameter(type, rows), every, some, far) for rows in parameter.rows)


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


def number_filter(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """The filter for one value of a number parameter. Raises Invalid."""
    every, some = _number_tests(parameter, value)
    return any_of(Range("qty", keys.parameter(parameter.resource_type, rows), every, some) for rows in parameter.rows)


def covering_numbers(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """Numbers or ranges that include `value`, which has no prefix. Raises Invalid."""
    try:
        exact = number(value)
    except ValueError:
        raise _invalid(parameter, value, "a number such as 5 or -0.25") from None
    hashes = (keys.parameter(parameter.resource_type, rows) for rows in parameter.rows)
    return any_of(Range("qty", h, (("lo", "<=", exact), ("hi", ">=", exact))) for h in hashes)


def quantity_filter(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """The filter for one value of a quantity parameter: `5.4`, `5.4|system|code` or `5.4||unit`. Raises Invalid.

    With system and code of a UCUM unit that can be converted, values in all units of its dimension are compared.
    """
    parts = split(value, "|")
    type = parameter.resource_type
    convert = _SAME
    if len(parts) == 1:
        hashes = [keys.parameter(type, rows) for rows in parameter.rows]
    elif len(parts) == 3 and parts[2]:
        system, code = unescape(parts[1]), unescape(parts[2])
        unit = canonical(code) if system == UCUM else None
        if unit is not None:
            convert = unit
            form = unit_dimension(unit.dimension)
        else:
            form = unit_full(system, code) if system else unit_code(code)
        hashes = [keys.token(type, rows, form) for rows in parameter.rows]
    else:
        raise _invalid(parameter, value, "a quantity such as 5.4, 5.4|http://unitsofmeasure.org|mg or 5.4||mg")
    every, some = _number_tests(parameter, parts[0], convert)
    return any_of(Range("qty", h, every, some) for h in hashes)


def interval_filter(start: Parameter, end: Parameter, h: int, values: tuple[str, str]) -> Filter:
    """The filter for two numbers that lie as `lo` and `hi` in one row of hash `h`. Raises Invalid."""
    every: list[Test] = []
    alternatives: list[tuple[Test, ...]] = []
    parts: tuple[tuple[Parameter, str, Literal["lo", "hi"]], ...] = ((start, values[0], "lo"), (end, values[1], "hi"))
    for parameter, value, column in parts:
        prefix, _ = _prefixed(parameter, value)
        all_tests, some_tests = _number_tests(parameter, value)
        if prefix == "ne":
            alternatives.append(tuple((column, comparison, number) for _, comparison, number in some_tests))
        elif prefix in ("ge", "le"):  # exact numbers: one comparison says it
            number = (all_tests or some_tests)[-1][2] if prefix == "le" else some_tests[-1][2]
            at: Test = (column, ">=", number) if prefix == "ge" else (column, "<=", number)
            every.append(at)
        else:
            on_column: list[Test] = [(column, comparison, number) for _, comparison, number in all_tests]
            every += on_column
    if len(alternatives) == 2:  # both must hold in the same row, and a Range has one list of alternatives
        low, high = alternatives
        return any_of(Range("qty", h, (test,), high) for test in low)
    return Range("qty", h, tuple(dict.fromkeys(every)), alternatives[0] if alternatives else ())


def number(text: str) -> float:
    """The number that `text` writes. Raises ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


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


def _number_tests(parameter: Parameter, value: str, unit: Canonical = _SAME) -> Tests:
    prefix, text = _prefixed(parameter, value)
    if not _NUMBER.fullmatch(text):
        raise _invalid(parameter, value, "a number such as 5, -0.25 or 1e2, with a prefix like 'ge' where needed")
    number = Decimal(text)
    if abs(number) > _LARGEST:
        raise _invalid(parameter, value, "a number below 1.7e308")
    if prefix in ("eq", "ne"):
        half = _half_unit(number, text)
        # Columns are doubles: of a number with more digits than those hold, at least the nearest double must match.
        nearest = math.nextafter(_double(number, unit), math.inf)
        low, high = _double(number - half, unit), max(_double(number + half, unit), nearest)
        if prefix == "ne":
            return (), (("lo", "<", low), ("hi", ">=", high))
        return (("lo", ">=", low), ("lo", "<", high), ("hi", "<", high)), ()
    if prefix == "ap":
        margin = abs(number) * _PERCENT_10
        return _tests("ap", _double(number - margin, unit), _double(number + margin, unit))
    exact = _double(number, unit)
    return _tests(prefix, exact, exact)


def _double(number: Decimal, unit: Canonical) -> float:
    """`number` in base units, as the index holds it."""
    if unit is _SAME:
        return float(number)
    try:
        return float(Fraction(number) * unit.factor + unit.offset)
    except OverflowError:
        return math.copysign(math.inf, number)


def _half_unit(number: Decimal, text: str) -> Decimal:
    """Half of the last digit that was written. 1e2 means [95, 105), as the specification's example says."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)  # neither infinite nor NaN
    if exponent > 0 and "." not in text:
        exponent -= 1
    return Decimal(5).scaleb(exponent - 1)


def _tests(prefix: str, first: float, last: float) -> Tests:
    """What `prefix` asks of [lo, hi] when the search value is [first, last], both inclusive. ap, overlap: common parts.

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
