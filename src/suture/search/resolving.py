"""Leaves that need the vocabulary or a terminology become plain ones, before a search is planned.

First value sets and hierarchies are asked for their codes, then one look-up in `forms` tells the rows of all codes of
the search and one in `words` those of its texts. The one thing to know: a coded value beside the reference to the one
patient who owns the resource becomes a single token of the pair, which for `system|code` needs no look-up at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from suture.fhir.outcomes import TooCostly
from suture.search.filters import (
    NOTHING,
    And,
    Beside,
    Chain,
    Compares,
    Contains,
    Enters,
    Equals,
    Filter,
    Has,
    Holds,
    Named,
    Not,
    Or,
    Range,
    Refers,
    StartsWith,
    Token,
    all_of,
    any_of,
    conjuncts,
    negated,
)
from suture.search.probes import LAST, pattern
from suture.search.recollection import Forms, Recalled
from suture.search.statement import Statement
from suture.search.stored_definitions import StoredDefinitions
from suture.search.terminology import Terminology
from suture.search.tokens import Tokens, Wanted, in_system
from suture.search.unresolved import Coded, Terms, Together, Worded
from suture.search.values import token_system
from suture.store.connection import Connection
from suture.store.distribution import OWN_WORDS
from suture.store.keys import Keys

MAX_ROWS = 10_000
"""Rows of the vocabulary that one search may need."""

MAX_PAIRS = 500
"""Combinations of values in one composite value, or of codes and patients."""

Kind = TypeVar("Kind", Coded, Terms, Worded, Together)


class Resolver:
    """Resolves the filters of one database."""

    def __init__(self, keys: Keys, terminology: Terminology) -> None:
        self._keys = keys
        self._tokens = Tokens(keys)
        self._terminology = terminology

    async def resolve(
        self,
        connection: Connection,
        s: Statement,
        filters: tuple[Filter, ...],
        source: StoredDefinitions,
        recalled: Recalled | None = None,
    ) -> tuple[Filter, ...] | None:
        """`filters` with plain leaves only; None when nothing can match. `s`: a fresh statement.

        `recalled`: what forms mean may come from memory; the caller guards the statements that rely on it.
        Raises TooCostly, and what the terminology raises.
        """
        if not any(unresolved(filter) for filter in filters):
            return filters
        whole = self._paired(all_of(filters), {})
        if not unresolved(whole):
            return conjuncts(whole)
        terms = {leaf: await self._listed(leaf, source) for leaf in set(_leaves(whole, Terms))}
        if terms:
            whole = self._paired(_replaced(whole, terms), {})
        coded = set(_leaves(whole, Coded)) | {
            part for leaf in _leaves(whole, Together) for first in leaf.firsts for part in _leaves(first, Coded)
        }
        known = await self._forms(connection, s, coded, whole, recalled)
        words: dict[Filter, Filter] = {
            leaf: await self._worded(connection, s, leaf) for leaf in set(_leaves(whole, Worded))
        }
        whole = self._plain(self._paired(whole, known), known, words)
        if whole == NOTHING and recalled is not None and recalled.forms:  # no statement would guard it
            return await self.resolve(connection, s, filters, source)
        return None if whole == NOTHING else conjuncts(whole)

    async def _listed(self, leaf: Terms, source: StoredDefinitions) -> Filter:
        parameter = leaf.parameter
        if leaf.how != "in":
            ask = self._terminology.below if leaf.how == "below" else self._terminology.above
            codes = await ask(leaf.system, leaf.value, source)
            wanted = [in_system(parameter, leaf.system, code) for code in sorted(codes)]
            return self._tokens.coded(parameter, wanted)
        found: list[Filter] = []
        listed: list[Wanted] = []
        for system, codes in sorted((await self._terminology.members(leaf.value, source)).items()):
            wanted = [in_system(parameter, system, code) for code in sorted(codes.codes)]
            if not codes.complement:
                listed += wanted
                continue
            whole = self._tokens.coded(parameter, [Wanted(token_system(system), full=False)])
            found.append(all_of((whole, negated(self._tokens.coded(parameter, wanted)))) if wanted else whole)
        if listed:
            found.append(self._tokens.coded(parameter, listed))
        return any_of(found)

    async def _forms(
        self, connection: Connection, s: Statement, coded: Iterable[Coded], whole: Filter, recalled: Recalled | None
    ) -> Forms:
        """What the forms of the coded leaves mean. Pairs and composite values know their full forms without it."""
        alone = set(_leaves(whole, Coded))
        gates = set(_gates(whole))
        wanted: dict[int, None] = dict.fromkeys(sorted(gates))
        for leaf in coded:
            wanted.update(dict.fromkeys(leaf.asks))
            if leaf in alone:
                wanted.update(dict.fromkeys(leaf.fulls))
        if not wanted:
            return {}
        if recalled is not None and (remembered := recalled.recall(wanted)) is not None:
            return remembered
        sql = f"select s, h, f from forms where {s.any_of('s', tuple(wanted))} limit {MAX_ROWS + 1}"
        rows = await connection.fetch(sql, s.args)
        _check(len(rows))
        found: dict[int, list[tuple[int, int]]] = {}
        for form, h, f in rows:
            found.setdefault(form, []).append((h, f))
        if recalled is not None:
            recalled.memory.keep({**dict.fromkeys(gates, ()), **found})
        return found

    async def _worded(self, connection: Connection, s: Statement, leaf: Worded) -> Filter:
        s = s.fresh()
        text = pattern(leaf.text)
        match leaf.how:
            case "begins":
                condition = _begins(s, leaf.text)
            case "words":
                condition = rf"({_begins(s, leaf.text)} or norm like {s.bind(f'% {text}%')} escape '\')"
            case "contains":
                condition = rf"norm like {s.bind(f'%{text}%')} escape '\'"
            case "ends":
                condition = rf"norm like {s.bind(f'%{text}')} escape '\'"
        where = f"{s.any_of('p', leaf.ps)} and {condition}"
        own = f" union all select h from {OWN_WORDS} where {where}" if s.dialect.clustered else ""
        sql = f"select h from words where {where}{own} limit {MAX_ROWS + 1}"
        rows = await connection.fetch(sql, s.args)
        _check(len(rows))
        return Token(tuple({row[0]: None for row in rows}), few=False) if rows else NOTHING

    def _paired(self, filter: Filter, known: Forms) -> Filter:
        """Coded values beside a reference to the owner as pairs, where the codes are known."""
        match filter:
            case And():
                items = [self._paired(item, known) for item in filter.items]
                owner = next((item for item in items if isinstance(item, Refers) and item.owner), None)
                if owner is None:
                    return all_of(items)
                pairs = [self._pair(item, owner, known) for item in items]
                if not any(pairs):
                    return all_of(items)
                rest = [pair or item for pair, item in zip(pairs, items, strict=True) if item is not owner]
                return all_of(rest)
            case Or():
                return any_of(self._paired(item, known) for item in filter.items)
            case Not():
                return negated(self._paired(filter.item, known))
            case Chain() | Has() | Holds() | Enters() | Named() | Beside():
                return msgspec.structs.replace(filter, inner=self._paired(filter.inner, known))
            case _:
                return filter

    def _pair(self, item: Filter, owner: Refers, known: Forms) -> Token | None:
        if not isinstance(item, Coded) or not item.paired or item.direct:
            return None
        if not all(form in known for form in item.asks):
            return None
        codes = {*item.fulls, *(f for form in item.asks for _, f in known[form])}
        if len(codes) * len(owner.ts) > MAX_PAIRS:
            return None
        return Token(tuple(self._keys.pair(f, t) for t in owner.ts for f in sorted(codes)), few=True)

    def _plain(self, filter: Filter, known: Forms, words: Mapping[Filter, Filter]) -> Filter:
        match filter:
            case Coded():
                rows = {h: None for form in (*filter.fulls, *filter.asks) for h, _ in known.get(form, ())}
                hashes = (*filter.direct, *rows)
                return Token(hashes, few=False) if hashes else NOTHING
            case Worded():
                return words[filter]
            case Together():
                return self._together(filter, known)
            case And():
                return all_of(self._plain(item, known, words) for item in filter.items)
            case Or():
                return any_of(self._plain(item, known, words) for item in filter.items)
            case Not():
                return negated(self._plain(filter.item, known, words))
            case Enters() if not known.get(filter.form):
                return NOTHING  # there are no contained resources of the type
            case Chain() | Has() | Holds() | Enters() | Named() | Beside():
                inner = self._plain(filter.inner, known, words)
                return NOTHING if inner == NOTHING else msgspec.structs.replace(filter, inner=inner)
            case _:
                return filter

    def _together(self, filter: Together, known: Forms) -> Filter:
        hashes = [filter.n]
        for first in filter.firsts:
            codes = _codes(first, known)
            if len(hashes) * len(codes) > MAX_PAIRS:
                raise TooCostly(f"A composite value has more than {MAX_PAIRS} meanings. Name the system of the code.")
            hashes = [self._keys.pair(h, code) for h in hashes for code in codes]
        match filter.last:
            case None:
                return Token(tuple(hashes), few=False) if hashes else NOTHING
            case Range() as last:
                ranged = (msgspec.structs.replace(last, h=self._keys.pair(h, last.h), far=None) for h in hashes)
                return any_of(ranged)
            case Or() as last:
                return any_of(self._together(msgspec.structs.replace(filter, last=item), known) for item in last.items)
            case StartsWith() | Equals() | Contains() | Compares() as last:
                return any_of(msgspec.structs.replace(last, hs=(self._keys.pair(h, last.hs[0]),)) for h in hashes)
            case last:
                raise AssertionError(f"{type(last).__name__} does not end a composite value")


def unresolved(filter: Filter) -> bool:
    """True when a leaf must be resolved first."""
    match filter:
        case Coded() | Worded() | Terms() | Together():
            return True
        case And() | Or():
            return any(unresolved(item) for item in filter.items)
        case Not():
            return unresolved(filter.item)
        case Chain() | Has() | Holds() | Named() | Beside():
            return unresolved(filter.inner)
        case Enters():
            return True
        case _:
            return False


def _codes(first: Filter, known: Forms) -> list[int]:
    """The hashes that a token or reference contributes to a composite value."""
    match first:
        case Coded():
            return list(
                dict.fromkeys((*first.direct, *first.fulls, *(f for s in first.asks for _, f in known.get(s, ()))))
            )
        case Token():
            return list(first.hashes)
        case Refers():
            return list(first.ts)
        case Or():
            return [code for item in first.items for code in _codes(item, known)]
        case _:
            raise AssertionError(f"{type(first).__name__} does not begin a composite value")


def _leaves(filter: Filter, kind: type[Kind]) -> Iterator[Kind]:
    match filter:
        case And() | Or():
            for item in filter.items:
                yield from _leaves(item, kind)
        case Not():
            yield from _leaves(filter.item, kind)
        case Chain() | Has() | Holds() | Enters() | Named() | Beside():
            yield from _leaves(filter.inner, kind)
        case _ if isinstance(filter, kind):
            yield filter
        case _:
            pass


def _gates(filter: Filter) -> Iterator[int]:
    """The forms that tell whether there are contained resources of the types into which chains lead."""
    match filter:
        case And() | Or():
            for item in filter.items:
                yield from _gates(item)
        case Not():
            yield from _gates(filter.item)
        case Chain() | Has() | Holds() | Named() | Beside():
            yield from _gates(filter.inner)
        case Enters():
            yield filter.form
        case _:
            pass


def _replaced(filter: Filter, by: Mapping[Terms, Filter]) -> Filter:
    match filter:
        case Terms():
            return by[filter]
        case And():
            return all_of(_replaced(item, by) for item in filter.items)
        case Or():
            return any_of(_replaced(item, by) for item in filter.items)
        case Not():
            return negated(_replaced(filter.item, by))
        case Chain() | Has() | Holds() | Enters() | Named() | Beside():
            return msgspec.structs.replace(filter, inner=_replaced(filter.inner, by))
        case _:
            return filter


def _begins(s: Statement, text: str) -> str:
    return f"(norm >= {s.bind(text)} and norm < {s.bind(text + LAST)})"


def _check(rows: int) -> None:
    if rows > MAX_ROWS:
        raise TooCostly(
            f"The search asks for more than {MAX_ROWS} different codes. Name more of the code or text, or its system."
        )
