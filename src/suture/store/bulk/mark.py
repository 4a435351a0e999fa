"""The mark that a database carries from the beginning of a bulk load to its end: the row `bulk` of `meta`.

The one thing to know: a database with the mark may lack its indexes, so nothing but `suture load --bulk --restart`
may open it. The mark holds what restarting needs: the indexes that were taken away.
"""

import msgspec

from suture.store.connection import Connection

NAME = "bulk"

ADVICE = (
    "a bulk load into this database is running or was interrupted, so it cannot be used; "
    "if none is running, start it again with suture load --bulk --restart"
)

NOT_EMPTY = (
    "a bulk load needs an empty database, and this one holds resources; "
    "use suture load without --bulk, or give another --database"
)
DISTRIBUTED = "a distributed database is filled without --bulk, or before `suture cluster init`"

IN_USE = "another process uses the database; stop it before a bulk load"


class Index(msgspec.Struct, frozen=True):
    """An index that was taken away. `sql`: makes it. `constraint`: the primary key that it carries, or ""."""

    name: str
    table: str
    sql: str
    constraint: str = ""


def packed(indexes: tuple[Index, ...]) -> bytes:
    """The value of the row."""
    return msgspec.json.encode(indexes)


def unpacked(value: bytes) -> tuple[Index, ...]:
    """The indexes in the value of the row."""
    return msgspec.json.decode(value, type=tuple[Index, ...])


async def is_marked(connection: Connection) -> bool:
    """Whether a bulk load into this database did not come to its end. The table `meta` must exist."""
    return bool(await connection.fetch("select 1 from meta where name = ?1", (NAME,)))
