"""How many index rows a filter finds: counted up to a bound, and remembered for a minute.

Only the choice of a plan depends on these numbers, never an answer, so processes need not agree on them.
"""

import time
from collections.abc import Sequence

from suture.search.filters import Filter, Range, Refers, StartsWith, Token, Updated
from suture.search.planner import starts_somewhere
from suture.search.probes import listed_condition, range_condition, text_condition, updated_condition
from suture.search.statement import Statement
from suture.store.connection import Connection

LIFETIME = 60.0
KEPT = 20_000


class Estimates:
    """Bounded counts by leaf, shared by all searches of a process. `most`: the largest number that is told apart."""

    def __init__(self, most: int) -> None:
        self._bound = most + 1
        self._known: dict[Filter, tuple[float, int]] = {}

    async def rows(self, connection: Connection, s: Statement, leaves: Sequence[Filter]) -> dict[Filter, int]:
        """The numbers of rows of `leaves`, one above `most` meaning "more". `s`: a fresh statement."""
        now = time.monotonic()
        known: dict[Filter, int] = {}
        asked: list[Filter] = []
        for leaf in dict.fromkeys(leaves):
            deadline, rows = self._known.get(leaf, (0.0, 0))
            if deadline > now:
                known[leaf] = rows
            else:
                asked.append(leaf)
        if asked:
            counts = ", ".join(f"({_count(s, leaf, self._bound)})" for leaf in asked)
            (row,) = await connection.fetch(f"select {counts}", s.args)
            if len(self._known) >= KEPT:
                self._known.clear()
            for leaf, rows in zip(asked, row, strict=True):
                known[leaf] = rows
                self._known[leaf] = now + LIFETIME, rows
        return known


async def counted_rows(connection: Connection, s: Statement, leaf: Filter, most: int) -> int | None:
    """The rows of a leaf, up to `most`; None for a filter that is not one list."""
    if not isinstance(leaf, Token | Refers | StartsWith | Range | Updated):
        return None
    return (await connection.fetch(_count(s, leaf, most), s.args))[0][0]


def _count(s: Statement, leaf: Filter, bound: int) -> str:
    a = s.alias()
    match leaf:
        case Token():
            rows = f"tok {a} where {listed_condition(s, leaf, a)}"
        case Refers():
            rows = f"ref {a} where {listed_condition(s, leaf, a)}"
        case StartsWith():
            rows = f"str {a} where {text_condition(s, leaf, a)}"
        case Range():
            table: str = leaf.table
            if not starts_somewhere(leaf):  # look at the highest values only: nearly all matches are among them
                table = f"(select * from {table} where h = {s.bind(leaf.h)} order by lo desc limit {bound})"
            rows = f"{table} {a} where {range_condition(s, leaf, a)}"
        case Updated():
            rows = f"res {a} where {a}.deleted = 0 and {updated_condition(s, leaf, a + '.upd')}"
        case _:
            raise AssertionError(f"{type(leaf).__name__} is not estimated")
    return f"select count(*) from (select 1 from {rows} limit {bound}) {s.alias()}"
