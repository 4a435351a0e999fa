"""The questions that a search asks: https://hl7.org/fhir/R4/search.html#token, modifiers in, not-in, above and below.

The one thing to know: an answer is exact or an error. What is not defined here is never taken as empty.
"""

from suture.fhir.outcomes import Invalid
from suture.fhir.versions import Version
from suture.terminology.code_systems import CodeSystem
from suture.terminology.codes import Members, size
from suture.terminology.kept import Kept
from suture.terminology.library import Library, Source, StoredSystems
from suture.terminology.refusals import shown, too_large, unknown
from suture.terminology.value_sets import MAX_CODES, Composition

KEPT_CODES = 200_000
"""Codes of value sets, and concepts of stored code systems, that are kept in memory."""


class Terminology:
    """Local code systems and value sets of one FHIR version.

    Each question brings its `source`: the definitions stored on this server, as the asker may read them; without one
    only the packaged ones are known.
    """

    __slots__ = ("_kept", "_version")

    def __init__(self, version: Version) -> None:
        self._version = version
        self._kept = _Generation(-1)

    async def members(self, reference: str, source: Source | None = None) -> Members:
        """The codes of a value set by code system.

        `reference`: its canonical URL, with or without `|version`, or `ValueSet/id`. Raises Invalid when it is
        unknown, includes itself or cannot be worked out here; TooCostly beyond MAX_CODES codes.
        """
        kept = await self._current(source)
        found = kept.answers.get(reference)
        if found is None:
            found = await Composition(Library(self._version, source, kept.systems)).members(reference)
            kept.answers.keep(reference, found, 1 + size(found))
        return found

    async def below(self, system: str, code: str, source: Source | None = None) -> frozenset[str]:
        """`code` and all codes that it subsumes. Raises Invalid when system or code is unknown, TooCostly."""
        graph = await self._system(system, source)
        code = graph.code(code)
        return _limited(graph.descendants(code) | {code}, system, code)

    async def above(self, system: str, code: str, source: Source | None = None) -> frozenset[str]:
        """`code` and all codes that subsume it. Raises Invalid when system or code is unknown, TooCostly."""
        graph = await self._system(system, source)
        code = graph.code(code)
        return _limited(graph.ancestors(code) | {code}, system, code)

    async def _system(self, url: str, source: Source | None) -> CodeSystem:
        if not url:
            raise Invalid("A code has a place in a hierarchy only within its code system: give it as system|code.")
        kept = await self._current(source)
        system = await Library(self._version, source, kept.systems).code_system(url)
        if system is None:
            raise unknown(
                f"The codes of the code system {shown(url)} are not here: it is neither stored as a CodeSystem "
                "with its concepts nor part of the FHIR definitions."
            )
        return system

    async def _current(self, source: Source | None) -> "_Generation":
        """What was worked out from the definitions that `source` shows."""
        number = await source.generation() if source else -1
        if number is None:
            return _Generation(-1)
        if number != self._kept.number:
            self._kept = _Generation(number)
        return self._kept


class _Generation:
    """What was worked out while the stored definitions had this number; -1: from packaged definitions only."""

    __slots__ = ("answers", "number", "systems")

    def __init__(self, number: int) -> None:
        self.number = number
        self.answers: Kept[str, Members] = Kept(KEPT_CODES)
        self.systems: StoredSystems = Kept(KEPT_CODES)


def _limited(codes: frozenset[str], system: str, code: str) -> frozenset[str]:
    if len(codes) > MAX_CODES:
        raise too_large(f"The code {shown(code)} of {shown(system)} has too many codes below or above", MAX_CODES)
    return codes
