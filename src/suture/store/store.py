"""The store as the rooms above see it: read, search connection, write, history, events.

See docs/architecture.md, "Storage", for the tables and why they look as they do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

from suture.store import events, history
from suture.store.bodies import STORED_COLUMNS, Bodies
from suture.store.connection import Connection
from suture.store.dialect import Dialect
from suture.store.events import Event
from suture.store.history import Window
from suture.store.keys import Keys
from suture.store.predicate import Predicate, condition
from suture.store.rows import Stored
from suture.store.transaction import Transaction
from suture.store.writer import Unit, Writer

T = TypeVar("T")


class Lease(Protocol):
    """`async with` around one use of a read connection."""

    async def __aenter__(self) -> Connection: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """What differs between SQLite and PostgreSQL once a database is open."""

    dialect: Dialect
    writer: Writer

    def reading(self) -> Lease: ...

    def pool(self) -> dict[str, int]: ...

    async def close(self) -> None: ...


def _if_it_is(stored: Stored, type: str, id: str) -> Stored | None:
    """`stored`, unless two resources share a hash and it is the other one."""
    return stored if stored.id == id and stored.type == type else None


class Store:
    """An open database. Built by `suture.store.opening.open_store`."""

    def __init__(self, engine: Engine, keys: Keys, bodies: Bodies, index: "Callable[[str, bytes], Any]") -> None:
        self._engine = engine
        self.keys = keys
        self.bodies = bodies
        self.index = index
        self.dialect = engine.dialect

    def reading(self) -> Lease:
        """`async with store.reading() as connection`: a connection for reads."""
        return self._engine.reading()

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        targets: Sequence[tuple[str, str]] = (),
        locks: Sequence[str] = (),
        savepoint: bool = False,
    ) -> T:
        """Run `work` inside the next group commit; return its result once the commit is durable.

        `work` may run again when the database asks for a retry, so it must not have other effects. What it
        raises undoes it alone. `targets`: resources it will look at, (type, id), read ahead in one query.
        `locks`: resource types whose searches inside `work` must not race with other processes' writes.
        `savepoint`: `work` flushes versions of its own before it is sure to succeed.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._engine.writer.submit(Unit(work, targets, locks, savepoint, future))
        return await future

    async def read(self, type: str, id: str, predicate: Predicate) -> Stored | None:
        """The current version, also when it says `deleted`; None when there never was such a resource."""
        args: list[Any] = [self.keys.resource(type, id)]
        allowed = condition(predicate, "r", args)
        async with self.reading() as connection:
            rows = await connection.fetch(f"select {STORED_COLUMNS} from res r where r.rh = ?1{allowed}", args)
        return _if_it_is(self.bodies.stored(rows[0]), type, id) if rows else None

    async def vread(self, type: str, id: str, version: int, predicate: Predicate) -> Stored | None:
        """One version, deleted ones included, or None."""
        if not 0 < version < 2**31:
            return None
        async with self.reading() as connection:
            found = await history.version(connection, self.bodies, self.keys.resource(type, id), version, predicate)
        return _if_it_is(found, type, id) if found else None

    async def history(self, type: str | None, id: str | None, window: Window, predicate: Predicate) -> list[Stored]:
        """Versions, newest first: of one resource, of a type (id None) or of all (type None).

        `Stored.seq` of the last one is `Window.before` of the next page.
        """
        async with self.reading() as connection:
            if type is not None and id is not None:
                rh = self.keys.resource(type, id)
                return await history.of_instance(connection, self.bodies, rh, window, predicate)
            return await history.of_log(connection, self.bodies, type, window, predicate)

    async def history_count(self, type: str | None, id: str | None, window: Window, predicate: Predicate) -> int:
        """How many versions that history has over all its pages."""
        rh = self.keys.resource(type, id) if type is not None and id is not None else None
        async with self.reading() as connection:
            return await history.count(connection, type, rh, window, predicate)

    async def events(self, after: int, limit: int) -> list[Event]:
        """The committed versions that follow event number `after`, in order, at most `limit`."""
        async with self.reading() as connection:
            return await events.after(connection, after, limit)

    async def last_event(self) -> int:
        """The number of the newest event."""
        async with self.reading() as connection:
            return await events.last(connection)

    def statistics(self) -> dict[str, int]:
        """Numbers for the metrics: the writer's counts and queue, and the pool's use."""
        writer = self._engine.writer
        counts = writer.statistics
        return {
            "queue_depth": writer.waiting,
            "batches": counts.batches,
            "units": counts.units,
            "versions": counts.versions,
            "retries": counts.retries,
            "errors": counts.errors,
            "last_batch": counts.last_batch,
            **self._engine.pool(),
        }

    async def close(self) -> None:
        """Finish the writes that were accepted, then close all connections."""
        await self._engine.close()
