"""The questions that a search asks: https://hl7.org/fhir/R4/search.html#token, modifiers in, not-in, above and below.

The one thing to know: an answer is exact or an error. What is not defined here is never taken as empty.
"""

from pyroaring import BitMap

from suture.fhir.outcomes import Invalid
from suture.fhir.versions import Version
from suture.terminology.codes import Members, size
from suture.terminology.composing import Composer
from suture.terminology.kept import Kept
from suture.terminology.library import Library, Shelf, Source
from suture.terminology.refusals import shown, too_large, unknown
from suture.terminology.remote import Remote
from suture.terminology.systems import Content, Provider
from suture.terminology.value_sets import MAX_CODES, members

KEPT_CODES = 200_000
"""Codes of value sets, and concepts of stored code systems, that are kept in memory."""


class Terminology:
    """Code systems and value sets of one FHIR version.

    Each question brings its `source`: the definitions stored on this server, as the asker may read them; without one
    only the others are known. `content`: code systems that lie in the database or are grammars.
    """

    __slots__ = ("_kept", "content", "version")

    def __init__(self, version: Version, content: Content | None = None) -> None:
        self.version = version
        self.content = content
        self._kept = _Generation(-1)

    async def members(self, reference: str, source: Source | None = None) -> Members:
        """The codes of a value set by code system.

        `reference`: its canonical URL, with or without `|version`, or `ValueSet/id`. Raises Invalid when it is
        unknown, includes itself or cannot be worked out here; TooCostly beyond MAX_CODES codes.
        """
        kept = await self._generation(source)
        found = kept.answers.get(reference)
        if found is None:
            library = Library(self.version, source, kept.shelf, content=self.content)
            found = await members(await Composer(library).of(reference))
            kept.answers.keep(reference, found, 1 + size(found))
        return found

    async def below(self, system: str, code: str, source: Source | None = None) -> frozenset[str]:
        """`code` and all codes that it subsumes. Raises Invalid when system or code is unknown, TooCostly."""
        return await self._related(system, code, "is-a", source)

    async def above(self, system: str, code: str, source: Source | None = None) -> frozenset[str]:
        """`code` and all codes that subsume it. Raises Invalid when system or code is unknown, TooCostly."""
        return await self._related(system, code, "generalizes", source)

    async def _related(self, system: str, code: str, op: str, source: Source | None) -> frozenset[str]:
        provider = await self._system(system, source)
        if isinstance(provider, Remote):
            return frozenset(concept.code for concept in await provider.listing(None, [("concept", op, code)]))
        numbers: BitMap = await provider.filter("concept", op, code)
        if len(numbers) > MAX_CODES:
            raise too_large(f"The code {shown(code)} of {shown(system)} has too many codes below or above", MAX_CODES)
        return frozenset(concept.code for concept in await provider.concepts(list(numbers)))

    async def _system(self, url: str, source: Source | None) -> Provider:
        if not url:
            raise Invalid("A code has a place in a hierarchy only within its code system: give it as system|code.")
        kept = await self._generation(source)
        system = await Library(self.version, source, kept.shelf, content=self.content).code_system(url)
        if system is None or not (system.enumerable or isinstance(system, Remote)):
            raise unknown(
                f"The codes of the code system {shown(url)} are not here: it is neither stored as a CodeSystem "
                "with its concepts nor part of the FHIR definitions."
            )
        return system

    async def _generation(self, source: Source | None) -> "_Generation":
        """What was worked out from the definitions that `source` shows."""
        number = await source.generation() if source else -1
        if number is None:
            return _Generation(-1)
        if number != self._kept.number:
            self._kept = _Generation(number)
        return self._kept


class _Generation:
    """What was worked out while the stored definitions had this number; -1: from packaged definitions only."""

    __slots__ = ("answers", "number", "shelf")

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: Kept[str, Members] = Kept(KEPT_CODES)
        self.shelf = Shelf(KEPT_CODES)
