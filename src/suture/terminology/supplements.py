"""A code system with supplements: more designations, properties and extensions for concepts that it has.

Specification: https://hl7.org/fhir/R4/codesystem.html#supplements. The one thing to know: a supplement never adds a
concept, and one counts only where a value set or a request asks for it.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from pyroaring import BitMap

from suture.terminology.listed import Listed, words
from suture.terminology.properties import concept_of
from suture.terminology.systems import Concept, Designation, Head, Json, Provider

SOURCE = "urn:suture:supplement"
"""The extension that says, within this room, which supplement a designation is from."""


class Supplemented:
    """`base` with `supplements`, as a `systems.Provider`."""

    __slots__ = ("base", "head", "supplements")

    def __init__(self, base: Provider, supplements: Sequence[Listed]) -> None:
        self.base = base
        self.supplements = tuple(supplements)
        head = base.head
        declared = [*head.properties]
        for one in supplements:
            known = {each.code for each in declared}
            declared += [each for each in one.head.properties if each.code not in known]
        languages = {*head.languages, *(language for one in supplements for language in one.head.languages)}
        self.head: Head = msgspec.structs.replace(head, properties=declared, languages=sorted(languages))

    @property
    def enumerable(self) -> bool:
        return self.base.enumerable

    @property
    def size(self) -> int:
        return self.base.size

    def _with(self, concept: Concept) -> Concept:
        """The concept with what the supplements say of it."""
        for one in self.supplements:
            number = one.find(concept.code)
            if number is None:
                continue
            more = concept_of(one.raw(number), number, one.head.properties)
            source = {"url": SOURCE, "valueCanonical": canonical(one.head)}
            names = [*more.designations]
            if more.display:
                names.insert(0, Designation(more.display, one.head.language))
            concept = msgspec.structs.replace(
                concept,
                designations=[
                    *concept.designations,
                    *(msgspec.structs.replace(name, extension=[*name.extension, source]) for name in names),
                ],
                properties=[*concept.properties, *more.properties],
                extension=[*concept.extension, *more.extension],
                status=concept.status or more.status,
            )
        return concept

    async def concept(self, code: str) -> Concept | None:
        found = await self.base.concept(code)
        return None if found is None else self._with(found)

    async def numbers(self, codes: Iterable[str]) -> Mapping[str, int]:
        return await self.base.numbers(codes)

    async def concepts(self, numbers: Sequence[int]) -> Sequence[Concept]:
        return [self._with(concept) for concept in await self.base.concepts(numbers)]

    async def all(self) -> BitMap:
        return await self.base.all()

    async def inactive(self) -> BitMap:
        return await self.base.inactive()

    async def abstract(self) -> BitMap:
        return await self.base.abstract()

    async def filter(self, property: str, op: str, value: str) -> BitMap:
        """Also by properties that only a supplement has."""
        for one in self.supplements:
            if any(each.code == property for each in one.head.properties):
                chosen = [one.raw(number)["code"] for number in await one.filter(property, op, value)]
                return BitMap((await self.base.numbers(chosen)).values())
        return await self.base.filter(property, op, value)

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        return await self.base.satisfies(concept, property, op, value)

    async def search(self, text: str) -> BitMap:
        found = await self.base.search(text)
        for one in self.supplements:
            codes = [one.raw(number)["code"] for number in await one.search(text)]
            found |= BitMap((await self.base.numbers(codes)).values())
        return found if words(text) else BitMap()

    async def parents(self, number: int) -> Sequence[int]:
        return await self.base.parents(number)

    async def children(self, number: int) -> Sequence[int]:
        return await self.base.children(number)

    async def roots(self) -> Sequence[int]:
        return await self.base.roots()

    async def subsumes(self, a: str, b: str) -> str:
        return await self.base.subsumes(a, b)

    async def implicit(self, url: str) -> Json | None:
        return await self.base.implicit(url)


def canonical(head: Head) -> str:
    """`url|version`, or the URL of what has no version."""
    return f"{head.url}|{head.version}" if head.version else head.url
