"""The statement for one page: the planned rows, in order, after a position, up to a limit, with their bodies.

Keyset paging: a page begins after the sort values and the surrogate `k` of the row before it, so nothing is
counted or skipped and writes between two pages neither lose nor repeat a row. The one thing to know: an
inner select finds and orders keys only, bodies are joined to the few rows that remain.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from suture.search.filters import Filter, Range, Refers, Token, Types, Updated
from suture.search.order import VALUE, Position, Term, after, key_terms, not_before, order_by, refined, term, width
from suture.search.planner import Known, Plan, Way, choose
from suture.search.probes import date_bounds, updated_condition
from suture.search.sorting import SortKey
from suture.search.sources import Candidates, Listing, candidates, listed_resources, listings, probed
from suture.search.statement import Row, Statement
from suture.search.window import Window
from suture.store.bodies import STORED_COLUMNS

WIDTH = STORED_COLUMNS.count(",") + 1
"""Columns of a row before its sort values."""


class Wanted(msgspec.Struct, frozen=True):
    """What to read: the filters and types of the search, its order, where to begin and how many rows at most."""

    filters: tuple[Filter, ...]
    rts: tuple[int, ...]
    sort: tuple[SortKey, ...]
    position: Position | None
    backward: bool
    limit: int


def page_sql(s: Statement, plan: Plan, wanted: Wanted, known: Known) -> str:
    """Rows of STORED_COLUMNS and then one column for each sort key; a row of nulls when a fence was met."""
    match plan.way:
        case Way.MERGE:
            return _merged(s, wanted, plan)
        case Way.STREAM:
            listing, rest = _only(s, wanted, plan.driver)
            if not rest and len(wanted.sort) == 1 and not s.restricted:
                return _straight(s, wanted, listing)
            return _with_bodies(s, _read(s, wanted, listing, rest), wanted.sort, wanted)
        case _:
            found = candidates(
                s,
                wanted.filters,
                wanted.rts,
                plan.driver,
                known,
                with_res=_sorts_by(wanted.sort, "upd", "id"),
                with_date=_sorts_by(wanted.sort, "sdate"),
            )
            terms = key_terms(s, wanted.sort, found.row)
            return _with_bodies(s, s.named(_keys_select(s, found, terms, wanted)), wanted.sort, wanted)


def _straight(s: Statement, wanted: Wanted, listing: Listing) -> str:
    """The whole statement where every row of one list is a match: the page itself bounds what is read."""
    descending = wanted.sort[0].descending
    terms = [Term(listing.key, descending), Term(listing.k, descending)]
    beyond = f" and {after(s, terms, wanted.position)}" if wanted.position is not None else ""
    join = s.join("res", "r", ck=listing.ck, k=listing.k)
    order = order_by(terms, backward=wanted.backward)
    select = (
        f"select {STORED_COLUMNS}, {listing.key} as s0 from {listing.source}{join} where {listing.condition}{beyond} "
        f"order by {order} limit {wanted.limit}"
    )
    return s.complete(select, WIDTH + 1)


def valued_sql(s: Statement, wanted: Wanted) -> str:
    """Like `page_sql` in the order of the first sort key's index rows: the resources that have a value for it."""
    first = wanted.sort[0]
    table, (value, then) = first.by, VALUE[first.by]
    a, b, h = s.alias(), s.alias(), s.bind(first.hs[0])
    columns = f"{a}.k, {a}.ck, {a}.{value}, {a}.{then}"
    refining = then if refined(wanted.sort) else ""
    listing = Listing(columns, f"{table} {a}", f"{a}.h = {h}", f"{a}.{value}", a, value, then=refining)
    beyond = ">" if first.descending else "<"

    def best(q: str) -> str:
        better = f"{b}.k = {q}.k and {b}.h = {h} and ({b}.{value}, {b}.{then}) {beyond} ({q}.{value}, {q}.{then})"
        return f"(select 1 from {table} {b} where {better} limit 1) is null"

    return _with_bodies(s, _read(s, wanted, listing, wanted.filters, only=best), wanted.sort, wanted)


