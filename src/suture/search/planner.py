"""Which filter drives a search: the one whose rows are read, while all others are probed for each of them.

Two ways lead to a page. *Gather*: read everything that the most selective filter finds, probe, sort. *Stream*:
read in the order of the answer (a token's rows lie in date order, `res` has indexes by date and by update,
the index tables lie in value order), probe, and stop when the page is full. Gathering is right when a filter
finds little, streaming when none does; numbers come from `estimates` when the kind of filter does not tell.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from suture.search.filters import (
    And,
    Chain,
    Compares,
    Contains,
    Enters,
    Equals,
    Filter,
    Has,
    Holds,
    Ids,
    Or,
    Prose,
    Range,
    Refers,
    StartsWith,
    Token,
    Types,
    Updated,
    conjuncts,
    lists,
    size,
)
from suture.search.sorting import SortKey
from suture.search.window import Window, window

GATHER = 5_000
"""Candidates up to which gathering and sorting is cheaper than streaming, unless `Limits.gather` says otherwise."""

SURE = 2_000.0
"""Below this weight nothing is estimated."""

MERGED = 8
"""Lists of one token or reference filter, or resource types, whose ordered rows are merged."""

MANY_PROBES = 60
"""Leaves of a search beyond which lists are not merged."""

WHOLE_PARAMETER = 30_000.0
"""Reads that enumerating a filter takes for which the index gives no bound: all values of its parameter."""

Known = Mapping[Filter, int]
"""Estimated numbers of rows by leaf."""


class Cost(NamedTuple):
    """About how many candidates a filter gives and how many index rows are read to find them."""

    rows: float
    reads: float

    @property
    def weight(self) -> float:
        """What decides between filters: a candidate is probed and sorted, which takes longer than reading a row."""
        return self.reads + 3 * self.rows


NEVER = Cost(float("inf"), float("inf"))


class Way(enum.Enum):
    """How the rows of a page are found."""

    GATHER = enum.auto()
    STREAM = enum.auto()
    MERGE = enum.auto()
    VALUES = enum.auto()


class Plan(msgspec.Struct, frozen=True):
    """`driver`: index of the filter whose rows are read; None: the resources of the type.

    GATHER sorts what the driver finds. STREAM reads the rows of one token or reference, or `res`, in order. MERGE
    merges the ordered rows of several of them, or without a driver of several types. VALUES reads the index rows of the
    first sort key in order. `window`: MERGE reads only this part of each list, and the list of its `others`.
    """

    way: Way
    driver: int | None
    window: Window | None = None


def needs_estimates(filters: Sequence[Filter], sort: Sequence[SortKey]) -> bool:
    """False when the right plan is plain without looking at the data."""
    weights = [cost(filter, {}).weight for filter in filters]
    least = min(weights, default=NEVER.weight)
    if least <= SURE or least == NEVER.weight:
        return False
    possible = [filter for filter, weight in zip(filters, weights, strict=True) if weight < NEVER.weight]
    return not (len(possible) == 1 and _by_date(sort) and 0 < lists(possible[0]) <= MERGED)


def leaves(filters: Sequence[Filter]) -> list[Filter]:
    """The leaves whose number of rows decides."""
    found = window(filters)
    return [*_uncertain(filters), *([found.others] if found is not None else [])]


def _uncertain(filters: Sequence[Filter]) -> Iterator[Filter]:
    for filter in filters:
        match filter:
            case Token(few=False) | Refers(few=False) | StartsWith() | Updated(inside=True):
                yield filter
            case Range() if filter.every or filter.some[0][1] != "<":
                yield filter
            case Chain() | Has() | Holds() | Enters():
                yield from _uncertain(conjuncts(filter.inner))
            case And() | Or():
                yield from _uncertain(filter.items)
            case _:
                pass


def plan(filters: Sequence[Filter], sort: Sequence[SortKey], known: Known, gather: int = GATHER) -> Plan:
    """Choose the way for a page in the order of `sort`. `gather`: candidates up to which gathering is right."""
    if any(key.by == "score" for key in sort):
        return Plan(Way.GATHER, next(i for i, filter in enumerate(filters) if isinstance(filter, Prose)))
    driver, least = choose(filters, known)
    # What is merged repeats all probes for each list: with very many of them the statement would be too long.
    merged = MERGED if sum(map(size, filters)) <= MANY_PROBES else 1
    if driver is not None and isinstance(filters[driver], Ids):
        return Plan(Way.GATHER, driver)  # however many: each is one look-up
    if _by_date(sort):
        token = driver
        if least.rows > gather and (driver is None or not 0 < lists(filters[driver]) <= merged):
            tokens = [(cost(f, known).weight, i) for i, f in enumerate(filters) if 0 < lists(f) <= merged]
            token = min(tokens)[1] if tokens else None
        if token is not None and 0 < lists(filters[token]) <= merged:
            narrow = _narrow(filters, cost(filters[token], known).rows, known, gather)
            return Plan(Way.MERGE if narrow or lists(filters[token]) > 1 else Way.STREAM, token, narrow)
    if driver is not None and least.rows <= gather:
        return Plan(Way.GATHER, driver)
    if (
        len(sort) == 1
        and sort[0].by == "upd"
        and not sort[0].path
        and any(isinstance(f, Types) and len(f.rts) <= merged for f in filters)
    ):
        return Plan(Way.MERGE, None)
    if sort[0].by in ("sdate", "upd") and not sort[0].path:
        narrow = _narrow(filters, NEVER.rows, known, gather) if _by_date(sort) else None
        return Plan(Way.MERGE if narrow else Way.STREAM, None, narrow)
    if sort[0].by in ("str", "dat", "qty") and len(sort[0].hs) == 1 and not sort[0].path:
        return Plan(Way.VALUES, None)
    return Plan(Way.GATHER, driver)


def _narrow(filters: Sequence[Filter], rows: float, known: Known, most: int) -> Window | None:
    """The window of the dates that are asked for, if it pays beside a list of so many rows.

    Its `others` must be few: all of them are probed for a page that is not full.
    """
    found = window(filters)
    return found if found is not None and known.get(found.others, rows) <= min(rows / 2, most) else None


def choose(filters: Sequence[Filter], known: Known) -> tuple[int | None, Cost]:
    """The filter that is cheapest to enumerate, and its cost; (None, NEVER) when none can be enumerated."""
    least, lightest, driver = NEVER, NEVER.weight, None
    for index, filter in enumerate(filters):
        value = cost(filter, known)
        if value.weight < lightest:
            least, lightest, driver = value, value.weight, index
    return driver, least


def cost(filter: Filter, known: Known) -> Cost:
    """What enumerating `filter` costs; NEVER when it cannot be enumerated."""
    rows = known.get(filter)
    if rows is not None:
        bounded = not isinstance(filter, Range) or starts_somewhere(filter)
        return Cost(rows, rows if bounded else WHOLE_PARAMETER)
    match filter:
        case Ids():
            return _plain(len(filter.rhs))
        case Token():
            return _plain(len(filter.hashes) * (50.0 if filter.few else 20_000.0))
        case Refers():
            return _plain(lists(filter) * (50.0 if filter.few else 20_000.0))
        case Equals():
            return _plain(200.0)
        case Prose():
            return Cost(1_000.0, 4_000.0)
        case StartsWith():
            return _plain(20_000.0 / len(filter.prefix))
        case Compares():
            return Cost(WHOLE_PARAMETER, WHOLE_PARAMETER)
        case Contains():
            return Cost(1_000.0, WHOLE_PARAMETER)
        case Range() | Updated(inside=True):
            return Cost(WHOLE_PARAMETER, WHOLE_PARAMETER)
        case Chain() | Has() | Holds() | Enters():
            rows, reads = choose(conjuncts(filter.inner), known)[1]
            return Cost(rows * 2, reads + rows * 2)
        case And():
            return choose(filter.items, known)[1]
        case Or():
            costs = [cost(item, known) for item in filter.items]
            return Cost(sum(c.rows for c in costs), sum(c.reads for c in costs))
        case _:
            return NEVER


def starts_somewhere(filter: Range) -> bool:
    """True when the order of the index by `lo` bounds what is read to about what matches."""
    ends = [test[:2] for test in filter.every]
    return any(end == "lo" for end, _ in ends) and ("hi", ">=") not in ends


def _plain(rows: float) -> Cost:
    return Cost(rows, rows)


def _by_date(sort: Sequence[SortKey]) -> bool:
    return len(sort) == 1 and sort[0].by == "sdate" and not sort[0].path
