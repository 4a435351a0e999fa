"""The group-commit writer: whatever queued while the last commit ran becomes the next transaction.

No timer: a lone request commits at once, a crowd shares one commit. A batch that fails as a whole is tried
again unit by unit, so that one bad unit harms nobody else.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import FhirError, Unavailable
from suture.store.bodies import Bodies
from suture.store.changes import GENERATION_LOCK, Changes
from suture.store.connection import Outdated, Retry, WriteConnection
from suture.store.dialect import Dialect
from suture.store.keys import Keys
from suture.store.surrogates import Surrogates
from suture.store.transaction import Batch, Index, Transaction
from suture.store.vocabulary import Known

MAX_UNITS = 256
"""Units in one transaction at most, so that the first does not wait for the thousandth."""

MAX_QUEUE = 20_000
"""Units that may wait; more are refused with 503."""

MAX_ATTEMPTS = 12

Work = Callable[[Transaction], Awaitable[Any]]

log = logging.getLogger("suture.store")


class Unit:
    """One piece of work that commits as a whole or not at all. `sequence`: the last event of the commit, 0 without."""

    __slots__ = ("attempts", "error", "future", "locks", "result", "savepoint", "sequence", "targets", "work")

    def __init__(
        self, work: Work, targets: Sequence[tuple[str, str]], locks: Sequence[str], savepoint: bool,
        future: asyncio.Future[Any],
    ) -> None:  # fmt: skip
        self.work = work
        self.targets = targets
        self.locks = locks
        self.savepoint = savepoint
        self.future = future
        self.attempts = 0
        self.sequence = 0
        self.result: Any = None
        self.error: BaseException | None = None

    def deliver(self) -> None:
        """Tell who waits, unless it went away."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class WriterStatistics:
    """Counts since the start: batches, units, versions, retries, unexpected errors; the size of the last batch."""

    def __init__(self) -> None:
        self.batches = 0
        self.units = 0
        self.versions = 0
        self.retries = 0
        self.errors = 0
        self.last_batch = 0


class Committer:
    """Runs batches of units on one write connection, on either engine."""

    def __init__(self, keys: Keys, bodies: Bodies, index: Index, dialect: Dialect, changes: Changes) -> None:
        self._changes = changes
        self._dialect = dialect
        self._keys = keys
        self._bodies = bodies
        self._index = index
        self._surrogates = Surrogates()
        self._known = Known()
        self.statistics = WriterStatistics()

    async def process(self, connection: WriteConnection, units: Sequence[Unit], *, certain: bool = False) -> None:
        """Commit the units; afterwards each has a result or an error.

        `certain`: keep others from beginning a generation meanwhile, which else the commit finds out.
        """
        try:
            await self._attempt(connection, units, certain=certain)
            return
        except Exception as error:
            certain = certain or isinstance(error, Outdated)
            self._surrogates.discard()
            with contextlib.suppress(FhirError, Retry):
                await connection.rollback()
            if isinstance(error, Unavailable):
                for unit in units:
                    unit.result, unit.error = None, error
                return
            if len(units) == 1 and not self._retry(units[0], error):
                return
        self.statistics.retries += 1
        for unit in units:
            unit.result, unit.error = None, None
            await asyncio.sleep(0.002 * unit.attempts * random.random())  # noqa: S311 (no secret: it spreads the attempts)
            await self.process(connection, (unit,), certain=certain)

    def _retry(self, unit: Unit, error: Exception) -> bool:
        """True when a unit that failed alone is worth another attempt; else it gets its error."""
        unit.attempts += 1
        if isinstance(error, Retry) and unit.attempts < MAX_ATTEMPTS:
            return True
        if isinstance(error, Retry):
            error = Unavailable("Too many others write to the same resources now. Try again.")
        elif not isinstance(error, FhirError):
            self.statistics.errors += 1
        unit.result, unit.error = None, error
        return False

    async def _attempt(self, connection: WriteConnection, units: Sequence[Unit], *, certain: bool) -> None:
        await connection.begin()
        if certain:
            await connection.lock((GENERATION_LOCK,))
            await self._changes.certain(connection)
        batch = Batch(
            connection, self._keys, self._bodies, self._index, self._surrogates, self._known, time.time_ns() // 1000,
            self._changes, self._dialect,
        )  # fmt: skip
        if locks := {type_number(type) for unit in units for type in unit.locks}:
            await connection.lock(sorted(locks))
        await batch.load(target for unit in units for target in unit.targets)
        for unit in units:
            await batch.ready()
            try:
                unit.result = await batch.run(unit.work, savepoint=unit.savepoint)
            except FhirError as error:
                unit.error = error
        await batch.commit()
        for unit in units:
            unit.sequence = batch.sequence
        statistics = self.statistics
        statistics.batches += 1
        statistics.units += len(units)
        statistics.versions += batch.versions
        statistics.last_batch = len(units)
        if batch.sequence:
            await self._taken_up(batch)

    async def _taken_up(self, batch: Batch) -> None:
        """Work with the generation that the batch began before anybody hears that it is committed."""
        if batch.new_generation:
            await self._changes.try_to_catch_up()
        self._changes.heard(batch.sequence, batch.generation)


def _refuse_when_full(waiting: int) -> None:
    if waiting >= MAX_QUEUE:
        raise Unavailable(
            "The server has more writes waiting than it can take. Try again.", headers={"Retry-After": "1"}
        )


def _deliver(units: Iterable[Unit]) -> None:
    for unit in units:
        unit.deliver()


class Writer:
    """Takes units and commits them in their order: a task with a connection of its own, opened again when it breaks."""

    def __init__(self, committer: Committer, connect: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._committer = committer
        self._connect = connect
        self._connection: Any = None
        self._queue: deque[Unit] = deque()
        self._wake = asyncio.Event()
        self._open = True
        self.statistics = committer.statistics
        self._task = asyncio.create_task(self._run(), name="suture-writer")

    @property
    def waiting(self) -> int:
        """Units that wait for their batch."""
        return len(self._queue)

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Raises Unavailable when too many wait."""
        _refuse_when_full(self.waiting)
        self._queue.append(unit)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            while self._queue:
                units = [self._queue.popleft() for _ in range(min(MAX_UNITS, len(self._queue)))]
                await self._commit(units)
            if not self._open:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _commit(self, units: list[Unit]) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = await self._connect()
            await self._committer.process(self._connection, units)
        except Exception as error:
            if not isinstance(error, FhirError):
                log.exception("the writer failed")
                self.statistics.errors += 1
            for unit in units:
                unit.error = error
        _deliver(units)

    async def close(self) -> None:
        """Finish what was accepted, then stop."""
        self._open = False
        self._wake.set()
        await self._task
        if self._connection is not None:
            await self._connection.close()
