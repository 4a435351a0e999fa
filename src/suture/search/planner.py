"""Which filter drives a search: the one whose rows are read, while all others are probed for each of them.

Two ways lead to a page. *Gather*: read everything that the most selective filter finds, probe, sort. *Stream*:
read in the order of the answer (a token's rows lie in date order, `res` has indexes by date and by update,
the index tables lie in value order), probe, and stop when the page is full. Gathering is right when a filter
finds little, streaming when none does; numbers come from `estimates` when the kind of filter does not tell.
"""

import enum
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from suture.search.filters import (
    And,
    Chain,
    Contains,
    Equals,
    Filter,
    Has,
    Ids,
    Members,
    Or,
    Range,
    StartsWith,
    Token,
    Updated,
    conjuncts,
)
from suture.search.sorting import NEWEST_DATE, SortKey

GATHER = 5_000
"""Candidates up to which gathering and sorting is cheaper than streaming, unless `Limits.gather` says otherwise."""

SURE = 500.0
"""Below this cost nothing is estimated."""

MERGED = 8
"""Hashes of one token filter whose date-ordered rows are merged."""

NEVER = float("inf")

Known = Mapping[Filter, int]
"""Estimated numbers of rows by leaf."""


class Way(enum.Enum):
    """How the rows of a page are found."""

    GATHER = enum.auto()
    STREAM = enum.auto()
    MERGE = enum.auto()
    VALUES = enum.auto()


class Plan(msgspec.Struct, frozen=True):
    """`driver`: index of the filter whose rows are read; None: the resources of the type.

    GATHER sorts what the driver finds. STREAM reads one token's rows, or `res`, in order. MERGE merges the
    rows of several tokens in order. VALUES reads the index rows of the first sort key in order.
    """

    way: Way
    driver: int | None


def needs_estimates(filters: Sequence[Filter], sort: Sequence[SortKey]) -> bool:
    """False when the right plan is plain without looking at the data."""
    costs = [cost(filter, {}) for filter in filters]
    possible = [value for value in costs if value < NEVER]
    if not possible or min(possible) <= SURE:
        return False
    if len(possible) == 1 and _by_date(sort):
        filter = filters[costs.index(possible[0])]
        return not (isinstance(filter, Token) and len(filter.hashes) <= MERGED)
    return True


def uncertain(filters: Sequence[Filter]) -> Iterator[Filter]:
    """The leaves whose number of rows decides."""
    for filter in filters:
        match filter:
            case Token(few=False) | StartsWith() | Range() | Updated(inside=True):
                yield filter
            case Chain() | Has():
                yield from uncertain(conjuncts(filter.inner))
            case And() | Or():
                yield from uncertain(filter.items)
            case _:
                pass


def plan(filters: Sequence[Filter], sort: Sequence[SortKey], known: Known, gather: int = GATHER) -> Plan:
    """Choose the way for a page in the order of `sort`. `gather`: candidates up to which gathering is right."""
    driver, least = choose(filters, known)
    if _by_date(sort):
        tokens = [(cost(f, known), i) for i, f in enumerate(filters) if 0 < len(_hashes(f)) <= MERGED]
        if tokens and (least > gather or min(tokens)[1] == driver):
            index = min(tokens)[1]
            return Plan(Way.STREAM if len(_hashes(filters[index])) == 1 else Way.MERGE, index)
    if driver is not None and least <= gather:
        return Plan(Way.GATHER, driver)
    if sort[0].by in ("sdate", "upd"):
        return Plan(Way.STREAM, None)
    if sort[0].by in ("str", "dat", "qty"):
        return Plan(Way.VALUES, None)
    return Plan(Way.GATHER, driver)


def choose(filters: Sequence[Filter], known: Known) -> tuple[int | None, float]:
    """The filter with the fewest rows and their number; (None, infinity) when none can be enumerated."""
    least, driver = NEVER, None
    for index, filter in enumerate(filters):
        value = cost(filter, known)
        if value < least:
            least, driver = value, index
    return driver, least


def cost(filter: Filter, known: Known) -> float:
    """About how many rows enumerating `filter` reads; infinity when it cannot be enumerated."""
    rows = known.get(filter)
    if rows is not None:
        return float(rows)
    match filter:
        case Ids():
            return float(len(filter.rhs))
        case Token():
            return len(filter.hashes) * (50.0 if filter.few else 20_000.0)
        case Equals() | Members():
            return SURE
        case StartsWith():
            return 20_000.0 / len(filter.prefix)
        case Contains():
            return float(GATHER)  # reading every text of the parameter is cheaper than probing every resource
        case Range():
            return 30_000.0 if filter.every else 60_000.0
        case Updated(inside=True):
            return 40_000.0
        case Chain() | Has():
            return choose(conjuncts(filter.inner), known)[1] * 2
        case And():
            return choose(filter.items, known)[1]
        case Or():
            return sum(cost(item, known) for item in filter.items)
        case _:
            return NEVER


def _by_date(sort: Sequence[SortKey]) -> bool:
    return len(sort) == 1 and sort[0].by == NEWEST_DATE.by


def _hashes(filter: Filter) -> tuple[int, ...]:
    return filter.hashes if isinstance(filter, Token) else ()
