"""PostgreSQL through asyncpg: one connection.

Placeholders `?1` become `$1` here. `suture.store.pool` opens connections and hands them out. The one thing to know:
what is written inside `together` is gathered and sent as one statement (`suture.store.statements`).
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg

from suture.fhir.outcomes import FhirError, TooCostly, Unavailable
from suture.store.connection import Outdated, Retry, Row, fenced, overdue, too_complex
from suture.store.statements import (
    APPEND,
    ARCHIVE,
    CHANNEL,
    DELETE,
    DELETE_PROSE,
    INSERT,
    INSERT_NEW,
    INSERT_PROSE,
    LOAD,
    REPLACE,
    TYPES,
    as_one,
)
from suture.store.tables import COLUMNS
from suture.store.tsvector import tsvector

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

LOCK_CLASS = 0x5375
"""First half of the two-part advisory lock numbers, so that other applications' locks are not met."""

COPY_FROM = 64
"""Rows from which COPY is cheaper than arrays (at 256 rows: 0.5 against 1.0 µs of our CPU per row)."""

COPY_FROM_TOGETHER = 1000
"""The same inside of `together`, where arrays need no round trip of their own."""

_PLACEHOLDER = re.compile(r"\?(\d+)")
_TRANSLATED_LIMIT = 5000

SETTLE_SECONDS = 5.0
"""How long the server may take to end a statement that was cancelled, before its connection is given up."""


