"""Where definitions come from: what a request brings along, what is stored here, packages, loaded content, what ships.

Canonical URLs: https://hl7.org/fhir/R4/references.html#canonical; implicit value sets: SNOMED CT
(https://hl7.org/fhir/R4/snomedct.html#implicit), LOINC and UCUM. The one thing to know: what is read from the
database is kept for one generation of definitions, so no process ever answers from an old one.
"""

import asyncio
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, Protocol

import msgspec

from suture.fhir.definitions import packed_resource
from suture.fhir.definitions.packed_terminology import packed_layers
from suture.fhir.outcomes import Issue
from suture.fhir.packages import Canonicals, Nothing
from suture.fhir.packages.canonicals import Versioned
from suture.fhir.versions import Version
from suture.terminology.canonicals import CONSTRAINT, split
from suture.terminology.inline import USABLE, Inline
from suture.terminology.kept import Kept
from suture.terminology.listed import Listed
from suture.terminology.naming import urls_by_identifier
from suture.terminology.problems import Problem, Refused
from suture.terminology.refusals import shown, unsupported
from suture.terminology.systems import Content, ImplicitMap, Json, Provider
from suture.terminology.versions import matches, newest

MAX_URL = 2000
"""Characters of a reference to a value set."""

MAX_IMPLICIT = 20_000
"""The same of one with an expression constraint in it."""

_RELATIVE = re.compile(r"([A-Za-z]+)/([A-Za-z0-9.\-]{1,64})")
_SNOMED = re.compile(r"(http://snomed\.info/sct(?:/[0-9]+(?:/version/[0-9]+)?)?)\?fhir_vs(?:=(.*))?")
_WHOLE = {
    "http://loinc.org/vs": "http://loinc.org",
    "http://unitsofmeasure.org/vs": "http://unitsofmeasure.org",
}


class Source(Protocol):
    """The conformance resources that are stored on this server."""

    async def generation(self) -> int | None:
        """A number that grows with every committed change of such a resource, by whatever process.

        What the other methods give afterwards is at least as new as this. None: they may show what is not committed,
        and nothing that follows from it may be kept.
        """
        ...

    async def of_url(self, type: str, url: str) -> Sequence[Json]:
        """The resources of this canonical URL, in all their business versions; the one updated last comes first."""
        ...

    async def by_id(self, type: str, id: str) -> Json | None:
        """The resource of this id."""
        ...


class StoredVersion(msgspec.Struct, frozen=True):
    """One stored CodeSystem. `system`: None where its content cannot be used."""

    version: str
    content: str
    system: Listed | None


StoredSystems = Kept[str, tuple[StoredVersion, ...]]
"""Stored code systems by URL."""


class Shelf:
    """The code systems of one generation of definitions that were made of resources."""

    __slots__ = ("identifiers", "listed", "stored", "systems")

    def __init__(self, capacity: int) -> None:
        """`capacity`: concepts of each kind that are kept."""
        self.stored: StoredSystems = Kept(capacity)
        self.listed: Kept[tuple[str, str], Listed] = Kept(capacity)
        self.systems: Kept[tuple[str, str], Provider] = Kept(capacity)
        self.identifiers: dict[str, str] | None = None


class Found(msgspec.Struct, frozen=True):
    """A value set. `packaged`: it ships with Suture, and the versions that it names are not binding."""

    resource: Json
    packaged: bool = False


