"""A stored edition of SNOMED CT as constraints see it: `suture.terminology.ecl.Substrate` on rows of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import msgspec
from pyroaring import BitMap

from suture.terminology.content.bodies import Term, decode_body
from suture.terminology.content.hierarchy import Hierarchy
from suture.terminology.content.kinds import Kind
from suture.terminology.content.postings import read
from suture.terminology.content.relations import Members, Relations, Value, unpacked_members, unpacked_values
from suture.terminology.refusals import too_large

if TYPE_CHECKING:
    from suture.terminology.content.provider import StoredSystem

IS_A = "116680003"

SCHEMES = {
    "loinc": ("30051010000102", "705114005"),
    "npu": ("21003000106",),
    "nuva": ("21002000101",),
}
"""Aliases of schemes of alternate identifiers -> the scheme's concept, and what was used for it before."""

MAX_CODES = 50_000
"""Concepts whose identifiers a filter may name."""

PORTION = 500
"""Concepts whose terms are read at once."""

_counts = msgspec.msgpack.Decoder(list[tuple[int, int, int]]).decode


class StoredSubstrate:
    """The edition that `system` is."""

    def __init__(self, system: StoredSystem) -> None:
        self._system = system
        self._rows = system.kept.rows
        self._properties = {declared.code: place for place, declared in enumerate(system.head.properties)}

    async def all(self) -> BitMap:
        return await self._system.all()

    async def inactive(self) -> BitMap:
        return await self._system.inactive()

    async def number(self, code: str) -> int | None:
        return await self._system.kept.number(self._system.cs, code)

    async def numbers(self, codes: AbstractSet[str]) -> Mapping[str, int]:
        return await self._system.numbers(codes)

    async def codes(self, concepts: BitMap) -> list[str]:
        if len(concepts) > MAX_CODES:
            raise too_large("A filter of the expression constraint names too many concepts", MAX_CODES)
        bodies = await self._rows.by_numbers(self._system.cs, list(concepts))
        return [decode_body(body).code for body in bodies.values()]

    async def alternate(self, scheme: str, code: str) -> int | None:
        for one in SCHEMES.get(scheme.lower(), (scheme,)):
            found = await self._system.kept.set(self._system.cs, Kind.ALTERNATE, f"{one}#{code}")
            if found:
                return min(found)
        return None

    async def hierarchy(self) -> Hierarchy:
        return await self._system.hierarchy()

    async def descendants(self, number: int) -> BitMap:
        return await self._system.descendants(number)

    async def reference_sets(self) -> BitMap:
        held = self._system.kept.kept_set(self._system.cs, -Kind.MEMBERS, "")
        if held is None:
            sets = await self._rows.sets_beginning(self._system.cs, Kind.MEMBERS, "", MAX_CODES)
            held = BitMap([int(name) for name, _ in sets])
            self._system.kept.keep_set(self._system.cs, -Kind.MEMBERS, "", held)
        return held

    async def members(self, reference_set: int) -> BitMap:
        return await self._system.kept.set(self._system.cs, Kind.MEMBERS, str(reference_set)) or BitMap()

    async def columns(self, reference_set: int) -> Sequence[str]:
        return await self._system.columns(reference_set)

    async def rows(self, reference_set: int) -> AsyncIterator[Members]:
        for part in await self._rows.blocks(self._system.cs, Kind.ROWS, reference_set):
            yield unpacked_members(part)

    async def associations(self, reference_set: int) -> Relations:
        return await self._system.associations(reference_set)

    async def is_a(self) -> BitMap:
        number = await self.number(IS_A)
        return BitMap() if number is None else BitMap((number,))

    async def attributes(self) -> BitMap:
        held = self._system.kept.kept_set(self._system.cs, -Kind.ATTRIBUTES, "")
        if held is None:
            parts = await self._rows.blocks(self._system.cs, Kind.ATTRIBUTES, 0)
            held = BitMap([number for part in parts for number, _, _ in _counts(part)])
            self._system.kept.keep_set(self._system.cs, -Kind.ATTRIBUTES, "", held)
        return held

    async def relations(self, attribute: int) -> Relations:
        if attribute == await self.number(IS_A):
            return await asyncio.to_thread(_subtypes, await self._system.hierarchy())
        return await self._system.relations(attribute)

    async def values(self, attribute: int) -> Sequence[Value]:
        return unpacked_values(await self._rows.blocks(self._system.cs, Kind.VALUES, attribute))

    async def having(self, property: str, value: str) -> BitMap:
        name = f"{self._properties[property]}:{value}"
        return await self._system.kept.set(self._system.cs, Kind.PROPERTY, name) or BitMap()

    async def times(self) -> Sequence[tuple[str, BitMap]]:
        prefix = f"{self._properties['effectiveTime']}:"
        rows = await self._rows.sets_beginning(self._system.cs, Kind.PROPERTY, prefix, MAX_CODES)
        return [(name[len(prefix) :].removeprefix("0"), read(data)) for name, data in rows]

    async def found(self, words: Sequence[str]) -> BitMap:
        terms: BitMap | None = None
        for word in words:
            having = await self._system.terms_beginning(word)
            terms = having if terms is None else terms & having
        return await self._system.of_terms(terms or BitMap())

    async def terms(self, concepts: BitMap) -> AsyncIterator[Sequence[tuple[int, Sequence[Term]]]]:
        numbers = list(concepts)
        for start in range(0, len(numbers), PORTION):
            bodies = await self._rows.by_numbers(self._system.cs, numbers[start : start + PORTION])
            yield [(number, decode_body(body).terms) for number, body in bodies.items()]


def _subtypes(hierarchy: Hierarchy) -> Relations:
    """The relationships that the hierarchy is made of."""
    made = Relations.empty()
    for number in hierarchy.having_parents():
        for parent in hierarchy.parents(number):
            made.add(number, parent, 0)
    return made
