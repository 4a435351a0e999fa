"""A database with resources that are indexed as the server does it, and searches in the words of a URL."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from suture.access import ALLOW_ALL
from suture.fhir.definitions import load
from suture.fhir.json import decode, encode, split_body
from suture.fhir.versions import Version
from suture.search.execute import Page, Search
from suture.search.indexer import Indexer
from suture.search.parameters import SearchParameters
from suture.search.query import Limits, Query
from suture.store.opening import open_store
from suture.store.predicate import Predicate
from suture.store.rows import Prepared
from suture.store.store import Store
from suture.terminology import Terminology

PARAMETERS = SearchParameters(load(Version.R4))
Resource = dict[str, Any]


class World:
    """One open database of R4 resources."""

    def __init__(self) -> None:
        self.store: Store
        self.indexer: Indexer
        self.search: Search
        self.searches: dict[int, Search]

    def _index(self, version: str, body: bytes) -> Any:
        return self.indexer.rows(decode(body))

    async def open(self, url: str, limits: Limits) -> None:
        self.store = await open_store(url, index=self._index, read_connections=4, statement_timeout=60)
        self.indexer = Indexer(PARAMETERS, self.store.keys)
        self.searches = {
            gather: self.with_limits(msgspec.structs.replace(limits, gather=gather)) for gather in (5000, 0)
        }
        self.search = self.searches[5000]

    def with_limits(self, limits: Limits) -> Search:
        """A search of this database with other limits."""
        return Search(
            PARAMETERS, self.store.keys, self.store.dialect, self.store.bodies.stored, limits, Terminology(Version.R4)
        )

    def stream(self, always: bool) -> None:
        """Make every search read in order, as if each filter found very much; or let the planner decide."""
        self.search = self.searches[0 if always else 5000]

    async def put(self, *resources: Resource) -> None:
        """Store resources that have ids, in this order."""
        ready: list[tuple[str, str, Prepared]] = []
        for resource in resources:
            resource = decode(encode(resource))
            type, id = resource["resourceType"], resource.pop("id")
            ready.append((type, id, Prepared(type, *split_body(resource), self.indexer.rows(resource), "r4")))

        async def work(tx: Any) -> None:
            for type, id, prepared in ready:
                await tx.current(type, id)
                tx.put(type, id, prepared, "PUT")

        await self.store.write(work, targets=[(type, id) for type, id, _ in ready])

    async def delete(self, type: str, id: str) -> None:
        async def work(tx: Any) -> None:
            await tx.current(type, id)
            tx.delete(type, id)

        await self.store.write(work, targets=[(type, id)])

    def parse(self, url: str, **options: Any) -> Query:
        """`Patient?name=x`, or `?_type=Patient` for a search over types."""
        type, _, query = url.partition("?")
        return self.search.parse(type or None, parse_qsl(query, keep_blank_values=True), **options)

    async def page(self, url: str, predicate: Predicate = ALLOW_ALL, **options: Any) -> Page:
        async with self.store.reading() as connection:
            return await self.search.run(connection, self.parse(url, **options), predicate)

    async def ids(self, url: str, predicate: Predicate = ALLOW_ALL, **options: Any) -> list[str]:
        """The ids of the matches, in order, over all pages."""
        found: list[str] = []
        cursor = ""
        while True:
            page = await self.page(url + cursor, predicate, **options)
            found += [match.id for match in page.matches]
            if page.next is None:
                return found
            cursor = f"&_cursor={page.next}"

    async def count(self, url: str, predicate: Predicate = ALLOW_ALL, **options: Any) -> int:
        async with self.store.reading() as connection:
            return await self.search.count(connection, self.parse(url, **options), predicate)


@asynccontextmanager
async def world(url: str, resources: Iterable[Resource] = (), limits: Limits | None = None) -> AsyncIterator[World]:
    """A world with `resources`, closed at the end."""
    one = World()
    await one.open(url, limits or Limits())
    try:
        waiting: Sequence[Resource] = list(resources)
        if waiting:
            await one.put(*waiting)
        yield one
    finally:
        await one.store.close()
