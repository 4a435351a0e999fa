"""How many resources match: exactly within the budget, or about how many.

Specification: https://hl7.org/fhir/R4/search.html#total. The one thing to know: rows that are only counted cost a tenth
of rows that are probed, so a single filter may count ten times the budget.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from suture.search.filters import Filter, Refers, Token, Types, Updated
from suture.search.planner import Known, choose
from suture.search.probes import listed_condition, updated_condition
from suture.search.sources import candidates, resources
from suture.search.statement import Statement
from suture.store.connection import Connection

COUNTED = 10
"""Rows that may be counted for each row that may be probed."""

SAMPLE = 2_000
"""Candidates that are looked at for an estimate."""

NewStatement = Callable[[int], Statement]
"""A statement for the caller with this budget."""


async def count(
    connection: Connection,
    new: NewStatement,
    filters: Sequence[Filter],
    rts: Sequence[int],
    known: Known,
    budget: int,
) -> int | None:
    """How many resources match; None when it would take more than the budget to tell."""
    most = budget * COUNTED
    counted = await _counted(connection, new(most), filters, rts)
    if counted is not None:
        return counted if counted <= most else None
    total, complete = await _matching(connection, new(budget), filters, rts, known)
    return total if complete else None


async def estimate(
    connection: Connection,
    new: NewStatement,
    filters: Sequence[Filter],
    rts: Sequence[int],
    known: Known,
    budget: int,
) -> int:
    """About how many resources match: exact for few, else the share of a sample times the size of its list."""
    found, complete = await _matching(connection, new(SAMPLE), filters, rts, known)
    if complete:
        return found
    driver, _ = choose(filters, known)
    of = [filters[driver]] if driver is not None else []
    s = new(budget)
    rows = await _statistics(connection, s, of, rts) if s.dialect.lateral else None
    if rows is None:
        rows = await _counted(connection, new(budget * COUNTED), of, rts)
    return max(found, round(found * (rows or SAMPLE) / SAMPLE))


async def _matching(
    connection: Connection, s: Statement, filters: Sequence[Filter], rts: Sequence[int], known: Known
) -> tuple[int, bool]:
    """The matches within the budget of `s`, and whether these are all."""
    driver, _ = choose(filters, known)
    found = candidates(s, filters, rts, driver, known)
    sql = s.complete(f"select count(*) from {found.tables} where {found.condition}", 1)
    rows = await connection.fetch(sql, s.args)
    return rows[0][0], len(rows) == 1


async def _counted(connection: Connection, s: Statement, filters: Sequence[Filter], rts: Sequence[int]) -> int | None:
    """The rows of a search that is one plain list, up to the budget and one more; None when it is not."""
    rows = _plain(s, filters, rts)
    if rows is None:
        return None
    found = await connection.fetch(f"select count(*) from ({rows} limit {s.budget + 1}) x", s.args)
    return found[0][0]


async def _statistics(
    connection: Connection, s: Statement, filters: Sequence[Filter], rts: Sequence[int]
) -> int | None:
    """What the planner of PostgreSQL believes about the number of rows of a plain list."""
    rows = _plain(s, filters, rts)
    if rows is None:
        return None
    ((found,),) = await connection.fetch(f"explain (format json) {rows}", s.args)
    plan: list[dict[str, Any]] = json.loads(found) if isinstance(found, str) else found
    return int(plan[0]["Plan"]["Plan Rows"])


def _plain(s: Statement, filters: Sequence[Filter], rts: Sequence[int]) -> str | None:
    """`select 1 …`: every row is a match. None when something must be probed."""
    if s.allowed("x"):
        return None
    a = s.alias()
    match list(filters):
        case [Token(hashes=(_,)) as leaf]:
            return f"select 1 from tok {a} where {listed_condition(s, leaf, a)}"
        case [Refers(ts=(_,), ps=(_,)) as leaf]:
            return f"select 1 from ref {a} where {listed_condition(s, leaf, a)}"
        case [Updated() as leaf]:
            found = resources(s, rts)
            k = found.row.res
            return f"select 1 from {found.tables} where {found.condition} and {updated_condition(s, leaf, k + '.upd')}"
        case []:
            found = resources(s, rts)
            return f"select 1 from {found.tables} where {found.condition}"
        case [Types(rts=types)]:
            found = resources(s, types)
            return f"select 1 from {found.tables} where {found.condition}"
        case _:
            return None
