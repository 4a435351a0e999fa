"""How one process hears of the commits of others: NOTIFY on PostgreSQL, a look at the file's version on SQLite.

https://www.postgresql.org/docs/current/sql-notify.html, https://www.sqlite.org/pragma.html#pragma_data_version.
The one thing to know: hearing late or not at all costs time, never correctness (see `suture.store.changes`), so a
listener that loses its connection tries again quietly and then looks at the numbers, as it does now and then anyway.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from suture.store.changes import NUMBERS, Changes
from suture.store.connection import Connection
from suture.store.postgres import PostgresConnection

PATROL = 5.0
"""Seconds between two looks at the numbers on PostgreSQL, in case that a message was lost with its connection."""

PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the first and before later tries to connect again."""

PATIENCE = 10.0
"""Seconds that the database may take to answer the listener."""

POLL = 0.2
"""Seconds between two looks at a SQLite file (some microseconds each)."""

log = logging.getLogger("suture.store")


class Listener:
    """A task that tells `changes` what others commit, until it is closed."""

    def __init__(self, changes: Changes, run: Callable[[Changes], Awaitable[None]]) -> None:
        self._task = asyncio.create_task(_restarted(changes, run), name="suture-listener")

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _restarted(changes: Changes, run: Callable[[Changes], Awaitable[None]]) -> None:
    pause = PAUSE
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await run(changes)
        except Exception as error:
            log.debug("the listener starts again: %s", type(error).__name__)
        if asyncio.get_running_loop().time() - started > LONGEST_PAUSE:
            pause = PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def on_postgres(connect: Callable[[], Awaitable[PostgresConnection]]) -> Callable[[Changes], Awaitable[None]]:
    """Listen on one connection of `connect` until it breaks."""

    async def run(changes: Changes) -> None:
        connection = await connect()
        closed = asyncio.Event()

        def told(message: str) -> None:
            sequence, _, generation = message.partition(" ")
            with contextlib.suppress(ValueError):
                changes.heard(int(sequence), int(generation))

        try:
            async with asyncio.timeout(PATIENCE):
                await connection.listen(told, closed.set)
            while not closed.is_set():
                async with asyncio.timeout(PATIENCE):
                    changes.heard(*(await connection.fetch(NUMBERS))[0])
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PATROL):
                        await closed.wait()
        finally:
            connection.terminate()

    return run


def on_sqlite(connection: Connection) -> Callable[[Changes], Awaitable[None]]:
    """Look at the file's version, which changes with every commit of another connection."""

    async def run(changes: Changes) -> None:
        seen = -1
        while True:
            version = (await connection.fetch("pragma data_version"))[0][0]
            if version != seen:
                seen = version
                changes.heard(*(await connection.fetch(NUMBERS))[0])
            await asyncio.sleep(POLL)

    return run
