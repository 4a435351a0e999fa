"""A code system that is a grammar: it cannot be listed, but tells of any code whether it is one of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from pyroaring import BitMap

from suture.fhir.outcomes import Invalid
from suture.terminology.refusals import shown, unknown, unsupported
from suture.terminology.systems import NO_NUMBER, Concept, Head, Json


class Unlisted:
    """What a `Provider` says of lists and hierarchies that can be asked code by code only."""

    enumerable = False
    size = 0

    def __init__(self, head: Head) -> None:
        self.head = head

    async def implicit(self, url: str) -> Json | None:
        """The value set of all codes."""
        if not self.head.value_set or url != self.head.value_set:
            return None
        included = {"system": self.head.url}
        return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [included]}}

    async def numbers(self, codes: Iterable[str]) -> Mapping[str, int]:
        """Its codes have no numbers."""
        raise self._endless()

    async def concepts(self, numbers: Sequence[int]) -> Sequence[Concept]:
        """Its codes have no numbers."""
        raise self._endless()

    async def all(self) -> BitMap:
        """There is no end of them."""
        raise self._endless()

    async def inactive(self) -> BitMap:
        """None is inactive."""
        return BitMap()

    async def abstract(self) -> BitMap:
        """None is abstract."""
        return BitMap()

    async def filter(self, property: str, op: str, value: str) -> BitMap:
        """There is no end of them."""
        raise self._endless()

    async def search(self, text: str) -> BitMap:
        """There is no end of them."""
        raise self._endless()

    async def parents(self, number: int) -> Sequence[int]:
        """It has no hierarchy."""
        return ()

    async def children(self, number: int) -> Sequence[int]:
        """It has no hierarchy."""
        return ()

    async def roots(self) -> Sequence[int]:
        """It has no hierarchy."""
        return ()

    def _endless(self) -> Invalid:
        return unsupported(f"The codes of {shown(self.head.url)} cannot be listed: it is a grammar.")


class Grammar(Unlisted, ABC):
    """The `Provider` of a grammar. Each one says in `named` what a code means, in `satisfies` what it can be asked."""

    @abstractmethod
    def named(self, code: str) -> str | None:
        """The display of a code, None for what is no code."""

    def refused(self, property: str, op: str) -> Invalid:
        """The error for a filter that the grammar does not know."""
        return unsupported(f"The code system {shown(self.head.url)} has no filter {shown(property)} {shown(op)}.")

    async def concept(self, code: str) -> Concept | None:
        """The concept of a code."""
        display = self.named(code)
        return None if display is None else Concept(NO_NUMBER, code, display)

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """Whether a concept passes a filter. Raises Invalid."""
        if property in ("code", "concept") and op in ("=", "in"):
            return concept.code in ([value] if op == "=" else [part.strip() for part in value.split(",")])
        raise self.refused(property, op)

    async def subsumes(self, a: str, b: str) -> str:
        """Equivalent when the codes are the same; a grammar has no hierarchy. Raises Invalid for an unknown code."""
        for code in (a, b):
            if self.named(code) is None:
                raise unknown(f"The code system {shown(self.head.url)} has no code {shown(code)!r}.")
        return "equivalent" if a == b else "not-subsumed"
