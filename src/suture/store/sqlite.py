"""SQLite: a connection, and the reads.

A read of a few rows takes some ten microseconds, far less than handing it to a thread would cost, so it runs
on the event loop. A statement that turns out to be long is stopped after QUICK_SECONDS and run again in a
thread, so that one long search never holds up everybody else. Who awaits it may be cancelled, because the client
went away: then the thread stops at the next look at the clock.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

import apsw

from suture.store.connection import Retry, Row, fenced, overdue, too_complex

QUICK_SECONDS = 0.03
"""How long a statement may hold the event loop."""

SLOW_READS = 2
"""Threads for the statements that took longer."""

PROGRESS_STEPS = 20_000
"""Steps of SQLite's machine (about a millisecond) between two looks at the clock."""

NEVER = threading.Event()
"""Set by nobody: nothing stops the statement but its time."""

_TOO_COMPLEX = ("tree is too large", "too many", "stack overflow")
"""In messages about what https://www.sqlite.org/limits.html bounds."""

_STOPPED = "integer overflow"
"""What `Dialect.stop` raises."""

Bindings = Sequence[Any]


class Overrun(Exception):
    """A statement was stopped because it took longer than it may."""


class Rows(Protocol):
    """What a statement returns."""

    def fetchall(self) -> list[Row]: ...


Execute = Callable[[str, Bindings], Rows]


class SqliteConnection:
    """One connection to the database file `path`. It is used by one thread at a time."""

    def __init__(self, path: str, *, cache_mb: int = 64) -> None:
        self._deadline = 0.0
        self._stop = NEVER
        self.raw = apsw.Connection(path, statementcachesize=400)
        # apsw's own annotations name buffers in a way that is unknown to the type checker
        self._execute = cast("Execute", self.raw.execute)  # pyright: ignore[reportUnknownMemberType] (partly untyped)
        # Statements are written so that one plan fits all values. Without this SQLite prepares them anew for each
        # execution, since bound values may change a plan, which takes longer than most statements.
        self.raw.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        for pragma in (
            "busy_timeout = 10000",
            "journal_mode = wal",
            "synchronous = full",
            f"cache_size = -{cache_mb * 1024}",
            "temp_store = memory",
            "journal_size_limit = 67108864",
        ):
            self._execute(f"pragma {pragma}", ()).fetchall()
        self.raw.set_progress_handler(self._overdue, PROGRESS_STEPS)

    def _overdue(self) -> bool:
        return time.monotonic() > self._deadline or self._stop.is_set()

    def run(self, sql: str, args: Bindings, seconds: float, stop: threading.Event = NEVER) -> list[Row]:
        """Run one statement. Raises Overrun after `seconds` or on `stop`, Retry when another process is in the way."""
        self._deadline, self._stop = time.monotonic() + seconds, stop
        try:
            return self._execute(sql, args).fetchall()
        except apsw.InterruptError:
            raise Overrun from None
        except (apsw.BusyError, apsw.ConstraintError) as error:
            raise Retry(str(error)) from error
        except apsw.SQLError as error:
            if any(words in str(error) for words in _TOO_COMPLEX):
                raise too_complex() from None
            if str(error) == _STOPPED:
                raise fenced() from None
            raise

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


class SqliteReader:
    """The `Connection` of all reads. `timeout`: seconds after which a statement ends with TimedOut."""

    def __init__(self, path: str, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._quick = SqliteConnection(path)
        self._threads = ThreadPoolExecutor(SLOW_READS, "suture-slow-read")
        self._idle: queue.SimpleQueue[SqliteConnection] = queue.SimpleQueue()
        self._opened: list[SqliteConnection] = []

    async def fetch(self, sql: str, args: Bindings = ()) -> list[Row]:
        """Run one statement and return its rows. Raises TimedOut."""
        try:
            return self._quick.run(sql, args, QUICK_SECONDS)
        except Overrun:
            stop = threading.Event()
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._again, sql, args, stop)
            except asyncio.CancelledError:
                stop.set()
                raise

    async def execute(self, sql: str, args: Bindings = ()) -> None:
        """Run one statement that returns nothing."""
        await self.fetch(sql, args)

    def _again(self, sql: str, args: Bindings, stop: threading.Event) -> list[Row]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = SqliteConnection(self._path, cache_mb=16)
            self._opened.append(connection)
        try:
            return connection.run(sql, args, self._timeout, stop)
        except Overrun:
            raise overdue(self._timeout) from None
        finally:
            self._idle.put(connection)

    def close(self) -> None:
        """Close all connections, once the statements that run have ended."""
        self._threads.shutdown()
        for connection in (*self._opened, self._quick):
            connection.close()
