"""SQLite: one connection for reads on the event loop, one for the writer's thread, both on a WAL file.

A read of a few rows takes some ten microseconds, less than handing it to another thread would cost, so
calls here never suspend. Rows go in by multi-row statements: each statement is one call into SQLite, and
every call hands over the interpreter lock.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import apsw

from suture.store.bodies import STORED_COLUMNS
from suture.store.checkpoint import Checkpointer
from suture.store.connection import Retry, Row, overdue
from suture.store.tables import COLUMNS

CHUNKS = (256, 64, 16, 4, 1)
"""Rows per statement: few different statements, so that all stay prepared."""

BUSY_MS = 30_000
PROGRESS_STEPS = 20_000

Bindings = Sequence[Any]


class Rows(Protocol):
    """What a statement returns."""

    def fetchall(self) -> list[Row]: ...


Execute = Callable[[str, Bindings], Rows]


class SqliteConnection:
    """One SQLite connection with both faces of `suture.store.connection`.

    `path`: the database file. `timeout`: seconds after which a statement is stopped with TooCostly.
    """

    def __init__(self, path: str, *, timeout: float, cache_mb: int = 64) -> None:
        self._timeout = timeout
        self._deadline = 0.0
        self._connection = apsw.Connection(path, statementcachesize=400)
        # apsw's own annotations name buffers in a way that is unknown to the type checker
        self._execute = cast("Execute", self._connection.execute)  # pyright: ignore[reportUnknownMemberType]
        self._connection.set_busy_timeout(BUSY_MS)
        for pragma in (
            "journal_mode = wal",
            "synchronous = full",
            f"cache_size = -{cache_mb * 1024}",
            "temp_store = memory",
            "journal_size_limit = 67108864",
        ):
            self._execute(f"pragma {pragma}", ()).fetchall()
        self._connection.set_progress_handler(self._overdue, PROGRESS_STEPS)

    def _overdue(self) -> bool:
        return time.monotonic() > self._deadline

    def _run(self, sql: str, args: Bindings) -> list[Row]:
        self._deadline = time.monotonic() + self._timeout
        try:
            return self._execute(sql, args).fetchall()
        except apsw.InterruptError:
            raise overdue(self._timeout) from None
        except (apsw.BusyError, apsw.ConstraintError) as error:
            raise Retry(str(error)) from error

    async def fetch(self, sql: str, args: Bindings = ()) -> list[Row]:
        """Run one statement and return its rows."""
        return self._run(sql, args)

    async def execute(self, sql: str, args: Bindings = ()) -> None:
        """Run one statement that returns nothing."""
        self._run(sql, args)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # The writer's face

    def checkpoint_by(self, checkpointer: Checkpointer) -> None:
        """Leave the checkpoints of this connection's commits to `checkpointer`."""
        checkpointer.watch(self._connection)

    async def begin(self) -> None:
        """Open a transaction that holds the write lock of the file."""
        self._run("begin immediate", ())

    async def commit(self) -> None:
        """Make the transaction durable."""
        self._run("commit", ())

    async def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        if self._connection.in_transaction:
            self._run("rollback", ())

    async def savepoint(self) -> None:
        """Set the one savepoint of the transaction."""
        self._run("savepoint unit", ())

    async def rollback_to_savepoint(self) -> None:
        """Undo all since the savepoint."""
        self._run("rollback to unit", ())

    async def lock(self, numbers: Sequence[int]) -> None:
        """Nothing to do: `begin` took the write lock of the whole file."""

    async def load(self, rhs: Sequence[int]) -> list[Row]:
        """The `res` rows of these resources: STORED_COLUMNS, then fv, rh."""
        rows: list[Row] = []
        for chunk in _chunks(rhs):
            marks = ",".join("?" * len(chunk))
            rows += self._run(f"select {STORED_COLUMNS}, r.fv, r.rh from res r where r.rh in ({marks})", chunk)
        return rows

    async def next_block(self) -> int:
        """A new, higher number."""
        return self._run("update counter set n = n + 1 where name = 'k' returning n", ())[0][0]

    async def archive(self, rhs: Sequence[int]) -> None:
        """Copy the `res` rows of these resources to `hist`."""
        columns = ", ".join(COLUMNS["hist"])
        for chunk in _chunks(rhs):
            marks = ",".join("?" * len(chunk))
            self._run(f"insert into hist ({columns}) select {columns} from res where rh in ({marks})", chunk)

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows into `table`."""
        width = len(COLUMNS[table])
        for chunk in _chunks(rows):
            self._run(f"insert into {table} values {_values(len(chunk), width)}", _flat(chunk))

    async def replace(self, rows: Sequence[Row]) -> None:
        """Overwrite the `res` rows that have the same rh."""
        columns = COLUMNS["res"]
        updates = ", ".join(f"{name} = v.column{n}" for n, name in enumerate(columns, 1) if name != "rh")
        match = f"res.rh = v.column{columns.index('rh') + 1}"
        for chunk in _chunks(rows):
            values = _values(len(chunk), len(columns))
            self._run(f"update res set {updates} from (values {values}) as v where {match}", _flat(chunk))

    async def move_history(self, ck: int, k: int, new_ck: int) -> None:
        """Give the `hist` rows of a resource its new compartment key."""
        self._run("update hist set ck = ?3 where ck = ?1 and k = ?2", (ck, k, new_ck))

    async def delete(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        columns = COLUMNS[table]
        names = ", ".join(columns)
        for chunk in _chunks(rows):
            self._run(
                f"delete from {table} where ({names}) in (values {_values(len(chunk), len(columns))})", _flat(chunk)
            )

    async def append_events(self, rows: Sequence[Row]) -> int:
        """Number the rows and insert them; returns the first number."""
        last = self._run("update counter set n = n + ?1 where name = 'seq' returning n", (len(rows),))[0][0]
        first = last - len(rows) + 1
        await self.insert("events", [(first + index, *row) for index, row in enumerate(rows)])
        return first


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    start = 0
    for size in CHUNKS:
        while len(items) - start >= size:
            yield items[start : start + size]
            start += size


def _values(rows: int, width: int) -> str:
    return ",".join([f"({','.join('?' * width)})"] * rows)


def _flat(rows: Sequence[Row]) -> list[Any]:
    return [value for row in rows for value in row]
