"""Filling a PostgreSQL database: COPY from every worker into tables without indexes, then all indexes side by side.

The one thing to know: what is copied before the end need not be durable, since an interrupted load starts again; the
commit that takes the mark away is, and with it everything before it.
"""

import asyncio
import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import asyncpg

from suture.store.bulk.database import Dropped, Tell, Totals
from suture.store.bulk.mark import ADVICE, DISTRIBUTED, IN_USE, NAME, NOT_EMPTY, Index, packed, unpacked
from suture.store.bulk.postgres_finish import STAGED, Finish, as_primary_key
from suture.store.bulk.rows import FILLED, Tables
from suture.store.connection import Row
from suture.store.distribution import LAYOUT
from suture.store.opening import DatabaseError
from suture.store.postgres import DRIVER_ERRORS
from suture.store.tables import COLUMNS
from suture.store.tsvector import tsvector

APPLICATION = "suture-bulk"

_Connection: TypeAlias = "asyncpg.Connection[Any]"
_TABLES = list(FILLED)

_INDEXES = (
    "select x.relname, t.relname, pg_get_indexdef(i.indexrelid), coalesce(c.conname, '') "
    "from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid "
    "left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid "
    "where t.relnamespace = current_schema()::regnamespace and t.relname = any($1) order by x.relname"
)
_OTHERS = (
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'suture' "
    "and pid <> pg_backend_pid()"
)


async def connect(url: str, **settings: str) -> _Connection:
    """A connection without a statement timeout. Raises DatabaseError."""
    fixed = {"application_name": APPLICATION, "statement_timeout": "0", "jit": "off"}
    try:
        return await asyncpg.connect(url, server_settings=fixed | settings)
    except DRIVER_ERRORS as error:
        raise failed(error) from error


def failed(error: Exception) -> DatabaseError:
    """What the driver says, for the operator."""
    return DatabaseError(f"the bulk load into PostgreSQL failed: {error or type(error).__name__}")


class PostgresWriter:
    """Copies the rows of one worker process."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def write(self, tables: Tables) -> None:
        """Copy these rows, all or none. Raises DatabaseError."""
        try:
            async with self._connection.transaction():
                for table, rows in tables.items():
                    if table == "prose":
                        await self._copy_prose(rows)
                        continue
                    target = STAGED.get(table, table)
                    await self._connection.copy_records_to_table(target, records=rows, columns=COLUMNS[table])
        except DRIVER_ERRORS as error:
            raise failed(error) from error

    async def _copy_prose(self, rows: Sequence[Row]) -> None:
        # In the text format, since the driver has no binary form of a tsvector; words need no escapes.
        lines = [f"{k}\t{ck}\t{tsvector(narrative, content)}\n" for k, ck, narrative, content in rows]
        source = io.BytesIO("".join(lines).encode())
        await self._connection.copy_to_table("prose", source=source, columns=("k", "ck", "words"))

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


class PostgresDatabase:
    """The database of the process that leads the load."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._indexes: tuple[Index, ...] = ()
        self._opened: _Connection | None = None

    async def _connection(self) -> _Connection:
        if self._opened is None:
            self._opened = await connect(self._url)
        return self._opened

    async def _more(self) -> _Connection:
        return await connect(self._url)

    async def empty_unfinished(self) -> None:
        """Empty a database that carries the mark, and bring its indexes back."""
        connection = await self._connection()
        try:
            if await connection.fetchval("select to_regclass('meta') is not null"):
                async with connection.transaction():
                    value = await connection.fetchval("select value from meta where name = $1 for update", NAME)
                    if value is not None:
                        await _empty(connection, unpacked(bytes(value)))
        except DRIVER_ERRORS as error:
            raise failed(error) from error

    async def begin(self) -> None:
        """Refuse a database that is not empty or in use; mark it; drop its indexes."""
        connection = await self._connection()
        try:
            async with connection.transaction():
                await connection.execute("lock table meta in exclusive mode")
                if await connection.fetchval("select 1 from meta where name = $1", NAME):
                    raise DatabaseError(ADVICE)
                if await connection.fetchval("select 1 from meta where name = $1", LAYOUT):
                    raise DatabaseError(DISTRIBUTED)
                if await connection.fetchval("select exists (select 1 from res) or exists (select 1 from events)"):
                    raise DatabaseError(NOT_EMPTY)
                await _refuse_others(connection)
                self._indexes = await _drop_indexes(connection)
                await connection.execute("insert into meta (name, value) values ($1, $2)", NAME, packed(self._indexes))
                for table, staged in STAGED.items():
                    await connection.execute(f"create unlogged table {staged} as select * from {table}")
        except DRIVER_ERRORS as error:
            raise failed(error) from error

    async def finish(self, totals: Totals, tell: Tell) -> list[Dropped]:
        """Make the vocabulary, all indexes and statistics; take the mark away."""
        connection = await self._connection()
        try:
            dropped = await Finish(self._more, connection, self._indexes, tell).run()
            async with connection.transaction():
                await _drop_staged(connection)
                events = totals.events - sum(one.left_out for one in dropped)
                await connection.execute("update counter set n = $1 where name = 'seq'", events)
                await connection.execute("update counter set n = $1 where name = 'k'", totals.blocks)
                await connection.execute("delete from meta where name = $1", NAME)
        except DRIVER_ERRORS as error:
            raise failed(error) from error
        return dropped

    async def close(self) -> None:
        """Close the connection."""
        if self._opened is not None:
            await self._opened.close()


async def _refuse_others(connection: _Connection) -> None:
    """Raise DatabaseError when a server uses the database. A connection that was closed just now may still show."""
    for _ in range(20):
        if not await connection.fetchval(_OTHERS):
            return
        await asyncio.sleep(0.1)
    raise DatabaseError(IN_USE)


async def _empty(connection: _Connection, indexes: tuple[Index, ...]) -> None:
    await _drop_staged(connection)
    await connection.execute(f"truncate {', '.join(_TABLES)}")
    await _drop_indexes(connection)
    for index in indexes:
        await connection.execute(index.sql)
        if index.constraint:
            await connection.execute(as_primary_key(index))
    await connection.execute("update counter set n = 0 where name in ('seq', 'k')")
    await connection.execute("delete from meta where name = $1", NAME)


async def _drop_indexes(connection: _Connection) -> tuple[Index, ...]:
    indexes = tuple(Index(*row) for row in await connection.fetch(_INDEXES, _TABLES))
    for index in indexes:
        if index.constraint:
            await connection.execute(f"alter table {index.table} drop constraint {index.constraint}")
        else:
            await connection.execute(f"drop index {index.name}")
    return indexes


async def _drop_staged(connection: _Connection) -> None:
    for staged in STAGED.values():
        await connection.execute(f"drop table if exists {staged}")