def valueless_sql(s: Statement, wanted: Wanted, known: Known) -> str:
    """The rest of what `valued_sql` leaves out: resources without a value for the first sort key.

    They are in the order of the other keys, or of their keys `k`.
    """
    first = wanted.sort[0]
    driver, _ = choose(wanted.filters, known)
    found = candidates(
        s,
        wanted.filters,
        wanted.rts,
        driver,
        known,
        with_res=_sorts_by(wanted.sort[1:], "upd", "id"),
        with_date=_sorts_by(wanted.sort[1:], "sdate"),
    )
    a = s.alias()
    at = f"{a}.k = {found.row.k} and {a}.h = {s.bind(first.hs[0])}"
    none = f" and (select 1 from {first.by} {a} where {at} limit 1) is null"
    found = msgspec.structs.replace(found, condition=found.condition + none)
    position = wanted.position
    if position is not None:
        first_values = 1 + width(wanted.sort) - len(wanted.sort)
        position = Position(position.values[first_values:], position.k, position.backward, position.inclusive)
    rest = msgspec.structs.replace(wanted, position=position)
    terms = [term(s, key, found.row) for key in wanted.sort[1:]]
    return _with_bodies(s, s.named(_keys_select(s, found, terms, rest)), wanted.sort[1:], rest)


def _only(s: Statement, wanted: Wanted, driver: int | None) -> tuple[Listing, list[Filter]]:
    """The one list that a STREAM reads, and the filters that remain."""
    if driver is None:
        column = "upd" if wanted.sort[0].by == "upd" else "sdate"
        return listed_resources(s, wanted.rts, column), list(wanted.filters)
    listed = wanted.filters[driver]
    assert isinstance(listed, Token | Refers)
    (listing,) = listings(s, listed)
    return listing, [f for i, f in enumerate(wanted.filters) if i != driver]


def _branches(s: Statement, wanted: Wanted, plan: Plan) -> Iterator[tuple[Listing, list[Filter]]]:
    """The lists that a MERGE reads, each with the filters that remain."""
    if plan.window is None:
        yield from _lists(s, wanted, plan.driver)
        return
    for listing, rest in _lists(s, wanted, plan.driver):
        yield msgspec.structs.replace(listing, condition=_within(s, plan.window, listing)), rest
    (others,) = listings(s, plan.window.others)
    yield others, list(wanted.filters)


def _within(s: Statement, window: Window, listing: Listing) -> str:
    low = [] if window.low is None else [f"{listing.key} >= {s.bind(window.low)}"]
    high = [] if window.high is None else [f"{listing.key} <= {s.bind(window.high)}"]
    return " and ".join([listing.condition, *low, *high])


def _lists(s: Statement, wanted: Wanted, driver: int | None) -> Iterator[tuple[Listing, list[Filter]]]:
    filters = wanted.filters
    if driver is None and wanted.sort[0].by == "sdate":
        yield listed_resources(s, wanted.rts, "sdate"), list(filters)
        return
    if driver is None:
        types = next(f for f in filters if isinstance(f, Types))
        rest = [f for f in filters if f is not types]
        for rt in types.rts:
            yield listed_resources(s, (rt,), "upd"), rest
        return
    listed = filters[driver]
    assert isinstance(listed, Token | Refers)
    for listing in listings(s, listed):
        yield listing, [f for i, f in enumerate(filters) if i != driver]


def _merged(s: Statement, wanted: Wanted, plan: Plan) -> str:
    """Rows of several lists: each is read in its order up to the limit, then they are merged."""
    lists = list(_branches(s, wanted, plan))
    names = [_read(s, wanted, listing, rest, share=len(lists)) for listing, rest in lists]
    x = s.alias()
    merged = " union ".join(f"select * from {name}" for name in names)
    order = order_by(_terms(f"{x}.k", [Term(f"{x}.s0", wanted.sort[0].descending)], wanted), backward=wanted.backward)
    page = s.named(f"select * from ({merged}) {x} order by {order} limit {wanted.limit}")
    return _with_bodies(s, page, wanted.sort, wanted)


