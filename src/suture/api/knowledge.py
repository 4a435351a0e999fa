"""The conformance resources that a model works with: what users stored, above the packages, above the specification.

The one thing to know: it follows the generation of the database (`suture.store.changes`). Whoever keeps something that
was worked out from `Knowledge.canonicals` compares the object: it is another one as soon as something has changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from suture.fhir.packages import Canonicals, Collection, CoreCanonicals, Layers
from suture.fhir.packages.collection import Entry
from suture.fhir.packages.numbering import order
from suture.fhir.packages.package import fits
from suture.fhir.versions import Version
from suture.store import packages
from suture.store.conformance import StoredConformance
from suture.store.connection import Connection
from suture.store.store import Store

if TYPE_CHECKING:
    from suture.api.services import Model


class Knowledge(msgspec.Struct, frozen=True):
    """What one FHIR version knows beyond its definitions.

    `guides`: canonical URLs with version of the implementation guides. `profiles`: resource type -> canonical URLs of
    its profiles, each with its versions behind it where there are several.
    """

    canonicals: Canonicals
    guides: tuple[str, ...] = ()
    profiles: Mapping[str, tuple[str, ...]] = {}


def core(version: Version) -> Knowledge:
    """What there is without a database."""
    return Knowledge(CoreCanonicals(version))


class Knowing:
    """Keeps the knowledge of the models of a process in step with the database."""

    def __init__(self, store: Store, models: "Mapping[Version, Model]") -> None:
        self._store = store
        self._models = models
        self._users = StoredConformance(store.bodies, store.dialect)
        self._mark: tuple[tuple[str, str, int], ...] = ()
        self._packages: dict[Version, Collection] = {version: Collection() for version in models}

    async def open(self) -> None:
        """Take up what there is, and from now on what changes. Call it once."""
        await self._store.changes.subscribe(self._adopt)

    async def _adopt(self, connection: Connection, generation: int) -> None:
        changed = await self._users.look(connection)
        mark = await packages.mark(connection)
        if mark != self._mark:
            by_package = await packages.entries(connection)
            fhir_versions = {(p.name, p.version): p.manifest.fhir_versions for p in await packages.held(connection)}
            for version in self._models:
                fitting = (
                    entry
                    for package, entries in by_package.items()
                    if fits(fhir_versions[package], version)
                    for entry in entries
                )
                self._packages[version] = Collection(fitting)
            self._mark = mark
            changed = True
        if not changed:
            return
        users = Collection(self._users.entries)
        for version, model in self._models.items():
            loaded = self._packages[version]
            model.knowledge = Knowledge(
                Layers((users, loaded, CoreCanonicals(version))),
                tuple(sorted(_label(entry) for entry in loaded.entries("ImplementationGuide"))),
                _profiles((*users.entries("StructureDefinition"), *loaded.entries("StructureDefinition"))),
            )


def _profiles(entries: Iterable[Entry]) -> Mapping[str, tuple[str, ...]]:
    by_type: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for entry in entries:
        if entry.subject:
            by_type[entry.subject][entry.url].add(entry.version)
    return {type: tuple(_with_versions(urls)) for type, urls in by_type.items()}


def _with_versions(urls: Mapping[str, set[str]]) -> Iterable[str]:
    for url in sorted(urls):
        yield url
        if len(urls[url]) > 1:
            yield from (f"{url}|{version}" for version in sorted(urls[url] - {""}, key=order))


def _label(entry: Entry) -> str:
    return f"{entry.url}|{entry.version}" if entry.version else entry.url
