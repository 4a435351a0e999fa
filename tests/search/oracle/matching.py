"""Whether one value of a search is met by one value of a resource: prefixes, modifiers, escapes.

Specification: https://hl7.org/fhir/R4/search.html#prefix, #modifiers and #escaping.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from tests.search.naive import EVER, PREFIXES, moments, plain
from tests.search.oracle.units import UCUM, base
from tests.search.oracle.values import Quantity, Range, Token


class Refused(Exception):
    """The search is not one that the specification allows."""


def split(text: str, sign: str) -> list[str]:
    """The parts of `text` between signs that are not escaped, still escaped themselves."""
    parts = [""]
    for piece in re.findall(r"\\.|.|\\$", text, re.DOTALL):
        if piece == sign:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)


def escape(text: str) -> str:
    """`text` as it must be written in a value."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


def _prefixed(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2] in {*PREFIXES, "ap"} else ("eq", text)


def date_test(text: str) -> Callable[[Sequence[Range]], bool]:
    """Whether any of several ranges of time meets a date with its prefix."""
    prefix, text = _prefixed(text)
    a, b = moments(text)
    if prefix == "ap":
        now = Fraction((datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**6
        gap = abs(now - (a + b) / 2) / 10
        return lambda ranges: any(lo <= b + gap and hi >= a - gap for lo, hi in ranges)
    return lambda ranges: any(PREFIXES[prefix](a, b, lo, hi) for lo, hi in ranges)


def half_digit(text: str) -> Fraction:
    """Half of the last digit that was written: 0.05 of 5.4, half of 100, and of 1e2 five."""
    mantissa, _, exponent = text.lower().partition("e")
    digits = len(mantissa.partition(".")[2])
    power = int(exponent or 0) - digits
    if power > 0 and not digits:
        power -= 1
    return Fraction(10) ** power / 2


def number_test(text: str, factor: Fraction = Fraction(1)) -> Callable[[Sequence[Range]], bool]:
    """Whether any of several ranges meets a number with its prefix, once the number is multiplied by `factor`."""
    prefix, text = _prefixed(text)
    number = Fraction(Decimal(text))
    if prefix in ("eq", "ne"):
        half = half_digit(text)
        a, b = (number - half) * factor, (number + half) * factor
        return lambda ranges: any((a <= lo and hi < b) == (prefix == "eq") for lo, hi in ranges)
    if prefix == "ap":
        a, b = sorted(((number - abs(number) / 10) * factor, (number + abs(number) / 10) * factor))
        return lambda ranges: any(lo <= b and hi >= a for lo, hi in ranges)
    value = number * factor
    return lambda ranges: any(PREFIXES[prefix](value, value, lo, hi) for lo, hi in ranges)


def quantity_test(text: str) -> Callable[[Sequence[Quantity]], bool]:
    """`5.4`, `5.4|system|code`, `5.4||code`. Units of UCUM that measure the same thing are converted."""
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) == 1:
        test = number_test(parts[0])
        return lambda held: test([(one.low, one.high) for one in held])
    if len(parts) != 3 or not parts[2]:
        raise Refused(text)
    number, system, code = parts
    if not system:
        test = number_test(number)
        return lambda held: test([(one.low, one.high) for one in held if code in (one.code, one.unit)])
    if system != UCUM or (asked := base(code)) is None:
        test = number_test(number)
        return lambda held: test([(one.low, one.high) for one in held if (one.system, one.code) == (system, code)])
    dimension, factor = asked
    test = number_test(number, factor)

    def converted(held: Sequence[Quantity]) -> bool:
        found: list[Range] = []
        for one in held:
            unit = base(one.code) if one.system == UCUM else None
            if unit and unit[0] == dimension:
                low = one.low * unit[1] if one.low != -EVER else one.low
                found.append((low, one.high * unit[1] if one.high != EVER else one.high))
        return test(found)

    return converted


def string_test(text: str, modifier: str) -> Callable[[Sequence[str]], bool]:
    text = unescape(text)
    folded = plain(text)
    match modifier:
        case "exact":
            return lambda held: text in held
        case "contains":
            return lambda held: any(folded in plain(one) for one in held)
        case "":
            return lambda held: any(plain(one).startswith(folded) for one in held)
    raise Refused(modifier)


def token_test(text: str, modifier: str) -> Callable[[Sequence[Token]], bool]:
    """A token by its code; `:text` by the beginning of what a person reads or of a word in it; `:of-type` by a type."""
    if modifier == "text":
        words = " " + plain(unescape(text))
        return lambda held: any(words in " " + plain(one) for token in held for one in token.texts)
    parts = [unescape(part) for part in split(text, "|")]
    if modifier == "of-type":
        if len(parts) != 3:
            raise Refused(text)
        type, value = (parts[0], parts[1].casefold()), parts[2].casefold()
        return lambda held: any(
            (system, code.casefold()) == type and (token.code or "").casefold() == value
            for token in held
            for system, code in token.types
        )
    if modifier not in ("", "not") or len(parts) > 2:
        raise Refused(text)
    code = parts[-1].casefold()
    if len(parts) == 1:
        return lambda held: any(one.code is not None and one.code.casefold() == code for one in held)
    system = parts[0]

    def found(one: Token) -> bool:
        if system:
            return system in one.systems and (not code or (one.code or "").casefold() == code)
        return (not one.systems or one.implied) and (one.code or "").casefold() == code

    return lambda held: any(one.code is not None or one.systems for one in held if found(one))


def uri_test(text: str, modifier: str) -> Callable[[Sequence[str]], bool]:
    """The whole URI; `:below` it or what lies below its path, `:above` those under which it lies."""
    text = unescape(text)
    match modifier:
        case "":
            return lambda held: text in held
        case "below":
            under = text if text.endswith("/") else text + "/"
            return lambda held: any(one == text or one.startswith(under) for one in held)
        case "above":
            return lambda held: any(text == one or text.startswith(one.rstrip("/") + "/") for one in held if one)
    raise Refused(modifier)
