"""What terminology operations and validation work with: definitions, value sets taken apart, and what was kept of them.

The one thing to know: everything that is kept follows from one collection of canonical resources and one generation of
the database; as soon as either is another one, it is forgotten. What a request brings along is never kept for others.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import cast

from suture.fhir.definitions.packed_terminology import packed_layers
from suture.fhir.packages import Canonicals, CoreCanonicals, Layers
from suture.fhir.versions import Version
from suture.terminology.asked import Asked
from suture.terminology.composing import Composed, Composer
from suture.terminology.concept_maps import ConceptMap, concept_map
from suture.terminology.dated import DatedLibrary
from suture.terminology.inline import Inline
from suture.terminology.kept import Kept
from suture.terminology.library import Library, Shelf
from suture.terminology.oracle import Memberships
from suture.terminology.preferred_ids import NamingSystems
from suture.terminology.systems import Content, Head, Json
from suture.terminology.validation import all_codes_of
from suture.terminology.versions import newest

KEPT_CONCEPTS = 400_000
"""Concepts of code systems of users and packages that are kept in memory."""

KEPT_VALUE_SETS = 2_000
"""Value sets that are kept taken apart."""

MAX_MAPS = 2_000
"""Concept maps that are kept in memory for translations without a map named."""

CACHES = 64
"""Caches of clients (`cache-id`) that are kept."""

CACHE_SECONDS = 1800.0
"""How long a cache of a client is kept after its last use."""

CACHED_RESOURCES = 2_000
"""Resources of one cache of a client."""

_Key = tuple[str, tuple[object, ...], tuple[str, ...]]


Systems = Mapping[str, tuple[str, ...]]
"""Code systems by URL, with their versions, the newest first."""


class Desk:
    """The terminology of one FHIR version for everybody who is not a search."""

    def __init__(self, version: Version, content: Content | None = None) -> None:
        self.version = version
        self.content = content
        self._canonicals: Canonicals | None = None
        self._generation = -1
        self._shelf = Shelf(KEPT_CONCEPTS)
        self._composed: Kept[_Key, Composed] = Kept(KEPT_VALUE_SETS)
        self.memberships = Memberships()
        self._systems: Systems | None = None
        self._maps: list[ConceptMap] | None = None
        self._naming: NamingSystems | None = None
        self._caches: OrderedDict[str, tuple[Inline, float]] = OrderedDict()

    def current(self, canonicals: Canonicals, generation: int) -> "Desk":
        """This desk, with nothing left of other definitions. `canonicals`: those in force; `generation`: of the
        database.
        """
        if canonicals is not self._canonicals or generation != self._generation:
            self._canonicals, self._generation = canonicals, generation
            self._shelf = Shelf(KEPT_CONCEPTS)
            self._composed = Kept(KEPT_VALUE_SETS)
            self.memberships = Memberships()
            self._systems = None
            self._maps = None
            self._naming = None
        return self

    async def systems(self) -> Systems:
        """The code systems that are here, by URL, with their versions. The same object while nothing has changed."""
        found = self._systems
        if found is None:
            loaded = await self.content.heads() if self.content is not None else ()
            canonicals = self._canonicals
            found = await asyncio.to_thread(_listed, self.version, canonicals, [(h.url, h.version) for h in loaded])
            if canonicals is self._canonicals:
                self._systems = found
        return found

    async def naming_systems(self) -> NamingSystems:
        """The naming systems that are here. The same object while nothing has changed."""
        found = self._naming
        if found is None:
            canonicals = self._canonicals
            found = await asyncio.to_thread(lambda: NamingSystems(canonicals.all("NamingSystem") if canonicals else ()))
            if canonicals is self._canonicals:
                self._naming = found
        return found

    async def maps(self, question: "Question", system: str) -> list[ConceptMap]:
        """The concept maps that speak of a code system ("" for all), those of the request first."""
        found = [concept_map(one) for one in question.library.inline if one.get("resourceType") == "ConceptMap"]
        if self._maps is None:
            canonicals = self._canonicals
            maps = await asyncio.to_thread(_maps, canonicals)
            if canonicals is self._canonicals:
                self._maps = maps
            return _speaking([*found, *maps], system)
        return _speaking([*found, *self._maps], system)

    def question(self, asked: Asked, resources: Sequence[Json] = ()) -> "Question":
        """One request, with the resources that it brings along in `tx-resource` or has in its cache."""
        inline = [cast(Json, one) for one in asked.all("tx-resource") if isinstance(one, dict)]
        cache = asked.text("cache-id")
        own = self._cache(cache, inline) if cache else Inline(inline) if inline or resources else None
        if own is not None and resources:
            own = Inline([*own.resources, *resources])
        library = Library(
            self.version, None, self._shelf, canonicals=self._canonicals, content=self.content, inline=own
        )
        return Question(asked, library, self._composed if own is None else None)

    def forget(self, name: str) -> Sequence[Json]:
        """Give up the cache of a client; returns what it had."""
        found = self._caches.pop(name, None)
        return found[0].resources if found is not None else ()

    def _cache(self, name: str, resources: Iterable[Json]) -> Inline:
        """The resources of a cache, with those that are added now."""
        now = time.monotonic()
        for each in [each for each, (_, used) in self._caches.items() if now - used > CACHE_SECONDS]:
            del self._caches[each]
        inline = self._caches.pop(name, (Inline(), now))[0]
        if len(inline.resources) < CACHED_RESOURCES:
            inline.add(resources)
        self._caches[name] = (inline, now)
        while len(self._caches) > CACHES:
            self._caches.popitem(last=False)
        return inline


class Question:
    """One request to the terminology. `composer`: takes value sets apart for it."""

    def __init__(self, asked: Asked, library: Library, kept: Kept[_Key, Composed] | None) -> None:
        self.asked = asked
        self.library = library
        self._kept = kept
        self._rules = asked.rules
        self._supplements = tuple(asked.supplements)
        self.composer = Composer(library, self._rules, self._supplements)

    def on(self, moment: int, shown: str) -> DatedLibrary:
        """Ask about the definitions of a day from now on. `moment`: its end, in microseconds since 1970, UTC; `shown`:
        as messages call it.
        """
        self.library = dated = DatedLibrary(self.library, moment, shown)
        self.composer = Composer(dated, self._rules, self._supplements)
        self._kept = None
        return dated

    async def value_set(self, reference: str) -> Composed:
        """A value set by canonical, with or without `|version`, taken apart. Raises Refused, TooCostly."""
        key: _Key = (reference, self._rules.rules, self._supplements)
        found = self._kept.get(key) if self._kept is not None else None
        if found is None:
            found = await self.composer.of(reference)
            if self._kept is not None:
                self._kept.keep(key, found, 1)
        return found

    async def codes_of(self, head: Head) -> Composed:
        """The value set of all codes of a code system, taken apart. Raises as `value_set` does."""
        key: _Key = (f"all codes of {head.url}|{head.version}", self._rules.rules, self._supplements)
        found = self._kept.get(key) if self._kept is not None else None
        if found is None:
            found = await self.composer.take_apart(all_codes_of(head))
            if self._kept is not None:
                self._kept.keep(key, found, 1)
        return found

    async def resource(self, resource: Json) -> Composed:
        """A value set that was sent along, taken apart. Raises as `value_set` does."""
        own = self.asked.see(resource)
        if own.rules != self._rules:
            self.composer = Composer(self.library, own.rules, self._supplements)
        return await self.composer.sent(resource)


def _listed(version: Version, canonicals: Canonicals | None, loaded: Iterable[tuple[str, str]]) -> Systems:
    found: dict[str, set[str]] = {}
    for url, one in loaded:
        found.setdefault(url, set()).add(one)
    for layer in canonicals.layers if isinstance(canonicals, Layers) else [canonicals]:
        if layer is None or isinstance(layer, CoreCanonicals):
            continue
        for resource in layer.all("CodeSystem"):
            if resource.get("content") in ("complete", "fragment"):
                found.setdefault(resource["url"], set()).add(resource.get("version", ""))
    for packed in packed_layers(version):
        for url, one in packed.versions().items():
            found.setdefault(url, set()).add(one)
    return {url: tuple(newest(one for one in found[url] if one)) for url in sorted(found)}


def _maps(canonicals: Canonicals | None) -> list[ConceptMap]:
    if canonicals is None:
        return []
    return [concept_map(one) for one in islice(canonicals.all("ConceptMap"), MAX_MAPS)]


def _speaking(maps: Iterable[ConceptMap], system: str) -> list[ConceptMap]:
    return [one for one in maps if not system or any(system in (group.source, group.target) for group in one.groups)]
