"""Keeps the models of a process in step with the SearchParameters of the database, and builds what they need.

The one thing to know: the database decides, by its generation number. A write batch that meets a newer generation
reads the catalogue inside its own transaction before it writes a row; a search that meets a parameter it does not
know asks for the generation before it says so; a notice that something changed only makes both rarely necessary.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import FhirError
from suture.fhir.versions import Version
from suture.search import catalog
from suture.search.catalog import Catalog
from suture.store.connection import Connection, Retry
from suture.store.rebuild import Progress, Rebuild, progress, schedule
from suture.store.store import Store
from suture.store.transaction import Transaction

if TYPE_CHECKING:
    from suture.api.services import Model

PATIENCE = 5.0
"""Seconds after which a rebuild that could not go on is tried again."""

log = logging.getLogger("suture.search")

Report = Callable[[str, int, int], None]
"""(resource type, resources done, resources in all)"""


class Catalogue:
    """The added search parameters of one database, as this process knows them."""

    def __init__(self, store: Store, models: "Mapping[Version, Model]") -> None:
        self._store = store
        self._models = models
        self._wake = asyncio.Event()
        self._rebuild = Rebuild(store, self._completed)
        self.current = Catalog()

    async def open(self) -> None:
        """Compare the database with this release and read its catalogue. Call it once, before anything else."""
        now = catalog.state((model.definitions, model.full_text) for model in self._models.values())
        async with self._store.reading() as connection:
            different = await catalog.recorded(connection) != now
        if different:
            await self._store.write(lambda tx: self._compare(tx, now))
        self._store.changes.watch = self.changed
        await self._store.changes.subscribe(self._adopt)

    async def _compare(self, tx: Transaction, now: catalog.State) -> None:
        if await catalog.compare(tx, now):
            tx.begin_generation()

    async def refresh(self) -> bool:
        """Make certain that the newest catalogue is used; True when it was not."""
        before = self.current
        async with self._store.reading() as connection:
            await self._store.generation(connection)
        return self.current is not before

    async def _adopt(self, connection: Connection, generation: int) -> None:
        model = next(iter(self._models.values()))
        found = await catalog.read(connection, self._store.bodies, model.definitions)
        if found != self.current:
            self.current = found
        for each in self._models.values():
            each.adopt(found, generation)
        self._wake.set()

    async def changed(self, connection: Connection, versions: Sequence[tuple[bytes, bytes]]) -> None:
        """Order what new versions of SearchParameters call for, inside the transaction that writes them."""
        model = next(iter(self._models.values()))
        await catalog.changed(connection, model.definitions, versions)

    async def progress(self) -> list[Progress]:
        """The types that are being rebuilt."""
        async with self._store.reading() as connection:
            return await progress(connection)

    async def order(self, types: Sequence[str]) -> None:
        """Compare all index rows of these types with the resources once more; they can be searched meanwhile."""
        await self._store.write(lambda tx: self._order(tx, types))
        self._wake.set()

    async def _order(self, tx: Transaction, types: Sequence[str]) -> None:
        await schedule(tx, {type_number(type): set[str]() for type in types})
        tx.begin_generation()

    async def build(self, report: Report = lambda type, done, total: None) -> dict[str, str]:
        """Carry out every rebuild that is ordered. Returns what went wrong, by resource type."""
        problems: dict[str, str] = {}
        while todo := await self._rebuild.scheduled():
            type = todo[0].type
            problem = await self._rebuild.run(type, lambda done, total, type=type: report(type, done, total))
            if problem:
                problems[type] = problem
        await self.refresh()
        return problems

    async def keep_building(self) -> None:
        """Build in the background, whenever something is ordered, until cancelled."""
        while True:
            self._wake.clear()
            try:
                for type, problem in (await self.build()).items():
                    log.error("the index of %s could not be rebuilt: %s", type, problem)
            except (FhirError, Retry, OSError) as error:
                log.warning("rebuilding an index was interrupted: %s", type_of(error))
                self._wake.set()
                await asyncio.sleep(PATIENCE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 60)

    async def _completed(self, tx: Transaction) -> None:
        tx.begin_generation()


def type_of(error: BaseException) -> str:
    """The kind of an error, whose text may name what nobody should read in a log."""
    return type(error).__name__
