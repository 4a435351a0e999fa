"""The log of committed versions. Everything that reacts to changes reads it: nothing lives in memory only.

Numbers are given at commit, in commit order and without gaps, so a reader that asks for what comes after
the last number it saw can never miss an event: an event with a lower number cannot become visible later.
"""

import msgspec

from suture.fhir.definitions import type_name
from suture.store.bodies import METHODS
from suture.store.connection import Connection


class Event(msgspec.Struct, frozen=True):
    """One committed version. `updated`: microseconds since 1970 UTC."""

    seq: int
    type: str
    id: str
    version: int
    updated: int
    method: str
    deleted: bool


async def after(connection: Connection, seq: int, limit: int) -> list[Event]:
    """The events that follow number `seq` (0: from the beginning), at most `limit`, in order."""
    rows = await connection.fetch(
        "select e.seq, e.rt, r.id, e.ver, e.upd, e.method, e.deleted from events e join res r on r.rh = e.rh "
        "where e.seq > ?1 order by e.seq limit ?2",
        (seq, limit),
    )
    return [
        Event(row[0], type_name(row[1]), row[2], row[3], row[4], METHODS[int(row[5])], bool(row[6])) for row in rows
    ]


async def last(connection: Connection) -> int:
    """The number of the newest committed event, 0 when there is none."""
    return (await connection.fetch("select coalesce(max(seq), 0) from events"))[0][0]
