"""How far a list in date order must be read for a date filter: the window in which the clinical dates of matches lie.

A list is ordered by `sdate`, the earliest start of a resource's dates, but a filter asks for periods that overlap: one
that began long ago may reach into the range. So extraction marks the few resources whose dates reach further than REACH
from their `sdate`, or have no start: they are a list of their own, and of the others only a window must be read.
"""

from collections.abc import Iterable, Sequence

import msgspec

from suture.search.extraction.clinical_dates import REACH
from suture.search.filters import Filter, Range, Test, Token


class Window(msgspec.Struct, frozen=True):
    """`low` <= sdate <= `high` for all matches but those in the list `others`; None where open."""

    low: int | float | None
    high: int | float | None
    others: Token


def window(filters: Sequence[Filter]) -> Window | None:
    """What follows from `filters`, all of which must hold, for the clinical date; None for nothing."""
    asked = [filter for filter in filters if isinstance(filter, Range) and filter.far is not None]
    if not asked or asked[0].far is None:
        return None
    low = max((value for filter in asked for value in _lows(filter)), default=None)
    high = min((value for filter in asked for value in _highs(filter)), default=None)
    return None if low is None and high is None else Window(low, high, Token((asked[0].far,), few=False))


def _lows(filter: Range) -> Iterable[int | float]:
    """No `lo` or `hi` lies further than REACH above sdate."""
    yield from (test[2] - REACH for test in filter.every if _above(test))
    if filter.some and all(map(_above, filter.some)):
        yield min(test[2] for test in filter.some) - REACH


def _highs(filter: Range) -> Iterable[int | float]:
    """No `lo` or `hi` lies below sdate."""
    yield from (test[2] for test in filter.every if not _above(test))
    if filter.some and not any(map(_above, filter.some)):
        yield max(test[2] for test in filter.some)


def _above(test: Test) -> bool:
    return test[1].startswith(">")
