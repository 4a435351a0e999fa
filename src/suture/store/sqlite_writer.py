"""SQLite: the connection of the writer.

Everything runs on the event loop but what waits for the disk or takes long: commits and large inserts go to a
thread. A thread for all of it would have to win the interpreter lock at every statement, against a busy event
loop. Rows go in by multi-row statements.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from suture.store.bodies import STORED_COLUMNS
from suture.store.checkpoint import Checkpointer
from suture.store.connection import Retry, Row, append_and_commit, overdue
from suture.store.sqlite import QUICK_SECONDS, Bindings, Overrun, SqliteConnection
from suture.store.tables import COLUMNS

CHUNKS = (256, 64, 16, 4, 1)
"""Rows per statement: few different statements, so that all stay prepared."""

LARGE = 1_000
"""Rows from which an insert goes to the thread."""

BUSY_SECONDS = 30.0
BUSY_PAUSE = 0.001
"""Between two tries for the file's write lock. SQLite's own waiting backs off to 100 ms and starves."""

COUNT = "update counter set n = n + ?1, generation = generation + ?2 where name = 'seq' returning n, generation"

T = TypeVar("T")


class SqliteWriteConnection:
    """The `WriteConnection` of a database file. `timeout`: seconds that one query may take."""

    def __init__(self, path: str, *, timeout: float) -> None:
        self._timeout = timeout
        self._connection = SqliteConnection(path)
        self._connection.raw.set_busy_timeout(0)
        self._checkpointer = Checkpointer(path)
        self._checkpointer.watch(self._connection.raw)
        self._thread = ThreadPoolExecutor(1, "suture-commit")

    closed = False
    own_words = "words"

    async def _aside(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _run(self, sql: str, args: Bindings = ()) -> list[Row]:
        """Run one statement to its end: SQLite undoes the whole transaction when a write in it is stopped."""
        return self._connection.run(sql, args, math.inf)

    def _search(self, sql: str, args: Bindings) -> list[Row]:
        try:
            return self._connection.run(sql, args, self._timeout)
        except Overrun:
            raise overdue(self._timeout) from None

    async def fetch(self, sql: str, args: Bindings = ()) -> list[Row]:
        """Run one query and return its rows. Raises TimedOut."""
        try:
            return self._connection.run(sql, args, QUICK_SECONDS)
        except Overrun:
            return await self._aside(self._search, sql, args)

    async def execute(self, sql: str, args: Bindings = ()) -> None:
        """Run one statement that returns nothing."""
        self._run(sql, args)

    async def close(self) -> None:
        """Close the connection."""
        self._thread.shutdown()
        self._checkpointer.close()
        self._connection.close()

    async def begin(self) -> None:
        """Open a transaction that holds the write lock of the file, waiting for other processes. Raises Retry."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._run("begin immediate")
                return
            except Retry:
                if time.monotonic() > give_up:
                    raise
            await asyncio.sleep(BUSY_PAUSE)

    async def commit(self) -> None:
        """Make the transaction durable."""
        await self._aside(self._run, "commit")

    async def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        if self._connection.raw.in_transaction:
            self._run("rollback")

    async def savepoint(self) -> None:
        """Set the one savepoint of the transaction."""
        self._run("savepoint unit")

    async def rollback_to_savepoint(self) -> None:
        """Undo all since the savepoint."""
        self._run("rollback to unit")

    @asynccontextmanager
    async def together(self) -> AsyncGenerator[None]:
        """Each statement is carried out where it stands: there are no round trips to save."""
        yield

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
        return self._run("update counter set n = n + 1 where name = 'k' returning n")[0][0]

    async def archive(self, rhs: Sequence[int]) -> None:
        """Copy the `res` rows of these resources to `hist`."""
        columns = ", ".join(COLUMNS["hist"])
        for chunk in _chunks(rhs):
            marks = ",".join("?" * len(chunk))
            self._run(f"insert into hist ({columns}) select {columns} from res where rh in ({marks})", chunk)

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows into `table`."""
        if len(rows) < LARGE:
            self._insert(table, rows)
        else:
            await self._aside(self._insert, table, rows)

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        width = len(COLUMNS[table])
        for chunk in _chunks(rows):
            self._run(f"insert into {table} values {_values(len(chunk), width)}", _flat(chunk))

    async def insert_new(self, table: str, rows: Sequence[Row]) -> None:
        """Insert the rows of a vocabulary table that are not there yet."""
        width = len(COLUMNS[table])
        for chunk in _chunks(rows):
            self._run(f"insert or ignore into {table} values {_values(len(chunk), width)}", _flat(chunk))

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

    async def hold(self, rhs: Sequence[int]) -> None:
        """Nothing to do: `begin` took the write lock of the whole file."""

    async def revise(self, rh: int, new_ck: int, sdate: int, present: int) -> None:
        """Give the `res` row of a resource other values that follow from its body."""
        ((ck, k),) = self._run("select ck, k from res where rh = ?1", (rh,))
        self._run("update res set ck = ?2, sdate = ?3, present = ?4 where rh = ?1", (rh, new_ck, sdate, present))
        if ck != new_ck:
            await self.move_history(ck, k, new_ck)

    async def delete(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        columns = COLUMNS[table]
        names = ", ".join(columns)
        for chunk in _chunks(rows):
            self._run(
                f"delete from {table} where ({names}) in (values {_values(len(chunk), len(columns))})", _flat(chunk)
            )

    async def write_prose(self, gone: Sequence[int], added: Sequence[Row]) -> None:
        """Forget the words of the resources `gone`, then add rows of (k, ck, narrative, content)."""
        for k in gone:
            self._run("delete from prose where rowid = ?1", (k,))
        for chunk in _chunks(added):
            self._run(
                f"insert into prose (rowid, ck, narrative, content) values {_values(len(chunk), 4)}", _flat(chunk)
            )

    async def append_events(self, rows: Sequence[Row], *, new_generation: bool = False) -> tuple[int, int]:
        """Number the rows and insert them; returns the last number and the generation."""
        last, generation = self._run(COUNT, (len(rows), int(new_generation)))[0]
        first = last - len(rows) + 1
        await self.insert("events", [(first + index, *row) for index, row in enumerate(rows)])
        return last, generation

    async def commit_events(self, rows: Sequence[Row], generation: int, *, new_generation: bool) -> int:
        """Number the rows, insert them, make all durable; the last number. Raises Outdated."""
        return await append_and_commit(self, rows, generation, new_generation=new_generation)


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