class Library:
    """The definitions for one question.

    `source`: those stored on this server, None where only others count. `shelf`: code systems that are kept for other
    questions of the same generation. `canonicals`: those of users and packages in memory. `inline`: of the request.
    """

    def __init__(
        self,
        version: Version,
        source: Source | None,
        shelf: Shelf,
        *,
        canonicals: Canonicals | None = None,
        content: Content | None = None,
        inline: Inline | None = None,
    ) -> None:
        self._version = version
        self.source = source
        self._shelf = shelf
        self._canonicals = canonicals or Nothing()
        self._content = content
        self._inline = inline or _NONE_INLINE

    @property
    def inline(self) -> Sequence[Json]:
        """The resources of the request."""
        return self._inline.resources

    async def value_set(self, reference: str, *, at: str = "") -> Found:
        """The ValueSet for a canonical URL, with or without `|version`, or for `ValueSet/id`.

        Raises Refused. `at`: the canonical of the value set that refers to it.
        """
        limit = MAX_IMPLICIT if CONSTRAINT in reference else MAX_URL
        if len(reference) > limit:
            text = f"The reference to a value set is longer than {limit} characters: {shown(reference)}"
            raise _no_value_set(reference, text, at)
        relative = _RELATIVE.fullmatch(reference)
        if relative:
            found = None
            if relative[1] == "ValueSet" and self.source is not None:
                found = await self.source.by_id("ValueSet", relative[2])
            if found is None:
                raise _no_value_set(reference, f"There is no {shown(reference)} here.", at)
            return Found(found)
        url, version = split(reference)
        found = await self._resource("ValueSet", url, version)
        packaged = packed_resource(self._version, "ValueSet", url)
        if found is not None:
            return Found(found, packaged=found is packaged)
        if packaged is not None and (not version or matches(version, packaged.get("version", ""))):
            return Found(packaged, packaged=True)
        implicit = await self._implicit(url, version)
        if implicit is not None:
            return Found(implicit)
        text = (
            f"The value set {shown(url)} is not known here: it is neither stored as a ValueSet "
            "nor part of the FHIR definitions."
        )
        if packaged is not None:
            here = packaged.get("version", "unknown")
            text = f"The value set {shown(url)} is here in version {here}, not in {shown(version)}."
        raise _no_value_set(reference, text, at)

    async def code_system(self, url: str, version: str = "", *, lenient: bool = False) -> Provider | None:
        """The code system, or None when its codes are not here.

        `version`: the one that is meant, in part or with wildcards, "" for the newest. `lenient`: any, when that one
        is not here.
        """
        found = await self._code_system(url, version)
        if found is None and version and lenient:
            found = await self._code_system(url, "")
        return found

    async def _code_system(self, url: str, version: str) -> Provider | None:
        if self.source is not None or self._inline.systems(url):
            return await self._searched(url, version)
        found = self._shelf.systems.get((url, version))
        if found is None:
            found = await self._searched(url, version)
            # a grammar may be another server's, which says itself which versions it has now
            if found is not None and found.enumerable:
                self._shelf.systems.keep((url, version), found, 100 + (found.size if isinstance(found, Listed) else 0))
        return found

    async def _searched(self, url: str, version: str) -> Provider | None:
        one = _chosen(self._inline.systems(url), version)
        if one is not None:
            return self._inline.listed(one)
        stored = [each for each in await self._stored_systems(url) if each.system is not None]
        names = [each.version for each in stored]
        name = _best(names, version)
        if name is not None:
            return stored[names.index(name)].system
        known = self._known("CodeSystem", url, version)
        if known is not None and known.get("content") in USABLE:
            return self._listed(known)
        if self._content is not None:
            provider = await self._content.find(url, version or None)
            if provider is None and version:
                best = _best(await self._content.versions(url), version)
                provider = await self._content.find(url, best) if best else None
            if provider is not None:
                return provider
        for layer in packed_layers(self._version):
            if url in layer.code_systems:
                system = _packaged(self._version, layer.name, url)
                if not version or matches(version, system.head.version):
                    return system
        return None

    async def code_system_versions(self, url: str) -> list[str]:
        """All versions of a code system that are here, the newest first."""
        found = [one.get("version", "") for one in self._inline.systems(url)]
        found += [each.version for each in await self._stored_systems(url) if each.system is not None]
        for version in self._known_versions("CodeSystem", url):
            known = self._known("CodeSystem", url, version)
            if known is not None and known.get("content") in USABLE:
                found.append(version)
        if self._content is not None:
            found += await self._content.versions(url)
        for layer in packed_layers(self._version):
            if url in layer.code_systems:
                found.append(_packaged(self._version, layer.name, url).head.version)
        return newest(version for version in found if version)

    def url_of(self, system: str) -> str:
        """The URL of a code system that is known by its OID or UUID; `system` itself when it is none of these."""
        if not system.startswith(("urn:oid:", "urn:uuid:")):
            return system
        if self._shelf.identifiers is None:
            self._shelf.identifiers = urls_by_identifier(self._canonicals.all("NamingSystem"))
        return self._shelf.identifiers.get(system, system)

    async def supplement(self, reference: str) -> Listed | None:
        """The supplement of a canonical URL, with or without `|version`."""
        url, _, version = reference.partition("|")
        resource = await self._resource("CodeSystem", url, version)
        if resource is None or resource.get("content") != "supplement":
            return None
        return self._inline.listed(resource) if self._inline.holds(resource) else self._listed(resource)

    async def resource(self, type: str, reference: str) -> Json | None:
        """The resource of a type by canonical URL, with or without `|version`, but for what ships with Suture."""
        url, _, version = reference.partition("|")
        return await self._resource(type, url, version)

    async def implicit_map(self, reference: str) -> ImplicitMap | None:
        """The ConceptMap that a code system defines by a pattern of URLs."""
        return None if self._content is None else await self._content.implicit_map(reference.partition("|")[0])

    async def _resource(self, type: str, url: str, version: str) -> Json | None:
        if not url:
            return None
        found = _chosen(self._inline.of(type, url), version)
        if found is None and self.source is not None:
            found = _chosen(await self.source.of_url(type, url), version)
        return found if found is not None else self._canonical(type, url, version)

    def _canonical(self, type: str, url: str, version: str) -> Json | None:
        """What users and packages have in memory, or what ships with Suture."""
        if not version:
            return self._canonicals.find(type, url)
        best = _best(self._known_versions(type, url), version)
        return None if best is None else self._canonicals.find(type, url, best or None)

    def _known(self, type: Literal["CodeSystem", "ValueSet"], url: str, version: str) -> Json | None:
        """The same but for what ships with Suture."""
        found = self._canonical(type, url, version)
        return None if found is packed_resource(self._version, type, url) else found

    def _known_versions(self, type: str, url: str) -> list[str]:
        return self._canonicals.versions(type, url) if isinstance(self._canonicals, Versioned) else []

    def _listed(self, resource: Json) -> Listed:
        """The code system of a resource that users or packages have, made once for a generation."""
        key = resource["url"], resource.get("version", "")
        found = self._shelf.listed.get(key)
        if found is None:
            found = Listed(resource)
            self._shelf.listed.keep(key, found, 1 + found.size)
        return found

    async def _stored_systems(self, url: str) -> Sequence[StoredVersion]:
        if self.source is None or not url:
            return ()
        found = self._shelf.stored.get(url)
        if found is None:
            stored = await self.source.of_url("CodeSystem", url)
            found = tuple([await _stored_version(one) for one in stored])
            self._shelf.stored.keep(url, found, 1 + sum(each.system.size for each in found if each.system is not None))
        return found

    async def _implicit(self, url: str, version: str) -> Json | None:
        """A value set that its code system defines by a pattern of URLs, or names as that of all its codes."""
        if self._content is not None:
            found = await self._content.implicit(url, version)
            if found is not None:
                return found
        for one in self._inline.resources:
            if one.get("resourceType") == "CodeSystem" and one.get("valueSet") == url:
                return _including({"system": one["url"]}, url)
        if url in _WHOLE:
            return _including({"system": _WHOLE[url]}, url)
        snomed = _SNOMED.fullmatch(url)
        if snomed is None:
            return None
        included: Json = {"system": "http://snomed.info/sct"}
        if snomed[1] != included["system"]:
            included["version"] = snomed[1]
        elif version:
            included["version"] = version
        if snomed[2] is None:
            return _including(included, url)
        kind, _, concept = snomed[2].partition("/")
        if kind != "isa" or not concept:
            raise unsupported(
                f"The value set {shown(url)} cannot be worked out here: only fhir_vs and fhir_vs=isa/… can."
            )
        return _including(included | {"filter": [{"property": "concept", "op": "is-a", "value": concept}]}, url)


