"""The code systems that lie in the database, and the built-in ones, for all models of a process.

The one thing to know: which versions are visible follows the generation of the database (`suture.store.changes`), so a
release that is added or removed by `suture terminology` is there or gone for all servers at once.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from suture.fhir.versions import Version
from suture.store.connection import Connection
from suture.store.store import Store
from suture.store.terminology import Shelf, versions
from suture.terminology.content import Everything
from suture.terminology.remote import WithRemote, servers_of

if TYPE_CHECKING:
    from suture.api.services import Model


class LoadedSystems:
    """Keeps `content` in step with the database."""

    def __init__(self, store: Store, models: "Mapping[Version, Model]", remote: Sequence[str] = ()) -> None:
        """`remote`: the setting `terminology_servers`."""
        self._store = store
        self._servers = servers_of(remote)
        self._models = models
        self.content = Everything(Shelf(store.reading, store.dialect))

    async def open(self) -> None:
        """Take up what there is, and from now on what changes. Call it once."""
        await self._store.changes.subscribe(self._adopt)
        for model in self._models.values():
            model.loaded(WithRemote(self.content, self._servers) if self._servers else self.content)

    async def close(self) -> None:
        """End the connections to other servers."""
        for server in self._servers.values():
            await server.close()

    async def _adopt(self, connection: Connection, generation: int) -> None:
        self.content.adopt(await versions(connection))
