"""Read replicas of a PostgreSQL database: which one may answer a read, and what happens when it cannot.

https://www.postgresql.org/docs/current/warm-standby.html. A replica shows commits in their order, so the number of
the newest event that it shows says exactly how far it is. The one thing to know: a session that brings the number of
its last write is answered by a replica only when that has reached it; whatever a replica cannot do, the primary does.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any

from suture.fhir.outcomes import FhirError, Unavailable
from suture.store.changes import NUMBERS, Changes
from suture.store.connection import Connection, Retry, Row
from suture.store.pool import PostgresPool
from suture.store.postgres import PostgresConnection

LOOK = 0.5
"""Seconds between two looks at a replica."""

PATIENCE = 2.0
"""Seconds that a replica may take to say how far it is."""

log = logging.getLogger("suture.store")


class Mismatch(Exception):
    """The replica shows another database than the primary."""


class Replica:
    """One replica. `name`: host and database, without credentials. `most_lag`: seconds it may be behind.

    `reached`, `generation`: the newest event and the generation it showed when last looked at. `lag`: seconds since
    it last showed everything that the primary had committed. `busy`: its connections that requests use now.
    """

    def __init__(self, pool: PostgresPool, name: str, secret: bytes, most_lag: float) -> None:
        self.pool = pool
        self.name = name
        self.reached = 0
        self.generation = -1
        self.lag = 0.0
        self._secret = secret
        self._most_lag = most_lag
        self._proved = False
        self._well = False
        self._told = True
        self.busy: set[PostgresConnection] = set()

    @property
    def state(self) -> str:
        """ok | lagging | unavailable."""
        if not self._well:
            return "unavailable"
        return "ok" if self.lag <= self._most_lag else "lagging"

    async def look(self) -> None:
        """Find out how far it is. Raises what the database raises."""
        async with asyncio.timeout(PATIENCE):
            connection = await self.pool.acquire()
        try:
            await self.ask(connection)
        except BaseException:
            connection.terminate()
            raise
        finally:
            self.pool.release(connection)

    async def ask(self, connection: PostgresConnection) -> None:
        """Find out how far it is, on a connection of its pool."""
        async with asyncio.timeout(PATIENCE):
            if not self._proved:
                rows = await connection.fetch("select value from meta where name = 'secret'")
                if not rows or bytes(rows[0][0]) != self._secret:
                    raise Mismatch
                self._proved = True
            self.reached, self.generation = (await connection.fetch(NUMBERS))[0]
        if not self._well:
            log.info("the replica %s answers", self.name)
        self._well = self._told = True

    def failed(self, error: Exception) -> None:
        """Do not use it until it answers again; requests that wait for it go on with the primary."""
        self._well = self._proved = False
        for connection in self.busy:
            connection.terminate()
        if self._told:
            what = "is not a replica of this database" if isinstance(error, Mismatch) else "does not answer"
            log.error("the replica %s %s", self.name, what, extra={"exception": type(error).__name__})
            self._told = False


class Replicas:
    """All replicas of a database. `changes`: of the primary. Must be closed."""

    def __init__(self, replicas: Sequence[Replica], changes: Changes) -> None:
        self.all = tuple(replicas)
        self.reads = 0
        self.refused = 0
        self._changes = changes
        self._turn = 0
        self._marks: deque[tuple[float, int]] = deque(maxlen=4096)
        self._task = asyncio.create_task(self._watch(), name="suture-replicas")

    async def _watch(self) -> None:
        while True:
            self._mark()
            await asyncio.gather(*map(self._look, self.all))
            await asyncio.sleep(LOOK)

    def _mark(self) -> None:
        """Note when the primary was how far."""
        if not self._marks or self._marks[-1][1] != self._changes.sequence:
            self._marks.append((time.monotonic(), self._changes.sequence))

    async def _look(self, replica: Replica) -> None:
        try:
            await replica.look()
        except Exception as error:
            replica.failed(error)
            return
        behind = next((moment for moment, sequence in self._marks if sequence > replica.reached), None)
        replica.lag = time.monotonic() - behind if behind is not None else 0.0

    def choose(self, sequence: int) -> Replica | None:
        """Whose turn it is among those that are well; first among those known to show event `sequence`."""
        fit = [r for r in self.all if r.state == "ok" and r.generation >= self._changes.generation]
        fit = [r for r in fit if r.reached >= sequence] or fit
        if not fit:
            return None
        self._turn += 1
        return fit[self._turn % len(fit)]

    def states(self) -> list[str]:
        """Of each replica: ok | lagging | unavailable."""
        return [replica.state for replica in self.all]

    def statistics(self) -> dict[str, float]:
        """Numbers for the metrics."""
        return {
            "replicas": len(self.all),
            "replicas_usable": self.states().count("ok"),
            "replica_lag": max(replica.lag for replica in self.all),
            "replica_reads": self.reads,
            "replica_refused": self.refused,
            "replica_pool_open": sum(replica.pool.open for replica in self.all),
        }

    async def close(self) -> None:
        """Stop watching and close the connections."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for replica in self.all:
            await replica.pool.close()


class ReplicaLease:
    """`async with` around one use of a connection to a replica that shows event `sequence`, else to the primary."""

    __slots__ = ("_primary", "_replica", "_replicas", "_sequence", "_used")

    def __init__(self, replicas: Replicas, primary: PostgresPool, sequence: int) -> None:
        self._replicas = replicas
        self._primary = primary
        self._sequence = sequence
        self._replica: Replica | None = None
        self._used: list[tuple[PostgresPool, PostgresConnection]] = []

    async def __aenter__(self) -> Connection:
        self._replica = self._replicas.choose(self._sequence)
        if self._replica is not None and (connection := await self._of(self._replica)) is not None:
            self._replicas.reads += 1
            return _Careful(connection, self._instead)
        return await self._of_primary()

    async def _of(self, replica: Replica) -> PostgresConnection | None:
        """A connection to the replica; None when it has not reached the event or does not answer."""
        try:
            connection = await replica.pool.acquire()
            self._used.append((replica.pool, connection))
            replica.busy.add(connection)
            if replica.reached < self._sequence:
                await replica.ask(connection)
        except (FhirError, Retry, Mismatch, TimeoutError) as error:
            replica.failed(error)
            return None
        return connection if replica.reached >= self._sequence else None

    async def _of_primary(self) -> PostgresConnection:
        self._replicas.refused += 1
        connection = await self._primary.acquire()
        self._used.append((self._primary, connection))
        return connection

    async def _instead(self, error: Exception) -> Connection:
        """A connection to the primary, after a replica raised Unavailable or Retry."""
        if self._replica is not None and isinstance(error, Unavailable):
            self._replica.failed(error)
        return await self._of_primary()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool, connection in self._used:
            if self._replica is not None:
                self._replica.busy.discard(connection)
            pool.release(connection)


class _Careful:
    """A connection to a replica that goes on with the primary when the replica ends it or cancels a statement."""

    __slots__ = ("_connection", "_instead")

    def __init__(self, connection: Connection, instead: Callable[[Exception], Awaitable[Connection]]) -> None:
        self._connection = connection
        self._instead: Callable[[Exception], Awaitable[Connection]] | None = instead

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        try:
            return await self._connection.fetch(sql, args)
        except (Unavailable, Retry) as error:
            if self._instead is None:
                raise
            self._connection = await self._instead(error)
            self._instead = None
            return await self._connection.fetch(sql, args)

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> None:
        await self.fetch(sql, args)