def _read(
    s: Statement,
    wanted: Wanted,
    listing: Listing,
    filters: Sequence[Filter],
    share: int = 1,
    only: Callable[[str], str] | None = None,
) -> str:
    """The name of a list of k, ck, s0, s1 …: rows that satisfy the filters, after the position, up to the limit.

    The listing is cut at the fence before anything is probed; `only`: one more condition on it. With several sort keys
    it is read in the order of the first.
    """
    first, position, backward = wanted.sort[0], wanted.position, wanted.backward
    alone = len(wanted.sort) == 1
    terms = [Term(key, first.descending) for key in (*listing.keys, listing.k)]
    conditions = [listing.condition, *_bounds(s, listing, filters)]
    if position is not None:
        first_value = position.values[0]
        conditions.append(
            after(s, terms, position) if alone else not_before(s, terms[0], first_value, backward=backward)
        )
    order = order_by(terms, backward=backward)
    select = f"select {listing.columns} from {listing.source} where {' and '.join(conditions)} order by {order}"
    table, beyond = s.streamed(select, share)
    q = s.alias()
    row = Row(s, q, dated=listing.name == "d", is_res=listing.res)
    if _sorts_by(wanted.sort[1:], "upd", "id"):
        _ = row.res
    if _sorts_by(wanted.sort[1:], "sdate"):
        _ = row.date
    found = probed(s, Candidates(f"{table} {q}", only(q) if only is not None else "1 = 1", row, repeats=False), filters)
    names = (listing.name, listing.then) if listing.then else (listing.name,)
    keys = [Term(f"{q}.{name}", first.descending) for name in names]
    keys += [term(s, key, row) for key in wanted.sort[1:]]
    if alone:
        # The rows come in order: PostgreSQL knows it, SQLite would sort all of them again.
        result = _keys_select(
            s, found, keys, msgspec.structs.replace(wanted, position=None), kept=not s.dialect.lateral
        )
    else:
        result = _keys_select(s, found, keys, wanted)
    name = s.named(result)
    few = f"(select count(*) from {name}) < {wanted.limit}"
    if not alone:  # rows that tie with the last one may lie beyond the fence
        edge = f"(select {listing.name} from ({select} limit 1 offset {s.budget // share}) {s.alias()})"
        few = f"{few} or exists (select 1 from {name} where s0 = {edge})"
    s.overruns(f"case when {few} then {beyond} else 1 = 0 end")  # an `and` might look beyond first, which is dear
    return name


def _bounds(s: Statement, listing: Listing, filters: Sequence[Filter]) -> Iterator[str]:
    """What follows from the filters for the column by which a list is ordered."""
    for filter in filters:
        if isinstance(filter, Range) and listing.name in ("d", "sdate"):
            yield from date_bounds(s, filter, listing.key)
        elif isinstance(filter, Updated) and listing.name == "upd" and filter.inside:
            yield updated_condition(s, filter, listing.key)


def _keys_select(s: Statement, found: Candidates, keys: Sequence[Term], wanted: Wanted, *, kept: bool = False) -> str:
    """Select k, ck, s0, s1 … of the rows after the position, in order, up to the limit. `kept`: they are in order."""
    row = found.row
    columns = "".join(f", {key.sql} as s{n}" for n, key in enumerate(keys))
    select = f"select {row.k} as k, {row.ck} as ck{columns} from {found.tables} where {found.condition}"
    if kept:
        return f"{select} limit {wanted.limit}"
    if wanted.position is None or not any(key.sql.startswith("(") for key in keys):
        terms = _terms(row.k, keys, wanted)
        beyond = f" and {after(s, terms, wanted.position)}" if wanted.position is not None else ""
        return f"{select}{beyond} order by {order_by(terms, backward=wanted.backward)} limit {wanted.limit}"
    q = s.alias()
    terms = _terms(f"{q}.k", _named(q, keys), wanted)
    beyond, order = after(s, terms, wanted.position), order_by(terms, backward=wanted.backward)
    return f"select * from ({select}) {q} where {beyond} order by {order} limit {wanted.limit}"


def _with_bodies(s: Statement, page: str, sort: Sequence[SortKey], wanted: Wanted) -> str:
    """The whole statement for the list `page`."""
    x = s.alias()
    named = (*sort, *sort) if refined(wanted.sort) else sort
    keys = [Term(f"{x}.s{n}", key.descending, nullable=_nullable(key)) for n, key in enumerate(named)]
    columns = "".join(f", {key.sql}" for key in keys)
    join = s.join("res", "r", ck=f"{x}.ck", k=f"{x}.k")
    order = order_by(_terms(f"{x}.k", keys, wanted), backward=wanted.backward)
    select = f"select {STORED_COLUMNS}{columns} from {page} {x}{join} order by {order} limit {wanted.limit}"
    return s.complete(select, WIDTH + len(keys))


def _terms(k: str, keys: Sequence[Term], wanted: Wanted) -> list[Term]:
    """The keys and `k`, which goes the way of the last key, whichever plan reads the rows."""
    return [*keys, Term(k, wanted.sort[-1].descending)]


def _named(q: str, keys: Sequence[Term]) -> list[Term]:
    return [Term(f"{q}.s{n}", key.descending, key.nullable) for n, key in enumerate(keys)]


def _nullable(key: SortKey) -> bool:
    return bool(key.path) or key.by not in ("sdate", "upd", "id")


def _sorts_by(sort: Sequence[SortKey], *columns: str) -> bool:
    return any(key.by in columns and not key.path for key in sort)
