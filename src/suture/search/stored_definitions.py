"""The CodeSystem and ValueSet resources of this database, for the terminology, read on the connection of a search.

The one thing to know: they are read on the asker's own connection, because a search that held one and waited for
another could wait for ever. Definitions are nobody's secret: whoever may search may use them, whatever else it sees.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from suture.fhir import json
from suture.search.escapes import escape
from suture.store.connection import Connection

if TYPE_CHECKING:
    from suture.search.execute import Search


class StoredDefinitions:
    """What a `Terminology` asks of a database.

    `settled`: the connection shows committed data only, so what follows from it may be kept for others.
    """

    def __init__(self, search: "Search", connection: Connection, *, settled: bool) -> None:
        self._search = search
        self._connection = connection
        self._settled = settled

    async def generation(self) -> int | None:
        """The number of the generation of stored definitions, None when not settled."""
        if not self._settled:
            return None
        return (await self._connection.fetch("select generation from counter where name = 'seq'"))[0][0]

    async def by_url(self, type: str, url: str, version: str | None) -> dict[str, Any] | None:
        """The resource of this canonical URL, and of this business version when it is given; the newest of several."""
        if not url.strip():
            return None  # a search without a value would find any
        pairs = [("url", escape(url)), ("_sort", "-_lastUpdated")]
        if version:
            pairs.append(("version", escape(version)))
        return await self._first(type, pairs)

    async def by_id(self, type: str, id: str) -> dict[str, Any] | None:
        """The resource of this id."""
        return await self._first(type, [("_id", id)])

    async def _first(self, type: str, pairs: list[tuple[str, str]]) -> dict[str, Any] | None:
        query = self._search.parse(type, [*pairs, ("_count", "1"), ("_total", "none")])
        page = await self._search.run(self._connection, query, _EVERYBODY)
        return json.decode(page.matches[0].body) if page.matches else None


class _Everybody:
    """The predicate that restricts nothing."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        """No condition."""
        return ""

    def allows(self, type: str, body: bytes) -> bool:
        """Always True."""
        return True


_EVERYBODY = _Everybody()
