"""The store as the rooms above see it: read, search connection, write, history, events.

See docs/architecture.md, "Storage", for the tables and why they look as they do.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar

from suture.store import events, history
from suture.store.bodies import STORED_COLUMNS, Bodies
from suture.store.changes import Changes
from suture.store.connection import Connection
from suture.store.dialect import Dialect
from suture.store.distribution import OWNER, places
from suture.store.events import Event
from suture.store.history import At, Window
from suture.store.keys import Keys
from suture.store.predicate import Predicate, condition
from suture.store.replicas import Replicas
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
    changes: Changes

    @property
    def replicas(self) -> Replicas | None: ...

    def reading(self) -> Lease: ...

    def reading_after(self, sequence: int) -> Lease: ...

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
        self.changes = engine.changes

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
        unit = Unit(work, targets, locks, savepoint, future)
        self._engine.writer.submit(unit)
        result = await future
        self._wrote(unit.sequence)
        return result

    def _wrote(self, sequence: int) -> None:
        """A write has been committed, whose last event is `sequence`."""

    def session(self, sequence: int, *, replicas: bool) -> "Session":
        """The store as one request of a client sees it that has seen event number `sequence`.

        `replicas`: its reads may be answered by replicas that show that event; for requests that only read.
        """
        return Session(self._engine, self.keys, self.bodies, self.index, sequence, replicas=replicas)

    @property
    def replicas(self) -> list[str]:
        """The state of each replica: ok | lagging | unavailable."""
        return self._engine.replicas.states() if self._engine.replicas else []

    async def read(self, type: str, id: str, predicate: Predicate) -> Stored | None:
        """The current version, also when it says `deleted`; None when there never was such a resource."""
        async with self.reading() as connection:
            at, values = await self._at(connection, type, id)
            args = [*values]
            allowed = condition(predicate, "r", args)
            rows = await connection.fetch(f"select {STORED_COLUMNS} from res r where {at}{allowed}", args)
        return _if_it_is(self.bodies.stored(rows[0]), type, id) if rows else None

    async def vread(self, type: str, id: str, version: int, predicate: Predicate) -> Stored | None:
        """One version, deleted ones included, or None."""
        if not 0 < version < 2**31:
            return None
        async with self.reading() as connection:
            at = await self._at(connection, type, id)
            found = await history.version(connection, self.bodies, at, version, predicate)
        return _if_it_is(found, type, id) if found else None

    async def history(self, type: str | None, id: str | None, window: Window, predicate: Predicate) -> list[Stored]:
        """Versions, newest first: of one resource, of a type (id None) or of all (type None).

        `Stored.seq` of the last one is `Window.before` of the next page.
        """
        async with self.reading() as connection:
            if type is not None and id is not None:
                at = await self._at(connection, type, id)
                return await history.of_instance(connection, self.bodies, at, window, predicate)
            return await history.of_log(connection, self.bodies, self._log, type, window, predicate)

    async def history_count(self, type: str | None, id: str | None, window: Window, predicate: Predicate) -> int:
        """How many versions that history has over all its pages."""
        async with self.reading() as connection:
            if type is not None and id is not None:
                at = await self._at(connection, type, id)
                return await history.count_of_instance(connection, at, window, predicate)
            return await history.count_of_log(connection, self._log, type, window, predicate)

    async def _at(self, connection: Connection, type: str, id: str) -> At:
        """The condition on `res` that finds a resource; on a cluster on the one machine where it lies."""
        rh = self.keys.resource(type, id)
        if not self.dialect.clustered:
            return "r.rh = ?1", (rh,)
        ck = rh if type == OWNER else (await places(connection, (rh,))).get(rh, rh)
        return "r.rh = ?1 and r.ck = ?2", (rh, ck)

    @property
    def _log(self) -> str:
        return events.CLUSTER_JOIN if self.dialect.clustered else events.JOIN

    async def events(self, after: int, limit: int) -> list[Event]:
        """The committed versions that follow event number `after`, in order, at most `limit`."""
        async with self.reading() as connection:
            return await events.after(connection, self.dialect, after, limit)

    async def last_event(self) -> int:
        """The number of the newest event."""
        async with self.reading() as connection:
            return await events.last(connection)

    async def generation(self, connection: Connection) -> int:
        """The newest generation (`suture.store.changes`), for certain, once this process works with it.

        `connection`: of `reading`.
        """
        return await self.changes.certain(connection)

    def statistics(self) -> dict[str, float]:
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
            "last_event": self.changes.sequence,
            "generation": self.changes.generation,
            **self._engine.pool(),
            **(self._engine.replicas.statistics() if self._engine.replicas else {}),
        }

    async def close(self) -> None:
        """Finish the writes that were accepted, then close all connections."""
        await self._engine.close()


class Session(Store):
    """The store for one request.

    `sequence`: the newest event that its client has written or says it has seen. `written`: the newest event of what
    the request itself wrote, 0 when it wrote nothing.
    """

    def __init__(
        self, engine: Engine, keys: Keys, bodies: Bodies, index: "Callable[[str, bytes], Any]", sequence: int, *,
        replicas: bool,
    ) -> None:  # fmt: skip
        super().__init__(engine, keys, bodies, index)
        self.sequence = sequence
        self.written = 0
        self._on_replicas = replicas

    def reading(self) -> Lease:
        """A connection for reads that shows event `sequence`."""
        return self._engine.reading_after(self.sequence) if self._on_replicas else self._engine.reading()

    def _wrote(self, sequence: int) -> None:
        self.written = max(self.written, sequence)
        self.sequence = max(self.sequence, sequence)
