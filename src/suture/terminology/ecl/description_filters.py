"""Description filters, `{{ D … }}`: a concept passes when one of its descriptions passes all of them.

Specification: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (6.8). Only
active descriptions count, and no text definitions, unless a filter says otherwise. The one thing to know: search terms
are looked up in the word index first, so that only the terms of few concepts have to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyroaring import BitMap

from suture.fhir.outcomes import TooCostly
from suture.terminology.content.bodies import Term
from suture.terminology.ecl.concept_filters import numbers_of
from suture.terminology.ecl.nodes import (
    ActiveFilter,
    ConceptsFilter,
    DescriptionFilter,
    DescriptionFilters,
    DialectFilter,
    IdentifierFilter,
    LanguageFilter,
    TermFilter,
    TimeFilter,
)
from suture.terminology.ecl.text_matching import is_by_words, text_matcher, time_matcher, wanted_words

if TYPE_CHECKING:
    from suture.terminology.ecl.evaluation import Evaluation

MAX_READ = 600_000
"""Concepts whose terms are read for one filter: all of an international edition, some seconds."""

DEFINITION = "900000000000550004"

Test = Callable[[Term], bool]


async def described(found: BitMap, filters: DescriptionFilters, evaluation: Evaluation) -> BitMap:
    """Those concepts of `found` with a description that passes all filters."""
    candidates = await _candidates(found, filters, evaluation)
    if len(filters.filters) == 1 and _is_by_words(filters.filters[0]):
        return candidates  # the index knows terms, so nothing is left to look at
    if len(candidates) > MAX_READ:
        raise TooCostly(
            f"The description filter makes the server read the terms of {len(candidates):,} concepts; the limit is "
            f"{MAX_READ:,}. Narrow the focus, or add a search term that is not wild."
        )
    tests = [await _test(one, evaluation) for one in filters.filters]
    if not any(isinstance(one, ActiveFilter) for one in filters.filters):
        tests.insert(0, lambda term: term.active)
    if not any(isinstance(one, ConceptsFilter) and one.field == "type" for one in filters.filters):
        tests.insert(0, lambda term: term.type != int(DEFINITION))
    passed: list[int] = []
    async for portion in evaluation.substrate.terms(candidates):
        evaluation.work.count(sum(len(terms) for _, terms in portion))
        await asyncio.sleep(0)  # let others have their turn
        passed += [number for number, terms in portion if _any(terms, tests)]
    return BitMap(passed)


def _is_by_words(one: DescriptionFilter) -> bool:
    """Whether the word index alone tells who passes."""
    if not isinstance(one, TermFilter) or one.comparison.negated:
        return False
    return all(is_by_words(term) for term in one.comparison.terms)


def _any(terms: Sequence[Term], tests: Sequence[Test]) -> bool:
    return any(all(test(term) for test in tests) for term in terms)


async def _candidates(found: BitMap, filters: DescriptionFilters, evaluation: Evaluation) -> BitMap:
    """The concepts that may pass: fewer than `found` where the word index helps, which has no text definitions."""
    for one in filters.filters:
        if isinstance(one, ActiveFilter) and one.active is not True:
            return found
        if not (isinstance(one, ConceptsFilter) and one.field == "type"):
            continue
        if (DEFINITION in await numbers_of(one, evaluation)) != one.negated:
            return found
    for one in filters.filters:
        if isinstance(one, TermFilter) and not one.comparison.negated:
            words = [wanted_words(term) if term.way == "match" else [] for term in one.comparison.terms]
            if all(words):
                found = found & BitMap.union(*[await evaluation.substrate.found(each) for each in words])
    return found


async def _test(one: DescriptionFilter, evaluation: Evaluation) -> Test:
    """Whether a description passes one filter."""
    match one:
        case TermFilter():
            matches, negated = text_matcher(one.comparison.terms), one.comparison.negated
            return lambda term: matches(term.term) != negated
        case LanguageFilter():
            languages, negated = frozenset(one.languages), one.negated
            return lambda term: (term.language.lower() in languages) != negated
        case IdentifierFilter():
            identifiers, negated = frozenset(map(int, one.identifiers)), one.negated
            return lambda term: (term.id in identifiers) != negated
        case ActiveFilter():
            active = one.active
            return lambda term: active is None or term.active == active
        case TimeFilter():
            timely = time_matcher(one.comparison)
            return lambda term: timely(str(term.time) if term.time else "")
        case DialectFilter():
            return await _accepted(one, evaluation)
        case ConceptsFilter():
            wanted, negated = frozenset(map(int, await numbers_of(one, evaluation))), one.negated
            if one.field == "type":
                return lambda term: (term.type in wanted) != negated
            return lambda term: (term.module in wanted) != negated


async def _accepted(one: DialectFilter, evaluation: Evaluation) -> Test:
    """Whether a description is accepted in one of these dialects."""
    wanted: list[tuple[frozenset[int], frozenset[int]]] = []
    for each in one.dialects:
        dialects = frozenset(map(int, await evaluation.codes(each.dialect)))
        wanted.append((dialects, frozenset(map(int, each.acceptabilities))))
    negated = one.negated

    def passes(term: Term) -> bool:
        return negated != any(
            dialect in dialects and (not acceptabilities or acceptability in acceptabilities)
            for dialect, acceptability in term.dialects
            for dialects, acceptabilities in wanted
        )

    return passes
