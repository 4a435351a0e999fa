"""The CodeSystem and ValueSet resources of this database, for the terminology, read on the connection of a search.

The one thing to know: they are read on the asker's own connection, because a search that held one and waited for
another could wait for ever. Definitions are nobody's secret: whoever may search may use them, whatever else it sees.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from suture.fhir import json
from suture.search.escapes import escape
from suture.store.connection import Connection
from suture.store.owned import is_owned

if TYPE_CHECKING:
    from suture.search.execute import Search


MAX_FOUND = 50
"""Resources of one canonical URL, or of one search, that are looked at."""


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

    async def of_url(self, type: str, url: str) -> list[dict[str, Any]]:
        """The resources of this canonical URL in all business versions, users' own first, then the last updated."""
        if not url.strip():
            return []  # a search without a value would find any
        found = await self.matching(type, [("url", escape(url)), ("_sort", "-_lastUpdated")])
        return sorted(found, key=lambda resource: is_owned(resource["id"]))

    async def by_id(self, type: str, id: str) -> dict[str, Any] | None:
        """The resource of this id."""
        found = await self.matching(type, [("_id", id)])
        return found[0] if found else None

    async def matching(self, type: str, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """The first MAX_FOUND resources that a search finds. `pairs`: its parameters, escaped."""
        query = self._search.parse(type, [*pairs, ("_count", str(MAX_FOUND)), ("_total", "none")])
        page = await self._search.run(self._connection, query, _EVERYBODY)
        return [json.reread(match.body) for match in page.matches]


class _Everybody:
    """The predicate that restricts nothing."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        """No condition."""
        return ""

    def allows(self, type: str, body: bytes) -> bool:
        """Always True."""
        return True


_EVERYBODY = _Everybody()
