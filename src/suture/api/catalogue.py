"""Keeps the models of a process in step with the SearchParameters of the database, and builds what they need.

The one thing to know: the database decides, by its generation number. A write batch that meets a newer generation
reads the catalogue inside its own transaction before it writes a row; a search that meets a parameter it does not
know asks for the generation before it says so; a notice that something changed only makes both rarely necessary.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, TypeVar

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import FhirError
from suture.fhir.versions import Version
from suture.search import catalog
from suture.search.catalog import Catalog
from suture.store.connection import Connection, Retry
from suture.store.rebuild import Progress, Rebuild, progress, schedule, type_of
from suture.store.store import Store
from suture.store.transaction import Transaction

if TYPE_CHECKING:
    from suture.api.services import Model

PATIENCE = 5.0
"""Seconds after which a rebuild that could not go on is tried again."""

T = TypeVar("T")

log = logging.getLogger("suture.search")

Report = Callable[[str, int, int], None]
"""(resource type, resources done, resources in all)"""


class Catalogue:
    """The added search parameters of one database, as this process knows them."""

    def __init__(self, store: Store, models: "Mapping[Version, Model]") -> None:
        self._store = store
        self._models = models
        self._wake = asyncio.Event()
        self._rebuild = Rebuild(store, lambda: self.current, self._completed)
        self.current = Catalog()

    async def open(self) -> None:
        """Compare the database with this release and read its catalogue. Call it once, before anything else."""
        versions = [(model.definitions, model.full_text) for model in self._models.values()]
        now = catalog.state(versions, contained=any(model.contained for model in self._models.values()))
        async with self._store.reading() as connection:
            known = await catalog.up_to_date(connection, now)
        if not known:
            await self._store.write(lambda tx: self._compare(tx, now))
        self._store.changes.watch = self.changed
        await self._store.changes.subscribe(self._adopt)

    async def _compare(self, tx: Transaction, now: catalog.State) -> None:
        model = next(iter(self._models.values()))
        if await catalog.compare(tx, self._store.keys, self._store.bodies, model.definitions, now):
            tx.begin_generation()

    async def refresh(self) -> bool:
        """Make certain that the newest catalogue is used; True when it was not."""
        before = self.current
        async with self._store.reading() as connection:
            await self._store.generation(connection)
        return self.current is not before

    async def _adopt(self, connection: Connection, generation: int) -> None:
        model = next(iter(self._models.values()))
        found = await catalog.read(connection, self._store.bodies, model.definitions, self.current)
        for each in self._models.values():
            if found is not self.current:
                each.adopt(found)
            each.generation = generation
        self.current = found
        self._store.changes.rebuilding = found.rebuilding
        self._wake.set()

    async def changed(self, connection: Connection) -> None:
        """Order what new versions of SearchParameters call for, inside the transaction that writes them."""
        model = next(iter(self._models.values()))
        await catalog.changed(connection, self._store.keys, self._store.bodies, model.definitions, self.current)

    async def certainly(self, understand: Callable[[], T]) -> T:
        """What `understand` makes of search parameters, of which it is certain that they are the newest.

        `understand` reads what a client asks for, without waiting for anything, and without an effect when it raises
        FhirError. When it meets a parameter that is not there, or not for ever, the database is asked first.
        """
        before, doubts = self.current, self._doubts()
        try:
            result = understand()
        except FhirError:
            if self._doubts() == doubts:
                raise
            await self.refresh()
            if self.current is before:
                raise
        else:
            if self._doubts() == doubts:
                return result
            await self.refresh()
            if self.current is before:
                return result
        return understand()

    def _doubts(self) -> int:
        return sum(model.parameters.doubts for model in self._models.values())

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
        while todo := await self._rebuild.scheduled():
            type = todo[0].type
            await self._rebuild.run(type, lambda done, total, type=type: report(type, done, total))
        await self.refresh()
        return {item.type: item.problem for item in await self.progress()}

    async def keep_building(self) -> None:
        """Build in the background, whenever something is ordered, until cancelled."""
        told: Set[str] = frozenset()
        while True:
            self._wake.clear()
            try:
                problems = await self.build()
                for type in problems.keys() - told:
                    log.error("the index of %s could not be rebuilt: %s", type, problems[type])
                told = problems.keys()
            except (FhirError, Retry, OSError) as error:
                log.warning("rebuilding an index was interrupted: %s", type_of(error))
                self._wake.set()
                await asyncio.sleep(PATIENCE)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), 60)

    async def _completed(self, tx: Transaction) -> None:
        tx.begin_generation()
