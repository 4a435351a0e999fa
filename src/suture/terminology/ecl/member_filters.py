"""Members of reference sets: with filters on their rows, `^ … {{ M … }}`, with chosen fields, `^ [field] …`, and the
history of concepts, `{{ + HISTORY … }}`.

Specification: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (6.10, 6.11).
Only active rows count unless a filter says otherwise. No row of a reference set passes that does not have a field; when
none of the reference sets has it, it is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.terminology.content.relations import Member, Members
from suture.terminology.ecl.concept_filters import numbers_of
from suture.terminology.ecl.nodes import (
    ActiveFilter,
    AmongConcepts,
    ConceptsFilter,
    FieldFilter,
    History,
    MemberFilter,
    TimeFilter,
    ToBoolean,
    ToNumber,
    ToText,
    ToTime,
    identifier_of,
)
from suture.terminology.ecl.text_matching import compared, text_matcher, time_matcher
from suture.terminology.ecl.work import wrong

if TYPE_CHECKING:
    from suture.terminology.ecl.evaluation import Evaluation

HISTORICAL = "900000000000522004"
SAME_AS, REPLACED_BY, WAS_A, PARTIALLY = "900000000000527005", "900000000000526001", "900000000000528000", "1186924009"
PROFILES = {"min": (SAME_AS,), "mod": (SAME_AS, REPLACED_BY, WAS_A, PARTIALLY)}
"""The associations of the history profiles; the maximum profile has all historical associations."""

Filters = Sequence[Sequence[MemberFilter]]
Test = Callable[[Member], bool]
Cell = Callable[[Member], str]
Bind = Callable[[Members], Awaitable[Test]]
"""Makes the test of a filter for rows with these columns."""

_FIXED: dict[str, Cell] = {
    "referencedcomponentid": lambda row: row.component,
    "moduleid": lambda row: row.module,
    "effectivetime": lambda row: row.time,
    "active": lambda row: "1" if row.active else "0",
}


async def chosen_members(
    reference_sets: BitMap, fields: Sequence[str], filters: Filters, evaluation: Evaluation, position: int
) -> BitMap:
    """The concepts in the chosen fields of the rows that pass all filters. Raises Invalid for an unknown field."""
    substrate = evaluation.substrate
    if fields == ("*",):
        raise wrong(position, "the result must be concepts, so one field has to be named between the brackets, not *")
    chosen = fields or ("referencedComponentId",)
    found = BitMap()
    rows = _Rows(filters, evaluation, [(field, position) for field in chosen])
    async for _, portion in rows.of(reference_sets & await substrate.reference_sets()):
        cells = [_cell(field, portion.names) for field in chosen]
        codes = {cell(row) for row in portion.rows for cell in cells}
        found.update((await substrate.numbers(codes)).values())
    return found


async def containing(concepts: BitMap, filters: Filters, evaluation: Evaluation) -> BitMap:
    """The reference sets that have any of these concepts, in a row that passes all filters."""
    substrate = evaluation.substrate
    sets = await substrate.reference_sets()
    if not filters:
        evaluation.work.count(len(sets) * 100)
        return BitMap([number for number in sets if not concepts.isdisjoint(await substrate.members(number))])
    found = BitMap()
    async for number, portion in _Rows(filters, evaluation).of(sets):
        components = await substrate.numbers({row.component for row in portion.rows})
        if any(each in concepts for each in components.values()):
            found.add(number)
    return found


async def earlier(found: BitMap, history: History, evaluation: Evaluation) -> BitMap:
    """The concepts that associations lead from to concepts of `found`."""
    substrate = evaluation.substrate
    if history.associations is not None:
        reference_sets = await evaluation.of(history.associations)
    elif history.profile == "max":
        root = await substrate.number(HISTORICAL)
        reference_sets = BitMap() if root is None else await substrate.descendants(root)
    else:
        numbers = [await substrate.number(code) for code in PROFILES[history.profile]]
        reference_sets = BitMap(number for number in numbers if number is not None)
    sources = BitMap()
    for number in reference_sets & await substrate.reference_sets():
        rows = await substrate.associations(number)
        evaluation.work.count(len(rows))
        sources.update([s for s, t in zip(rows.sources, rows.targets, strict=True) if t in found])
    return sources


class _Rows:
    """The rows of reference sets that pass filters. `fields`: further fields that they must have, and where they are
    named.
    """

    def __init__(self, filters: Filters, evaluation: Evaluation, fields: Iterable[tuple[str, int]] = ()) -> None:
        self._filters = [one for group in filters for one in group]
        self._evaluation = evaluation
        named = [(one.field, one.position) for one in self._filters if isinstance(one, FieldFilter)]
        self._needed = {field.lower(): (field, at) for field, at in (*named, *fields) if field.lower() not in _FIXED}

    async def of(self, reference_sets: BitMap) -> AsyncIterator[tuple[int, Members]]:
        """(reference set, rows of it that pass). Raises Invalid for a field that none of them has."""
        binds = [await _bind(one, self._evaluation) for one in self._filters]
        if not any(isinstance(one, ActiveFilter) for one in self._filters):
            binds.insert(0, _always(lambda row: row.active))
        missing, there = set(self._needed), dict[str, None]()
        substrate = self._evaluation.substrate
        for number in reference_sets:
            names = await substrate.columns(number)
            there |= dict.fromkeys(("referencedComponentId", *names))
            columns = {name.lower() for name in names}
            missing -= columns
            if not self._needed.keys() <= columns:
                continue
            async for portion in substrate.rows(number):
                self._evaluation.work.count(len(portion.rows))
                await asyncio.sleep(0)  # let others have their turn
                tests = [await bind(portion) for bind in binds]
                passing = [row for row in portion.rows if all(test(row) for test in tests)]
                yield number, Members(portion.names, passing)
        if missing and there:
            field, at = self._needed[min(missing)]
            raise wrong(at, f"the reference set has no field {field}, it has {', '.join(there)}")


def _cell(field: str, names: Sequence[str]) -> Cell:
    """The cell of a row in the column of a name, which is compared without regard to case."""
    name = field.lower()
    if name in _FIXED:
        return _FIXED[name]
    at = [each.lower() for each in names].index(name)
    return lambda row: row.fields[at]


def _always(test: Test) -> Bind:
    async def bind(portion: Members) -> Test:
        return test

    return bind


async def _bind(one: MemberFilter, evaluation: Evaluation) -> Bind:
    """What tells whether a row passes a filter."""
    match one:
        case ActiveFilter():
            active = one.active
            return _always(lambda row: active is None or row.active == active)
        case TimeFilter():
            timely = time_matcher(one.comparison)
            return _always(lambda row: timely(row.time))
        case ConceptsFilter():
            modules, negated = await numbers_of(one, evaluation), one.negated
            return _always(lambda row: (row.module in modules) != negated)
        case FieldFilter(comparison=AmongConcepts() as comparison):
            return await _among(one.field, comparison, evaluation)
        case FieldFilter():
            return _compared(one)


async def _among(field: str, comparison: AmongConcepts, evaluation: Evaluation) -> Bind:
    """Whether a cell is one of some concepts. An identifier need not be one of the edition's."""
    single = identifier_of(comparison.value)
    wanted = BitMap() if single else await evaluation.of(comparison.value)
    negated = comparison.negated

    async def bind(portion: Members) -> Test:
        cell = _cell(field, portion.names)
        codes = {single}
        if not single:
            numbers = await evaluation.substrate.numbers({cell(row) for row in portion.rows})
            codes = {code for code, number in numbers.items() if number in wanted}
        return lambda row: (cell(row) in codes) != negated

    return bind


def _compared(one: FieldFilter) -> Bind:
    """Whether a cell satisfies a comparison with something that is no concept."""
    passes = _passes(one)

    async def bind(portion: Members) -> Test:
        cell = _cell(one.field, portion.names)
        return lambda row: passes(cell(row))

    return bind


def _passes(one: FieldFilter) -> Callable[[str], bool]:
    comparison = one.comparison
    match comparison:
        case ToTime():
            return time_matcher(comparison)
        case ToText():
            matches, negated = text_matcher(comparison.terms), comparison.negated
            return lambda text: matches(text) != negated
        case ToBoolean():
            right = ("1", "true") if comparison.value != comparison.negated else ("0", "false")
            return lambda text: text.lower() in right
        case ToNumber():
            sign, value = comparison.operator, comparison.value

            def numbered(text: str) -> bool:
                try:
                    return compared(Decimal(text), sign, value)
                except InvalidOperation:
                    return False

            return numbered
        case AmongConcepts():
            raise AssertionError("compared by `_among`")
