"""The unit of a product or a quotient of two quantities.

Specification: http://hl7.org/fhirpath/#multiplication, https://ucum.org/ucum. `'cm' * 'cm'` is `'cm2'`, `'m' / 's'`
is `'m/s'`; what cancels out is gone. Years, days and the other words of the calendar only go with plain numbers.
"""

import re
from fractions import Fraction

from suture.fhir.fhirpath.quantities import Measure
from suture.fhir.ucum import canonical

# One factor of a plain product such as m.s-2: a symbol without digits, and an exponent.
_FACTOR = re.compile(r"(/?)((?:\[[^\[\]]*\]|[^\[\](){}./0-9+\-\s])+)([+-]?[0-9]{1,2})?(?:\.|(?=/)|$)")


def product(left: Measure, right: Measure, sign: str) -> tuple[str, Fraction] | None:
    """The unit of `left . right` or `left / right`, and what the value is to be multiplied with; None if there is none.

    `sign`: `.` or `/`. The unit of `right` is not `1`.
    """
    if left.unit == "1" and sign == ".":
        return right.unit, Fraction(1)
    if left.word or right.word:
        return None
    one, other = canonical(left.unit), canonical(right.unit)
    if one is None or other is None or one.offset or other.offset:
        return None
    joined = _simplified(left.unit, right.unit, sign)
    if joined is None:
        joined = f"{'' if left.unit == '1' and sign == '/' else _grouped(left.unit)}{sign}{_grouped(right.unit)}"
    combined = canonical(joined)
    if combined is None:
        return None
    return ("1", combined.factor) if combined.dimension == "1" else (joined, Fraction(1))


def _simplified(left: str, right: str, sign: str) -> str | None:
    """The product with each symbol once, None for units with numbers, parentheses or annotations."""
    exponents: dict[str, int] = {}
    for unit, direction in ((left, 1), (right, 1 if sign == "." else -1)):
        factors = _factors(unit)
        if factors is None:
            return None
        for symbol, exponent in factors:
            exponents[symbol] = exponents.get(symbol, 0) + exponent * direction
    above = [_power(symbol, exponent) for symbol, exponent in exponents.items() if exponent > 0]
    below = [_power(symbol, -exponent) for symbol, exponent in exponents.items() if exponent < 0]
    if not above and not below:
        return "1"
    return ".".join(above) + "".join(f"/{one}" for one in below)


def _factors(unit: str) -> list[tuple[str, int]] | None:
    if unit == "1":
        return []
    found: list[tuple[str, int]] = []
    at = 0
    while at < len(unit):
        factor = _FACTOR.match(unit, at)
        if factor is None:
            return None
        found.append((factor[2], int(factor[3] or 1) * (-1 if factor[1] else 1)))
        at = factor.end()
    return found


def _power(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}{exponent}"


def _grouped(unit: str) -> str:
    return f"({unit})" if "." in unit or "/" in unit else unit
