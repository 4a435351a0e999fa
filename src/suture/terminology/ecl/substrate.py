"""What a constraint is evaluated over: the concepts, relationships, terms and reference sets of one edition."""

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from pyroaring import BitMap

from suture.terminology.content.bodies import Term
from suture.terminology.content.hierarchy import Hierarchy
from suture.terminology.content.relations import Members, Relations, Value


class Substrate(Protocol):
    """Concepts are numbers; sets of them are bitmaps that the caller must not change."""

    async def all(self) -> BitMap:
        """All concepts, inactive ones among them."""
        ...

    async def inactive(self) -> BitMap:
        """The inactive concepts."""
        ...

    async def number(self, code: str) -> int | None:
        """The concept of an identifier."""
        ...

    async def numbers(self, codes: AbstractSet[str]) -> Mapping[str, int]:
        """The concepts of those identifiers that the edition has."""
        ...

    async def codes(self, concepts: BitMap) -> list[str]:
        """The identifiers of concepts. Raises TooCostly for very many."""
        ...

    async def alternate(self, scheme: str, code: str) -> int | None:
        """The concept with this identifier of another scheme."""
        ...

    async def hierarchy(self) -> Hierarchy:
        """Who is above and below whom."""
        ...

    async def descendants(self, number: int) -> BitMap:
        """Everything below a concept."""
        ...

    async def reference_sets(self) -> BitMap:
        """The concepts that are reference sets."""
        ...

    async def members(self, reference_set: int) -> BitMap:
        """The concepts that are active members of a reference set."""
        ...

    async def columns(self, reference_set: int) -> Sequence[str]:
        """The columns of a reference set's rows after those that all have."""
        ...

    def rows(self, reference_set: int) -> AsyncIterator[Members]:
        """The rows of a reference set, in portions."""
        ...

    async def associations(self, reference_set: int) -> Relations:
        """The active rows of an association reference set whose ends are concepts of the edition."""
        ...

    async def is_a(self) -> BitMap:
        """The concept of the relationships that the hierarchy is made of."""
        ...

    async def attributes(self) -> BitMap:
        """The concepts that are attributes of relationships or concrete values, `is_a` not among them."""
        ...

    async def relations(self, attribute: int) -> Relations:
        """The relationships of an attribute."""
        ...

    async def values(self, attribute: int) -> Sequence[Value]:
        """The concrete values of an attribute."""
        ...

    async def having(self, property: str, value: str) -> BitMap:
        """The concepts with this value of moduleId or sufficientlyDefined."""
        ...

    async def times(self) -> Sequence[tuple[str, BitMap]]:
        """Effective times, and the concepts that are in their present state since then."""
        ...

    async def found(self, words: Sequence[str]) -> BitMap:
        """The concepts with one active term, no text definition, in which each of these words begins a word."""
        ...

    def terms(self, concepts: BitMap) -> AsyncIterator[Sequence[tuple[int, Sequence[Term]]]]:
        """The terms of concepts, in portions."""
        ...
