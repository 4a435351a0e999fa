"""Searching: parse, plan, read one page, add what is included, count when asked.

Specification: https://hl7.org/fhir/R4/search.html. Every statement carries the access predicate of the
caller: for matches, counts, included resources, the far ends of chains and `_has`, and sort values.
"""

from collections.abc import Callable

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.fhir.outcomes import Issue
from suture.search.compartments import Compartments
from suture.search.estimates import Estimates
from suture.search.include import Collector
from suture.search.pages import WIDTH, Position, Wanted, page_sql, valued_sql, valueless_sql
from suture.search.paging import Cursors
from suture.search.parameters import SearchParameters
from suture.search.planner import Known, Way, choose, needs_estimates, plan, uncertain
from suture.search.query import Limits, Pairs, Query, QueryParser
from suture.search.sources import candidates
from suture.search.statement import Statement
from suture.store.connection import Connection, Row
from suture.store.dialect import Dialect
from suture.store.keys import Keys
from suture.store.predicate import Predicate
from suture.store.rows import Stored

MAX_ESTIMATED = 16
"""Leaves beyond which counting would cost more than it saves."""


class Page(msgspec.Struct, frozen=True):
    """One page of a search.

    `next`, `previous`: values of the `_cursor` parameter, None where there is no such page. `total`: of
    matches, None when it was not asked for and is not known. `applied`: the parameters for the self link.
    """

    matches: list[Stored]
    includes: list[Stored]
    next: str | None
    previous: str | None
    total: int | None
    warnings: list[Issue]
    applied: list[tuple[str, str]]


