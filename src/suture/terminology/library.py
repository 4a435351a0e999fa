"""Where definitions come from: resources stored on this server, else those that ship with it, else implicit ones.

Canonical URLs: https://hl7.org/fhir/R4/references.html#canonical; implicit value sets: SNOMED CT
(https://hl7.org/fhir/R4/snomedct.html#implicit), LOINC and UCUM. The one thing to know: what is read from the
database is kept for one generation of definitions, so no process ever answers from an old one.
"""

import asyncio
import re
from functools import cache
from typing import Any, Protocol

from suture.fhir.definitions import packed_resource
from suture.fhir.versions import Version
from suture.terminology.code_systems import CodeSystem
from suture.terminology.kept import Kept
from suture.terminology.refusals import shown, unknown, unsupported

MAX_URL = 2000
"""Characters of a reference to a value set."""

Json = dict[str, Any]

_RELATIVE = re.compile(r"ValueSet/([A-Za-z0-9.\-]{1,64})")
_SNOMED = re.compile(r"http://snomed\.info/sct(?:/[0-9]+(?:/version/[0-9]+)?)?\?fhir_vs(?:=(.*))?")
_WHOLE = {
    "http://loinc.org/vs": "http://loinc.org",
    "http://unitsofmeasure.org/vs": "http://unitsofmeasure.org",
}


class Source(Protocol):
    """The CodeSystem and ValueSet resources that are stored on this server."""

    async def generation(self) -> int | None:
        """A number that grows with every committed change of such a resource, by whatever process.

        What `by_url` and `by_id` give afterwards is at least as new as this. None: they may show what is not committed,
        and nothing that follows from it may be kept.
        """
        ...

    async def by_url(self, type: str, url: str, version: str | None) -> Json | None:
        """The resource of this canonical URL, and of this business version when it is given; the newest of several."""
        ...

    async def by_id(self, type: str, id: str) -> Json | None:
        """The resource of this id."""
        ...


StoredSystems = Kept[tuple[str, str | None], CodeSystem]
"""Stored code systems by URL and the version that was asked for."""


class Library:
    """The definitions for one question.

    `source`: those stored on this server, None where only packaged ones count. `systems`: the stored code systems that
    are kept for other questions of the same generation.
    """

    __slots__ = ("_source", "_systems", "_version")

    def __init__(self, version: Version, source: Source | None, systems: StoredSystems) -> None:
        self._version = version
        self._source = source
        self._systems = systems

    async def value_set(self, reference: str) -> Json:
        """The ValueSet for a canonical URL, with or without `|version`, or for `ValueSet/id`. Raises Invalid."""
        if len(reference) > MAX_URL:
            raise unknown(f"The reference to a value set is longer than {MAX_URL} characters: {shown(reference)}")
        relative = _RELATIVE.fullmatch(reference)
        if relative:
            found = await self._source.by_id("ValueSet", relative[1]) if self._source else None
            if found is None:
                raise unknown(f"There is no {reference} here.")
            return found
        url, _, version = reference.partition("|")
        stored = await self._source.by_url("ValueSet", url, version or None) if self._source else None
        if stored is not None:
            return stored
        packaged = packed_resource(self._version, "ValueSet", url) or _implicit(url)
        if packaged is None:
            raise unknown(
                f"The value set {shown(url)} is not known here: it is neither stored as a ValueSet "
                "nor part of the FHIR definitions."
            )
        if version and packaged.get("version") != version:
            raise unknown(
                f"The value set {shown(url)} is here in version {packaged.get('version', 'unknown')}, "
                f"not in {shown(version)}."
            )
        return packaged

    async def code_system(self, url: str, version: str | None = None) -> CodeSystem | None:
        """The code system, or None when its codes are not here.

        `version`: the one that is meant, or any. It chooses among stored ones; a packaged code system answers for all
        its versions, because HL7's own value sets name older ones.
        """
        kept = self._systems.get((url, version))
        if kept is not None:
            return kept
        stored = await self._source.by_url("CodeSystem", url, version) if self._source else None
        if stored is not None and stored.get("content") in ("complete", "fragment"):
            system = await asyncio.to_thread(CodeSystem, stored)
            self._systems.keep((url, version), system, len(system))
            return system
        return _packaged(self._version, url) if packed_resource(self._version, "CodeSystem", url) else None


@cache
def _packaged(version: Version, url: str) -> CodeSystem:
    """One of the packaged code systems, whose number bounds this cache."""
    resource = packed_resource(version, "CodeSystem", url)
    assert resource is not None
    return CodeSystem(resource)


def _implicit(url: str) -> Json | None:
    """A value set that its code system defines by a pattern of URLs."""
    if url in _WHOLE:
        return _including({"system": _WHOLE[url]})
    snomed = _SNOMED.fullmatch(url)
    if snomed is None:
        return None
    included: Json = {"system": "http://snomed.info/sct"}
    if snomed[1] is None:
        return _including(included)
    kind, _, concept = snomed[1].partition("/")
    if kind != "isa" or not concept:
        raise unsupported(f"The value set {shown(url)} cannot be worked out here: only fhir_vs and fhir_vs=isa/… can.")
    return _including(included | {"filter": [{"property": "concept", "op": "is-a", "value": concept}]})


def _including(included: Json) -> Json:
    return {"resourceType": "ValueSet", "compose": {"include": [included]}}
