"""Filling a SQLite file: every worker writes a file of its own, and the end sorts them all into a new database file.

The one thing to know: the new file grows beside the old one and takes its place in one step, so whatever happens
before leaves the old, empty file with its mark. Tables are filled in the order of their keys: a B-tree that grows
at one end is written once, without splits and without reading anything back.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import apsw

from suture.fhir.definitions import type_name
from suture.store.bulk.database import Dropped, Tell, Totals
from suture.store.bulk.mark import ADVICE, IN_USE, NAME, NOT_EMPTY, packed
from suture.store.bulk.rows import FILLED, Tables
from suture.store.opening import DatabaseError
from suture.store.sqlite import Execute
from suture.store.tables import COLUMNS, VOCABULARY

CACHE_MB = 1024
"""Page cache of the new file, and memory for sorting."""

MOST_WRITERS = 9
"""Files that SQLite can attach at once, less one."""

WORDS_MB = 64
"""Memory for the words of full text before they are written to the new file."""

SORTING = (
    "journal_mode = off",
    "synchronous = off",
    "locking_mode = exclusive",
    f"cache_size = -{CACHE_MB * 1024}",
    "temp_store = file",
    # With helper threads a sort that needs files never ends: they wait for the lock of the connection to open them, and
    # its thread waits for them (SQLite with encryption).
    "threads = 0",
)
"""How the connection that fills the new file is set."""

_PARTS = "-bulk-"


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}{_PARTS}{number}")


def _open(path: Path, *pragmas: str) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    for pragma in pragmas:
        _run(connection, f"pragma {pragma}")
    return connection


def _run(connection: apsw.Connection, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    # apsw's own annotations name buffers in a way that is unknown to the type checker
    execute = cast("Execute", connection.execute)  # pyright: ignore[reportUnknownMemberType] (partly untyped)
    return execute(sql, args).fetchall()


def _many(connection: apsw.Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    execute = cast("Execute", connection.executemany)  # pyright: ignore[reportUnknownMemberType] (partly untyped)
    execute(sql, rows)


def _failed(error: Exception) -> DatabaseError:
    return DatabaseError(f"the bulk load into SQLite failed: {error or type(error).__name__}")


class SqliteWriter:
    """Gathers the rows of one worker process in a file of its own, in no order."""

    def __init__(self, path: Path, number: int) -> None:
        self._connection = _open(_part(path, number), "journal_mode = off", "synchronous = off", "cache_size = -65536")
        self._insert: dict[str, str] = {}
        for table, columns in FILLED.items():
            _run(self._connection, f"create table {table} ({', '.join(columns)})")
            self._insert[table] = f"insert into {table} values ({', '.join('?' * len(columns))})"

    async def write(self, tables: Tables) -> None:
        """Append these rows. Raises DatabaseError."""
        try:
            _run(self._connection, "begin")
            for table, rows in tables.items():
                _many(self._connection, self._insert[table], rows)
            _run(self._connection, "commit")
        except apsw.Error as error:
            raise _failed(error) from error

    async def close(self) -> None:
        """Close the file."""
        self._connection.close()


class SqliteDatabase:
    """The database of the process that leads the load."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}-bulk")
        self._held: apsw.Connection | None = None

    async def empty_unfinished(self) -> None:
        """Take the mark away: the file itself is still empty, what was loaded lies beside it."""
        if not self._path.is_file():
            return
        try:
            connection = _open(self._path, "busy_timeout = 2000")
            try:
                if _run(connection, "select 1 from sqlite_master where name = 'meta'"):
                    _run(connection, "delete from meta where name = ?", (NAME,))
            finally:
                connection.close()
        except apsw.BusyError:
            raise DatabaseError(IN_USE) from None
        except apsw.Error as error:
            raise _failed(error) from error
        self._sweep()

    def _sweep(self) -> None:
        for file in self._path.parent.glob(f"{self._path.name}-bulk*"):
            file.unlink()

    async def begin(self) -> None:
        """Refuse a database that is not empty or in use; mark it; lock it; copy its schema."""
        try:
            connection = self._held = _open(self._path, "busy_timeout = 2000")
            if _run(connection, "select 1 from meta where name = ?", (NAME,)):
                raise DatabaseError(ADVICE)
            if _run(connection, "select 1 where exists (select 1 from res) or exists (select 1 from events)"):
                raise DatabaseError(NOT_EMPTY)
            if _run(connection, "pragma journal_mode = delete")[0][0] != "delete":
                raise DatabaseError(IN_USE)
            self._sweep()
            _run(connection, "insert into meta (name, value) values (?, ?)", (NAME, packed(())))
            _run(connection, "vacuum into ?", (str(self._new),))
            _run(connection, "begin exclusive")
        except apsw.BusyError:
            raise DatabaseError(IN_USE) from None
        except apsw.Error as error:
            raise _failed(error) from error

    async def finish(self, totals: Totals, tell: Tell) -> list[Dropped]:
        """Sort everything into the new file, make its indexes, and put it in the place of the old one."""
        os.environ["SQLITE_TMPDIR"] = str(self._path.parent)  # sorting needs the room of the data itself
        try:
            dropped = _Finish(self._path, self._new, tell).run(totals)
        except apsw.Error as error:
            raise _failed(error) from error
        _sync(self._new)
        await self.close()
        self._new.replace(self._path)
        _sync(self._path.parent)
        self._sweep()
        return dropped

    async def close(self) -> None:
        """Unlock and close the old file."""
        held, self._held = self._held, None
        if held is not None:
            held.close(force=True)


