"""Quantities: a number and a unit, of UCUM, of the calendar, or one that nobody converts.

Specification: http://hl7.org/fhirpath/#quantity, https://hl7.org/fhir/R4/fhirpath.html#quantity. The one thing to
know: a year and a month of the calendar are neither shorter nor longer than `'a'` and `'mo'` of UCUM: such a
comparison has no answer; only `~` takes them as the same.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, cast

from suture.fhir.fhirpath.types import Json
from suture.fhir.ucum import Canonical, canonical

UCUM = "http://unitsofmeasure.org"
CALENDAR = "http://hl7.org/fhirpath/CodeSystem/calendar-units"

_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
CALENDAR_UNITS = {word + plural: word for word in _WORDS for plural in ("", "s")}
"""Calendar words, singular and plural -> singular."""
DEFINITE_UNITS = {
    "year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s",
    "millisecond": "ms",
}  # fmt: skip
"""The unit of UCUM that is `~` the calendar's."""
WORD_OF_DEFINITE = {unit: word for word, unit in DEFINITE_UNITS.items()}

MAX_EXPONENT = 400
"""Powers of ten that a number may be away from one."""

_SECONDS = {
    "year": Fraction(365 * 86400), "month": Fraction(30 * 86400), "week": Fraction(7 * 86400),
    "day": Fraction(86400), "hour": Fraction(3600), "minute": Fraction(60), "second": Fraction(1),
    "millisecond": Fraction(1, 1000),
}  # fmt: skip


class Measure(NamedTuple):
    """A quantity of FHIRPath's own. `unit`: as written. `foreign`: a unit of neither UCUM nor the calendar."""

    value: Decimal
    unit: str
    foreign: bool = False

    @property
    def word(self) -> str:
        """The calendar's word in the singular, or "" for a unit of another sort."""
        return "" if self.foreign else CALENDAR_UNITS.get(self.unit, "")

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}" if self.word else f"{self.value:f} '{self.unit}'"


def plain(measure: Measure) -> Json:
    """A quantity as FHIR writes it."""
    written: Json = {"value": measure.value, "unit": measure.unit}
    if not measure.foreign:
        written |= {"system": CALENDAR if measure.word else UCUM, "code": measure.word or measure.unit}
    return written


def measure_of(value: Any) -> Measure | None:
    """What operators see of a value of kind QUANTITY; None where it does not say how much (no value, a comparator)."""
    if isinstance(value, Measure):
        return value
    if not isinstance(value, dict):
        return None
    quantity = cast(Json, value)
    number = decimal_of(quantity.get("value"))
    if number is None or quantity.get("comparator"):
        return None
    code, unit, system = (quantity.get(name) for name in ("code", "unit", "system"))
    if isinstance(code, str) and system in (UCUM, CALENDAR):
        return Measure(number, code)
    named = code if isinstance(code, str) else unit
    return Measure(number, named, foreign=True) if isinstance(named, str) else Measure(number, "1")


def decimal_of(value: Any) -> Decimal | None:
    """A number of JSON as a Decimal; None for other values, and for what is beyond all that can be calculated with."""
    if value.__class__ is int:
        value = Decimal(value)
    elif value.__class__ is float:
        value = Decimal(repr(value))
    elif value.__class__ is not Decimal:
        return None
    return value if value.is_finite() and -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT else None


def compare(left: Measure, right: Measure) -> int | None:
    """-1, 0 or 1; None if the units cannot be compared."""
    pair = in_common(left, right)
    if pair is None:
        return None
    one, other = pair
    return (one > other) - (one < other)


def equivalent(left: Measure, right: Measure) -> bool:
    """Whether both are the same when rounded to the decimals of the less precise one, in the larger unit."""
    factors = _ratios(left, right)
    if factors is None:
        return False
    first, second = factors
    larger = max(first, second)
    # zeros at the end say nothing of the precision here
    digits = min(decimals(left.value.normalize()), decimals(right.value.normalize()))
    return _rounded(Fraction(left.value) * first / larger, digits) == _rounded(
        Fraction(right.value) * second / larger, digits
    )


