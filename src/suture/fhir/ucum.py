"""UCUM, the Unified Code for Units of Measure: whether a text is a unit, and what it measures in base units.

Specification: https://ucum.org/ucum (case-sensitive codes, sections 2.1 to 2.4): terms of units with exponents,
joined by `.` and `/`, with `{annotations}`. The one thing to know: a parsed unit is a flat product of powers, so
`is_unit` asks only for the parse, and `canonical` multiplies it out in exact fractions.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from suture.fhir.ucum_atoms import ATOMS, PREFIXES, Atom

MAX_LENGTH = 200
"""Characters of one unit expression."""

_MAX_NESTING = 10
_MAX_EXPONENT = 99
# Size of an exact number on the way, and the range of a factor: values times factors stay within floating point.
_MAX_BITS = 4000
_LARGEST = Fraction(10) ** 150
_SMALLEST = 1 / _LARGEST

_RUN = re.compile(r"(?:\[[^\[\]\s]*\]|[^\[\](){}./\s])+")
_WITH_EXPONENT = re.compile(r"(.+?)([+-]?[0-9]+)")
_ANNOTATION = re.compile(r"\{[!-z|~]*\}")


class Canonical(NamedTuple):
    """A unit in terms of base units: canonical value = value * `factor` + `offset`.

    `dimension`: the product of base units, itself a UCUM unit such as `g.m-3` (`1` for pure numbers): two units can
    be compared exactly when their dimensions are equal. `factor`: positive, between 1e-150 and 1e150.
    """

    dimension: str
    factor: Fraction
    offset: Fraction


def is_unit(text: str) -> bool:
    """Whether `text` is a valid UCUM expression such as `mg/dL`, `10*3/uL` or `{score}`."""
    return 0 < len(text) <= MAX_LENGTH and _parsed(text) is not None


def canonical(code: str) -> Canonical | None:
    """`code` in base units, or None when it is no UCUM unit or cannot be converted.

    Annotations count as 1. Degrees (`Cel`, `[degF]`) have an offset; combined with other units they measure nothing
    that could be converted: None, as for numbers out of range. Logarithmic units (`[pH]`, `B`), arbitrary units
    (`[iU]`) and the mole are dimensions of their own. UCUM defines `mol` as a number, which would make `mmol/L`
    comparable with cells per litre and `U/L` with a frequency: right in arithmetic, wrong for a clinician's search.
    """
    return _canonical(code) if 0 < len(code) <= MAX_LENGTH else None


class _Power(NamedTuple):
    """One factor of a parsed unit: (`scale` * `atom`) ** `exponent`; a plain number has no atom."""

    scale: Fraction
    atom: str
    exponent: int


@lru_cache(maxsize=2048)
def _canonical(code: str) -> Canonical | None:
    powers = _parsed(code)
    if powers is None:
        return None
    shifted = [power for power in powers if power.atom and ATOMS[power.atom].offset]
    product = _product(powers)
    if product is None:
        return None
    factor, exponents = product
    if not _SMALLEST <= factor <= _LARGEST:
        return None
    dimension = ".".join(f"{base}{exponent if exponent != 1 else ''}" for base, exponent in sorted(exponents.items()))
    if not shifted:
        return Canonical(dimension or "1", factor, Fraction(0))
    if len(shifted) == 1 and shifted[0].exponent == 1 and exponents == {"K": 1}:
        return Canonical(dimension, factor, ATOMS[shifted[0].atom].offset)
    return None


def _product(powers: tuple[_Power, ...]) -> tuple[Fraction, dict[str, int]] | None:
    """The factor and the exponents of the base units, or None when the numbers grow too large."""
    factor = Fraction(1)
    exponents: dict[str, int] = {}
    for scale, atom, exponent in powers:
        if atom:
            base_factor, base_exponents = _of_atom(atom)
            scale *= base_factor
            for base, count in base_exponents.items():
                exponents[base] = exponents.get(base, 0) + count * exponent
        if not scale or _bits(scale) * abs(exponent) > _MAX_BITS:
            return None
        factor *= scale**exponent
        if _bits(factor) > _MAX_BITS:
            return None
    return factor, {base: exponent for base, exponent in exponents.items() if exponent}


@lru_cache(maxsize=512)
def _of_atom(code: str) -> tuple[Fraction, dict[str, int]]:
    """An atom of the table in base units. Do not change the dictionary."""
    atom: Atom = ATOMS[code]
    if not atom.unit:
        return atom.value, {code: 1}
    product = _product(_parsed(atom.unit) or ())
    assert product is not None, code
    return atom.value * product[0], product[1]


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


@lru_cache(maxsize=2048)
def _parsed(text: str) -> tuple[_Power, ...] | None:
    """The factors of a unit expression of at most MAX_LENGTH characters, or None when it is none."""
    powers: list[_Power] = []
    end = _term(text, 0, 1, 0, powers)
    return tuple(powers) if end == len(text) else None


def _term(text: str, at: int, sign: int, nesting: int, powers: list[_Power]) -> int:
    """Read the term that starts at `at` into `powers`; its end, or -1."""
    if nesting > _MAX_NESTING:
        return -1
    divide = text.startswith("/", at)
    at += divide
    while True:
        at = _component(text, at, -sign if divide else sign, nesting, powers)
        if at < 0 or at == len(text) or text[at] not in "./":
            return at
        divide = text[at] == "/"
        at += 1


def _component(text: str, at: int, sign: int, nesting: int, powers: list[_Power]) -> int:
    if text.startswith("(", at):
        end = _term(text, at + 1, sign, nesting + 1, powers)
        if end < 0 or not text.startswith(")", end):
            return -1
        # The grammar has no annotation here; UCUM's own examples do (`g/(8.h){shift}`), and FHIR lists them.
        annotation = _ANNOTATION.match(text, end + 1)
        return annotation.end() if annotation else end + 1
    run = _RUN.match(text, at)
    if run:
        power = _power(run[0], sign)
        if power is None:
            return -1
        powers.append(power)
        at = run.end()
    annotation = _ANNOTATION.match(text, at)
    if annotation:
        return annotation.end()
    return at if run else -1


def _power(run: str, sign: int) -> _Power | None:
    """A number, or a unit with or without an exponent."""
    if run.isascii() and run.isdigit():
        return _Power(Fraction(int(run)), "", sign)
    unit = _scaled(run)
    if unit:
        return _Power(*unit, sign)
    split = _WITH_EXPONENT.fullmatch(run)
    unit = _scaled(split[1]) if split else None
    if split is None or unit is None or abs(int(split[2])) > _MAX_EXPONENT:
        return None
    return _Power(*unit, sign * int(split[2]))


def _scaled(symbol: str) -> tuple[Fraction, str] | None:
    """The prefix's number and the atom. An atom of this very name goes before a prefix and a shorter one."""
    if symbol in ATOMS:
        return Fraction(1), symbol
    for length in (1, 2):
        prefix, atom = symbol[:length], symbol[length:]
        if prefix in PREFIXES and atom in ATOMS and ATOMS[atom].metric:
            return PREFIXES[prefix], atom
    return None
