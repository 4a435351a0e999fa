"""The conformance resources that users stored, kept in memory in step with the database.

The one thing to know: the first look reads them all, every further one only what the event log tells was written since.
Definitions of packages are not among them.
"""

from collections.abc import Iterable
from typing import Any

from suture.fhir import json
from suture.fhir.definitions import type_name, type_number
from suture.fhir.packages.collection import Entry, entry
from suture.store.bodies import Bodies
from suture.store.changes import CONFORMANCE, NUMBERS
from suture.store.connection import Connection, Row
from suture.store.dialect import Dialect
from suture.store.owned import USERS_OWN

LARGEST = 1024 * 1024
"""Bytes, compressed, of a resource that is kept in memory. Larger code systems are asked through the terminology."""

_COLUMNS = "r.rt, r.id, r.deleted, r.enc, r.body"
_NUMBERS = tuple(sorted(map(type_number, CONFORMANCE)))


class StoredConformance:
    """What users stored of the types of `suture.store.changes.CONFORMANCE`."""

    def __init__(self, bodies: Bodies, dialect: Dialect) -> None:
        self._bodies = bodies
        self._dialect = dialect
        self._entries: dict[tuple[int, str], Entry] = {}
        self._seen: int | None = None

    @property
    def entries(self) -> Iterable[Entry]:
        """What is there, the newest of those with the same URL and version first."""
        return reversed(self._entries.values())

    async def look(self, connection: Connection) -> bool:
        """Take up what has changed; whether something has."""
        sequence: int = (await connection.fetch(NUMBERS))[0][0]
        seen, self._seen = self._seen, sequence
        try:
            rows = await (self._all(connection) if seen is None else self._since(connection, seen))
        except BaseException:
            self._seen = seen
            raise
        for row in rows:
            self._take(row)
        return bool(rows)

    async def _all(self, connection: Connection) -> list[Row]:
        rows: list[Row] = []
        for rt in _NUMBERS:
            rows += await connection.fetch(
                f"select {_COLUMNS} from res r where r.rt = ?1 and r.deleted = 0 and {USERS_OWN} order by r.upd, r.k",
                (rt,),
            )
        return rows

    async def _since(self, connection: Connection, seen: int) -> list[Row]:
        rows = await connection.fetch(
            f"select distinct rh from events where seq > ?1 and rt in ({', '.join(map(str, _NUMBERS))})", (seen,)
        )
        written = [row[0] for row in rows]
        found: list[Row] = []
        for begin in range(0, len(written), 500):
            some = written[begin : begin + 500]
            found += await connection.fetch(
                f"select {_COLUMNS} from res r where {self._dialect.any_of('r.rh', '?1')} and {USERS_OWN} "
                "order by r.upd, r.k",
                (self._dialect.array(some),),
            )
        return found

    def _take(self, row: Row) -> None:
        rt, id, deleted, enc, body = row
        self._entries.pop((rt, id), None)
        if deleted or len(body) > LARGEST:
            return
        resource: dict[str, Any] = json.reread(self._bodies.decode(enc, bytes(body)))
        url = resource.get("url")
        if url is None and resource["resourceType"] == "NamingSystem":
            url = f"NamingSystem/{id}"  # in R4 it has none, and is found by what it names
        if isinstance(url, str):
            self._entries[rt, id] = entry(type_name(rt), url, resource.get("version", ""), resource)
