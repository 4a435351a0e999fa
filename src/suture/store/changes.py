"""What this process knows of everybody's commits: how far the event log is, and which generation it works with.

The generation is a number in the database that grows with every commit of a conformance resource (SearchParameter,
ValueSet …). Whoever keeps something in memory that follows from such resources subscribes here. The one thing to
know: a message from another process is a wake-up, nothing relies on it. A batch made under an older generation than
the database's is undone at its commit and made again, and a reader that must be certain asks `certain`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from suture.store.connection import Connection

if TYPE_CHECKING:
    from suture.store.store import Lease

CONFORMANCE = frozenset((
    "CodeSystem", "CompartmentDefinition", "ConceptMap", "GraphDefinition", "ImplementationGuide", "NamingSystem",
    "OperationDefinition", "Questionnaire", "SearchParameter", "StructureDefinition", "StructureMap", "ValueSet",
))  # fmt: skip
"""The resource types whose writes begin a new generation."""

GENERATION_LOCK = -1
"""The lock (see `WriteConnection.lock`) without which nobody begins a generation; resource types count from 1."""

NUMBERS = "select n, generation from counter where name = 'seq'"
"""The newest event and the generation, as one consistent row."""

Subscriber = Callable[[Connection, int], Awaitable[None]]
"""Called before the process works with a generation: (a connection to read from, the generation)."""

Watch = Callable[[Connection], Awaitable[None]]
"""Called inside a transaction that has written SearchParameters."""

log = logging.getLogger("suture.store")


class Changes:
    """`reading`: gives connections to the primary database.

    `sequence`: the newest event that this process knows of; `generation`: the one it works with. `watch`: takes part in
    every transaction that writes SearchParameters. `rebuilding`: in that generation, the types whose index rows need
    not be what this process would write.
    """

    def __init__(self, reading: "Callable[[], Lease]", sequence: int, generation: int) -> None:
        self._reading = reading
        self.sequence = sequence
        self.generation = generation
        self.watch: Watch | None = None
        self.rebuilding: frozenset[str] = frozenset()
        self._subscribers: list[Subscriber] = []
        self._one_at_a_time = asyncio.Lock()
        self._catching_up: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    async def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` now, and from now on for every new generation before it is worked with.

        It may be called twice for one generation, and one may be left out when several follow each other quickly.
        When it raises, the process stays at the generation it had, and it is called again later.
        """
        async with self._one_at_a_time, self._reading() as connection:
            await subscriber(connection, self.generation)
            self._subscribers.append(subscriber)

    def heard(self, sequence: int, generation: int) -> None:
        """Take note of numbers that were committed; never waits."""
        if sequence > self.sequence:
            self.sequence = sequence
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
        if generation > self.generation and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.create_task(self.try_to_catch_up(), name="suture-generation")

    async def certain(self, connection: Connection) -> int:
        """The database's generation as `connection` sees it, once this process works with it (or a newer one)."""
        sequence, generation = (await connection.fetch(NUMBERS))[0]
        if generation > self.generation:
            async with self._one_at_a_time:
                if generation > self.generation:
                    for subscriber in self._subscribers:
                        await subscriber(connection, generation)
                    self.generation = generation
        self.heard(sequence, generation)
        return generation

    async def try_to_catch_up(self) -> None:
        """Work with the newest generation that is committed, if that is possible now."""
        try:
            async with self._reading() as connection:
                await self.certain(connection)
        except Exception as error:  # whoever depends on it asks again and gets the error
            log.error("a new generation could not be taken up: %s", type(error).__name__)

    async def beyond(self, sequence: int, seconds: float) -> bool:
        """Wait until there are events after number `sequence`, at most `seconds`. False: not within that time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.sequence <= sequence:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await waiter
            finally:
                self._waiting.discard(waiter)
        return True

    async def close(self) -> None:
        """Stop what runs in the background."""
        task, self._catching_up = self._catching_up, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
