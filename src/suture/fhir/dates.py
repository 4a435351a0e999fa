"""FHIR dates as ranges of microseconds: every date says how precise it is, and stands for that whole span.

Implements the date, dateTime and instant formats (https://hl7.org/fhir/R4/datatypes.html#dateTime) and
the implicit ranges of search (https://hl7.org/fhir/R4/search.html#date). The one thing to know: both
bounds are inclusive and count microseconds since 1970-01-01T00:00:00 UTC; a text without a zone is UTC.

Every text is made of few different pieces (days, minutes of a day, seconds, zones), so each piece is remembered:
a date costs a quarter of what parsing it would.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EARLIEST = -(2**62)
"""The lower bound of a period without a start."""
LATEST = 2**62
"""The upper bound of a period without an end."""

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?", re.ASCII)
_MINUTE = re.compile(r"T([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_SECOND = re.compile(r":([0-5][0-9]|60)", re.ASCII)
_TAIL = re.compile(r"(?:\.([0-9]{1,18}))?(?:Z|([+-])(0[0-9]|1[0-3]|14(?=:00)):([0-5][0-9]))?", re.ASCII)


def bounds(text: str) -> tuple[int, int]:
    """The first and the last microsecond that `text` stands for, both inclusive.

    Accepts a year, a month, a day, and a day with a time of minutes, seconds or fractions of seconds,
    each time with or without a zone (search allows what elements do not). A leap second counts as the first
    second of the next minute; digits after the sixth decimal are cut.
    Raises ValueError, with a sentence for the client, for anything else.
    """
    try:
        if len(text) > 10:
            start = _day(text[:10]) + _minute(text[10:16])
            if text[16:17] == ":":
                shift, width = _tail(text[19:])
                start += _second(text[16:19]) + shift
            else:
                shift, width = _zone(text[16:]), MINUTE
                start += shift
            return start, start + width - 1
        if len(text) == 10:
            start = _day(text)
            return start, start + DAY - 1
        return _partial(text)
    except ValueError:
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise ValueError(
            f"'{shown}' is not a date such as 2024, 2024-05, 2024-05-17 or 2024-05-17T08:30:00Z."
        ) from None


def to_us(text: str) -> int:
    """The first microsecond of a date, dateTime or instant. Raises ValueError."""
    return bounds(text)[0]


def from_us(us: int) -> str:
    """An instant in UTC with milliseconds, such as `2026-01-01T00:00:00.000Z`. Microseconds are cut.

    Raises OverflowError outside the years 1 to 9999.
    """
    moment = _EPOCH + timedelta(microseconds=us)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


@lru_cache(16_384)
def _day(text: str) -> int:
    """Microseconds from 1970 to the beginning of a day."""
    year, month, day = _groups(_DAY, text)
    return (date(int(year), int(month), int(day)).toordinal() - _EPOCH_ORDINAL) * DAY


@lru_cache(1_440)
def _minute(text: str) -> int:
    """`T08:30` as microseconds of the day."""
    hour, minute = _groups(_MINUTE, text)
    return int(hour) * HOUR + int(minute) * MINUTE


@lru_cache(61)
def _second(text: str) -> int:
    """`:59` as microseconds."""
    return int(_groups(_SECOND, text)[0]) * SECOND


@lru_cache(4_096)
def _tail(text: str) -> tuple[int, int]:
    """What comes after the seconds, `.123+02:00`: microseconds to add, and the width of the span."""
    fraction, sign, hour, minute = _groups(_TAIL, text)
    shift = 0
    if sign:
        offset = int(hour) * HOUR + int(minute) * MINUTE
        shift = offset if sign == "-" else -offset
    if not fraction:
        return shift, SECOND
    width: int = 10 ** max(0, 6 - len(fraction))
    return shift + int(fraction[:6]) * width, width


def _zone(text: str) -> int:
    """What comes after minutes: the zone, as microseconds to add."""
    if text.startswith("."):
        raise ValueError
    return _tail(text)[0]


@lru_cache(4_096)
def _partial(text: str) -> tuple[int, int]:
    year, month = _groups(_PARTIAL, text)
    if not month:
        return _day(f"{year}-01-01"), _day(f"{year}-12-31") + DAY - 1
    start = _day(f"{year}-{month}-01")
    if month == "12":
        return start, start + 31 * DAY - 1
    return start, _day(f"{year}-{int(month) + 1:02d}-01") - 1


def _groups(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError
    return found.groups("")
