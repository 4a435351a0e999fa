"""Loading and removing code systems: rows go in while the version is invisible, and one transaction shows it.

The one thing to know: readers see a version as a whole or not at all. A load that was interrupted is continued when
the same source comes again: rows are written in the order of their numbers, so the highest one says how far it came.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import apsw
import msgspec

from suture.fhir.outcomes import FhirError
from suture.store.changes import GENERATION_LOCK
from suture.store.cluster_connection import CLUSTER_PLANS, ClusterConnection
from suture.store.connection import Retry, Row, WriteConnection
from suture.store.opening import DatabaseError, open_store, sqlite_path
from suture.store.pool import PostgresPool
from suture.store.rows import IndexRows
from suture.store.sqlite_writer import SqliteWriteConnection
from suture.store.terminology.reading import VISIBLE, Version, versions

LOADED, GOING = 0, 2

COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "concept": (("cs", "int"), ("n", "int"), ("code", "text"), ("body", "bytea")),
    "concept_set": (("cs", "int"), ("kind", "int"), ("name", "text"), ("members", "bytea")),
    "concept_block": (("cs", "int"), ("kind", "int"), ("n", "int"), ("part", "int"), ("body", "bytea")),
}

PURGED = 20_000
"""Rows that one transaction takes away."""

SQLITE_ROWS = 200
"""Rows of one statement on SQLite."""


class Place(msgspec.Struct, frozen=True):
    """Where a load goes on. `done`: concepts with a lower number are there already."""

    cs: int
    done: int


class Loading:
    """Writes code systems over a connection of its own.

    Writes are executed and never fetched: a query that takes long is stopped and asked again, which would undo a
    write on SQLite.
    """

    def __init__(self, connection: WriteConnection, *, postgresql: bool) -> None:
        self._connection = connection
        self._postgresql = postgresql
        self._token = secrets.token_hex(8)

    async def versions(self) -> list[Version]:
        """All versions, in whatever state."""
        return await versions(self._connection)

    async def begin(self, url: str, version: str, source: str, body: bytes) -> Place:
        """Begin to load a version, or go on with the load of the same `source` that was interrupted."""
        async with self._transaction():
            rows = await self._connection.fetch(
                "select cs, source from code_system where url = ?1 and version = ?2 and state = ?3",
                (url, version, LOADED),
            )
            same = next((row[0] for row in rows if row[1].partition(" ")[0] == source), None)
            mine = f"{source} {self._token}"
            for cs in (row[0] for row in rows if row[0] != same):
                await self._mark(cs, GOING)
            if same is not None:
                await self._connection.execute(
                    "update code_system set body = ?2, source = ?3 where cs = ?1", (same, body, mine)
                )
                await self._connection.execute("delete from concept_set where cs = ?1", (same,))
                await self._connection.execute("delete from concept_block where cs = ?1", (same,))
                highest = "select coalesce(max(n), -1) from concept where cs = ?1"
                return Place(same, (await self._connection.fetch(highest, (same,)))[0][0] + 1)
            await self._connection.execute("update counter set n = n + 1 where name = 'cs'")
            ((cs,),) = await self._connection.fetch("select n from counter where name = 'cs'")
            await self._connection.execute(
                "insert into code_system (cs, url, version, state, changed, source, body) "
                "values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (cs, url, version, LOADED, int(time.time()), mine, body),
            )
            return Place(cs, 0)

    async def concepts(self, cs: int, rows: Sequence[tuple[int, str, bytes]]) -> None:
        """Add concepts: (number, key, body), in the order of their numbers. Each call is a transaction."""
        await self._insert("concept", [(cs, *row) for row in rows])

    async def sets(self, cs: int, kind: int, rows: Sequence[tuple[str, bytes]]) -> None:
        """Add sets: (name, bitmap)."""
        await self._insert("concept_set", [(cs, kind, *row) for row in rows])

    async def blocks(self, cs: int, kind: int, rows: Sequence[tuple[int, int, bytes]]) -> None:
        """Add blocks: (n, part, body)."""
        await self._insert("concept_block", [(cs, kind, *row) for row in rows])

    async def show(self, cs: int, body: bytes) -> list[int]:
        """Make a loaded version visible, in place of an older load of the same version.

        Returns the numbers of what it replaces, which are to be purged. Raises DatabaseError when somebody else has
        begun to load the same version since.
        """
        async with self._transaction():
            held = await self._connection.fetch("select source, state from code_system where cs = ?1", (cs,))
            if not held or held[0][1] != LOADED or held[0][0].partition(" ")[2] != self._token:
                raise DatabaseError("somebody else loads the same version at the same time; leave it to them")
            await self._connection.lock((GENERATION_LOCK,))
            rows = await self._connection.fetch(
                "select o.cs from code_system o join code_system n on o.url = n.url and o.version = n.version "
                "where n.cs = ?1 and o.cs <> n.cs and o.state = ?2",
                (cs, VISIBLE),
            )
            for row in rows:
                await self._mark(row[0], GOING)
            await self._connection.execute("update code_system set body = ?2 where cs = ?1", (cs, body))
            await self._mark(cs, VISIBLE)
            await self._connection.append_events((), new_generation=True)
        if self._postgresql:
            for table in COLUMNS:
                await self._connection.execute(f"analyze {table}")
        return [row[0] for row in rows]

    async def hide(self, numbers: Sequence[int]) -> None:
        """Make versions invisible, for everybody at once. Their rows stay until they are purged."""
        async with self._transaction():
            await self._connection.lock((GENERATION_LOCK,))
            for cs in numbers:
                await self._mark(cs, GOING)
            await self._connection.append_events((), new_generation=True)

    async def purge(self) -> None:
        """Take away the rows of all versions that are going away."""
        for version in await self.versions():
            if version.state != GOING:
                continue
            for table, key in (("concept", "n"), ("concept_set", "kind, name"), ("concept_block", "kind, n, part")):
                while await self._connection.fetch(f"select 1 from {table} where cs = ?1 limit 1", (version.cs,)):
                    await self._purge(table, key, version.cs)
            async with self._transaction():
                await self._connection.execute("delete from code_system where cs = ?1", (version.cs,))

    async def _purge(self, table: str, key: str, cs: int) -> None:
        some = f"select cs, {key} from {table} where cs = ?1 limit {PURGED}"
        async with self._transaction():
            await self._connection.execute(f"delete from {table} where (cs, {key}) in ({some})", (cs,))

    async def _mark(self, cs: int, state: int) -> None:
        await self._connection.execute(
            "update code_system set state = ?2, changed = ?3 where cs = ?1", (cs, state, int(time.time()))
        )

    async def _insert(self, table: str, rows: Sequence[Row]) -> None:
        columns = COLUMNS[table]
        async with self._transaction():
            if self._postgresql:
                arrays = ", ".join(f"?{n}::{type}[]" for n, (_, type) in enumerate(columns, 1))
                sql = f"insert into {table} select * from unnest({arrays}) on conflict do nothing"
                if rows:
                    await self._connection.execute(sql, [list(column) for column in zip(*rows, strict=True)])
                return
            marks = f"({','.join('?' * len(columns))})"
            for start in range(0, len(rows), SQLITE_ROWS):
                some = rows[start : start + SQLITE_ROWS]
                values: list[Any] = [value for row in some for value in row]
                sql = f"insert or ignore into {table} values {','.join([marks] * len(some))}"
                await self._connection.execute(sql, values)

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[None]:
        await self._connection.begin()
        try:
            yield
            commit = asyncio.ensure_future(self._connection.commit())
            try:
                await asyncio.shield(commit)
            except asyncio.CancelledError:
                await commit  # whoever is interrupted waits until it is known what is there
                raise
        except BaseException:
            with contextlib.suppress(Exception):  # the connection is closed next, which undoes it as well
                await self._connection.rollback()
            raise


@contextlib.asynccontextmanager
async def open_loading(url: str) -> AsyncGenerator[Loading]:
    """Bring the schema up to date and open a connection to load over. Servers may go on. Raises DatabaseError."""
    store = await open_store(url, index=_no_index)
    clustered = store.dialect.clustered
    await store.close()
    connection: Any
    if url.startswith("sqlite:"):
        connection = SqliteWriteConnection(str(sqlite_path(url)), timeout=3600)
    else:
        try:
            pool = PostgresPool(url, size=1, timeout=0)
            if clustered:
                pool.kind, pool.plans = ClusterConnection, CLUSTER_PLANS
            connection = await pool.connect(statement_timeout=0)
        except Exception as error:
            raise DatabaseError(f"cannot use the PostgreSQL database: {error.__cause__ or error}") from error
    try:
        yield Loading(connection, postgresql=not url.startswith("sqlite:"))
    except Retry as error:
        raise DatabaseError("others are busy with the database; try again, it goes on where it stopped") from error
    except (FhirError, apsw.Error) as error:
        raise DatabaseError(f"the database did not do it: {error}") from error
    finally:
        await connection.close()


def _no_index(version: str, body: bytes) -> IndexRows:
    raise AssertionError("no resource is written here")
