"""The parts of dates and times, the time between two, and the clock (http://hl7.org/fhirpath/#extract-datedatetimetime-
components).
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from suture.fhir.fhirpath import temporal, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.temporal import DAY, HOUR, MINUTE, MONTH, SECOND, YEAR, Moment
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import EMPTY, Items, decimal, integer, mismatch, moment, single, text

_DATES = (types.DATE, types.DATETIME)
_CLOCKS = (types.DATETIME, types.TIME)
_ALL = (types.DATE, types.DATETIME, types.TIME)
_PRECISIONS = {
    "year": YEAR, "month": MONTH, "week": DAY, "day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND,
    "millisecond": SECOND,
}  # fmt: skip
_STEPS = {"week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000, "millisecond": 1}


def _moment(focus: Items, kinds: tuple[int, ...]) -> tuple[Item, Moment] | None:
    item = single(focus, "A single date or time is expected")
    if item is None or item[0] is None or item[1].kind not in kinds:
        return None
    found = moment(item)
    return (item, found) if found else None


def _field(focus: Items, place: int, kinds: tuple[int, ...]) -> Items:
    found = _moment(focus, kinds)
    if found is None:
        return EMPTY
    item, value = found
    at = place - (HOUR if item[1].kind == types.TIME else YEAR)
    return integer(value.fields[at]) if at < len(value.fields) else EMPTY


def _year(focus: Items, env: Environment) -> Items:
    return _field(focus, YEAR, _DATES)


def _month(focus: Items, env: Environment) -> Items:
    return _field(focus, MONTH, _DATES)


def _day(focus: Items, env: Environment) -> Items:
    return _field(focus, DAY, _DATES)


def _hour(focus: Items, env: Environment) -> Items:
    return _field(focus, HOUR, _CLOCKS)


def _minute(focus: Items, env: Environment) -> Items:
    return _field(focus, MINUTE, _CLOCKS)


def _second(focus: Items, env: Environment) -> Items:
    found = _moment(focus, _CLOCKS)
    return EMPTY if found is None or found[1].second is None else integer(int(found[1].second))


def _millisecond(focus: Items, env: Environment) -> Items:
    found = _moment(focus, _CLOCKS)
    if found is None or found[1].second is None or found[1].second.as_tuple().exponent == 0:
        return EMPTY
    return integer(int(found[1].second % 1 * 1000))


def _timezone_offset(focus: Items, env: Environment) -> Items:
    found = _moment(focus, (types.DATETIME,))
    if found is None or found[1].zone is None:
        return EMPTY
    hours = (Decimal(found[1].zone) / 60).quantize(Decimal("0.01")).normalize()
    return decimal(hours if hours % 1 else hours.quantize(Decimal("0.1")))


def _date(focus: Items, env: Environment) -> Items:
    found = _moment(focus, _DATES)
    if found is None:
        return EMPTY
    return ((temporal.text_of(Moment(found[1].fields[:DAY])), types.SYSTEM_DATE, None),)


def _time(focus: Items, env: Environment) -> Items:
    found = _moment(focus, (types.DATETIME,))
    if found is None or len(found[1].fields) <= DAY:
        return EMPTY
    text = temporal.time_text_of(Moment(found[1].fields[DAY:], found[1].second))
    return ((text, types.SYSTEM_TIME, None),)


def _now(focus: Items, env: Environment) -> Items:
    return ((f"{env.now:%Y-%m-%dT%H:%M:%S}.{env.now.microsecond // 1000:03d}Z", types.SYSTEM_DATETIME, None),)


def _today(focus: Items, env: Environment) -> Items:
    return ((f"{env.now:%Y-%m-%d}", types.SYSTEM_DATE, None),)


def _time_of_day(focus: Items, env: Environment) -> Items:
    return ((f"{env.now:%H:%M:%S}.{env.now.microsecond // 1000:03d}", types.SYSTEM_TIME, None),)


def _interval(focus: Items, value: Items, precision: Items, name: str) -> tuple[Moment, Moment, str, int] | None:
    """Both ends, the unit, and the number of the first field; None where an end does not say enough."""
    unit = text(precision, "The name of a precision")
    start, end = single(focus), single(value)
    if unit is None or start is None or end is None or start[0] is None or end[0] is None:
        return None
    unit = unit.removesuffix("s")
    kinds = {start[1].kind, end[1].kind}
    if not kinds <= set(_ALL) or (types.TIME in kinds and len(kinds) > 1):
        raise mismatch("Two dates or two times", start if start[1].kind not in _ALL else end)
    if unit not in _PRECISIONS or (types.DATE in kinds and _PRECISIONS[unit] > DAY):
        raise FhirPathEvaluationError(f"{name}() does not count '{unit[:40]}' between these")
    if types.TIME in kinds and _PRECISIONS[unit] < HOUR:
        raise FhirPathEvaluationError(f"{name}() does not count '{unit}' between times")
    first, last = moment(start), moment(end)
    offset = HOUR - 1 if types.TIME in kinds else 0
    if first is None or last is None or min(first.precision, last.precision) + offset < _PRECISIONS[unit]:
        return None
    if _PRECISIONS[unit] >= HOUR and not offset:
        if (first.zone is None) != (last.zone is None):
            return None
        first, last = temporal.in_utc(first), temporal.in_utc(last)
    return first, last, unit, offset


def _instant(value: Moment, offset: int, places: int) -> datetime:
    """Fields up to `places` as a datetime, the rest at its beginning."""
    fields = (1, 1, 1, *value.fields) if offset else value.fields
    year, month, day, hour, minute = (*fields[:places], *(1, 1, 1, 0, 0)[len(fields[:places]) :])
    # fields without a zone are meant
    start = datetime(year, month, day, hour, minute)  # noqa: DTZ001 (fields without a zone are meant)
    if places >= SECOND and value.second is not None:
        start += timedelta(microseconds=int(value.second * 1_000_000))
    return start


def _duration(focus: Items, env: Environment, value: Items, precision: Items) -> Items:
    found = _interval(focus, value, precision, "duration")
    if found is None:
        return EMPTY
    first, last, unit, offset = found
    start, end = _instant(first, offset, SECOND), _instant(last, offset, SECOND)
    sign = 1 if end >= start else -1
    if sign < 0:
        start, end = end, start
    if unit in ("year", "month"):
        months = (end.year - start.year) * 12 + end.month - start.month
        if (end.day, end.time()) < (start.day, start.time()):
            months -= 1
        return integer(sign * (months // 12 if unit == "year" else months))
    return integer(sign * ((end - start) // timedelta(milliseconds=_STEPS[unit])))


def _difference(focus: Items, env: Environment, value: Items, precision: Items) -> Items:
    found = _interval(focus, value, precision, "difference")
    if found is None:
        return EMPTY
    first, last, unit, offset = found
    if unit in ("year", "month"):
        months = [m.fields[0] * 12 + (m.fields[1] if len(m.fields) > 1 else 1) for m in (first, last)]
        years = last.fields[0] - first.fields[0]
        return integer(years if unit == "year" else months[1] - months[0])
    if unit == "week":
        return integer((_sunday(last) - _sunday(first)) // timedelta(days=7))
    start, end = (_instant(m, offset, _PRECISIONS[unit]) for m in (first, last))
    if unit == "second":
        start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    return integer((end - start) // timedelta(milliseconds=_STEPS[unit]))


def _sunday(value: Moment) -> date:
    day = date(*value.fields[:DAY])
    return day - timedelta(days=(day.weekday() + 1) % 7)


FUNCTIONS = {
    "yearOf": Function(_year, result=types.INTEGER),
    "monthOf": Function(_month, result=types.INTEGER),
    "dayOf": Function(_day, result=types.INTEGER),
    "hourOf": Function(_hour, result=types.INTEGER),
    "minuteOf": Function(_minute, result=types.INTEGER),
    "secondOf": Function(_second, result=types.INTEGER),
    "millisecondOf": Function(_millisecond, result=types.INTEGER),
    "timezoneOffsetOf": Function(_timezone_offset, result=types.DECIMAL),
    "dateOf": Function(_date, result=types.DATE),
    "timeOf": Function(_time, result=types.TIME),
    "now": Function(_now, result=types.DATETIME),
    "today": Function(_today, result=types.DATE),
    "timeOfDay": Function(_time_of_day, result=types.TIME),
    "duration": Function(_duration, 2, 2, result=types.INTEGER),
    "difference": Function(_difference, 2, 2, result=types.INTEGER),
}
