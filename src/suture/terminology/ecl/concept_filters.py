"""Concept filters, `{{ C … }}`: definition status, module, effective time, active."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.terminology.ecl.nodes import ActiveFilter, ConceptFilters, ConceptsFilter, TimeFilter
from suture.terminology.ecl.text_matching import time_matcher

if TYPE_CHECKING:
    from suture.terminology.ecl.evaluation import Evaluation

DEFINED, PRIMITIVE = "900000000000073002", "900000000000074008"


async def passing(found: BitMap, filters: ConceptFilters, evaluation: Evaluation) -> BitMap:
    """Those concepts of `found` that pass all filters."""
    substrate = evaluation.substrate
    for one in filters.filters:
        match one:
            case ActiveFilter(active=None):
                pass
            case ActiveFilter():
                inactive = await substrate.inactive()
                found = found - inactive if one.active else found & inactive
            case TimeFilter():
                matches = time_matcher(one.comparison)
                sets = [concepts for time, concepts in await substrate.times() if matches(time)]
                found = found & BitMap.union(*sets) if sets else BitMap()
            case ConceptsFilter():
                having = await _having(one, evaluation)
                found = found - having if one.negated else found & having
    return found


async def _having(one: ConceptsFilter, evaluation: Evaluation) -> BitMap:
    """The concepts of one of these modules, or with one of these definition statuses."""
    substrate = evaluation.substrate
    wanted = await numbers_of(one, evaluation)
    found = BitMap()
    if one.field == "definitionStatus":
        for code, defined in ((DEFINED, "true"), (PRIMITIVE, "false")):
            if code in wanted:
                found |= await substrate.having("sufficientlyDefined", defined)
        return found
    for code in wanted:
        found |= await substrate.having("moduleId", code)
    return found


async def numbers_of(one: ConceptsFilter, evaluation: Evaluation) -> frozenset[str]:
    """The identifiers of the concepts that a filter names."""
    found: set[str] = set()
    for value in one.values:
        found.update(await evaluation.codes(value))
    return frozenset(found)
