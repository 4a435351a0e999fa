"""Reading for a query: many references in one search, each resource and each search once.

The one thing to know: everything goes through the caller's own decision and predicate for that interaction and type, as
if it were asked for by itself; what the caller may not see is not there.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from suture.access import Decision
from suture.api.graphql.budget import Budget
from suture.api.graphql.searches import Cursor, Pairs
from suture.api.http import Request
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.outcomes import Forbidden, TooCostly
from suture.search.query import CURSOR, Query
from suture.store.connection import Connection

BATCH = 200
"""Resources that one statement reads by their ids."""

Resource = dict[str, Any]


class One(msgspec.Struct, frozen=True):
    """A resource that is wanted. `version`: "" for the current one."""

    type: str
    id: str
    version: str = ""


class Many(msgspec.Struct, frozen=True):
    """A search that is wanted. `paged`: one page of it; else all of it, or as many as its `_count` says."""

    type: str
    pairs: Pairs
    paged: bool
    counted: bool = False
    after: str = ""
    offset: int = 0


class Found(msgspec.Struct, frozen=True):
    """The page of a search. `count`: of all matches, None when not asked. Cursors are "" where there is no page."""

    resources: list[Resource]
    count: int | None
    size: int
    offset: int
    first: str
    previous: str
    next: str
    last: str


Want = One | Many
Result = Resource | Found | None


class Loader:
    """Reads what one query wants."""

    def __init__(self, services: Services, model: Model, request: Request, budget: Budget) -> None:
        self._services = services
        self._model = model
        self._request = request
        self._budget = budget
        self._page = services.settings.max_count
        self._decisions: dict[tuple[str, str], Decision] = {}
        self._known: dict[Want, Result] = {}

    async def load(self, wants: Iterable[Want]) -> dict[Want, Result]:
        """The result of each want: None for a resource that is not there. Raises FhirError."""
        unknown = [want for want in dict.fromkeys(wants) if want not in self._known]
        current: dict[str, list[One]] = {}
        searches: list[Many] = []
        for want in unknown:
            if isinstance(want, Many):
                searches.append(want)
            elif want.version:
                self._known[want] = await self._version(want)
            else:
                current.setdefault(want.type, []).append(want)
        queries = [(want, await self._query(want)) for want in searches]
        if current or searches:
            async with self._services.store.reading() as connection:
                for type, ones in current.items():
                    await self._read(connection, type, ones)
                for search, query in queries:
                    self._known[search] = await self._search(connection, search, query)
        return self._known

    async def one(self, type: str, id: str) -> Resource | None:
        """One resource by itself. Raises Forbidden."""
        self._budget.read(1)
        stored = await self._services.store.read(type, id, self._decide("read", type).predicate)
        return None if stored is None or stored.deleted else json.reread(stored.body)

    def _decide(self, interaction: str, type: str) -> Decision:
        decision = self._decisions.get((interaction, type))
        if decision is None:
            inner = self._request.entry("GET", type, "", self._request.headers, None)
            inner.interaction = interaction
            decision = self._decisions[interaction, type] = self._services.decide(inner, type)
        return decision

    async def _version(self, want: One) -> Resource | None:
        if not (want.version.isascii() and want.version.isdecimal() and len(want.version) < 10):
            return None
        try:
            predicate = self._decide("vread", want.type).predicate
        except Forbidden:
            return None
        self._budget.read(1)
        stored = await self._services.store.vread(want.type, want.id, int(want.version), predicate)
        return None if stored is None or stored.deleted else json.reread(stored.body)

    async def _read(self, connection: Connection, type: str, wants: list[One]) -> None:
        """Read the current versions of resources of one type. What may not be read is not there."""
        for want in wants:
            self._known[want] = None
        try:
            predicate = self._decide("read", type).predicate
        except Forbidden:
            return
        width = min(BATCH, self._page)
        for start in range(0, len(wants), width):
            ids = ",".join(want.id for want in wants[start : start + width])
            self._budget.search()
            query = self._model.search.parse(type, [("_id", ids), ("_count", str(width))])
            page = await self._model.search.run(connection, query, predicate)
            self._budget.read(len(page.matches))
            for stored in page.matches:
                self._known[One(type, stored.id)] = json.reread(stored.body)

    async def _query(self, want: Many) -> Query:
        pairs = list(want.pairs)
        if not _limited(want) and not want.paged:
            pairs.append(("_count", str(self._page)))
        if want.counted:
            pairs.append(("_total", "accurate"))
        if want.after:
            pairs.append((CURSOR, want.after))
        base = f"{self._request.base}/"
        return await self._services.catalogue.certainly(lambda: self._model.search.parse(want.type, pairs, base=base))

    async def _search(self, connection: Connection, want: Many, query: Query) -> Found:
        predicate = self._decide("search-type", want.type).predicate
        self._budget.search()
        page = await self._model.search.run(connection, query, predicate)
        self._budget.read(len(page.matches))
        if page.next and not _limited(want) and not want.paged:
            raise TooCostly(
                f"More than {self._page} {want.type} resources match. Narrow the search, limit it with _count, or read "
                f"it in pages with {want.type}Connection."
            )
        resources = [json.reread(stored.body) for stored in page.matches]
        offset, size = want.offset, query.count

        def cursor(after: str, at: int) -> str:
            return Cursor(want.type, want.pairs, after, at).sealed()

        return Found(
            resources,
            page.total,
            size,
            offset,
            first=cursor("", 0),
            previous=cursor(page.previous, max(0, offset - size)) if page.previous else "",
            next=cursor(page.next, offset + len(resources)) if page.next else "",
            last="" if page.next else cursor(want.after, offset),
        )


def _limited(want: Many) -> bool:
    return any(name == "_count" for name, _ in want.pairs)
