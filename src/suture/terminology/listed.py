"""A code system in memory: the concepts of one CodeSystem resource, as a `Provider`.

Specification: https://hl7.org/fhir/R4/codesystem.html. The one thing to know: concepts are numbered in the order of
the resource, and its JSON is kept as it is; a `Concept` is made of it when somebody asks.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from pyroaring import BitMap

from suture.terminology.heads import head_of
from suture.terminology.hierarchy import Hierarchy, hierarchy_properties
from suture.terminology.listed_filters import select
from suture.terminology.properties import concept_of, is_abstract, is_inactive, properties_of, text_of
from suture.terminology.refusals import shown, too_large, unknown
from suture.terminology.systems import Concept, Json

MAX_CONCEPTS = 100_000
"""Concepts of one code system in memory."""

_SUBSUMING = ("", "is-a", "classified-with")


class Listed:
    """The codes of one CodeSystem resource of content complete, fragment or supplement; see `systems.Provider`.

    `supplements`: the canonical of the code system that it supplements, or "".
    """

    __slots__ = ("_concepts", "_folded", "_inactive", "_numbers", "_words", "head", "hierarchy", "supplements")

    def __init__(self, resource: Json) -> None:
        """Raises TooCostly when it is too large. `resource` is kept and must not be changed."""
        self.head = head_of(resource)
        self.supplements: str = resource.get("supplements", "")
        self._concepts: list[Json] = []
        self._numbers: dict[str, int] = {}
        upward, downward = hierarchy_properties(resource)
        nested = self.head.hierarchy_meaning in _SUBSUMING
        edges: list[tuple[str, str]] = []
        for concept, above in _walk(resource.get("concept", []), self.head.url):
            code: str = concept["code"]
            if self._numbers.setdefault(code, len(self._concepts)) == len(self._concepts):
                self._concepts.append(concept)
            if nested and above is not None:
                edges.append((above, code))
            if "property" in concept:
                properties = properties_of(concept)
                edges += [(parent, code) for name in upward for parent in properties.get(name, ())]
                edges += [(code, child) for name in downward for child in properties.get(name, ())]
        self.hierarchy = Hierarchy(len(self._concepts), self._resolved(edges))
        strict = self.head.case_sensitive
        self._folded = {} if strict else {code.casefold(): number for code, number in self._numbers.items()}
        self._inactive: BitMap | None = None
        self._words: list[tuple[frozenset[str], ...]] | None = None

    @property
    def enumerable(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return len(self._concepts)

    def _resolved(self, edges: list[tuple[str, str]]) -> Iterator[tuple[int, int]]:
        """The edges between concepts that exist, by their numbers."""
        for parent, child in edges:
            if parent in self._numbers and child in self._numbers:
                yield self._numbers[parent], self._numbers[child]

    def find(self, code: str) -> int | None:
        """The number of a code, without regard to case where the system has none."""
        number = self._numbers.get(code)
        return number if number is not None or not self._folded else self._folded.get(code.casefold())

    def known(self, code: str) -> int:
        """The number of a code. Raises Invalid."""
        number = self.find(code)
        if number is None:
            content = "code system" if self.head.content == "complete" else "fragment of the code system"
            raise unknown(f"The {content} {shown(self.head.url)} has no code {shown(code)!r}.")
        return number

    def raw(self, number: int) -> Json:
        """The concept as the resource has it; not to be changed."""
        return self._concepts[number]

    def values(self, number: int, name: str) -> Sequence[str]:
        """The values of a property of a concept as texts: code, display, definition, designation, parent, child,
        inactive (which also follows from its status) or one that the code system defines. Whether a concept may be
        selected is not known where nothing is said of it.
        """
        concept = self._concepts[number]
        match name:
            case "code" | "concept":
                return (concept["code"],)
            case "display" | "definition":
                return (concept[name],) if name in concept else ()
            case "designation":
                return [one["value"] for one in concept.get("designation", ()) if "value" in one]
            case "parent":
                return [cast(str, self.raw(parent)["code"]) for parent in self.hierarchy.parents(number)]
            case "child":
                return [cast(str, self.raw(child)["code"]) for child in self.hierarchy.children(number)]
            case "inactive":
                return ("true" if is_inactive(concept, self.head.properties) else "false",)
            case _:
                return _named(concept, name)

    async def concept(self, code: str) -> Concept | None:
        number = self.find(code)
        return None if number is None else concept_of(self._concepts[number], number, self.head.properties)

    async def numbers(self, codes: Iterable[str]) -> Mapping[str, int]:
        found = ((code, self.find(code)) for code in codes)
        return {code: number for code, number in found if number is not None}

    async def concepts(self, numbers: Sequence[int]) -> Sequence[Concept]:
        return [concept_of(self._concepts[number], number, self.head.properties) for number in numbers]

    async def all(self) -> BitMap:
        return BitMap(range(len(self._concepts)))

    async def inactive(self) -> BitMap:
        if self._inactive is None:
            self._inactive = BitMap(
                n for n, concept in enumerate(self._concepts) if is_inactive(concept, self.head.properties)
            )
        return self._inactive

    async def abstract(self) -> BitMap:
        return BitMap(n for n, concept in enumerate(self._concepts) if is_abstract(concept, self.head.properties))

    def select(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives, without waiting."""
        return select(self, property, op, value)

    async def filter(self, property: str, op: str, value: str) -> BitMap:
        return select(self, property, op, value)

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        return concept.number in select(self, property, op, value)

    async def search(self, text: str) -> BitMap:
        wanted = words(text)
        if not wanted:
            return BitMap()
        if self._words is None:
            self._words = [tuple(words(name) for name in _names(concept)) for concept in self._concepts]
        prefix = text.strip().casefold()
        return BitMap(
            number
            for number, names in enumerate(self._words)
            if any(all(any(word.startswith(one) for word in name) for one in wanted) for name in names)
            or self._concepts[number]["code"].casefold().startswith(prefix)
        )

    async def parents(self, number: int) -> Sequence[int]:
        return self.hierarchy.parents(number)

    async def children(self, number: int) -> Sequence[int]:
        return self.hierarchy.children(number)

    async def roots(self) -> Sequence[int]:
        return [number for number in range(len(self._concepts)) if not self.hierarchy.parents(number)]

    async def subsumes(self, a: str, b: str) -> str:
        one, other = self.known(a), self.known(b)
        if one == other:
            return "equivalent"
        if other in self.hierarchy.below(one):
            return "subsumes"
        return "subsumed-by" if one in self.hierarchy.below(other) else "not-subsumed"

    async def implicit(self, url: str) -> Json | None:
        return None


def words(text: str) -> frozenset[str]:
    """The words of a text, without accents and case."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return frozenset(letters.split())


def _names(concept: Json) -> Iterator[str]:
    if "display" in concept:
        yield concept["display"]
    for one in concept.get("designation", ()):
        if "value" in one:
            yield one["value"]


def _walk(concepts: list[Json], url: str) -> Iterator[tuple[Json, str | None]]:
    """Every concept with the code of the one that it is nested in."""
    waiting: list[tuple[Json, str | None]] = [(concept, None) for concept in reversed(concepts)]
    count = 0
    while waiting:
        concept, above = waiting.pop()
        if "code" not in concept:
            continue  # an element of which only extensions are known
        count += 1
        if count > MAX_CONCEPTS:
            raise too_large(f"The code system {shown(url)} has too many concepts", MAX_CONCEPTS)
        yield concept, above
        waiting.extend((inner, concept["code"]) for inner in reversed(concept.get("concept", [])))


def _named(concept: Json, name: str) -> list[str]:
    found: list[str] = []
    for one in cast("list[Json]", concept.get("property", ())):
        if one.get("code") == name:
            value: Any = next((value for key, value in one.items() if key.startswith("value")), None)
            if value is not None:
                found.append(text_of(value))
    return found
