"""Searching: parse, resolve, plan, read one page, add what is included, count when asked.

Specification: https://hl7.org/fhir/R4/search.html. Every statement carries the access predicate of the
caller: for matches, counts, included resources, the far ends of chains and `_has`, and sort values.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.fhir.outcomes import Issue, TooCostly
from suture.search.compartments import Compartments
from suture.search.counting import count, estimate
from suture.search.distributed import Distributed, compartment_of, routing
from suture.search.estimates import Estimates
from suture.search.explaining import Explanation, Timed, explained
from suture.search.filters import Filter
from suture.search.full_text import relevance
from suture.search.include import Collector
from suture.search.inside import count_inside, entries, results_in, turned_inside
from suture.search.order import Position, width
from suture.search.pages import WIDTH, Wanted, page_sql, valued_sql, valueless_sql
from suture.search.paging import Cursors, Place, Turned, turned
from suture.search.parameters import SearchParameters
from suture.search.planner import Known, Way, choose, leaves, needs_estimates, plan
from suture.search.query import Limits, Pairs, Query, QueryParser
from suture.search.recollection import Memory, Recalled
from suture.search.resolving import Resolver
from suture.search.sources import candidates
from suture.search.statement import Statement
from suture.search.stored_definitions import StoredDefinitions
from suture.search.terminology import NoTerminology, Terminology
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
    `scores`: by `k`, between 0 and 1, how well a match answers a search for text.
    """

    matches: list[Stored]
    includes: list[Stored]
    next: str | None
    previous: str | None
    total: int | None
    warnings: list[Issue]
    applied: list[tuple[str, str]]
    scores: Mapping[int, float] = {}


