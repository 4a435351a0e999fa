"""The end of a bulk load into PostgreSQL: vocabulary, indexes, statistics, as many at once as there are cores.

The one thing to know: only the index on `rh` can fail, when a resource came more than once. Then all but the last of
its kind are taken out of every table, and the events are numbered anew, without gaps.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import asyncpg

from suture.fhir.definitions import type_name
from suture.store.bulk.database import Dropped, Tell
from suture.store.bulk.mark import Index
from suture.store.bulk.rows import FILLED
from suture.store.tables import COLUMNS, INDEX_TABLES, VOCABULARY

MAINTENANCE_MEMORY = "1GB"
"""Memory for building one index."""

STAGED = {table: f"bulk_{table}" for table in VOCABULARY}
"""Tables for rows that several workers may write alike."""

_Connection: TypeAlias = "asyncpg.Connection[Any]"
_Connect = Callable[[], "Awaitable[_Connection]"]

_DOUBLES = (
    "create temp table doubles as select rt, id, k from "
    "(select rt, id, k, row_number() over (partition by rh order by k desc) as place from res) r where place > 1"
)
_RENUMBERED = (
    "create temp table renumbered as select row_number() over (order by seq) as seq, "
    f"{', '.join(COLUMNS['events'][1:])} from events"
)


def as_primary_key(index: Index) -> str:
    """The statement that turns an index into the primary key of its table."""
    return f"alter table {index.table} add constraint {index.constraint} primary key using index {index.name}"


class Finish:
    """One end of one load. `connect`: opens a connection of the load. `connection`: of the leader."""

    def __init__(self, connect: _Connect, connection: _Connection, indexes: Sequence[Index], tell: Tell) -> None:
        self._connect = connect
        self._connection = connection
        self._unique = [index for index in indexes if index.table == "res" and index.sql.endswith("(rh)")]
        self._others = [index for index in indexes if index not in self._unique]
        self._tell = tell
        self._steps = len(indexes) + len(STAGED) + len(FILLED)
        self._step = 0

    async def run(self) -> list[Dropped]:
        """Make everything; what came more than once is returned."""
        dropped: list[Dropped] = []
        for index in self._unique:
            dropped += await self._make_unique(index)
        sizes = dict(await self._connection.fetch("select relname, pg_relation_size(oid) from pg_class"))
        fill = [
            (table, f"insert into {table} select distinct * from {staged} order by {', '.join(COLUMNS[table])}")
            for table, staged in STAGED.items()
        ]
        await self._side_by_side(fill)
        largest = sorted(self._others, key=lambda index: -sizes.get(index.table, 0))
        await self._side_by_side([(index.name, index.sql) for index in largest])
        for index in self._others:
            if index.constraint:
                await self._connection.execute(as_primary_key(index))
        tables = sorted(FILLED, key=lambda table: -sizes.get(table, 0))
        await self._side_by_side([(table, f"vacuum (analyze) {table}") for table in tables])
        return dropped

    async def _make_unique(self, index: Index) -> list[Dropped]:
        await self._prepare(self._connection)
        self._next(index.name)
        try:
            await self._connection.execute(index.sql)
            return []
        except asyncpg.UniqueViolationError:
            dropped = await self._take_out_doubles()
            await self._connection.execute(index.sql)
            return dropped

    async def _take_out_doubles(self) -> list[Dropped]:
        connection = self._connection
        async with connection.transaction():
            await connection.execute(_DOUBLES)
            rows = await connection.fetch("select rt, id, count(*) from doubles group by rt, id order by rt, id")
            for table in ("res", *INDEX_TABLES, "prose", "events"):
                await connection.execute(f"delete from {table} using doubles where {table}.k = doubles.k")
            await connection.execute(_RENUMBERED)
            await connection.execute("truncate events")
            await connection.execute("insert into events select * from renumbered order by seq")
            await connection.execute("drop table doubles, renumbered")
        return [Dropped(type_name(rt), id, count) for rt, id, count in rows]

    async def _side_by_side(self, statements: Sequence[tuple[str, str]]) -> None:
        """Run (what, statement) pairs on as many connections as there are cores, in their order."""
        waiting = iter(statements)

        async def work() -> None:
            connection = await self._connect()
            try:
                await self._prepare(connection)
                for what, statement in waiting:
                    self._next(what)
                    await connection.execute(statement)
            finally:
                await connection.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(os.cpu_count() or 1, len(statements))):
                group.create_task(work())

    async def _prepare(self, connection: _Connection) -> None:
        await connection.execute(f"set maintenance_work_mem = '{MAINTENANCE_MEMORY}'")
        await connection.execute(f"set work_mem = '{MAINTENANCE_MEMORY}'")

    def _next(self, what: str) -> None:
        self._tell(what, self._step, self._steps)
        self._step += 1
