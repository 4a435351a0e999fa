"""Which search parameters of a type share index rows.

Equal routes make equal rows. A parameter may also limit another one to some target types, as `patient` does with
`subject`, or be the union of others, as `combo-code` is of `code` and `component-code`: neither has rows of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from suture.fhir.definitions import SearchParameter
from suture.search.extraction.steps import Route
from suture.search.fingerprints import fingerprint

MAX_BITS = 63
"""Bits of `present`, a signed 64-bit integer."""


class Draft(msgspec.Struct):
    """A parameter that is being worked out. `leader`: the code of the one whose rows it shares, often its own.

    `rows`: the codes under which its rows are stored, see `Parameter`.
    """

    definition: SearchParameter
    routes: tuple[Route, ...]
    leader: str
    rows: tuple[str, ...]
    bit: int = -1
    custom: bool = False

    @property
    def leads(self) -> bool:
        """True when it stands for all that share its rows."""
        return self.leader == self.definition.code


def draft(definition: SearchParameter, routes: tuple[Route, ...]) -> Draft:
    """A parameter on its own."""
    return Draft(definition, routes, definition.code, (definition.code,))


def custom_draft(definition: SearchParameter, routes: tuple[Route, ...]) -> Draft:
    """An added parameter, which shares nothing: its rows have the name of what exactly is extracted."""
    rows = f"{definition.code}~{fingerprint(definition)}"
    return Draft(definition, routes, definition.code, (rows,), custom=True)


def share(type: str, drafts: Mapping[str, Draft]) -> None:
    """Find the rows and the bit of each parameter of the resource type `type`. Raises ValueError for too many bits."""
    own = {code: draft for code, draft in drafts.items() if not draft.custom}
    _equals(own.values())
    _unions([draft for draft in own.values() if draft.leads and draft.routes])
    for draft in own.values():
        draft.rows = drafts[draft.leader].rows
    _number_bits(type, own)
    for number, draft in enumerate(draft for draft in drafts.values() if draft.custom):
        draft.bit = MAX_BITS + number


def _equals(drafts: Iterable[Draft]) -> None:
    """Equal parameters: those without a limit of target types lead, else the first by code."""
    alike: dict[Any, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.routes:
            alike[draft.definition.type, frozenset((r.path, r.type) for r in draft.routes)].append(draft)
    for group in alike.values():
        for draft in group:
            limit = limits(draft)
            equal = [other for other in group if limits(other) == limit]
            open_ones = [other for other in group if limits(other) == frozenset({()})]
            leader = open_ones[0] if open_ones and len(limit) == 1 else equal[0]
            draft.leader = leader.definition.code


def _unions(leaders: list[Draft]) -> None:
    """Let a parameter whose routes others have between them ask for theirs."""
    places = {draft.definition.code: _places(draft) for draft in leaders}
    for draft in sorted(leaders, key=lambda draft: len(draft.routes)):
        missing = set(places[draft.definition.code])
        rows: list[str] = []
        for other in sorted(leaders, key=lambda other: -len(other.routes)):
            code = other.definition.code
            whole = other is not draft and other.rows == (code,) and other.definition.type == draft.definition.type
            if whole and places[code] < places[draft.definition.code] and places[code] & missing:
                missing -= places[code]
                rows.append(code)
        if not missing:
            draft.rows = tuple(sorted(rows))


def _places(draft: Draft) -> frozenset[Any]:
    return frozenset((route.path, route.type, route.only) for route in draft.routes)


def limits(draft: Draft) -> frozenset[Any]:
    """The limits of target types: {()} for none, {("Patient",)} for one, pairs with paths when they differ."""
    found = frozenset(route.only for route in draft.routes)
    return found if len(found) == 1 else frozenset((route.path, route.only) for route in draft.routes)


def _number_bits(type: str, drafts: Mapping[str, Draft]) -> None:
    numbered: dict[Any, int] = {}
    for draft in drafts.values():
        if draft.routes:
            draft.bit = numbered.setdefault((draft.leader, limits(draft)), len(numbered))
    if len(numbered) > MAX_BITS:
        raise ValueError(f"{type} has {len(numbered)} search parameters, {MAX_BITS} is the most")
