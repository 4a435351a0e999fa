"""The connections to PostgreSQL of one process: opened on demand, up to a limit; who finds none waits in a queue.

asyncpg's own pool runs a reset query at every release, which costs two thirds of the read rate.
"""

import asyncio
from collections import deque
from types import TracebackType

import asyncpg

from suture.store.postgres import DRIVER_ERRORS, PostgresConnection, unavailable

CONNECT_SECONDS = 10.0
"""How long opening a connection may take."""


class PostgresPool:
    """Read connections: an idle list, a limit and a queue for who must wait.

    `url`: postgresql://…; `size`: connections at most; `timeout`: statement timeout, seconds. `kind`, `plans`: what
    its connections are, and how they plan prepared statements; to be set before the first connection is opened.
    """

    def __init__(self, url: str, *, size: int, timeout: float) -> None:
        self._url = url
        self._size = size
        self._timeout = timeout
        self._idle: list[PostgresConnection] = []
        self._waiters: deque[asyncio.Future[PostgresConnection | None]] = deque()
        self._settling: set[asyncio.Task[None]] = set()
        self.open = 0
        self.kind = PostgresConnection
        self.plans = "force_generic_plan"  # statements are written so that one plan fits all values

    @property
    def idle(self) -> int:
        """Connections that nobody uses now."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection."""
        return len(self._waiters)

    async def connect(self, *, statement_timeout: float | None = None) -> PostgresConnection:
        """Open a connection outside the list. `statement_timeout`: seconds, 0 for none."""
        limit = self._timeout if statement_timeout is None else statement_timeout
        try:
            connection = await asyncpg.connect(
                self._url,
                timeout=CONNECT_SECONDS,
                statement_cache_size=400,
                max_cached_statement_lifetime=0,
                server_settings={
                    "application_name": "suture",
                    "jit": "off",
                    "synchronous_commit": "on",
                    "statement_timeout": str(int(limit * 1000)),
                    "random_page_cost": "1.1",
                    "max_parallel_workers_per_gather": "0",  # starting a worker takes longer than most searches
                    "plan_cache_mode": self.plans,
                },
            )
        except DRIVER_ERRORS as error:
            raise unavailable(error) or error from error
        return self.kind(connection, limit)

    async def acquire(self) -> PostgresConnection:
        """A connection for one use; give it back by `release`."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
            self.open -= 1
        if self.open < self._size:
            self.open += 1
            try:
                return await self.connect()
            except BaseException:
                self.open -= 1
                self._wake(None)
                raise
        waiter: asyncio.Future[PostgresConnection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            given = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (given := waiter.result()) is not None:
                self.release(given)
            raise
        return given if given is not None else await self.acquire()

    def release(self, connection: PostgresConnection) -> None:
        """Give a connection back: to who waits longest, else to the idle list."""
        if connection.interrupted and not connection.closed:
            task = asyncio.get_running_loop().create_task(self._settle(connection))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        elif connection.closed:
            self.open -= 1
            self._wake(None)
        elif not self._wake(connection):
            self._idle.append(connection)

    async def _settle(self, connection: PostgresConnection) -> None:
        await connection.settle()
        self.release(connection)

    def _wake(self, connection: PostgresConnection | None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    async def close(self) -> None:
        """Close all idle connections."""
        await asyncio.gather(*self._settling)
        for connection in self._idle:
            await connection.close()
        self._idle.clear()


class PostgresLease:
    """`async with` around one use of a read connection."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: PostgresPool) -> None:
        self._pool = pool

    async def __aenter__(self) -> PostgresConnection:
        self._connection = await self._pool.acquire()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.release(self._connection)
