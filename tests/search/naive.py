"""The R4 search semantics, written out naively over plain resources: the second opinion of the tests.

It reads the resources themselves, not an index, and follows the words of https://hl7.org/fhir/R4/search.html one
by one, with exact arithmetic. Slow and short on purpose; it knows only the parameters named below.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

Resource = dict[str, Any]
EVER = Fraction(10**30)
TICK = Fraction(1)  # a microsecond


def moments(text: str) -> tuple[Fraction, Fraction]:
    """The first and last microsecond of a FHIR date or dateTime."""
    if len(text) > 10:
        start = datetime.fromisoformat(text)
        clock = re.split("[-+Z]", text[11:])[0]
        step = 1000 if "." in clock else 10**6 if clock.count(":") == 2 else 60 * 10**6
        return _us(start), _us(start) + step - TICK
    parts = [int(part) for part in text.split("-")]
    start = datetime(*[*parts, 1, 1][:3], tzinfo=UTC)
    if len(parts) == 1:
        end = datetime(parts[0] + 1, 1, 1, tzinfo=UTC)
    elif len(parts) == 2:
        end = datetime(parts[0] + parts[1] // 12, parts[1] % 12 + 1, 1, tzinfo=UTC)
    else:
        end = start + timedelta(days=1)
    return _us(start), _us(end) - TICK


def _us(moment: datetime) -> Fraction:
    return Fraction((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


def _period(period: Resource) -> tuple[Fraction, Fraction]:
    low = moments(period["start"])[0] if "start" in period else -EVER
    high = moments(period["end"])[1] if "end" in period else EVER
    return low, high


# What a prefix means, on closed ranges: the search value [a, b], the value of the resource [lo, hi].


def _equal(a: Fraction, b: Fraction, lo: Fraction, hi: Fraction) -> bool:
    return a <= lo and hi <= b


PREFIXES: dict[str, Callable[[Fraction, Fraction, Fraction, Fraction], bool]] = {
    "eq": _equal,
    "ne": lambda a, b, lo, hi: not _equal(a, b, lo, hi),
    "gt": lambda a, b, lo, hi: hi > b,
    "lt": lambda a, b, lo, hi: lo < a,
    "ge": lambda a, b, lo, hi: hi > b or _equal(a, b, lo, hi),
    "le": lambda a, b, lo, hi: lo < a or _equal(a, b, lo, hi),
    "sa": lambda a, b, lo, hi: lo > b,
    "eb": lambda a, b, lo, hi: hi < a,
}


def _prefixed(value: str) -> tuple[str, str]:
    return (value[:2], value[2:]) if value[:2] in PREFIXES else ("eq", value)


def date_matches(value: str, ranges: list[tuple[Fraction, Fraction]]) -> bool:
    prefix, text = _prefixed(value)
    a, b = moments(text)
    return any(PREFIXES[prefix](a, b, lo, hi) for lo, hi in ranges)


def number_matches(value: str, ranges: list[tuple[Fraction, Fraction]]) -> bool:
    prefix, text = _prefixed(value)
    number = Fraction(text)
    if prefix in ("eq", "ne"):
        digits = -int(Decimal(text).as_tuple().exponent)
        half = Fraction(1, 2) / Fraction(10) ** digits
        inside = [number - half <= lo and hi < number + half for lo, hi in ranges]
        return any(inside) if prefix == "eq" else not all(inside)
    return any(PREFIXES[prefix](number, number, lo, hi) for lo, hi in ranges)


def plain(text: str) -> str:
    """Without case and accents."""
    letters = text.casefold().translate({ord("æ"): "ae", ord("ø"): "o"})
    kept = (c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c))
    return " ".join("".join(kept).split())


# Values of the parameters that the tests use.


def names(resource: Resource) -> list[str]:
    return [
        text
        for name in resource.get("name", ())
        for text in (name.get("text"), name.get("family"), *name.get("given", ()), *name.get("prefix", ()))
        if text
    ]


def dates(resource: Resource) -> list[tuple[Fraction, Fraction]]:
    match resource["resourceType"]:
        case "Patient":
            return [moments(resource["birthDate"])] if "birthDate" in resource else []
        case "Encounter":
            return [_period(resource["period"])] if "period" in resource else []
    if "effectivePeriod" in resource:
        return [_period(resource["effectivePeriod"])]
    return [moments(resource["effectiveDateTime"])] if "effectiveDateTime" in resource else []


def _fraction(value: Any) -> Fraction:
    return Fraction(str(value))


def numbers(resource: Resource) -> list[tuple[Fraction, Fraction]]:
    """RiskAssessment.probability."""
    found: list[tuple[Fraction, Fraction]] = []
    for prediction in resource.get("prediction", ()):
        if "probabilityDecimal" in prediction:
            found.append((_fraction(prediction["probabilityDecimal"]),) * 2)
        elif "probabilityRange" in prediction:
            ends = prediction["probabilityRange"]
            low = _fraction(ends["low"]["value"]) if "low" in ends else -EVER
            high = _fraction(ends["high"]["value"]) if "high" in ends else EVER
            found.append((low, high))
    return found


def quantity_matches(value: str, resource: Resource) -> bool:
    quantity = resource.get("valueQuantity")
    if quantity is None:
        return False
    number, *unit = value.split("|")
    if unit:
        system, code = unit
        if system and (quantity.get("system"), quantity.get("code")) != (system, code):
            return False
        if not system and code not in (quantity.get("code"), quantity.get("unit")):
            return False
    return number_matches(number, [(_fraction(quantity["value"]),) * 2])


def codings(resource: Resource, element: str) -> list[tuple[str | None, str]]:
    found: list[tuple[str | None, str]] = []
    held = resource.get(element, [])
    for concept in held if isinstance(held, list) else [held]:
        found += [(coding.get("system"), coding["code"]) for coding in concept.get("coding", ())]
    return found


def token_matches(value: str, values: list[tuple[str | None, str]]) -> bool:
    system, bar, code = value.rpartition("|")
    if not bar:
        return any(code.casefold() == has.casefold() for _, has in values)
    if not code:
        return any(system == held for held, _ in values)
    return any((system or None) == held and code.casefold() == has.casefold() for held, has in values)


def string_matches(value: str, values: list[str], modifier: str) -> bool:
    match modifier:
        case "exact":
            return value in values
        case "contains":
            return any(plain(value) in plain(text) for text in values)
    return any(plain(text).startswith(plain(value)) for text in values)
