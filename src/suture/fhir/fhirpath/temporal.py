"""Dates and times of FHIRPath: text in, fields out, compared field by field as far as both are known.

Specification: http://hl7.org/fhirpath/#datetime-equality and #comparison. The one thing to know: a comparison answers
-1, 0, 1, or None for "that depends on what is not said": a month that one side leaves out, or the time zone.
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = range(1, 7)
"""Precisions: how many fields of a date are known. A time of day begins with the hour."""

_DATE = r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?"
_TIME = r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)?"
_DATE_TEXT = re.compile(_DATE)
_TIME_TEXT = re.compile(_TIME)
_DATETIME_TEXT = re.compile(rf"{_DATE}(?:T(?:{_TIME}(Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?)?")
_MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What is not said of a zone lies between these (https://hl7.org/fhir/R4/datatypes.html#dateTime: 14:00 at most).
_EAST, _WEST = timedelta(hours=14), timedelta(hours=12)


class Moment(NamedTuple):
    """A date, a date with time, or a time of day.

    `fields`: year, month, day, hour, minute (a time: hour, minute), as many as are known; `second`: with its
    fraction, None if it is not known. `zone`: minutes east of UTC, None if it is not said. `suffix`: the zone as
    written.
    """

    fields: tuple[int, ...]
    second: Decimal | None = None
    zone: int | None = None
    suffix: str = ""

    @property
    def precision(self) -> int:
        """How many fields are known, the second among them."""
        return len(self.fields) + (self.second is not None)


def days_in(year: int, month: int) -> int:
    """Days of a month."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else _MONTHS[month - 1]


@lru_cache(maxsize=4096)
def date_of(text: str) -> Moment | None:
    """A date such as `2014-01`; None if the text is none."""
    found = _DATE_TEXT.fullmatch(text)
    return _checked(Moment(_known(found[1], found[2], found[3]))) if found else None


@lru_cache(maxsize=4096)
def datetime_of(text: str) -> Moment | None:
    """A date, with or without time and zone; None if the text is none."""
    found = _DATETIME_TEXT.fullmatch(text)
    if not found:
        return None
    fields = _known(*found.group(1, 2, 3, 4, 5))
    if found[4] is not None and len(fields) < HOUR:
        return None
    zone = _zone(found[8])
    if zone is not None and abs(zone) > 14 * 60:
        return None
    return _checked(Moment(fields, _second(found[6], found[7]), zone, found[8] or ""))


@lru_cache(maxsize=4096)
def time_of(text: str) -> Moment | None:
    """A time of day such as `14:30`; None if the text is none."""
    found = _TIME_TEXT.fullmatch(text)
    if not found:
        return None
    moment = Moment(_known(found[1], found[2]), _second(found[3], found[4]))
    return moment if _clock(moment.fields, moment.second) else None


def _known(*groups: str | None) -> tuple[int, ...]:
    return tuple(int(group) for group in groups if group is not None)


def _second(whole: str | None, fraction: str | None) -> Decimal | None:
    if whole is None:
        return None
    return Decimal(f"{whole}.{fraction}") if fraction else Decimal(whole)


def _zone(text: str | None) -> int | None:
    if not text:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _checked(moment: Moment) -> Moment | None:
    fields = moment.fields
    if not fields[0] or (len(fields) > 1 and not 1 <= fields[1] <= 12):
        return None
    if len(fields) > 2 and not 1 <= fields[2] <= days_in(fields[0], fields[1]):
        return None
    return moment if _clock(fields[3:], moment.second) else None


def _clock(fields: tuple[int, ...], second: Decimal | None) -> bool:
    return (not fields or fields[0] < 24) and (len(fields) < 2 or fields[1] < 60) and (second is None or second < 61)


def text_of(moment: Moment) -> str:
    """The text of a date, or of a date with time."""
    fields = moment.fields
    text = "-".join((f"{fields[0]:04d}", *(f"{field:02d}" for field in fields[1:3])))
    if len(fields) > 3:
        text += "T" + _clock_text(fields[3:], moment.second)
    return text + moment.suffix


def time_text_of(moment: Moment) -> str:
    """The text of a time of day."""
    return _clock_text(moment.fields, moment.second)


def _clock_text(fields: tuple[int, ...], second: Decimal | None) -> str:
    parts = [f"{field:02d}" for field in fields]
    if second is not None:
        whole = int(second)
        fraction = str(second - whole)[1:]
        parts.append(f"{whole:02d}{fraction}")
    return ":".join(parts)


def compare(left: Moment, right: Moment) -> int | None:
    """-1, 0 or 1 as `left` is before, at or after `right`; None if that cannot be known. Both of the same sort."""
    if left.zone != right.zone and len(left.fields) > DAY and len(right.fields) > DAY:
        if left.zone is None or right.zone is None:
            return _compare_unzoned(left, right)
        left, right = in_utc(left), in_utc(right)
    for one, other in zip(left.fields, right.fields, strict=False):
        if one != other:
            return -1 if one < other else 1
    if left.precision != right.precision:
        return None
    if left.second is None or right.second is None or left.second == right.second:
        return 0
    return -1 if left.second < right.second else 1


def _compare_unzoned(left: Moment, right: Moment) -> int | None:
    """One zone is not said: an answer where it is the same for all zones."""
    first, second = _span(left), _span(right)
    if first is None or second is None:
        return None
    if first[1] < second[0]:
        return -1
    return 1 if second[1] < first[0] else None


def _span(moment: Moment) -> tuple[datetime, datetime] | None:
    start = _datetime(moment)
    if start is None:
        return None
    width = timedelta(hours=1) if len(moment.fields) == HOUR else timedelta(minutes=1)
    if moment.second is not None:
        width = timedelta()
    try:
        if moment.zone is None:
            return start - _EAST, start + width + _WEST
        start -= timedelta(minutes=moment.zone)
        return start, start + width
    except OverflowError:
        return None


def _datetime(moment: Moment) -> datetime | None:
    year, month, day, hour, minute = (*moment.fields, 0)[:5]
    start = datetime(year, month, day, hour, minute)  # noqa: DTZ001 (fields without a zone are meant)
    try:
        return start + timedelta(microseconds=int((moment.second or Decimal(0)) * 1_000_000))
    except OverflowError:
        return None


def in_utc(moment: Moment) -> Moment:
    """The same moment in UTC; unchanged without a zone or without a time."""
    if not moment.zone or len(moment.fields) <= DAY:
        return moment
    year, month, day, hour, minute = (*moment.fields, 0)[:5]
    try:
        # fields without a zone are meant
        shifted = datetime(year, month, day, hour, minute) - timedelta(minutes=moment.zone)  # noqa: DTZ001 (as above)
    except OverflowError:
        return moment
    fields = (shifted.year, shifted.month, shifted.day, shifted.hour, shifted.minute)
    # an hour that is all that is known may fall between two hours; then it is known to the minute
    kept = fields if shifted.minute or len(moment.fields) > HOUR else fields[:HOUR]
    return Moment(kept, moment.second, 0, "Z")