class PostgresConnection:
    """One connection with both faces of `suture.store.connection`."""

    own_words = "words"

    def __init__(self, connection: "asyncpg.Connection[Any]", timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._translated: dict[str, str] = {}
        self._gone = False
        self._due = False
        self._gathers = False
        self._gathered: list[tuple[str, Sequence[Any]]] = []
        self.interrupted = False

    def _sql(self, sql: str) -> str:
        text = self._translated.get(sql)
        if text is None:
            if len(self._translated) >= _TRANSLATED_LIMIT:
                self._translated.clear()
            text = self._translated[sql] = _PLACEHOLDER.sub(r"$\1", sql)
        return text

    @property
    def closed(self) -> bool:
        """True when the connection to the server is gone."""
        return self._gone or self._connection.is_closed()

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows."""
        if self._due or self._gathered:
            await self._send()
        return await self._fetch(sql, args)

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[Row]:
        try:
            return cast("list[Row]", await self._connection.fetch(self._sql(sql), *args))
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error
        except asyncio.CancelledError:
            self.interrupted = True  # the driver asks the server to stop; `settle` waits until it has
            raise

    async def settle(self) -> None:
        """Wait until a cancelled statement has ended and the connection can be used again; else end it."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._connection.fetch("select 1")
            self.interrupted = False
        except (*DRIVER_ERRORS, TimeoutError):
            self._gone = True
            self._connection.terminate()

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> None:
        """Run one statement that returns nothing."""
        await self.fetch(sql, args)

    def _translate(self, error: Exception) -> Exception:
        if isinstance(error, asyncpg.QueryCanceledError):
            return overdue(self._timeout)
        if isinstance(error, asyncpg.StatementTooComplexError | asyncpg.TooManyColumnsError):
            return too_complex()
        if isinstance(error, asyncpg.DivisionByZeroError):
            return fenced()
        if isinstance(error, asyncpg.DeadlockDetectedError | asyncpg.SerializationError | asyncpg.UniqueViolationError):
            return Retry(type(error).__name__)
        gone = unavailable(error)
        if gone is not None:
            self._gone = True  # whatever state the connection is in, nobody uses it again
            self._connection.terminate()
        return gone or error

    async def close(self) -> None:
        """Close the connection; at once when the server does not answer."""
        if self.closed:
            return
        try:
            await self._connection.close(timeout=5)
        except DRIVER_ERRORS:
            self._connection.terminate()

    # The writer's face

    async def _run(self, sql: str) -> None:
        try:
            await self._connection.execute(sql)
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error

    async def begin(self) -> None:
        """Open a transaction, when its first statement is sent."""
        self._due = True

    async def _begin(self) -> None:
        if self._due:
            self._due = False
            await self._run("begin")

    async def _send(self) -> None:
        """Open the transaction and write what is gathered."""
        await self._begin()
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            await self._fetch(*as_one(gathered))

    async def commit(self) -> None:
        """Make the transaction durable."""
        if self._gathered:
            await self._send()
        if not self._due:
            await self._run("commit")
        self._due = False

    async def rollback(self) -> None:
        """Undo the transaction, if one is open."""
        self._due = False
        self._gathered.clear()
        if not self.closed and self._connection.is_in_transaction():
            await self._run("rollback")

    async def savepoint(self) -> None:
        """Set the one savepoint of the transaction."""
        await self._send()
        await self._run("savepoint unit")

    async def rollback_to_savepoint(self) -> None:
        """Undo all since the savepoint."""
        self._gathered.clear()
        await self._run("rollback to savepoint unit")

    @asynccontextmanager
    async def together(self) -> AsyncGenerator[None]:
        """Gather what is written inside the block into one statement, sent before or with the next one."""
        if self._gathered:
            await self._send()
        self._gathers = True
        try:
            yield
        finally:
            self._gathers = False

    async def _write(self, sql: str, args: Sequence[Any]) -> None:
        if self._gathers:
            self._gathered.append((sql, args))
        else:
            await self.fetch(sql, args)

    async def lock(self, numbers: Sequence[int]) -> None:
        """Wait until no other process holds any of these locks; hold them to the end of the transaction."""
        for number in sorted(set(numbers)):
            await self.fetch("select pg_advisory_xact_lock(?1, ?2)", (LOCK_CLASS, number))

    async def load(self, rhs: Sequence[int]) -> list[Row]:
        """The `res` rows of these resources, locked in the order of rh: STORED_COLUMNS, then fv, rh."""
        return await self.fetch(LOAD, (list(rhs),))

    async def next_block(self) -> int:
        """A new, higher number."""
        return (await self.fetch("update counter set n = n + 1 where name = 'k' returning n"))[0][0]

    async def archive(self, rhs: Sequence[int]) -> None:
        """Copy the `res` rows of these resources to `hist`."""
        await self._write(ARCHIVE, (list(rhs),))

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows into `table`: many by COPY, few by one statement."""
        if len(rows) < (COPY_FROM_TOGETHER if self._gathers else COPY_FROM):
            await self._write(INSERT[table], _columns(rows))
            return
        await (self._begin() if self._gathers else self._send())
        try:
            await self._connection.copy_records_to_table(table, records=rows, columns=COLUMNS[table])
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error

    async def insert_new(self, table: str, rows: Sequence[Row]) -> None:
        """Insert the rows of a vocabulary table that are not there yet."""
        await self._write(INSERT_NEW[table], _columns(rows))

    async def replace(self, rows: Sequence[Row]) -> None:
        """Overwrite the `res` rows that have the same rh."""
        await self._write(REPLACE, _columns(rows))

    async def move_history(self, ck: int, k: int, new_ck: int) -> None:
        """Give the `hist` rows of a resource its new compartment key."""
        await self.fetch("update hist set ck = ?3 where ck = ?1 and k = ?2", (ck, k, new_ck))

    async def hold(self, rhs: Sequence[int]) -> None:
        """Keep other writers from these resources to the end of the transaction."""
        await self.fetch("select 1 from res where rh = any(?1::bigint[]) order by rh for update", (list(rhs),))

    async def revise(self, rh: int, new_ck: int, sdate: int, present: int) -> None:
        """Give the `res` row of a resource that is held other values that follow from its body."""
        ((ck, k),) = await self.fetch("select ck, k from res where rh = ?1", (rh,))
        await self.fetch("update res set ck = ?2, sdate = ?3, present = ?4 where rh = ?1", (rh, new_ck, sdate, present))
        if ck != new_ck:
            await self.move_history(ck, k, new_ck)

    async def delete(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        await self._write(DELETE[table], _columns(rows))

    async def write_prose(self, gone: Sequence[int], added: Sequence[Row]) -> None:
        """Forget the words of the resources `gone`, then add rows of (k, ck, narrative, content)."""
        if gone:
            await self._write(DELETE_PROSE, (gone, [row[0] for row in added], [row[1] for row in added]))
        if added:
            await self._write(
                INSERT_PROSE, _columns([(k, ck, tsvector(narrative, content)) for k, ck, narrative, content in added])
            )

    async def append_events(self, rows: Sequence[Row], *, new_generation: bool = False) -> tuple[int, int]:
        """Number the rows and insert them; returns the last number and the generation."""
        columns = _columns(rows) if rows else [()] * len(TYPES["events"])
        last, generation, _ = (await self.fetch(APPEND, (*columns, len(rows), int(new_generation), CHANNEL)))[0]
        return last, generation

    async def commit_events(self, rows: Sequence[Row], generation: int, *, new_generation: bool) -> int:
        """Number the rows, insert them, make all durable; the last number. Raises Outdated.

        When nothing of the transaction was sent before, all of it is one statement.
        """
        whole, self._due = self._due, False
        gathered, self._gathered = self._gathered, []
        columns = _columns(rows) if rows else [()] * len(TYPES["events"])
        events = (*columns, len(rows), int(new_generation), CHANNEL, generation)
        try:
            found = await self._fetch(*as_one(gathered, events))
        except TooCostly as error:
            if isinstance(error.__cause__, asyncpg.DivisionByZeroError):
                raise Outdated("generation") from None
            raise
        if not whole:
            await self._run("commit")
        return found[0][0]

    # The listener's face

    async def listen(self, told: Callable[[str], None], closed: Callable[[], None]) -> None:
        """Call `told` with the text of every message that a commit sends, and `closed` when the connection ends."""
        self._connection.add_termination_listener(lambda _: closed())
        try:
            await self._connection.add_listener(CHANNEL, lambda _, __, ___, message: told(str(message)))
        except DRIVER_ERRORS as error:
            raise self._translate(error) from error

    def terminate(self) -> None:
        """Close the connection without a word."""
        self._connection.terminate()


def _columns(rows: Sequence[Row]) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True))


def unavailable(error: Exception) -> FhirError | None:
    """The error as a clear 503, when it means that the database cannot be reached; else None."""
    gone = (
        OSError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # the server ended the connection between two messages
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.ReadOnlySQLTransactionError,
    )
    if isinstance(error, gone):
        return Unavailable("The database cannot be reached now. Try again.", headers={"Retry-After": "1"})
    return None
