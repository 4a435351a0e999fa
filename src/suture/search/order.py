"""Sort keys as SQL: the value of a resource for a key, the order of rows, and what comes after a row.

The values of a resource lie in index tables, so a key is a scalar subquery that takes the smallest or the greatest.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from suture.search.sorting import SortKey
from suture.search.statement import Row, Statement
from suture.store.rows import NO_DATE

VALUE = {"str": ("norm", "raw"), "dat": ("lo", "hi"), "qty": ("lo", "hi")}
"""Columns of an index table that order its values; the first is the sort value."""


def refined(sort: Sequence[SortKey]) -> bool:
    """True for a lone key whose index rows lie in the order of two columns: then the second one decides ties.

    So a page begins with a seek in that index, however many resources share the value.
    """
    return len(sort) == 1 and sort[0].by in VALUE and len(sort[0].hs) == 1 and not sort[0].path


def width(sort: Sequence[SortKey]) -> int:
    """How many sort values a row has."""
    return 2 if refined(sort) else len(sort)


class Position(msgspec.Struct, frozen=True):
    """Where a page begins: the sort values and `k` of the row before it (after it, when `backward`).

    `inclusive`: of that row itself, if it still exists. `part`: of that row's contained resources, the one before it
    (`suture.search.inside`).
    """

    values: tuple[Any, ...]
    k: int
    backward: bool = False
    inclusive: bool = False
    part: int = 0


class Term(msgspec.Struct, frozen=True):
    """One term of the order as SQL. `nullable`: rows without a value come last."""

    sql: str
    descending: bool
    nullable: bool = False


def order_by(terms: Sequence[Term], *, backward: bool) -> str:
    """What follows `order by`."""
    written: list[str] = []
    for term in terms:
        nulls = f" nulls {'first' if backward else 'last'}" if term.nullable else ""
        written.append(f"{term.sql}{' desc' if term.descending != backward else ''}{nulls}")
    return ", ".join(written)


def after(s: Statement, terms: Sequence[Term], position: Position) -> str:
    """The condition that a row comes after `position` in the direction of reading. The last term is `k`."""
    values = (*position.values, position.k)
    backward = position.backward
    if len({term.descending for term in terms}) == 1 and not any(term.nullable for term in terms):
        comparison = "<" if terms[0].descending != backward else ">"
        bound = ", ".join(map(s.bind, values))
        return f"({', '.join(term.sql for term in terms)}) {comparison}{'=' if position.inclusive else ''} ({bound})"
    alternatives: list[str] = []
    first, equal = "", ""
    if not terms[0].nullable:  # follows from the rest, and lets an index begin at the position
        first = f"{not_before(s, terms[0], values[0], backward=backward)} and "
    for term, value in zip(terms, values, strict=True):
        beyond = _beyond(s, term, value, backward)
        if beyond:
            alternatives.append(f"({equal}{beyond})")
        if term is not terms[-1]:
            equal += f"{term.sql} is null and " if value is None else f"{term.sql} = {s.bind(value)} and "
    if position.inclusive:
        alternatives.append(f"({equal}{terms[-1].sql} = {s.bind(position.k)})")
    return f"{first}({' or '.join(alternatives)})"


def not_before(s: Statement, term: Term, value: Any, *, backward: bool) -> str:
    """The condition that `term` is at `value` or after it."""
    return f"{term.sql} {'<=' if term.descending != backward else '>='} {s.bind(value)}"


def _beyond(s: Statement, term: Term, value: Any, backward: bool) -> str:
    if value is None:
        return f"{term.sql} is not null" if backward else ""
    comparison = f"{term.sql} {'<' if term.descending != backward else '>'} {s.bind(value)}"
    if term.nullable and not backward:
        return f"({comparison} or {term.sql} is null)"
    return comparison


def key_terms(s: Statement, sort: Sequence[SortKey], row: Row) -> list[Term]:
    """The values of `row` for all keys."""
    terms = [term(s, key, row) for key in sort]
    if refined(sort):
        terms.append(Term(_second(s, sort[0], row), sort[0].descending, nullable=True))
    return terms


def term(s: Statement, key: SortKey, row: Row) -> Term:
    """The value of `row` for `key`."""
    if not key.path:
        match key.by:
            case "sdate":
                return Term(row.date, key.descending)
            case "upd" | "id":
                return Term(f"{row.res}.{key.by}", key.descending)
            case "score":
                return Term(row.score, key.descending)
            case _:
                return Term(_value(s, key, row.k, row.ck), key.descending, nullable=True)
    return Term(_linked(s, key, row), key.descending, nullable=True)


def _value(s: Statement, key: SortKey, k: str, ck: str) -> str:
    a, b = s.alias(), s.alias()
    best = "max" if key.descending else "min"
    at = f"{a}.k = {k} and {a}.ck = {ck}"
    match key.by:
        case "ref":
            join = s.join("res", b, rh=f"{a}.t")
            kept = f" and {b}.rt in ({', '.join(map(str, key.targets))})" if key.targets else ""
            of = f"{at} and {s.any_of(f'{a}.p', key.hs)} and {b}.deleted = 0{kept}{s.allowed(b)}"
            return f"(select {best}({b}.id) from ref {a}{join} where {of})"
        case "tok":
            join = s.join("words", b, h=f"{a}.h")
            return f"(select {best}({b}.norm) from tok {a}{join} where {at} and {s.any_of(f'{b}.p', key.hs)})"
        case "str" | "dat" | "qty":
            column = VALUE[key.by][0]
            return f"(select {best}({a}.{column}) from {key.by} {a} where {at} and {s.any_of(f'{a}.h', key.hs)})"
        case _:
            raise AssertionError(key.by)


def _second(s: Statement, key: SortKey, row: Row) -> str:
    """The second column of the index row that has the value for `key`."""
    a, (value, then) = s.alias(), VALUE[key.by]
    best = "max" if key.descending else "min"
    at = f"{a}.k = {row.k} and {a}.ck = {row.ck} and {s.any_of(f'{a}.h', key.hs)}"
    return f"(select {best}({a}.{then}) from {key.by} {a} where {at} and {a}.{value} = {_value(s, key, row.k, row.ck)})"


def _linked(s: Statement, key: SortKey, row: Row) -> str:
    """The smallest or greatest value among the resources at the end of the links that the caller may see."""
    k, ck = row.k, row.ck
    tables, conditions = "", ""
    for step in key.path:
        a, b = s.alias(), s.alias()
        if tables:
            tables += s.join("ref", a, k=k, ck=ck)
        else:
            tables, conditions = f"ref {a}", f"{a}.k = {k} and {a}.ck = {ck}"
        tables += s.join("res", b, rh=f"{a}.t")
        conditions += f" and {s.any_of(f'{a}.p', step.ps)} and {b}.deleted = 0{s.allowed(b)}"
        conditions += f" and {b}.rt in ({', '.join(map(str, step.rts))})"
        k, ck = f"{b}.k", f"{b}.ck"
    far = k.partition(".")[0]
    match key.by:
        case "sdate":
            value = f"nullif({far}.sdate, {NO_DATE})"
        case "upd" | "id":
            value = f"{far}.{key.by}"
        case _:
            value = _value(s, key, k, ck)
    return f"(select {'max' if key.descending else 'min'}({value}) from {tables} where {conditions})"
