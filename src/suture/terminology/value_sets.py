"""The codes of a value set: `compose` worked out against the code systems that are here.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions. Within one include everything must hold; several
includes add up; excludes are taken off at the end. A resource that brings its own expansion is believed when its
compose cannot be worked out here.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from suture.fhir.outcomes import Invalid
from suture.terminology.code_systems import CodeSystem
from suture.terminology.codes import EVERY, Codes, Members, difference, intersection, size, union
from suture.terminology.filters import select
from suture.terminology.library import Library
from suture.terminology.refusals import shown, too_large, unknown, unsupported

MAX_CODES = 50_000
"""Codes that a value set may name."""
MAX_LISTED = 10_000
"""A whole code system of more codes is not listed: any code of it is in."""
MAX_DEPTH = 10
"""How deep value sets may include each other."""
MAX_VALUE_SETS = 200
"""Value sets that one question may use."""
MAX_WORK = 2_000_000
"""Concepts that one question may look at, each as often as an include or a filter does."""

Json = dict[str, Any]


class Composition:
    """Works out value sets for one question, each of them once."""

    __slots__ = ("_done", "_library", "_open", "_spent")

    def __init__(self, library: Library) -> None:
        self._library = library
        self._done: dict[str, Members] = {}
        self._open: list[str] = []
        self._spent = 0

    async def members(self, reference: str) -> Members:
        """The codes of a value set by system. `reference`: see `Library.value_set`.

        Raises Invalid for what is unknown, circular or cannot be worked out here, TooCostly for what is too large.
        """
        if reference in self._done:
            return self._done[reference]
        if reference in self._open:
            raise Invalid(f"The value set {shown(reference)} includes itself.")
        if len(self._open) >= MAX_DEPTH:
            raise too_large(f"The value set {shown(self._open[0])} includes others too deeply", MAX_DEPTH)
        if len(self._done) + len(self._open) >= MAX_VALUE_SETS:
            raise too_large(f"The value set {shown(self._open[0])} includes too many others", MAX_VALUE_SETS)
        self._open.append(reference)
        try:
            found = await self._content(await self._library.value_set(reference), reference)
        finally:
            self._open.pop()
        if size(found) > MAX_CODES:
            raise too_large(f"The value set {shown(reference)} has too many codes", MAX_CODES)
        self._done[reference] = found
        return found

    async def _content(self, resource: Json, reference: str) -> Members:
        expansion = resource.get("expansion")
        compose = resource.get("compose")
        if compose is None:
            if expansion is None:
                raise unknown(f"The value set {shown(reference)} says nothing of its codes: it has no compose.")
            return _expanded(expansion, reference)
        try:
            return await self._composed(compose, reference)
        except Invalid:
            if expansion is None:
                raise
            return _expanded(expansion, reference)

    async def _composed(self, compose: Json, reference: str) -> Members:
        only_active = compose.get("inactive") is False
        included = union([await self._part(part, only_active, reference) for part in compose.get("include", [])])
        excluded = union([await self._part(part, False, reference) for part in compose.get("exclude", [])])
        return difference(included, excluded)

    async def _part(self, part: Json, only_active: bool, reference: str) -> Members:
        """One include or exclude: what is in its system part and in all of its value sets."""
        every = [await self.members(url) for url in part.get("valueSet", []) if url]
        if "system" in part:
            every.append({part["system"]: await self._of_system(part, only_active, reference)})
        if not every:
            raise Invalid(f"A part of the value set {shown(reference)} names neither a system nor a value set.")
        return intersection(every)

    async def _of_system(self, part: Json, only_active: bool, reference: str) -> Codes:
        url: str = part["system"]
        system = await self._library.code_system(url, part.get("version"))
        filters: Sequence[Json] = part.get("filter", [])
        self._spend(reference, (1 + len(filters)) * (len(system) if system else 1))
        if "concept" in part:
            codes = Codes(frozenset(concept["code"] for concept in part["concept"] if "code" in concept))
        elif system is not None and system.complete and len(system) <= MAX_LISTED:
            codes = Codes(frozenset(system.codes))
        else:
            codes = EVERY
        if filters and system is None:
            raise unsupported(
                f"The value set {shown(reference)} filters the codes of {shown(url)}, which are not here. "
                "Store that code system as a CodeSystem with its concepts."
            )
        if system is not None:
            for one in filters:
                codes &= await _selected(system, one)
            if only_active:
                codes -= Codes(frozenset(code for code in system.codes if not system.is_active(code)))
        return codes

    def _spend(self, reference: str, concepts: int) -> None:
        """Count the concepts that are looked at. Raises TooCostly."""
        self._spent += concepts
        if self._spent > MAX_WORK:
            raise too_large(f"The value set {shown(reference)} filters too many concepts", MAX_WORK)


async def _selected(system: CodeSystem, one: Json) -> Codes:
    """What a filter selects; in a thread of its own where that takes long."""
    rule = (one.get("property", ""), one.get("op", ""), one.get("value", ""))
    return await asyncio.to_thread(select, system, *rule) if len(system) > MAX_LISTED else select(system, *rule)


def _expanded(expansion: Json, reference: str) -> Members:
    """The codes of an expansion that is whole. Raises Invalid for a page of one."""
    found: dict[str, set[str]] = {}
    waiting: list[Json] = list(expansion.get("contains", []))
    count = 0
    while waiting:
        entry = waiting.pop()
        count += 1
        waiting.extend(entry.get("contains", []))
        if "code" in entry and not entry.get("abstract"):
            found.setdefault(entry.get("system", ""), set()).add(entry["code"])
    if expansion.get("offset") or expansion.get("total", 0) > count:
        raise unsupported(f"The value set {shown(reference)} holds only a part of its expansion.")
    return {system: Codes(frozenset(codes)) for system, codes in found.items()}