class _Finish:
    """Fills the file `new` from the files of the workers."""

    def __init__(self, path: Path, new: Path, tell: Tell) -> None:
        self._connection = _open(new, *SORTING)
        self._tell = tell
        self._schemas: list[str] = []
        for number, part in enumerate(sorted(path.parent.glob(f"{path.name}{_PARTS}[0-9]*"))):
            _run(self._connection, f"attach ? as part{number}", (str(part),))
            self._schemas.append(f"part{number}")
        found = "select name, tbl_name, sql from main.sqlite_master where type = 'index' and sql is not null"
        self._indexes = {name: (table, sql) for name, table, sql in _run(self._connection, found) if table in COLUMNS}
        self._without = ""

    def run(self, totals: Totals) -> list[Dropped]:
        connection = self._connection
        steps = len(FILLED) + len(self._indexes) + 1
        done = 0

        def next(what: str) -> None:
            nonlocal done
            self._tell(what, done, steps)
            done += 1

        for name in self._indexes:
            _run(connection, f"drop index main.{name}")
        dropped: list[Dropped] = []
        for table in ("res", *(table for table in COLUMNS if table != "res")):
            next(table)
            self._fill(table)
            if table == "res":
                next("res_rh")
                dropped = self._make_unique()
        next("prose")
        self._fill_prose()
        for name, (_, sql) in self._indexes.items():
            next(name)
            _run(connection, sql)
        next("statistics")
        _run(connection, "pragma analysis_limit = 1000")
        _run(connection, "analyze main")
        events = totals.events - sum(one.left_out for one in dropped)
        _run(connection, "update main.counter set n = ? where name = 'seq'", (events,))
        _run(connection, "update main.counter set n = ? where name = 'k'", (totals.blocks,))
        _run(connection, "delete from main.meta where name = ?", (NAME,))
        for schema in self._schemas:
            _run(connection, f"detach {schema}")
        _run(connection, "pragma main.journal_mode = wal")
        connection.close()
        return dropped

    def _fill(self, table: str) -> None:
        columns = list(COLUMNS[table])
        source = self._source(table)
        key = [
            row[1] for row in sorted(_run(self._connection, f"pragma main.table_info({table})"), key=lambda row: row[5])
            if row[5]
        ]  # fmt: skip
        distinct = "distinct " if table in VOCABULARY else ""
        where = self._without if "k" in columns else ""
        if table == "events" and where:
            columns[0] = "row_number() over (order by seq)"
        _run(
            self._connection,
            f"insert into main.{table} select {distinct}{', '.join(columns)} from ({source}) {where} "
            f"order by {', '.join(key)}",
        )

    def _fill_prose(self) -> None:
        """Index the words in the order of `k`, as few and large pieces, and make one of them in the end."""
        settings = {"hashsize": WORDS_MB << 20, "automerge": 0}
        before = {"hashsize": 1 << 20, "automerge": 4}
        for name, value in settings.items():
            self._instruct(name, value)
        _run(
            self._connection,
            f"insert into main.prose (rowid, ck, narrative, content) select k, ck, narrative, content "
            f"from ({self._source('prose')}) {self._without} order by k",
        )
        self._instruct("optimize")
        for name, value in before.items():
            self._instruct(name, value)

    def _instruct(self, command: str, value: int | None = None) -> None:
        """Give FTS5 one of its commands."""
        _run(self._connection, "insert into main.prose (prose, rank) values (?, ?)", (command, value))

    def _source(self, table: str) -> str:
        columns = ", ".join(FILLED[table])
        return " union all ".join(f"select {columns} from {schema}.{table}" for schema in self._schemas)

    def _make_unique(self) -> list[Dropped]:
        """Make the unique index on rh; when resources came more than once, leave out all but the last of each."""
        connection = self._connection
        unique = [name for name, (table, sql) in self._indexes.items() if table == "res" and sql.endswith("(rh)")]
        for name in unique:
            _, sql = self._indexes.pop(name)
            try:
                _run(connection, sql)
            except apsw.ConstraintError:
                dropped = self._take_out_doubles()
                _run(connection, sql)
                return dropped
        return []

    def _take_out_doubles(self) -> list[Dropped]:
        connection = self._connection
        _run(
            connection,
            "create temp table doubles as select rt, id, k from (select rt, id, k, row_number() over "
            "(partition by rh order by k desc) as place from main.res) where place > 1",
        )
        rows = _run(connection, "select rt, id, count(*) from doubles group by rt, id order by rt, id")
        _run(connection, "delete from main.res where k in (select k from doubles)")
        self._without = "where k not in (select k from doubles)"
        return [Dropped(type_name(rt), id, count) for rt, id, count in rows]


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
