"""Opening a database: connect, bring the schema up to date under a lock, read the secret and dictionaries."""

import contextlib
import functools
import secrets
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import apsw
import msgspec
import zstandard

from suture.fhir.definitions import type_number
from suture.store.bodies import OTHER_TYPES, Bodies
from suture.store.bulk.mark import ADVICE, is_marked
from suture.store.changes import NUMBERS, Changes
from suture.store.cluster_connection import CLUSTER_PLANS, ClusterConnection
from suture.store.connection import Retry, WriteConnection
from suture.store.dialect import CITUS, POSTGRESQL, SQLITE, Dialect
from suture.store.distribution import LAYOUT
from suture.store.keys import Keys
from suture.store.listening import Listener, on_postgres, on_sqlite
from suture.store.migrations import migrations
from suture.store.pool import PostgresLease, PostgresPool
from suture.store.postgres import PostgresConnection
from suture.store.replicas import Replica, ReplicaLease, Replicas
from suture.store.rows import IndexRows
from suture.store.sqlite import SqliteReader
from suture.store.sqlite_writer import SqliteWriteConnection
from suture.store.store import Lease, Store
from suture.store.writer import Committer, Writer

SCHEMA_LOCK = 0
"""Second half of the advisory lock number held while migrations run (resource types count from 1)."""


class DatabaseError(Exception):
    """The database cannot be opened; the message says why in a sentence for the operator."""


async def open_store(
    url: str,
    *,
    index: Callable[[str, bytes], IndexRows],
    read_connections: int = 8,
    statement_timeout: float = 30.0,
    replicas: Sequence[str] = (),
    replica_lag: float = 10.0,
) -> Store:
    """Open `sqlite:///path` or `postgresql://…`, creating or migrating the schema.

    `index`: (FHIR version, body) -> index rows, needed when a resource is overwritten.
    `read_connections`: PostgreSQL connections for reads, at most. `statement_timeout`: in seconds.
    `replicas`: URLs of read replicas of a PostgreSQL database, used by `Store.session` as long as they are at most
    `replica_lag` seconds behind. Raises DatabaseError.
    """
    if url.startswith("sqlite:"):
        if replicas:
            raise DatabaseError("a SQLite file has no replicas")
        return await _open_sqlite(sqlite_path(url), index, statement_timeout)
    if url.startswith(("postgresql:", "postgres:")):
        return await _open_postgres(url, index, read_connections, statement_timeout, replicas, replica_lag)
    raise DatabaseError(f"database must start with sqlite:/// or postgresql://, not {url.partition(':')[0]!r}")


def sqlite_path(url: str) -> Path:
    """The file of a `sqlite:///relative/path` or `sqlite:////absolute/path` URL. Raises DatabaseError."""
    parts = urlsplit(url)
    path = unquote(parts.path).removeprefix("/")
    if parts.netloc or not path or path == ":memory:":
        raise DatabaseError(
            "a SQLite database is a file: sqlite:///path/to/file.db (four slashes for an absolute path)"
        )
    return Path(path)


class _Opened(msgspec.Struct):
    secret: bytes
    dictionaries: dict[int, tuple[int, bytes]]
    sequence: int
    generation: int
    clustered: bool


async def _prepare(connection: WriteConnection, dialect: Dialect) -> _Opened:
    """Inside a transaction that holds the schema lock: migrate, then read what the process must know."""
    known = migrations(dialect.name)
    at = await _schema(connection, dialect)
    if at > known[-1].number:
        raise DatabaseError(
            f"the database has schema {at}, this version of Suture knows {known[-1].number}: use a newer Suture"
        )
    for migration in known:
        if migration.number > at:
            for statement in migration.statements:
                await connection.execute(statement)
    if at == 0:
        await _initialise(connection)
    if at < known[-1].number:
        await connection.execute("delete from meta where name = 'schema'")
        value = str(known[-1].number).encode()
        await connection.execute("insert into meta (name, value) values ('schema', ?1)", (value,))
    if await is_marked(connection):
        raise DatabaseError(ADVICE)
    secret = (await connection.fetch("select value from meta where name = 'secret'"))[0][0]
    rows = await connection.fetch("select enc, rt, body from dictionary")
    dictionaries = {row[0]: (row[1], bytes(row[2])) for row in rows}
    sequence, generation = (await connection.fetch(NUMBERS))[0]
    layout = await connection.fetch("select value from meta where name = ?1", (LAYOUT,))
    return _Opened(bytes(secret), dictionaries, sequence, generation, bool(layout))


async def _schema(connection: WriteConnection, dialect: Dialect) -> int:
    catalogue = {
        "sqlite": "select count(*) from sqlite_master where type = 'table' and name = 'meta'",
        "postgresql": "select count(*) from pg_tables where schemaname = current_schema() and tablename = 'meta'",
    }
    if not (await connection.fetch(catalogue[dialect.name]))[0][0]:
        return 0
    return int((await connection.fetch("select value from meta where name = 'schema'"))[0][0])


