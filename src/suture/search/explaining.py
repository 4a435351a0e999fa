"""How a search was answered: the plan in words, and each statement with its time and rows.

For administrators. The one thing to know: statements are shown with placeholders, and of values nothing is shown but
what the engine's own plan repeats, which the caller sent (or keyed hashes of it).
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from suture.search.estimates import counted_rows
from suture.search.filters import (
    And,
    Beside,
    Chain,
    Enters,
    Filter,
    Has,
    Holds,
    Ids,
    Named,
    Not,
    Or,
    Range,
    Refers,
    Token,
    Types,
    lists,
)
from suture.search.planner import Known, Plan, Way, cost
from suture.search.sorting import SortKey
from suture.search.statement import Statement
from suture.store.connection import Connection, Row
from suture.store.dialect import Dialect

MOST_ROWS = 100_000
"""Rows of the driving filter that are counted."""


class Step(msgspec.Struct, frozen=True):
    """One statement. `name`: what for. `rows`: how many it gave. `seconds`: how long it took, with the way there.

    `engine`: the plan of the engine, a line each.
    """

    name: str
    sql: str
    rows: int
    seconds: float
    engine: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True):
    """How a search is answered.

    - `plan`: sentences. `filters`: what must hold, the driving filter marked with "reads", the others with "probes".
    - `estimated`: rows that the driving filter was expected to find, None when nothing drives. `real`: rows that it
      does find, at most MOST_ROWS, None when they cannot be counted at once.
    - `steps`: the statements in their order. `seconds`: all together. `failure`: why the search was refused, or "".
    """

    plan: tuple[str, ...]
    filters: tuple[str, ...]
    estimated: int | None
    real: int | None
    steps: tuple[Step, ...]
    seconds: float
    failure: str


class Timed:
    """A connection that keeps what it ran. `label`: what the next statements are for."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.label = ""
        self.ran: list[tuple[str, str, Sequence[Any], int, float]] = []

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        began = time.perf_counter()
        rows = await self.connection.fetch(sql, args)
        self.ran.append((self.label, sql, args, len(rows), time.perf_counter() - began))
        return rows

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> None:
        """Run one statement that returns nothing."""
        await self.connection.execute(sql, args)


async def explained(
    timed: Timed,
    filters: Sequence[Filter] | None,
    sort: Sequence[SortKey],
    chosen: Plan,
    known: Known,
    seconds: float,
    failure: str,
    statement: Statement,
) -> Explanation:
    """The explanation of what `timed` ran. `statement`: a fresh one."""
    steps = [
        Step(label, sql, rows, took, await _engine(timed.connection, statement.dialect, sql, args))
        for label, sql, args, rows, took in timed.ran
    ]
    if filters is None:
        words = ("Nothing can match: a code, text or value of the search is not in the database.",)
        return Explanation(words, (), 0, 0, tuple(steps), seconds, failure)
    driver = filters[chosen.driver] if chosen.driver is not None else None
    shown = tuple(
        f"{'reads' if index == chosen.driver else 'probes'} {words_of(filter)}" for index, filter in enumerate(filters)
    )
    estimated = round(cost(driver, known).rows) if driver is not None else None
    real = await counted_rows(timed.connection, statement, driver, MOST_ROWS) if driver is not None else None
    return Explanation(_way(chosen, sort, driver), shown, estimated, real, tuple(steps), seconds, failure)


def _way(chosen: Plan, sort: Sequence[SortKey], driver: Filter | None) -> tuple[str, ...]:
    order = ", ".join(("descending " if key.descending else "") + _NAMES[key.by] for key in sort)
    what = words_of(driver) if driver is not None else "the resources of the type"
    match chosen.way:
        case Way.GATHER:
            first = f"Gather: all that {what} finds is read, probed and sorted."
        case Way.STREAM:
            first = f"Stream: the rows of {what} are read in the order of the answer until the page is full."
        case Way.MERGE:
            first = f"Merge: the lists of {what} are each read in the order of the answer and merged."
            if chosen.window is not None:
                first += " Only the dates asked for are read, and the list of those that reach far."
        case Way.VALUES:
            first = "Values: the index rows of the first sort key are read in their order until the page is full."
    return first, f"Order: {order}, then by creation."


_NAMES = {
    "sdate": "clinical date",
    "upd": "last update",
    "id": "id",
    "str": "text",
    "dat": "date",
    "qty": "number",
    "ref": "id of the target",
    "tok": "code",
}


def words_of(filter: Filter) -> str:
    """A filter in words, without its values."""
    match filter:
        case Token() | Refers():
            kind = "token" if isinstance(filter, Token) else "reference"
            return f"{kind} ({lists(filter)} list{'s' if lists(filter) != 1 else ''})"
        case Range():
            return "date range" if filter.table == "dat" else "number range"
        case Ids():
            return f"{len(filter.rhs)} ids"
        case Types():
            return f"{len(filter.rts)} resource types"
        case Chain() | Has():
            return f"{'chain' if isinstance(filter, Chain) else 'reverse chain'} to [{words_of(filter.inner)}]"
        case Named() | Beside():
            where = "its container" if isinstance(filter, Named) else "beside it"
            return f"referred to from {where} [{words_of(filter.inner)}]"
        case Holds() | Enters():
            return f"{'contained' if isinstance(filter, Holds) else 'chain to contained'} [{words_of(filter.inner)}]"
        case And() | Or():
            return f"[{(' and ' if isinstance(filter, And) else ' or ').join(map(words_of, filter.items))}]"
        case Not():
            return f"not {words_of(filter.item)}"
        case _:
            return _LEAVES.get(type(filter).__name__, "filter")


_LEAVES = {
    "StartsWith": "text beginning",
    "Equals": "exact text",
    "Contains": "part of a text",
    "Compares": "text comparison",
    "Updated": "last update",
    "Missing": "presence of a value",
    "Marked": "presence of a value",
    "Near": "distance",
    "Prose": "words",
}


async def _engine(connection: Connection, dialect: Dialect, sql: str, args: Sequence[Any]) -> tuple[str, ...]:
    if dialect.lateral:
        return tuple(row[0] for row in await connection.fetch(f"explain {sql}", args))
    return tuple(row[3] for row in await connection.fetch(f"explain query plan {sql}", args))
