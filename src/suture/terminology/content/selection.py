"""The filters of value sets on a stored code system: which concepts they select.

Specification: https://hl7.org/fhir/R4/valueset-filter-operator.html, with child-of and descendent-leaf of R5.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.fhir.outcomes import Invalid
from suture.terminology.content.bodies import Body, decode_body
from suture.terminology.content.kinds import Kind
from suture.terminology.content.postings import read
from suture.terminology.patterns import matcher
from suture.terminology.refusals import shown, too_large, unsupported

if TYPE_CHECKING:
    from suture.terminology.content.provider import StoredSystem

MAX_SCANNED = 200_000
"""Concepts that a filter on displays looks at."""

MAX_VALUES = 150_000
"""Different values of a property that a regular expression is held against."""

HIERARCHICAL = ("is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf")
LISTING = ("=", "in", "not-in")


def listed(value: str, op: str) -> list[str]:
    """The values that a filter names: one, or several between commas."""
    return [value] if op == "=" else [part.strip() for part in value.split(",")]


class Selection:
    """Works out filters on `system`."""

    def __init__(self, system: "StoredSystem") -> None:
        self._system = system
        self._declared = {declared.code: place for place, declared in enumerate(system.head.properties)}

    async def by(self, property: str, op: str, value: str) -> BitMap:
        """The concepts whose `property` stands in the relation `op` to `value`. Raises Invalid, TooCostly."""
        match property:
            case "concept" | "code":
                return await self._by_code(property, op, value)
            case "parent" | "child":
                return await self._by_neighbour(property, op, value)
            case "inactive" | "notSelectable" if op in (*LISTING, "exists"):
                return await self._by_flag(property, op, value)
            case "display" | "definition" | "designation" if property not in self._declared:
                return await self._by_text(property, op, value)
            case _:
                pass
        if property in self._declared and op in (*LISTING, "regex", "exists"):
            return await self._by_property(self._declared[property], property, op, value)
        number = await self._system.kept.number(self._system.cs, self._system.key(property))
        if number is not None and op in (*LISTING, "exists"):
            return await self._by_relation(number, op, value)
        raise self._refused(property, op)

    async def _by_code(self, property: str, op: str, value: str) -> BitMap:
        system = self._system
        if op in HIERARCHICAL:
            return await self._by_hierarchy(op, await system.number(value))
        if op in LISTING:
            found = BitMap((await system.numbers(listed(value, op))).values())
            return (await system.all()) - found if op == "not-in" else found
        if op == "regex":
            matches = matcher(value if system.head.case_sensitive else f"(?i){value}")
            return BitMap([n for n, code in await system.kept.rows.keys(system.cs) if matches(code)])
        if op == "exists":
            return (await system.all()).copy() if value == "true" else BitMap()
        raise self._refused(property, op)

    async def _by_hierarchy(self, op: str, number: int) -> BitMap:
        system = self._system
        hierarchy = await system.hierarchy()
        match op:
            case "is-a":
                return (await system.descendants(number)) | BitMap((number,))
            case "descendent-of":
                return (await system.descendants(number)).copy()
            case "is-not-a":
                return (await system.all()) - (await system.descendants(number)) - BitMap((number,))
            case "generalizes":
                return hierarchy.ancestors(number) | BitMap((number,))
            case "child-of":
                return BitMap(hierarchy.children(number))
            case _:
                return BitMap([below for below in await system.descendants(number) if hierarchy.is_leaf(below)])

    async def _by_neighbour(self, property: str, op: str, value: str) -> BitMap:
        system = self._system
        hierarchy = await system.hierarchy()
        if op == "exists":
            ends = hierarchy.having_parents() if property == "parent" else hierarchy.having_children()
            return ends if value == "true" else (await system.all()) - ends
        if op not in LISTING:
            raise self._refused(property, op)
        next_to = hierarchy.children if property == "parent" else hierarchy.parents
        found = BitMap()
        for number in (await system.numbers(listed(value, op))).values():
            found.update(next_to(number))
        return (await system.all()) - found if op == "not-in" else found

    async def _by_flag(self, property: str, op: str, value: str) -> BitMap:
        system = self._system
        marked = await (system.inactive() if property == "inactive" else system.abstract())
        if op == "exists":
            return (await system.all()).copy() if value == "true" else BitMap()
        found = BitMap()
        for each in listed(value, op):
            if each == "true":
                found |= marked
            elif each == "false":
                found |= (await system.all()) - marked
        return (await system.all()) - found if op == "not-in" else found

    async def _by_property(self, place: int, property: str, op: str, value: str) -> BitMap:
        system = self._system
        kept = system.kept
        if op == "exists":
            having = await kept.set(system.cs, Kind.HAVING, str(place)) or BitMap()
            return having.copy() if value == "true" else (await system.all()) - having
        if op == "regex":
            matches = matcher(value)
            prefix = f"{place}:"
            rows = await kept.rows.sets_beginning(system.cs, Kind.PROPERTY, prefix, MAX_VALUES + 1)
            if len(rows) > MAX_VALUES:
                raise too_large(f"The property {shown(property)} has too many different values", MAX_VALUES)
            chosen = [read(data) for name, data in rows if matches(name[len(prefix) :])]
            return BitMap.union(*chosen) if chosen else BitMap()
        found = BitMap()
        for text in listed(value, op):
            found |= await kept.set(system.cs, Kind.PROPERTY, f"{place}:{text}") or BitMap()
        return (await system.all()) - found if op == "not-in" else found

    async def _by_relation(self, attribute: int, op: str, value: str) -> BitMap:
        system = self._system
        relations = await system.relations(attribute)
        if op == "exists":
            having = BitMap(relations.sources)
            return having if value == "true" else (await system.all()) - having
        targets = BitMap((await system.numbers(listed(value, op))).values())
        found = BitMap([s for s, t in zip(relations.sources, relations.targets, strict=True) if t in targets])
        return (await system.all()) - found if op == "not-in" else found

    async def _by_text(self, property: str, op: str, value: str) -> BitMap:
        if op in LISTING:
            wanted = set(listed(value, op))
            found = await self._scan(property, wanted.__contains__)
            return (await self._system.all()) - found if op == "not-in" else found
        if op == "regex":
            return await self._scan(property, matcher(value))
        if op == "exists":
            found = await self._scan(property, bool)
            return found if value == "true" else (await self._system.all()) - found
        raise self._refused(property, op)

    async def _scan(self, property: str, matches: Callable[[str], bool]) -> BitMap:
        """The concepts with a text that matches. Reads every concept."""
        system = self._system
        if system.size > MAX_SCANNED:
            raise too_large(f"A filter on the {property} looks at too many concepts", MAX_SCANNED)
        found = BitMap()
        for start in range(0, system.size, 2_000):
            await asyncio.sleep(0)  # let others have their turn
            numbers = range(start, min(start + 2_000, system.size))
            for number, data in (await system.kept.rows.by_numbers(system.cs, numbers)).items():
                if any(matches(text) for text in _texts(decode_body(data), property)):
                    found.add(number)
        return found

    def _refused(self, property: str, op: str) -> Invalid:
        return unsupported(
            f"The filter {shown(property)} {shown(op)} on {shown(self._system.head.url)} cannot be worked out here."
        )


def _texts(body: Body, property: str) -> list[str]:
    match property:
        case "display":
            return [body.display] if body.display else []
        case "definition":
            return [body.definition] if body.definition else []
        case _:
            return [value for value, _, _ in body.designations] or [term.term for term in body.terms if term.active]