async def _initialise(connection: WriteConnection) -> None:
    """A new database gets its secret and the compression dictionaries of this release."""
    await connection.execute("insert into meta (name, value) values ('secret', ?1)", (secrets.token_bytes(32),))
    file = resources.files("suture.store").joinpath("dictionaries.bin.zst")
    if not file.is_file():
        return
    dictionaries = msgspec.msgpack.decode(zstandard.decompress(file.read_bytes()), type=dict[str, bytes])
    for enc, (type, body) in enumerate(sorted(dictionaries.items()), start=2):
        rt = type_number(type) if type else OTHER_TYPES
        await connection.execute("insert into dictionary (enc, rt, body) values (?1, ?2, ?3)", (enc, rt, body))


MakeCommitter = Callable[[Changes], Committer]


class _SqliteEngine:
    dialect = SQLITE
    replicas = None

    def __init__(
        self, reader: SqliteReader, opened: _Opened, committer: MakeCommitter, connection: SqliteWriteConnection
    ) -> None:
        self._lease = _SqliteLease(reader)
        self._reader = reader
        self._connection = connection
        self.changes = Changes(self.reading, opened.sequence, opened.generation)
        self.writer = Writer(committer(self.changes), self._connect)
        self._listener = Listener(self.changes, on_sqlite(reader))

    def reading(self) -> Lease:
        return self._lease

    def reading_after(self, sequence: int) -> Lease:
        return self._lease

    def pool(self) -> dict[str, int]:
        return {"pool_open": 1, "pool_idle": 1, "pool_waiting": 0}

    async def _connect(self) -> WriteConnection:
        return self._connection

    async def close(self) -> None:
        await self._listener.close()
        await self.writer.close()
        await self.changes.close()
        await self._connection.close()
        self._reader.close()


class _SqliteLease:
    """SQLite has one reader, which everyone shares."""

    def __init__(self, connection: SqliteReader) -> None:
        self._connection = connection

    async def __aenter__(self) -> SqliteReader:
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


async def _open_sqlite(path: Path, index: Callable[[str, bytes], IndexRows], limit: float) -> Store:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = SqliteWriteConnection(str(path), timeout=limit)
    except (OSError, apsw.Error) as error:
        raise DatabaseError(f"cannot open the SQLite file {path}: {error}") from error
    try:
        await connection.begin()
        try:
            opened = await _prepare(connection, SQLITE)
            await connection.commit()
        except BaseException:
            await connection.rollback()
            raise
        reader = SqliteReader(str(path), timeout=limit)
    except BaseException as error:
        await connection.close()
        if isinstance(error, apsw.Error | Retry):
            raise DatabaseError(f"cannot use the SQLite file {path}: {error}") from error
        raise
    keys, bodies = Keys(opened.secret), Bodies(opened.dictionaries)
    committer = functools.partial(Committer, keys, bodies, index, SQLITE)
    return Store(_SqliteEngine(reader, opened, committer, connection), keys, bodies, index)


class _PostgresEngine:
    def __init__(
        self, pool: PostgresPool, opened: _Opened, committer: MakeCommitter, replicas: Sequence[Replica]
    ) -> None:
        self._pool = pool
        self.dialect = CITUS if opened.clustered else POSTGRESQL
        self.changes = Changes(self.reading, opened.sequence, opened.generation)
        self.writer = Writer(committer(self.changes), pool.connect)
        self._listener = Listener(self.changes, on_postgres(pool.connect))
        self.replicas = Replicas(replicas, self.changes) if replicas else None

    def reading(self) -> Lease:
        return PostgresLease(self._pool)

    def reading_after(self, sequence: int) -> Lease:
        return ReplicaLease(self.replicas, self._pool, sequence) if self.replicas else self.reading()

    def pool(self) -> dict[str, int]:
        return {"pool_open": self._pool.open, "pool_idle": self._pool.idle, "pool_waiting": self._pool.waiting}

    async def close(self) -> None:
        if self.replicas is not None:
            await self.replicas.close()
        await self._listener.close()
        await self.writer.close()
        await self.changes.close()
        await self._pool.close()


async def _open_postgres(
    url: str, index: Callable[[str, bytes], IndexRows], size: int, limit: float, replicas: Sequence[str], lag: float
) -> Store:
    pool = PostgresPool(url, size=size, timeout=limit)
    connection: PostgresConnection | None = None
    try:
        connection = await pool.connect(statement_timeout=0)
        await connection.begin()
        await connection.lock([SCHEMA_LOCK])
        opened = await _prepare(connection, POSTGRESQL)
        await connection.commit()
    except DatabaseError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise DatabaseError(f"cannot use the PostgreSQL database: {cause}") from error
    finally:
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.rollback()
            await connection.close()
    keys, bodies = Keys(opened.secret), Bodies(opened.dictionaries)
    committer = functools.partial(Committer, keys, bodies, index, CITUS if opened.clustered else POSTGRESQL)
    pools = [PostgresPool(replica, size=size, timeout=limit) for replica in replicas]
    if opened.clustered:
        for each in (pool, *pools):
            each.kind, each.plans = ClusterConnection, CLUSTER_PLANS
    known = [Replica(each, _place(url), opened.secret, lag) for each, url in zip(pools, replicas, strict=True)]
    return Store(_PostgresEngine(pool, opened, committer, known), keys, bodies, index)


def _place(url: str) -> str:
    """Host, port and database of a URL."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
