"""The statement for one page: the planned rows, in order, after a position, up to a limit, with their bodies.

Keyset paging: a page begins after the sort values and the surrogate `k` of the row before it, so nothing is
counted or skipped and writes between two pages neither lose nor repeat a row. The one thing to know: an
inner select finds and orders keys only, bodies are joined to the few rows that remain.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from suture.search.filters import Filter, Token, Types
from suture.search.planner import Known, Plan, Way
from suture.search.sorting import SortKey
from suture.search.sources import Candidates, candidates, token_candidates, value_candidates
from suture.search.statement import Row, Statement
from suture.store.bodies import STORED_COLUMNS

WIDTH = STORED_COLUMNS.count(",") + 1
"""Columns of a row before its sort values."""

_VALUE = {"str": ("norm", "raw"), "dat": ("lo", "hi"), "qty": ("lo", "hi")}
"""Columns of an index table that order its values; the first is the sort value."""


class Position(msgspec.Struct, frozen=True):
    """Where a page begins: the sort values and `k` of the row before it (after it, when `backward`)."""

    values: tuple[Any, ...]
    k: int
    backward: bool = False


class Wanted(msgspec.Struct, frozen=True):
    """What to read: the filters and types of the search, its order, where to begin and how many rows at most."""

    filters: tuple[Filter, ...]
    rts: tuple[int, ...]
    sort: tuple[SortKey, ...]
    position: Position | None
    backward: bool
    limit: int


class _Key(msgspec.Struct, frozen=True):
    """One term of the order as SQL. `nullable`: rows without a value come last."""

    sql: str
    descending: bool
    nullable: bool


def page_sql(s: Statement, plan: Plan, wanted: Wanted, known: Known) -> str:
    """Rows of STORED_COLUMNS and then one column for each sort key."""
    match plan.way:
        case Way.MERGE:
            return _merged(s, wanted, plan.driver)
        case Way.STREAM if plan.driver is not None:
            token = wanted.filters[plan.driver]
            assert isinstance(token, Token)
            found = token_candidates(s, wanted.filters, token.hashes[0], plan.driver)
        case _:
            found = candidates(
                s,
                wanted.filters,
                wanted.rts,
                plan.driver,
                known,
                with_res=_sorts_by(wanted.sort, "upd", "id"),
                with_date=_sorts_by(wanted.sort, "sdate"),
                by_update=wanted.sort[0].by == "upd",
            )
    keys = [_key(s, key, found.row) for key in wanted.sort]
    return _with_bodies(s, _keys_select(s, found, keys, wanted), keys, wanted)


def valued_sql(s: Statement, wanted: Wanted) -> str:
    """Like `page_sql` in the order of the first sort key's index rows: the resources that have a value for it."""
    first = wanted.sort[0]
    table, (value, then) = first.by, _VALUE[first.by]
    a, b = s.alias(), s.alias()
    h = s.bind(first.h)
    beyond = ">" if first.descending else "<"
    better = f"{b}.k = {a}.k and {b}.h = {h} and ({b}.{value}, {b}.{then}) {beyond} ({a}.{value}, {a}.{then})"
    best = f"{a}.h = {h} and (select 1 from {table} {b} where {better} limit 1) is null"
    row = Row(s, a)
    if _sorts_by(wanted.sort[1:], "upd", "id", "sdate"):
        _ = row.res
    found = value_candidates(s, wanted.filters, f"{table} {a}", best, row)
    keys = [_Key(f"{a}.{value}", first.descending, nullable=False), *(_key(s, key, row) for key in wanted.sort[1:])]
    return _with_bodies(s, _keys_select(s, found, keys, wanted), keys, wanted)


def valueless_sql(s: Statement, wanted: Wanted) -> str:
    """The rest of what `valued_sql` leaves out: resources without a value for the first sort key."""
    first = wanted.sort[0]
    found = candidates(s, wanted.filters, wanted.rts, None, {})
    a = s.alias()
    at = f"{a}.k = {found.row.k} and {a}.h = {s.bind(first.h)}"
    none = f" and (select 1 from {first.by} {a} where {at} limit 1) is null"
    found = msgspec.structs.replace(found, condition=found.condition + none)
    keys = [_key(s, key, found.row) for key in wanted.sort[1:]]
    position = wanted.position
    if position is not None:
        position = Position(position.values[1:], position.k, position.backward)
    rest = msgspec.structs.replace(wanted, position=position)
    return _with_bodies(s, _keys_select(s, found, keys, rest), keys, rest)


def _branches(s: Statement, wanted: Wanted, driver: int | None) -> Iterator[Candidates]:
    filters = wanted.filters
    if driver is None:
        types = next(f for f in filters if isinstance(f, Types))
        for rt in types.rts:
            yield candidates(s, [f for f in filters if f is not types], (rt,), None, {}, by_update=True)
        return
    token = filters[driver]
    assert isinstance(token, Token)
    for h in token.hashes:
        yield token_candidates(s, filters, h, driver)


def _merged(s: Statement, wanted: Wanted, driver: int | None) -> str:
    """Rows of several tokens or types: each list is read in its order up to the limit, then they are merged."""
    branches: list[str] = []
    keys: list[_Key] = []
    for found in _branches(s, wanted, driver):
        keys = [_key(s, key, found.row) for key in wanted.sort]
        branches.append(f"select * from ({_keys_select(s, found, keys, wanted)}) {s.alias()}")
    x = s.alias()
    merged = " union ".join(branches)
    order = _order(f"{x}.k", [_Key(f"{x}.s0", key.descending, nullable=False) for key in keys], wanted)
    return _with_bodies(s, f"select * from ({merged}) {x} order by {order} limit {wanted.limit}", keys, wanted)