class Search:
    """The searches of one FHIR version in one database. `stored`: turns a row of STORED_COLUMNS into a Stored."""

    def __init__(
        self,
        parameters: SearchParameters,
        keys: Keys,
        dialect: Dialect,
        stored: Callable[[Row], Stored],
        limits: Limits | None = None,
        terminology: Terminology | None = None,
    ) -> None:
        self._keys = keys
        self._dialect = dialect
        self._stored = stored
        self._limits = limits or Limits()
        self._parser = QueryParser(parameters, keys, self._limits)
        self._cursors = Cursors(keys)
        self._estimates = Estimates(self._limits.gather)
        self._memory = Memory()
        self._resolver = Resolver(keys, terminology or NoTerminology())
        self._parameters = parameters

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
        query = self._parser.parse(type, pairs, lenient=lenient, compartment=compartment, base=base)
        if not self._dialect.clustered:
            return query
        return msgspec.structs.replace(query, ck=compartment_of(query.filters or (), _rts(query)))

    async def run(self, connection: Connection, query: Query, predicate: Predicate) -> Page:
        """Read the page that `query` asks for.

        Raises Invalid for a cursor that is not of this search, TooCostly when the budget does not suffice.
        """
        position = None if query.counting else self._cursors.open(query)
        if query.counting:
            total = await self.count(connection, query, predicate)
            return Page([], [], None, None, total, list(query.warnings), list(query.applied))
        query, rows, turned = await self._turned(connection, query, predicate, position)
        warnings = list(query.warnings)
        includes: list[Stored] = []
        if query.includes and turned.matches:
            collector = Collector(
                connection,
                lambda: self._statement(predicate),
                self._keys,
                self._stored,
                self._limits.max_include,
            )
            includes = await collector.collect(turned.matches, query.includes)
            if collector.truncated:
                text = f"Only {len(includes)} included resources are given; there are more."
                warnings.append(Issue("warning", "too-costly", text))
        total = len(turned.results) if position is None and turned.next is None else None
        if total is None and query.total != "none":
            total = await self.count(connection, query, predicate)
        following, preceding = (self._cursors.seal(query, to) if to else None for to in (turned.next, turned.previous))
        scores = _scores(query, rows, turned.results)
        return Page(turned.results, includes, following, preceding, total, warnings, list(query.applied), scores)

    async def _turned(
        self, connection: Connection, query: Query, predicate: Predicate, position: Position | None
    ) -> tuple[Query, list[Row], Turned]:
        """The search with its filters resolved, the rows that were read, and the page that they make."""
        # A container from which the page before took something may have no more to give.
        asked = msgspec.structs.replace(query, count=query.count + query.inside)
        resolved, rows = await self._found(connection, asked, predicate, position)
        unfinished = _ends_at_fence(rows)
        rows = rows[:-1] if unfinished else rows
        places = [Place(self._stored(row), tuple(row[WIDTH:])) for row in rows]
        if not query.inside:
            return resolved, rows, turned(places, position, query.count, unfinished=unfinished)
        found = await self._within(connection, resolved, predicate, places) if places else []
        return resolved, rows, turned_inside(entries(found, places), places, position, query.count)

    async def _within(
        self, connection: Connection, query: Query, predicate: Predicate, places: Sequence[Place]
    ) -> list[int]:
        """`k` of the results in these containers."""
        rhs = [self._keys.resource(place.stored.type, place.stored.id) for place in places]
        if self._dialect.clustered:
            return await self._distributed(connection, query, predicate).results_in(rhs)
        return await results_in(connection, self._statement(predicate), query.filters or (), rhs)

    async def identify(
        self, connection: Connection, query: Query, predicate: Predicate, limit: int = 2
    ) -> list[tuple[str, str]]:
        """(type, id) of up to `limit` matches, in no certain order. Raises TooCostly."""
        query = await self._resolved(connection, query, predicate, settled=False)
        if query.filters is None:
            return []
        if self._dialect.clustered:
            return await self._distributed(connection, query, predicate).identify(limit)
        known = await self._known(connection, query, predicate)
        s = self._statement(predicate)
        driver, _ = choose(query.filters, known)
        found = candidates(s, query.filters, _rts(query), driver, known, with_res=True)
        res = found.row.res
        sql = s.complete(f"select {res}.rt, {res}.id from {found.tables} where {found.condition} limit {limit}", 2)
        rows = await connection.fetch(sql, s.args)
        found_rows = [row for row in rows if row[0] is not None]
        if len(found_rows) < limit:
            self._check(query, rows)
        return [(type_name(row[0]), row[1]) for row in found_rows]

    async def count(self, connection: Connection, query: Query, predicate: Predicate) -> int:
        """How many resources match, over all pages; about how many for `_total=estimate`. Raises TooCostly."""
        query = await self._resolved(connection, query, predicate)
        if query.filters is None:
            return 0
        if self._dialect.clustered:
            distributed = self._distributed(connection, query, predicate)
            return await (distributed.count_inside() if query.inside else distributed.count())
        known = await self._known(connection, query, predicate)
        budget = self._limits.budget

        def new(budget: int) -> Statement:
            return Statement(self._dialect, predicate, budget, self._limits.budget)

        if query.total == "estimate" and not query.counting and not query.inside:
            return await estimate(connection, new, query.filters, _rts(query), known, budget)
        if query.inside:
            total = await count_inside(connection, new(budget), query.filters, known)
        else:
            total = await count(connection, new, query.filters, _rts(query), known, budget)
        if total is None:
            raise self._too_costly(query)
        return total

    async def matching(self, connection: Connection, query: Query, predicate: Predicate, statement: Statement) -> str:
        """A select of `k`, `ck` and `d` (the clinical date) of every match, each once, for use inside `statement`.

        The statement must then be ended by `statement.complete`, whose last row of nulls means TooCostly.
        """
        query = await self._resolved(connection, query, predicate)
        known = await self._known(connection, query, predicate)
        filters = query.filters
        if filters is None:
            return "select k, ck, sdate as d from res where 1 = 0"
        if self._dialect.clustered:
            return await self._distributed(connection, query, predicate).matching(statement)
        driver, _ = choose(filters, known)
        found = candidates(statement, filters, _rts(query), driver, known, with_date=True)
        row = found.row
        return f"select {row.k} as k, {row.ck} as ck, {row.date} as d from {found.tables} where {found.condition}"

    def statement(self, predicate: Predicate) -> Statement:
        """A fresh statement for a caller, within the budget."""
        return self._statement(predicate)

    async def explain(self, connection: Connection, query: Query, predicate: Predicate) -> Explanation:
        """How the first page of a search is found: it is run, and each of its statements is shown and timed."""
        timed = Timed(connection)
        began = time.perf_counter()
        timed.label = "resolve codes and texts"
        query = await self._resolved(timed, query, predicate)
        timed.label = "estimate"
        known = await self._known(timed, query, predicate)
        chosen = plan(query.filters or (), query.sort, known, self._limits.gather)
        failure = ""
        timed.label = "page"
        try:
            if query.counting:
                timed.label = "count"
            await self.run(timed, query, predicate)
        except TooCostly as error:
            failure = str(error)
        seconds = time.perf_counter() - began
        s = self._statement(predicate)
        explanation = await explained(timed, query.filters, query.sort, chosen, known, seconds, failure, s)
        if not self._dialect.clustered:
            return explanation
        words = (routing(query.ck), "The statement is plain: each machine chooses how to read its part.")
        return msgspec.structs.replace(explanation, plan=words)

    def _distributed(self, connection: Connection, query: Query, predicate: Predicate) -> Distributed:
        filters = query.filters or ()
        return Distributed(connection, lambda: self._statement(predicate), filters, _rts(query), query.ck)

    def _statement(self, predicate: Predicate) -> Statement:
        return Statement(self._dialect, predicate, self._limits.budget)

    async def _resolved(
        self,
        connection: Connection,
        query: Query,
        predicate: Predicate,
        *,
        settled: bool = True,
        recalled: Recalled | None = None,
    ) -> Query:
        if query.filters is None:
            return query
        source = StoredDefinitions(self, connection, settled=settled)
        recalled = None if self._dialect.clustered else recalled
        filters = await self._resolver.resolve(connection, self._statement(predicate), query.filters, source, recalled)
        return query if filters is query.filters else msgspec.structs.replace(query, filters=filters)

    def _check(self, query: Query, rows: Sequence[Row]) -> None:
        """Raise TooCostly when the rows of a statement end with the mark of a fence."""
        if _ends_at_fence(rows):
            raise self._too_costly(query)

    def _too_costly(self, query: Query) -> TooCostly:
        text = f"The search would read more than {self._limits.budget} index rows. "
        if len(query.types) != 1:
            return TooCostly(text + "Name one resource type, or add parameters that find few resources, such as _id.")
        known = self._parameters.for_type(query.types[0]).values()
        owner = sorted((p.code for p in known if p.owner), key=lambda code: code != "patient")[:1]
        date = [p.code for p in known if p.sdate]
        few = [code for code in ("identifier", "code") if any(p.code == code for p in known)]
        names = ", ".join((*owner, *few, *date)) or "_id"
        return TooCostly(text + f"Add a parameter that finds few resources, such as {names}, or sort by the date.")

    async def _known(self, connection: Connection, query: Query, predicate: Predicate) -> Known:
        filters: Sequence[Filter] = query.filters or ()
        if not needs_estimates(filters, query.sort):
            return {}
        asked = leaves(filters)
        if not 0 < len(asked) <= MAX_ESTIMATED:
            return {}
        return await self._estimates.rows(connection, self._statement(predicate), asked)

    async def _found(
        self, connection: Connection, query: Query, predicate: Predicate, position: Position | None
    ) -> tuple[Query, list[Row]]:
        """The search with its filters resolved, and the rows of its page."""
        recalled = Recalled(self._memory)
        resolved = await self._resolved(connection, query, predicate, recalled=recalled)
        try:
            return resolved, await self._rows(connection, resolved, predicate, position, recalled)
        except TooCostly:
            if not recalled.forms:
                raise
            recalled.forget()
            asked = Recalled(self._memory)
            certain = await self._resolved(connection, query, predicate, recalled=asked)
            if not recalled.outdated():
                raise
            return certain, await self._rows(connection, certain, predicate, position, asked)

    async def _rows(
        self,
        connection: Connection,
        query: Query,
        predicate: Predicate,
        position: Position | None,
        recalled: Recalled,
    ) -> list[Row]:
        """Rows in the direction of reading, one more than the page holds when there are more."""
        filters = query.filters
        if filters is None:
            return []
        if self._dialect.clustered:
            return await self._distributed(connection, query, predicate).page(query.sort, position, query.count + 1)
        known = await self._known(connection, query, predicate)
        chosen = plan(filters, query.sort, known, self._limits.gather)
        backward = position is not None and position.backward
        wanted = Wanted(filters, _rts(query), query.sort, position, backward, query.count + 1)
        if chosen.way is Way.VALUES:
            return await self._by_values(connection, query, wanted, predicate, known, recalled)
        s = self._statement(predicate)
        recalled.guard(s)
        rows = await connection.fetch(page_sql(s, chosen, wanted, known), s.args)
        self._check(query, rows)
        return rows

    async def _by_values(
        self,
        connection: Connection,
        query: Query,
        wanted: Wanted,
        predicate: Predicate,
        known: Known,
        recalled: Recalled,
    ) -> list[Row]:
        """First the resources with a value for the first sort key, then those without; backward the other way.

        Where those without are beyond the budget, the last values end with the mark of a fence.
        """
        position = wanted.position
        valueless = position is not None and position.values[0] is None
        parts = (False, True) if not wanted.backward else (True, False)
        rows: list[Row] = []
        for part in parts[parts.index(valueless) :] if position is not None else parts:
            here = msgspec.structs.replace(
                wanted, limit=wanted.limit - len(rows), position=position if part == valueless else None
            )
            s = self._statement(predicate)
            recalled.guard(s)
            sql = valueless_sql(s, here, known) if part else valued_sql(s, here)
            found = await connection.fetch(sql, s.args)
            if part and rows and _ends_at_fence(found):
                return [*rows, found[-1]]
            self._check(query, found)
            none = (None,) * (1 + width(query.sort) - len(query.sort))
            rows += [(*row[:WIDTH], *none, *row[WIDTH:]) for row in found] if part else found
            if len(rows) >= wanted.limit:
                break
        return rows


def _ends_at_fence(rows: Sequence[Row]) -> bool:
    """Whether the rows of a statement end with the mark of a fence."""
    return bool(rows) and rows[-1][0] is None


def _scores(query: Query, rows: Sequence[Row], matches: Sequence[Stored]) -> Mapping[int, float]:
    column = next((n for n, key in enumerate(query.sort) if key.by == "score"), None)
    if column is None:
        return {}
    shown = {match.k for match in matches}
    return {row[WIDTH - 1]: relevance(row[WIDTH + column]) for row in rows if row[WIDTH - 1] in shown}


def _rts(query: Query) -> tuple[int, ...]:
    return tuple(map(type_number, query.types))