def _ratios(left: Measure, right: Measure) -> tuple[Fraction, Fraction] | None:
    """What makes both values comparable when calendar and definite units count as the same."""
    if same_unit(left, right):
        return Fraction(1), Fraction(1)
    one, other = (left, right) if left.word and right.word else (_definite(left), _definite(right))
    first, second = _factor(one), _factor(other)
    return None if first is None or second is None or not _commensurable(one, other) else (first, second)


def same_unit(left: Measure, right: Measure) -> bool:
    """Whether both have one and the same unit, whoever defines it; `year` and `years` are the same."""
    if left.word or right.word:
        return left.word == right.word
    return left.unit == right.unit and left.foreign == right.foreign


def in_common(left: Measure, right: Measure) -> tuple[Fraction, Fraction] | None:
    """Both values in one unit; None if there is none."""
    if same_unit(left, right):
        return Fraction(left.value), Fraction(right.value)
    if not _commensurable(left, right) or _uncertain(left, right):
        return None
    if {left.word, right.word} == {"year", "month"}:
        months = {"year": 12, "month": 1}
        return Fraction(left.value) * months[left.word], Fraction(right.value) * months[right.word]
    first, second = _factor(left), _factor(right)
    if first is None or second is None:
        return None
    return Fraction(left.value) * first, Fraction(right.value) * second


def comparable(left: Measure, right: Measure) -> bool:
    """Whether a comparison of the two has an answer."""
    return compare(left, right) is not None


def converted(measure: Measure, unit: str) -> Measure | None:
    """The quantity in another unit (UCUM or a calendar word); None if it cannot be converted."""
    if measure.unit == unit:
        return measure
    if measure.unit == "1" and not measure.foreign:
        target = Measure(measure.value, unit)
        return target if target.word or canonical(unit) else None
    target = Measure(Decimal(1), unit)
    if measure.word and not target.word and unit in WORD_OF_DEFINITE:
        # within the units of the source first, then the unit that corresponds
        inner = converted(measure, WORD_OF_DEFINITE[unit])
        return Measure(inner.value, unit) if inner else None
    if target.word and not measure.word:
        return _to_calendar(measure, target)
    pair = in_common(Measure(Decimal(1), measure.unit, measure.foreign), target)
    return Measure(_decimal(Fraction(measure.value) * pair[0] / pair[1]), unit) if pair else None


def _to_calendar(measure: Measure, target: Measure) -> Measure | None:
    inner = converted(measure, DEFINITE_UNITS[target.word])
    return Measure(inner.value, target.unit) if inner else None


def _definite(measure: Measure) -> Measure:
    return Measure(measure.value, DEFINITE_UNITS[measure.word]) if measure.word else measure


def _uncertain(left: Measure, right: Measure) -> bool:
    """A year or month of the calendar beside a unit of UCUM."""
    for one, other in ((left, right), (right, left)):
        if one.word in ("year", "month") and not other.word:
            return True
        # and the other way round: 'a' and 'mo' beside any word
        if not one.word and one.unit in ("a", "mo") and other.word:
            return True
    return False


def _commensurable(left: Measure, right: Measure) -> bool:
    if left.foreign or right.foreign:
        return False
    first, second = _unit(_definite(left).unit), _unit(_definite(right).unit)
    if first is None or second is None or first.dimension != second.dimension:
        return False
    return not (first.offset or second.offset)


def _factor(measure: Measure) -> Fraction | None:
    if measure.foreign:
        return None
    if measure.word:
        return _SECONDS[measure.word]
    unit = _unit(measure.unit)
    return unit.factor if unit else None


@lru_cache(maxsize=1024)
def _unit(code: str) -> Canonical | None:
    return canonical(code)


def decimals(value: Decimal) -> int:
    """Digits after the point."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _rounded(value: Fraction, digits: int) -> Fraction:
    shifted = value * 10**digits
    magnitude = int(abs(shifted) + Fraction(1, 2))
    return Fraction(-magnitude if shifted < 0 else magnitude, 10**digits)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