class Search:
    """The searches of one FHIR version in one database. `stored`: turns a row of STORED_COLUMNS into a Stored."""

    def __init__(
        self,
        parameters: SearchParameters,
        keys: Keys,
        dialect: Dialect,
        stored: Callable[[Row], Stored],
        limits: Limits | None = None,
    ) -> None:
        self._keys = keys
        self._dialect = dialect
        self._stored = stored
        self._limits = limits or Limits()
        self._parser = QueryParser(parameters, keys, self._limits)
        self._cursors = Cursors(keys)
        self._estimates = Estimates(self._limits.gather)

    @property
    def compartments(self) -> Compartments:
        """The compartments of this FHIR version."""
        return self._parser.compartments

    def parse(
        self,
        type: str | None,
        pairs: Pairs,
        *,
        lenient: bool = False,
        compartment: tuple[str, str] | None = None,
        base: str = "",
    ) -> Query:
        """Understand a search in `type` (None: all types), within a compartment (type, id) if there is one.

        `pairs`: decoded names and values, in order. `lenient`: unknown parameters become warnings. `base`: own base
        URL ending in a slash. Raises Invalid (one issue for each unknown parameter), or NotFound for an unknown
        compartment.
        """
        return self._parser.parse(type, pairs, lenient=lenient, compartment=compartment, base=base)

    async def run(self, connection: Connection, query: Query, predicate: Predicate) -> Page:
        """Read the page that `query` asks for. Raises Invalid for a cursor that is not of this search."""
        if query.counting:
            total = await self.count(connection, query, predicate)
            return Page([], [], None, None, total, list(query.warnings), list(query.applied))
        position = self._cursors.open(query)
        rows = await self._rows(connection, query, predicate, position)
        matches, following, preceding = self._turned(query, rows, position)
        warnings = list(query.warnings)
        includes: list[Stored] = []
        if query.includes and matches:
            collector = Collector(
                connection,
                lambda: Statement(self._dialect, predicate),
                self._keys,
                self._stored,
                self._limits.max_include,
            )
            includes = await collector.collect(matches, query.includes)
            if collector.truncated:
                text = f"Only {len(includes)} included resources are given; there are more."
                warnings.append(Issue("warning", "too-costly", text))
        total = len(matches) if position is None and following is None else None
        if total is None and query.total != "none":
            total = await self.count(connection, query, predicate)
        return Page(matches, includes, following, preceding, total, warnings, list(query.applied))

    async def identify(
        self, connection: Connection, query: Query, predicate: Predicate, limit: int = 2
    ) -> list[tuple[str, str]]:
        """(type, id) of up to `limit` matches, in no certain order."""
        if query.filters is None:
            return []
        known = await self._known(connection, query, predicate)
        s = Statement(self._dialect, predicate)
        driver, _ = choose(query.filters, known)
        found = candidates(s, query.filters, _rts(query), driver, known, with_res=True)
        res = found.row.res
        sql = f"select {res}.rt, {res}.id from {found.tables} where {found.condition} limit {limit}"
        return [(type_name(row[0]), row[1]) for row in await connection.fetch(sql, s.args)]

    async def count(self, connection: Connection, query: Query, predicate: Predicate) -> int:
        """How many resources match, over all pages."""
        if query.filters is None:
            return 0
        known = await self._known(connection, query, predicate)
        s = Statement(self._dialect, predicate)
        driver, _ = choose(query.filters, known)
        found = candidates(s, query.filters, _rts(query), driver, known)
        rows = await connection.fetch(f"select count(*) from {found.tables} where {found.condition}", s.args)
        return rows[0][0]

    async def _known(self, connection: Connection, query: Query, predicate: Predicate) -> Known:
        filters = query.filters or ()
        if not needs_estimates(filters, query.sort):
            return {}
        leaves = list(uncertain(filters))
        if not 0 < len(leaves) <= MAX_ESTIMATED:
            return {}
        return await self._estimates.rows(connection, Statement(self._dialect, predicate), leaves)

    async def _rows(
        self, connection: Connection, query: Query, predicate: Predicate, position: Position | None
    ) -> list[Row]:
        """Rows in the direction of reading, one more than the page holds when there are more."""
        filters = query.filters
        if filters is None:
            return []
        known = await self._known(connection, query, predicate)
        chosen = plan(filters, query.sort, known, self._limits.gather)
        backward = position is not None and position.backward
        wanted = Wanted(filters, _rts(query), query.sort, position, backward, query.count + 1)
        if chosen.way is Way.VALUES:
            return await self._by_values(connection, wanted, predicate)
        s = Statement(self._dialect, predicate)
        return await connection.fetch(page_sql(s, chosen, wanted, known), s.args)

    async def _by_values(self, connection: Connection, wanted: Wanted, predicate: Predicate) -> list[Row]:
        """First the resources with a value for the first sort key, then those without; backward the other way."""
        position = wanted.position
        valueless = position is not None and position.values[0] is None
        parts = (False, True) if not wanted.backward else (True, False)
        rows: list[Row] = []
        for part in parts[parts.index(valueless) :] if position is not None else parts:
            here = msgspec.structs.replace(
                wanted, limit=wanted.limit - len(rows), position=position if part == valueless else None
            )
            s = Statement(self._dialect, predicate)
            sql = valueless_sql(s, here) if part else valued_sql(s, here)
            found = await connection.fetch(sql, s.args)
            rows += [(*row[:WIDTH], None, *row[WIDTH:]) for row in found] if part else found
            if len(rows) >= wanted.limit:
                break
        return rows

    def _turned(
        self, query: Query, rows: list[Row], position: Position | None
    ) -> tuple[list[Stored], str | None, str | None]:
        """The matches in the order of the search, and the cursors of the pages after and before them."""
        more = len(rows) > query.count
        rows = rows[: query.count]
        backward = position is not None and position.backward
        if backward:
            rows.reverse()
        matches = [self._stored(row) for row in rows]
        if not rows:
            return matches, None, None
        follows, precedes = (more, position is not None) if not backward else (True, more)
        following = self._cursor(query, rows[-1], matches[-1], backward=False) if follows else None
        preceding = self._cursor(query, rows[0], matches[0], backward=True) if precedes else None
        return matches, following, preceding

    def _cursor(self, query: Query, row: Row, match: Stored, *, backward: bool) -> str:
        return self._cursors.seal(query, Position(tuple(row[WIDTH:]), match.k, backward))


def _rts(query: Query) -> tuple[int, ...]:
    return tuple(map(type_number, query.types))
