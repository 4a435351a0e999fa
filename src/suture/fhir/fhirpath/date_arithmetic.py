"""A date or time plus or minus a duration.

Specification: http://hl7.org/fhirpath/#datetime-arithmetic. The one thing to know: a duration finer than the date
says is converted to what the date does say, and what is left over is dropped: `@2014 + 23 months` is `@2015`.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from suture.fhir.fhirpath import temporal, types
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.quantities import WORD_OF_DEFINITE, Measure, decimals
from suture.fhir.fhirpath.temporal import DAY, HOUR, MONTH, YEAR, Moment, days_in

_MILLISECONDS = {"week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000}
_DAY_UNITS = ("year", "month", "week", "day")


def shifted(start: Moment, kind: int, duration: Measure, sign: int, *, fractions: bool) -> str:
    """The text of the moment that is `duration` after (`sign` 1) or before (-1) `start`.

    `fractions`: `0.1 's'` counts, and not only `0.1 seconds`.
    `kind`: types.DATE, DATETIME or TIME. Raises on units that are no time, that do not go with the kind, on definite
    years and months (`'a'`, `'mo'`), and when the year leaves 1 to 9999.
    """
    word = duration.word or ("" if duration.foreign else WORD_OF_DEFINITE.get(duration.unit, ""))
    if not word or (not duration.word and word in ("year", "month")):
        raise FhirPathEvaluationError(
            f"A date moves by a duration such as 3 days or 1 month; '{duration.unit}' is not such a unit"
        )
    if kind == types.DATE and word not in _DAY_UNITS:
        raise FhirPathEvaluationError(f"A Date moves by years, months, weeks or days, not by {word}s")
    if kind == types.TIME and word in _DAY_UNITS:
        raise FhirPathEvaluationError(f"A Time moves by hours, minutes, seconds or milliseconds, not by {word}s")
    amount = duration.value * sign
    if word not in ("second", "millisecond") or not (fractions or duration.word):
        amount = Decimal(int(amount))
    if abs(amount) > 10**15:
        raise FhirPathEvaluationError("The duration is too long")
    try:
        if kind == types.TIME:
            return temporal.time_text_of(_turned(start, word, amount))
        return temporal.text_of(_moved(start, word, amount))
    except (OverflowError, ValueError):
        raise FhirPathEvaluationError("The year leaves the range from 1 to 9999") from None


def _moved(start: Moment, word: str, amount: Decimal) -> Moment:
    known = len(start.fields)
    if known == YEAR:
        return _by_months(start, _whole(_in_years(word, amount)) * 12)
    if known == MONTH:
        return _by_months(start, _whole(_in_months(word, amount)))
    if word in ("year", "month"):
        return _by_months(start, int(amount) * (12 if word == "year" else 1))
    return _by_time(start, word, amount)


def _whole(amount: Decimal) -> int:
    return int(amount)


def _in_years(word: str, amount: Decimal) -> Decimal:
    if word in ("year", "month"):
        return amount / (1 if word == "year" else 12)
    return _in_days(word, amount) / 365


def _in_months(word: str, amount: Decimal) -> Decimal:
    if word in ("year", "month"):
        return amount * (12 if word == "year" else 1)
    return _in_days(word, amount) / 30


def _in_days(word: str, amount: Decimal) -> Decimal:
    return amount * _MILLISECONDS.get(word, 1) / 86_400_000


def _by_months(start: Moment, months: int) -> Moment:
    year, month = start.fields[0], start.fields[1] if len(start.fields) > YEAR else 1
    total = year * 12 + month - 1 + months
    year, month = divmod(total, 12)
    if not 1 <= year <= 9999:
        raise ValueError
    fields: tuple[int, ...] = (year, month + 1)[: len(start.fields)]
    if len(start.fields) > MONTH:
        day = min(start.fields[2], days_in(year, month + 1))
        fields = (*fields, day, *start.fields[3:])
    return start._replace(fields=fields)


def _by_time(start: Moment, word: str, amount: Decimal) -> Moment:
    """Days and below, on a date that has a day."""
    known = start.precision
    milliseconds = amount * _MILLISECONDS.get(word, 1)
    if known == DAY:
        moved = date(*start.fields) + timedelta(days=int(milliseconds / 86_400_000))
        return start._replace(fields=(moved.year, moved.month, moved.day))
    year, month, day, hour, minute = (*start.fields, 0)[:5]
    # fields without a zone are meant
    moment = datetime(year, month, day, hour, minute)  # noqa: DTZ001 (fields without a zone are meant)
    if start.second is None:
        unit = _MILLISECONDS["hour" if known == HOUR else "minute"]
        moment += timedelta(milliseconds=int(milliseconds / unit) * unit)
        second = None
    else:
        second, minutes = _seconds(start.second, milliseconds)
        moment += timedelta(minutes=minutes)
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    return start._replace(fields=fields[: len(start.fields)], second=second)


def _turned(start: Moment, word: str, amount: Decimal) -> Moment:
    """A time of day goes round."""
    milliseconds = amount * _MILLISECONDS.get(word, 1)
    minutes = start.fields[0] * 60 + (start.fields[1] if len(start.fields) > 1 else 0)
    second = start.second
    if second is None:
        unit = 60 if len(start.fields) == 1 else 1
        minutes += int(milliseconds / (60_000 * unit)) * unit
    else:
        second, carried = _seconds(second, milliseconds)
        minutes += carried
    hour, minute = divmod(minutes % 1440, 60)
    return start._replace(fields=(hour, minute)[: len(start.fields)], second=second)


def _seconds(second: Decimal, milliseconds: Decimal) -> tuple[Decimal, int]:
    """The second moved by milliseconds, with as many digits as either has, and the minutes that carry over."""
    total = second + milliseconds / 1000
    minutes = int(total // 60)
    rest = total - minutes * 60
    if rest < 0:
        minutes, rest = minutes - 1, rest + 60
    whole, needed = decimals(second), decimals(rest.normalize())
    digits = max(whole, 3 if needed and not whole else 0, needed)
    return rest.quantize(Decimal(1).scaleb(-digits)), minutes
