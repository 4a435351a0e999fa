"""The log of committed versions. Everything that reacts to changes reads it: nothing lives in memory only.

Numbers are given at commit, in commit order and without gaps, so a reader that asks for what comes after
the last number it saw can never miss an event: an event with a lower number cannot become visible later.
"""

import msgspec

from suture.fhir.definitions import type_name
from suture.store.bodies import METHODS
from suture.store.connection import Connection
from suture.store.dialect import Dialect


class Event(msgspec.Struct, frozen=True):
    """One committed version. `updated`: microseconds since 1970 UTC."""

    seq: int
    type: str
    id: str
    version: int
    updated: int
    method: str
    deleted: bool


JOIN = "events e join res r on r.rh = e.rh"
CLUSTER_JOIN = "events e join res r on r.ck = e.ck and r.k = e.k"
"""The log with the resources that it is about."""


async def after(connection: Connection, dialect: Dialect, seq: int, limit: int) -> list[Event]:
    """The events that follow number `seq` (0: from the beginning), at most `limit`, in order.

    On a cluster the parts of a commit become visible one by one, so the list ends before the first number that is
    missing: it is about to come.
    """
    rows = await connection.fetch(
        "select e.seq, e.rt, r.id, e.ver, e.upd, e.method, e.deleted "
        f"from {CLUSTER_JOIN if dialect.clustered else JOIN} where e.seq > ?1 order by e.seq limit ?2",
        (seq, limit),
    )
    return [
        Event(row[0], type_name(row[1]), row[2], row[3], row[4], METHODS[int(row[5])], bool(row[6]))
        for expected, row in enumerate(rows, seq + 1)
        if row[0] == expected or not dialect.clustered
    ]


async def last(connection: Connection) -> int:
    """The number of the newest committed event, 0 when there is none."""
    return (await connection.fetch("select coalesce(max(seq), 0) from events"))[0][0]