def _keys_select(s: Statement, found: Candidates, keys: Sequence[_Key], wanted: Wanted) -> str:
    """Select k, ck, s0, s1 … of the rows after the position, in order, up to the limit."""
    row = found.row
    if wanted.position is None or not any(key.sql.startswith("(") for key in keys):
        after = f" and {_after(s, row.k, keys, wanted.position, wanted)}" if wanted.position is not None else ""
        columns = "".join(f", {key.sql} as s{n}" for n, key in enumerate(keys))
        order = _order(row.k, keys, wanted)
        select = f"select {row.k} as k, {row.ck} as ck{columns} from {found.tables} where {found.condition}{after}"
        return f"{select} order by {order} limit {wanted.limit}"
    q = s.alias()
    columns = "".join(f", {key.sql} as s{n}" for n, key in enumerate(keys))
    inner = f"select {row.k} as k, {row.ck} as ck{columns} from {found.tables} where {found.condition}"
    named = [_Key(f"{q}.s{n}", key.descending, key.nullable) for n, key in enumerate(keys)]
    after = _after(s, f"{q}.k", named, wanted.position, wanted)
    order = _order(f"{q}.k", named, wanted)
    return f"select * from ({inner}) {q} where {after} order by {order} limit {wanted.limit}"


def _with_bodies(s: Statement, select: str, keys: Sequence[_Key], wanted: Wanted) -> str:
    x = s.alias()
    named = [_Key(f"{x}.s{n}", key.descending, key.nullable) for n, key in enumerate(keys)]
    columns = "".join(f", {key.sql}" for key in named)
    join = s.join("res", "r", ck=f"{x}.ck", k=f"{x}.k")
    order = _order(f"{x}.k", named, wanted)
    return f"select {STORED_COLUMNS}{columns} from ({select}) {x}{join} order by {order}"


def _terms(k: str, keys: Sequence[_Key], wanted: Wanted) -> list[_Key]:
    """The keys and `k`, which goes the way of the last key, whichever plan reads the rows."""
    return [*keys, _Key(k, wanted.sort[-1].descending, nullable=False)]


def _order(k: str, keys: Sequence[_Key], wanted: Wanted) -> str:
    backward = wanted.backward
    terms: list[str] = []
    for key in _terms(k, keys, wanted):
        nulls = f" nulls {'first' if backward else 'last'}" if key.nullable else ""
        terms.append(f"{key.sql}{' desc' if key.descending != backward else ''}{nulls}")
    return ", ".join(terms)


def _after(s: Statement, k: str, keys: Sequence[_Key], position: Position, wanted: Wanted) -> str:
    """The condition that a row comes after `position` in the direction of reading."""
    terms = _terms(k, keys, wanted)
    values = (*position.values, position.k)
    backward = position.backward
    if len({key.descending for key in terms}) == 1 and not any(key.nullable for key in terms):
        comparison = "<" if terms[0].descending != backward else ">"
        bound = ", ".join(map(s.bind, values))
        return f"({', '.join(key.sql for key in terms)}) {comparison} ({bound})"
    alternatives: list[str] = []
    first, equal = "", ""
    if not terms[0].nullable:  # follows from the rest, and lets an index begin at the position
        first = f"{terms[0].sql} {'<=' if terms[0].descending != backward else '>='} {s.bind(values[0])} and "
    for key, value in zip(terms, values, strict=True):
        beyond = _beyond(s, key, value, backward)
        if beyond:
            alternatives.append(f"({equal}{beyond})")
        if key is not terms[-1]:
            equal += f"{key.sql} is null and " if value is None else f"{key.sql} = {s.bind(value)} and "
    return f"{first}({' or '.join(alternatives)})"


def _beyond(s: Statement, key: _Key, value: Any, backward: bool) -> str:
    if value is None:
        return f"{key.sql} is not null" if backward else ""
    comparison = f"{key.sql} {'<' if key.descending != backward else '>'} {s.bind(value)}"
    if key.nullable and not backward:
        return f"({comparison} or {key.sql} is null)"
    return comparison


def _sorts_by(sort: Sequence[SortKey], *columns: str) -> bool:
    return any(key.by in columns for key in sort)


def _key(s: Statement, key: SortKey, row: Row) -> _Key:
    match key.by:
        case "sdate":
            return _Key(row.date, key.descending, nullable=False)
        case "upd":
            return _Key(f"{row.res}.upd", key.descending, nullable=False)
        case "id":
            return _Key(f"{row.res}.id", key.descending, nullable=False)
        case "ref":
            return _Key(_target_id(s, key, row), key.descending, nullable=True)
        case "str" | "dat" | "qty":
            a = s.alias()
            best = "max" if key.descending else "min"
            of = f"{a}.k = {row.k} and {a}.h = {s.bind(key.h)} and {a}.ck = {row.ck}"
            sql = f"(select {best}({a}.{_VALUE[key.by][0]}) from {key.by} {a} where {of})"
            return _Key(sql, key.descending, nullable=True)


def _target_id(s: Statement, key: SortKey, row: Row) -> str:
    """The id of the resource referred to, when the caller may see it."""
    a, b = s.alias(), s.alias()
    best = "max" if key.descending else "min"
    join = s.join("res", b, rh=f"{a}.t")
    of = f"{a}.k = {row.k} and {a}.p = {s.bind(key.h)} and {a}.ck = {row.ck} and {b}.deleted = 0"
    kept = f" and {b}.rt in ({', '.join(map(str, key.targets))})" if key.targets else ""
    return f"(select {best}({b}.id) from ref {a}{join} where {of}{kept}{s.allowed(b)})"
