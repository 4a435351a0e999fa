"""Members of reference sets: with filters on their rows, `^ … {{ M … }}`, with chosen fields, `^ [field] …`, and the
history of concepts, `{{ + HISTORY … }}`.

Specification: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (6.10, 6.11).
Only active rows count unless a filter says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.terminology.content.relations import Member
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
)
from suture.terminology.ecl.text_matching import compared, text_matcher, time_matcher
from suture.terminology.ecl.work import wrong

if TYPE_CHECKING:
    from suture.terminology.ecl.evaluation import Evaluation

HISTORICAL = "900000000000522004"
SAME_AS, REPLACED_BY, WAS_A, PARTIALLY = "900000000000527005", "900000000000526001", "900000000000528000", "1186924009"
PROFILES = {"min": (SAME_AS,), "mod": (SAME_AS, REPLACED_BY, WAS_A, PARTIALLY)}
"""The associations of the history profiles; the maximum profile has all historical associations."""

TARGET = "targetcomponentid"

Test = Callable[[Member], bool]
Cell = Callable[[Member], str]

_FIXED: dict[str, Cell] = {
    "referencedcomponentid": lambda row: row.component,
    "moduleid": lambda row: row.module,
    "effectivetime": lambda row: row.time,
    "active": lambda row: "1" if row.active else "0",
}


async def chosen_members(
    reference_sets: BitMap,
    fields: Sequence[str],
    filters: Sequence[Sequence[MemberFilter]],
    evaluation: Evaluation,
    position: int,
) -> BitMap:
    """The concepts in the chosen fields of the rows that pass all filters. Raises Invalid for an unknown field."""
    substrate = evaluation.substrate
    codes: set[str] = set()
    for number in reference_sets & await substrate.reference_sets():
        async for portion in substrate.rows(number):
            evaluation.work.count(len(portion.rows))
            tests = [await _test(one, portion.names, evaluation) for group in filters for one in group]
            if not any(isinstance(one, ActiveFilter) for group in filters for one in group):
                tests.insert(0, lambda row: row.active)
            cells = _cells(fields, portion.names, position)
            for row in portion.rows:
                if all(test(row) for test in tests):
                    codes.update(cell(row) for cell in cells)
    return BitMap((await substrate.numbers(codes)).values())


async def earlier(found: BitMap, history: History, evaluation: Evaluation) -> BitMap:
    """The inactive concepts that associations lead from to concepts of `found`."""
    substrate = evaluation.substrate
    if history.associations is not None:
        reference_sets = await evaluation.of(history.associations)
    elif history.profile == "max":
        root = await substrate.number(HISTORICAL)
        reference_sets = BitMap() if root is None else await substrate.descendants(root)
    else:
        numbers = [await substrate.number(code) for code in PROFILES[history.profile]]
        reference_sets = BitMap(number for number in numbers if number is not None)
    pairs: list[tuple[str, str]] = []
    for number in reference_sets & await substrate.reference_sets():
        async for portion in substrate.rows(number):
            evaluation.work.count(len(portion.rows))
            names = [name.lower() for name in portion.names]
            if TARGET in names:
                at = names.index(TARGET)
                pairs += [(row.component, row.fields[at]) for row in portion.rows if row.active]
    targets = await substrate.numbers({target for _, target in pairs})
    wanted = {code for code, number in targets.items() if number in found}
    sources = await substrate.numbers({source for source, target in pairs if target in wanted})
    return BitMap(sources.values())


def _cells(fields: Sequence[str], names: Sequence[str], position: int) -> list[Cell]:
    if not fields:
        return [_FIXED["referencedcomponentid"]]
    if fields == ("*",):
        raise wrong(position, "the result must be concepts, so one field has to be named between the brackets, not *")
    return [_cell(field, names, position) for field in fields]


def _cell(field: str, names: Sequence[str], position: int) -> Cell:
    """The cell of a row in the column of a name, which is compared without regard to case."""
    lowered = [name.lower() for name in names]
    name = field.lower()
    if name in lowered:
        at = lowered.index(name)
        return lambda row: row.fields[at]
    if name in _FIXED:
        return _FIXED[name]
    known = ", ".join(["referencedComponentId", *names])
    raise wrong(position, f"the reference set has no field {field}, it has {known}")


async def _test(one: MemberFilter, names: Sequence[str], evaluation: Evaluation) -> Test:
    """Whether a row passes a filter."""
    match one:
        case ActiveFilter():
            active = one.active
            return lambda row: active is None or row.active == active
        case TimeFilter():
            timely = time_matcher(one.comparison)
            return lambda row: timely(row.time)
        case ConceptsFilter():
            modules, negated = await numbers_of(one, evaluation), one.negated
            return lambda row: (row.module in modules) != negated
        case FieldFilter():
            cell = _cell(one.field, names, one.position)
            passes = await _compared(one, evaluation)
            return lambda row: passes(cell(row))


async def _compared(one: FieldFilter, evaluation: Evaluation) -> Callable[[str], bool]:
    """Whether a cell satisfies a comparison."""
    comparison = one.comparison
    match comparison:
        case ToTime():
            return time_matcher(comparison)
        case ToText():
            matches, negated = text_matcher(comparison.terms), comparison.negated
            return lambda text: matches(text) != negated
        case ToNumber():
            wanted = comparison

            def numbered(text: str) -> bool:
                try:
                    return compared(Decimal(text), wanted.operator, wanted.value)
                except InvalidOperation:
                    return False

            return numbered
        case ToBoolean():
            right = ("1", "true") if comparison.value != comparison.negated else ("0", "false")
            return lambda text: text.lower() in right
        case AmongConcepts():
            codes = frozenset(await evaluation.codes(comparison.value))
            unlike = comparison.negated
            return lambda text: (text in codes) != unlike
