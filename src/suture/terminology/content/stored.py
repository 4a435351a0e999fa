"""The code systems that lie in the database, by URL and version: the `Content` of stored releases.

The one thing to know: which versions are visible is told by `adopt`, for each generation of definitions; what belongs
to a version never changes, so providers and what they keep live on from one generation to the next.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from suture.terminology.content.bodies import Description, decode_description
from suture.terminology.content.kept_rows import KeptRows
from suture.terminology.content.provider import StoredSystem
from suture.terminology.content.rows import VISIBLE, Rows, Shown
from suture.terminology.systems import Head, ImplicitMap, Json, Provider

SNOMED = "http://snomed.info/sct"
INTERNATIONAL = f"{SNOMED}/900000000000207008"

Make = Callable[[KeptRows, int, Description], StoredSystem]

_DIGITS = re.compile(r"(\d+)")


def natural(version: str) -> list[tuple[int, int, str]]:
    """A key that orders versions as people do: 2.9 before 2.10, 20240101 before 20250101."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in _DIGITS.split(version) if part]


class StoredContent:
    """Code systems in the tables of the database. `made`: providers for formats that need one of their own, by kind."""

    def __init__(self, rows: Rows, made: Mapping[str, Make]) -> None:
        self._kept = KeptRows(rows)
        self._made = made
        self._systems: dict[int, StoredSystem] = {}
        self._versions: dict[str, list[StoredSystem]] = {}

    def adopt(self, versions: Iterable[Shown]) -> None:
        """Work with these versions from now on, as far as they are visible."""
        systems = {one.cs: self._systems.get(one.cs) or self._make(one) for one in versions if one.state == VISIBLE}
        by_url: dict[str, list[StoredSystem]] = {}
        for system in systems.values():
            by_url.setdefault(system.head.url, []).append(system)
        for url, some in by_url.items():
            some.sort(key=lambda system: _rank(url, system.head.version), reverse=True)
        self._systems, self._versions = systems, by_url

    def _make(self, version: Shown) -> StoredSystem:
        description = decode_description(version.body)
        return self._made.get(description.kind, StoredSystem)(self._kept, version.cs, description)

    async def find(self, url: str, version: str | None) -> Provider | None:
        """The code system of this URL, in this version; the newest or the default edition for None.

        For SNOMED CT a version may also name an edition alone (`http://snomed.info/sct/<module>`).
        """
        some = self._versions.get(url, ())
        if version is None:
            return some[0] if some else None
        for system in some:
            if system.head.version == version or (url == SNOMED and _edition(system.head.version) == version):
                return system
        return None

    async def versions(self, url: str) -> Sequence[str]:
        """The versions that are here, the default one first, then newest first."""
        return [system.head.version for system in self._versions.get(url, ())]

    async def implicit(self, url: str, version: str = "") -> Json | None:
        """The ValueSet that one of these systems defines by its URL; bound to the version that is named."""
        for some in self._versions.values():
            for system in some:
                own = system.head.version
                if version and version not in (own, _edition(own)):
                    continue
                found = await system.implicit(url)
                if found is not None:
                    for included in found["compose"]["include"] if version else ():
                        included["version"] = own
                    return found
        return None

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The ConceptMap that one of these systems defines by its URL."""
        for some in self._versions.values():
            for system in some:
                found = await system.implicit_map(url)
                if found is not None:
                    return found
        return None

    async def heads(self) -> Sequence[Head]:
        """All code systems that are here."""
        return [system.head for some in self._versions.values() for system in some]


def _edition(version: str) -> str:
    return version.partition("/version/")[0]


def _rank(url: str, version: str) -> tuple[bool, list[tuple[int, int, str]]]:
    if url != SNOMED:
        return (False, natural(version))
    edition, _, date = version.partition("/version/")
    return (edition == INTERNATIONAL, [*natural(date), *natural(edition)])
