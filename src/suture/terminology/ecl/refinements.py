"""Refinements: which concepts of a focus have attributes with given values, alone or together in one group.

Semantics: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (6.2 to 6.4). The
one thing to know: a relationship of group 0 is not grouped with any other, so it is a group by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pyroaring import BitMap

from suture.terminology.content.relations import Relations, Value
from suture.terminology.ecl.nodes import (
    AmongConcepts,
    Attribute,
    Group,
    Joined,
    Refinement,
    Sub,
    ToBoolean,
    ToNumber,
    ToText,
    Wildcard,
    bare,
)
from suture.terminology.ecl.text_matching import compared, number_in, text_in, text_matcher

if TYPE_CHECKING:
    from suture.terminology.ecl.evaluation import Evaluation

LARGE = 20_000
"""Relationships from which a thread runs over them, so that others are served meanwhile."""

GroupKey = tuple[int, int, int]
"""A group of a concept: (concept, group, 0), or (concept, attribute, place of a relationship) for an ungrouped one.
For attributes that are reversed, the source stands in the group."""

T = TypeVar("T")


class Refiner:
    """Evaluates refinements for `evaluation`."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._substrate = evaluation.substrate

    async def refined(self, focus: BitMap, refinement: Refinement) -> BitMap:
        """Those concepts of `focus` that satisfy the refinement."""
        if not focus:
            return focus
        if isinstance(refinement, Attribute):
            return await self._with_attribute(focus, refinement)
        if isinstance(refinement, Group):
            return await self._with_group(focus, refinement)
        if refinement.kind == "and":
            for part in refinement.parts:
                focus = await self.refined(focus, part)
            return focus
        found = BitMap()
        for part in refinement.parts:
            found |= await self.refined(focus, part)
        return found

    async def values_of(self, sources: BitMap, attribute: Sub) -> BitMap:
        """The concepts that are values of an attribute of the sources."""
        found = BitMap()
        for _, relations in await self._relations(await self._names(attribute)):
            pairs = zip(relations.sources, relations.targets, strict=True)
            found.update(await _run(len(relations), lambda pairs=pairs: [t for s, t in pairs if s in sources]))
        return found

    async def _with_attribute(self, focus: BitMap, attribute: Attribute) -> BitMap:
        if attribute.least == 0 and attribute.most is None:
            return focus
        if attribute.least == 1 and attribute.most is None:
            return focus & BitMap(owner for owner, _, _, _ in await self._matches(attribute, focus))
        # an attribute that is there in several groups with the same value is there once; reversed, sources are counted
        matched = await self._matches(attribute, focus)
        distinct = {(owner, 0 if attribute.reverse else name, value) for owner, name, value, _ in matched}
        return _counted(focus, Counter(owner for owner, _, _ in distinct), attribute.least, attribute.most)

    async def _with_group(self, focus: BitMap, group: Group) -> BitMap:
        if group.least == 0 and group.most is None:
            return focus
        keys = await self._groups(focus, group.content)
        return _counted(focus, Counter(owner for owner, _, _ in keys), group.least, group.most)

    async def _groups(self, focus: BitMap, content: Joined | Attribute | Refinement) -> set[GroupKey]:
        """The groups of concepts of `focus` that satisfy what stands between braces."""
        if isinstance(content, Attribute):
            matched = await self._matches(content, focus)
            counts = Counter(key for _, _, _, key in matched)
            if content.least == 0:
                every = await self._every_group(focus)
                return {key for key in every if content.most is None or counts[key] <= content.most}
            return {
                key
                for key, count in counts.items()
                if count >= content.least and (content.most is None or count <= content.most)
            }
        assert isinstance(content, Joined)  # groups are not nested
        found: set[GroupKey] | None = None
        for part in content.parts:
            keys = await self._groups(focus, part)
            found = keys if found is None else found & keys if content.kind == "and" else found | keys
            if not found and content.kind == "and":
                break
        return found or set()

    async def _every_group(self, focus: BitMap) -> set[GroupKey]:
        found: set[GroupKey] = set()
        for name, relations in await self._relations(await self._substrate.attributes()):
            rows = enumerate(zip(relations.sources, relations.groups, strict=True))
            found.update(
                await _run(
                    len(relations),
                    lambda name=name, rows=rows: {_key(s, name, g, at) for at, (s, g) in rows if s in focus},
                )
            )
        for name, values in await self._values(await self._substrate.attributes()):
            found.update(_value_key(name, value, at) for at, value in enumerate(values) if value.source in focus)
        return found

    async def _matches(self, attribute: Attribute, focus: BitMap) -> list[tuple[int, int, int | str, GroupKey]]:
        """(concept of the focus, attribute, value, group) of every relationship that matches."""
        names = await self._names(attribute.name)
        comparison = attribute.comparison
        if not isinstance(comparison, AmongConcepts):
            return await self._concrete(names, focus, _value_matcher(comparison))
        values = await self._evaluation.of(comparison.value)
        found = await self._among(attribute, focus, names, values, negated=comparison.negated)
        if isinstance(bare(comparison.value), Wildcard) and not comparison.negated and not attribute.reverse:
            found += await self._concrete(names, focus, lambda _: True)
        return found

    async def _names(self, name: Sub) -> BitMap:
        """The attributes that a name means. `*` is any attribute, which the hierarchy's relationship is not."""
        found = await self._evaluation.of(name)
        return found - await self._substrate.is_a() if isinstance(bare(name), Wildcard) else found

    async def _concrete(
        self, names: BitMap, focus: BitMap, matches: Callable[[str], bool]
    ) -> list[tuple[int, int, int | str, GroupKey]]:
        found: list[tuple[int, int, int | str, GroupKey]] = []
        for name, some in await self._values(names):
            found += [
                (value.source, name, value.text, _value_key(name, value, at))
                for at, value in enumerate(some)
                if value.source in focus and matches(value.text)
            ]
        return found

    async def _among(
        self, attribute: Attribute, focus: BitMap, names: BitMap, values: BitMap, *, negated: bool
    ) -> list[tuple[int, int, int | str, GroupKey]]:
        found: list[tuple[int, int, int | str, GroupKey]] = []
        for name, relations in await self._relations(names):
            run = _reversed if attribute.reverse else _forward
            found += await _run(
                len(relations), lambda run=run, name=name, rows=relations: run(name, rows, focus, values, negated)
            )
        return found

    async def _relations(self, names: BitMap) -> list[tuple[int, Relations]]:
        found: list[tuple[int, Relations]] = []
        for name in names & (await self._substrate.attributes() | await self._substrate.is_a()):
            relations = await self._substrate.relations(name)
            self._evaluation.work.count(len(relations))
            found.append((name, relations))
        return found

    async def _values(self, names: BitMap) -> list[tuple[int, list[Value]]]:
        found: list[tuple[int, list[Value]]] = []
        for name in names & await self._substrate.attributes():
            values = list(await self._substrate.values(name))
            self._evaluation.work.count(len(values))
            found.append((name, values))
        return found


