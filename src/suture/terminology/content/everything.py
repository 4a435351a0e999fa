"""All code systems that are not resources: those loaded into the database, and the grammars that are built in."""

from collections.abc import Iterable, Sequence

from suture.terminology.content.grammars import Grammars
from suture.terminology.content.loinc import LoincSystem
from suture.terminology.content.rows import Rows, Shown
from suture.terminology.content.rxnorm import RxNormSystem
from suture.terminology.content.snomed import SnomedSystem
from suture.terminology.content.stored import StoredContent
from suture.terminology.systems import Content, Head, ImplicitMap, Json, Provider

OWN_RULES = {"snomed": SnomedSystem, "loinc": LoincSystem, "rxnorm": RxNormSystem}
"""Formats whose systems have filters and value sets of their own."""


class Everything:
    """`Content` for a whole server. `rows`: reads the database."""

    def __init__(self, rows: Rows) -> None:
        self._stored = StoredContent(rows, OWN_RULES)
        self._all: tuple[Content, ...] = (self._stored, Grammars())

    def adopt(self, versions: Iterable[Shown]) -> None:
        """Work with these versions of the database from now on."""
        self._stored.adopt(versions)

    async def find(self, url: str, version: str | None) -> Provider | None:
        """The code system of this URL, in this version or the default one."""
        for content in self._all:
            found = await content.find(url, version)
            if found is not None:
                return found
        return None

    async def versions(self, url: str) -> Sequence[str]:
        """The versions that are here, the default one first."""
        return [version for content in self._all for version in await content.versions(url)]

    async def implicit(self, url: str, version: str = "") -> Json | None:
        """The ValueSet that one of these systems defines by its URL."""
        for content in self._all:
            found = await content.implicit(url, version)
            if found is not None:
                return found
        return None

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The ConceptMap that a stored system defines by its URL; grammars define none."""
        return await self._stored.implicit_map(url)

    async def heads(self) -> Sequence[Head]:
        """All code systems that are here."""
        return [head for content in self._all for head in await content.heads()]