_NONE_INLINE = Inline()


async def _stored_version(resource: Json) -> StoredVersion:
    content = resource.get("content", "")
    system = await asyncio.to_thread(Listed, resource) if content in USABLE else None
    return StoredVersion(resource.get("version", ""), content, system)


def _chosen(resources: Sequence[Json], version: str) -> Json | None:
    """Of several versions of a resource the one that is meant."""
    versions = [one.get("version", "") for one in resources]
    best = _best(versions, version)
    return None if best is None else resources[versions.index(best)]


def _best(versions: Sequence[str], wanted: str) -> str | None:
    """The newest of `versions` that `wanted` means; with "" any."""
    if wanted in versions and wanted:
        return wanted
    fitting = [version for version in versions if not wanted or matches(wanted, version)]
    if not fitting:
        return None
    return newest(fitting)[0] if len(fitting) > 1 else fitting[0]


@cache
def _packaged(version: Version, layer: str, url: str) -> Listed:
    """One of the packaged code systems, whose number bounds this cache."""
    resource = next(one for one in packed_layers(version) if one.name == layer).resource("CodeSystem", url)
    assert resource is not None
    return Listed(resource)


def _including(included: Json, url: str) -> Json:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [included]}}


def _no_value_set(reference: str, said: str, at: str) -> Refused:
    text = f"A definition for the value Set '{shown(reference)}' could not be found"
    problem = Problem("error", "not-found", "not-found", "Unable_to_resolve_value_Set_", text)
    return Refused(problem, plain=Issue("error", "not-found", said), fatal=not at)


def named(resource: Json) -> str:
    """`url|version` of a canonical resource; `(unidentified)` for one without a URL."""
    url: Any = resource.get("url")
    if not url:
        return "(unidentified)"
    return f"{url}|{resource['version']}" if resource.get("version") else url