def _forward(
    name: int, rows: Relations, focus: BitMap, values: BitMap, negated: bool
) -> list[tuple[int, int, int | str, GroupKey]]:
    triples = enumerate(zip(rows.sources, rows.targets, rows.groups, strict=True))
    if negated:
        return [(s, name, t, _key(s, name, g, at)) for at, (s, t, g) in triples if t not in values and s in focus]
    return [(s, name, t, _key(s, name, g, at)) for at, (s, t, g) in triples if t in values and s in focus]


def _reversed(
    name: int, rows: Relations, focus: BitMap, values: BitMap, negated: bool
) -> list[tuple[int, int, int | str, GroupKey]]:
    triples = enumerate(zip(rows.sources, rows.targets, rows.groups, strict=True))
    return [
        (t, name, s, (t, s, (g << 32) if g else -1 - at))
        for at, (s, t, g) in triples
        if (s in values) != negated and t in focus
    ]


def _key(source: int, name: int, group: int, place: int) -> GroupKey:
    return (source, group, 0) if group else (source, -1 - name, place)


def _value_key(name: int, value: Value, place: int) -> GroupKey:
    return (value.source, value.group, 0) if value.group else (value.source, -1 - name, -1 - place)


def _counted(focus: BitMap, counts: Counter[int], least: int, most: int | None) -> BitMap:
    """Those of `focus` whose count is in the range; what is not counted has 0."""
    right = BitMap([n for n, count in counts.items() if count >= least and (most is None or count <= most)])
    return focus & right if least else focus - (BitMap(counts) - right)


def _value_matcher(comparison: ToNumber | ToText | ToBoolean) -> Callable[[str], bool]:
    """Whether a concrete value satisfies a comparison; one of another type does not, whatever is asked."""
    if isinstance(comparison, ToNumber):
        return lambda text: (
            (number := number_in(text)) is not None and compared(number, comparison.operator, comparison.value)
        )
    if isinstance(comparison, ToBoolean):
        wanted = "true" if comparison.value != comparison.negated else "false"
        return lambda text: text == wanted
    matches = text_matcher(comparison.terms)
    negated = comparison.negated
    return lambda text: (own := text_in(text)) is not None and matches(own) != negated


async def _run(size: int, work: Callable[[], T]) -> T:
    if size > LARGE:
        return await asyncio.to_thread(work)
    await asyncio.sleep(0)  # many small attributes together take long
    return work()
