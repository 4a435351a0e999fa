"""Units of UCUM as exact factors of base units: https://ucum.org/ucum, sections 2 and 4. Enough for the tests' data."""

import re
from fractions import Fraction

UCUM = "http://unitsofmeasure.org"

Dimension = tuple[tuple[str, int], ...]
"""Exponents of the base units."""

_PREFIXES = {"k": 3, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
_METRIC: dict[str, tuple[dict[str, int], Fraction]] = {
    "g": ({"g": 1}, Fraction(1)),
    "m": ({"m": 1}, Fraction(1)),
    "s": ({"s": 1}, Fraction(1)),
    "mol": ({"mol": 1}, Fraction(1)),
    "L": ({"m": 3}, Fraction(1, 1000)),
    "U": ({"mol": 1, "s": -1}, Fraction(1, 60 * 10**6)),
    "m[Hg]": ({"g": 1, "m": -1, "s": -2}, Fraction(133322000)),
    "Cel": ({"Cel": 1}, Fraction(1)),
}
_OTHERS: dict[str, tuple[dict[str, int], Fraction]] = {
    "%": ({}, Fraction(1, 100)),
    "min": ({"s": 1}, Fraction(60)),
    "h": ({"s": 1}, Fraction(3600)),
    "d": ({"s": 1}, Fraction(86400)),
    "[in_i]": ({"m": 1}, Fraction(254, 10000)),
    "[lb_av]": ({"g": 1}, Fraction(45359237, 100000)),
}


def base(code: str) -> tuple[Dimension, Fraction] | None:
    """(dimension, factor) of a unit such as `mg`, `mg/dL` or `10*3/uL`; None when it is not known here."""
    exponents: dict[str, int] = {}
    factor = Fraction(1)
    plain = re.sub(r"\{[^}]*\}", "", code)
    if not code or not re.fullmatch(r"[!-~]+", code):
        return None
    for sign, text in re.findall(r"([./]?)([^./]*)", "." + plain if plain[:1] != "/" else plain):
        if not text:
            continue
        found = _simple(text)
        if found is None:
            return None
        way = -1 if sign == "/" else 1
        for name, power in found[0].items():
            exponents[name] = exponents.get(name, 0) + way * power
        factor *= found[1] ** way
    return tuple(sorted((name, power) for name, power in exponents.items() if power)), factor


def _simple(text: str) -> tuple[dict[str, int], Fraction] | None:
    if ten := re.fullmatch(r"10[*^](-?\d+)", text):
        return {}, Fraction(10) ** int(ten[1])
    if text.isdigit():
        return {}, Fraction(int(text))
    symbol, power = re.fullmatch(r"(.*?)(-?\d*)", text).groups()  # type: ignore[union-attr]
    found = _OTHERS.get(symbol) or _METRIC.get(symbol)
    if found is None and symbol[:1] in _PREFIXES and symbol[1:] in _METRIC:
        names, factor = _METRIC[symbol[1:]]
        found = names, factor * Fraction(10) ** _PREFIXES[symbol[0]]
    if found is None:
        return None
    exponent = int(power or 1)
    return {name: n * exponent for name, n in found[0].items()}, found[1] ** exponent
