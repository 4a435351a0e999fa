"""A filter as a list of candidate resources: what the rows of the driving filter are read from.

The counterpart of `probes`: one filter of a search is enumerated here, the others are probed for each row.
"""

from collections.abc import Sequence

import msgspec

from suture.search.filters import (
    Chain,
    Contains,
    Equals,
    Filter,
    Has,
    Ids,
    Members,
    Or,
    Range,
    StartsWith,
    Token,
    Updated,
    conjuncts,
)
from suture.search.planner import Known, choose
from suture.search.probes import probe, range_condition, text_condition, updated_condition
from suture.search.statement import Row, Statement


class Candidates(msgspec.Struct, frozen=True):
    """`select … from {tables} where {condition}`, one row for each resource when not `repeats`."""

    tables: str
    condition: str
    row: Row
    repeats: bool


def candidates(
    s: Statement,
    filters: Sequence[Filter],
    rts: Sequence[int],
    driver: int | None,
    known: Known,
    *,
    with_res: bool = False,
    with_date: bool = False,
    by_update: bool = False,
) -> Candidates:
    """The resources of the types `rts` (empty: any) that satisfy all `filters`, each once, found by filter `driver`.

    `with_res`, `with_date`: the caller uses `res` or `date` of `Candidates.row`. `by_update`: it
    sorts by `res.upd`.
    """
    if driver is None:
        a = s.alias()
        found = Candidates(
            f"res {a}",
            f"{a}.deleted = 0{_of_types(a, rts)}",
            Row(s, a, is_res=True, by_update=by_update),
            repeats=False,
        )
    else:
        found = _source(s, filters[driver], rts, known)
        if found.repeats:
            found = _distinct(s, found)
    if with_res:
        _ = found.row.res
    if with_date:
        _ = found.row.date
    return _probed(s, found, [f for i, f in enumerate(filters) if i != driver])


def token_candidates(s: Statement, filters: Sequence[Filter], h: int, driver: int) -> Candidates:
    """Like `candidates` for one hash of the token filter `driver`."""
    found = _token(s, (h,))
    return _probed(s, found, [f for i, f in enumerate(filters) if i != driver])


def value_candidates(s: Statement, filters: Sequence[Filter], tables: str, condition: str, row: Row) -> Candidates:
    """Resources that a caller already enumerates, filtered."""
    return _probed(s, Candidates(tables, condition, row, repeats=False), filters)


def _probed(s: Statement, found: Candidates, filters: Sequence[Filter]) -> Candidates:
    row = found.row
    conditions = found.condition + "".join(f" and {probe(s, f, row)}" for f in filters) + row.allowed()
    return Candidates(found.tables + row.join(), conditions, row, repeats=False)


def _distinct(s: Statement, found: Candidates) -> Candidates:
    a = s.alias()
    row = found.row
    date = f", {row.date} as d" if row.dated else ""
    inner = f"select distinct {row.k} as k, {row.ck} as ck{date} from {found.tables} where {found.condition}"
    return Candidates(f"({inner}) {a}", "1 = 1", Row(s, a, dated=row.dated), repeats=False)


def _source(s: Statement, filter: Filter, rts: Sequence[int], known: Known) -> Candidates:
    match filter:
        case Token():
            return _token(s, filter.hashes)
        case StartsWith() | Equals() | Contains():
            a = s.alias()
            return Candidates(f"str {a}", text_condition(s, filter, a), Row(s, a), repeats=True)
        case Range():
            a = s.alias()
            return Candidates(f"{filter.table} {a}", range_condition(s, filter, a), Row(s, a), repeats=True)
        case Ids():
            a = s.alias()
            condition = f"{s.any_of(f'{a}.rh', filter.rhs)} and {a}.deleted = 0{_of_types(a, rts)}"
            return Candidates(f"res {a}", condition, Row(s, a, is_res=True), repeats=False)
        case Updated():
            a = s.alias()
            condition = f"{updated_condition(s, filter, a + '.upd')} and {a}.deleted = 0{_of_types(a, rts)}"
            return Candidates(f"res {a}", condition, Row(s, a, is_res=True), repeats=False)
        case Members():
            a = s.alias()
            condition = f"{a}.t = {s.bind(filter.t)} and {s.any_of(f'{a}.p', filter.ps)}"
            return Candidates(f"ref {a}", condition, Row(s, a), repeats=True)
        case Chain():
            return _referrers(s, filter, known)
        case Has():
            return _referents(s, filter, rts, known)
        case Or():
            return _union(s, filter, rts, known)
        case _:
            raise AssertionError(f"{type(filter).__name__} cannot be enumerated")


def _token(s: Statement, hashes: Sequence[int]) -> Candidates:
    a = s.alias()
    return Candidates(f"tok {a}", s.any_of(f"{a}.h", hashes), Row(s, a, dated=True), repeats=len(hashes) > 1)


def _referrers(s: Statement, filter: Chain, known: Known) -> Candidates:
    inner = conjuncts(filter.inner)
    far, a = s.alias(), s.alias()
    row = Row(s, a)
    targets = _chosen(s, inner, (filter.rt,), known, rh=True)
    join = s.join("ref", a, t=f"{far}.rh", p=s.bind(filter.p))
    return Candidates(f"({targets}) {far}{join}", "1 = 1", row, repeats=True)


def _referents(s: Statement, filter: Has, rts: Sequence[int], known: Known) -> Candidates:
    inner = conjuncts(filter.inner)
    far, a, b = s.alias(), s.alias(), s.alias()
    sources = _chosen(s, inner, (filter.rt,), known, rh=False)
    links = s.join("ref", a, k=f"{far}.k", p=s.bind(filter.p), ck=f"{far}.ck")
    found = s.join("res", b, rh=f"{a}.t")
    condition = f"{b}.deleted = 0{_of_types(b, rts)}"
    return Candidates(f"({sources}) {far}{links}{found}", condition, Row(s, b, is_res=True), repeats=True)


def _union(s: Statement, filter: Or, rts: Sequence[int], known: Known) -> Candidates:
    a = s.alias()
    branches = " union ".join(_chosen(s, conjuncts(item), rts, known, rh=False) for item in filter.items)
    return Candidates(f"({branches}) {a}", "1 = 1", Row(s, a), repeats=False)


def _chosen(s: Statement, filters: Sequence[Filter], rts: Sequence[int], known: Known, *, rh: bool) -> str:
    """A whole select of `k` and `ck`, or of `rh`, by the best driver."""
    driver, _ = choose(filters, known)
    found = candidates(s, filters, rts, driver, known, with_res=rh)
    columns = f"{found.row.res}.rh as rh" if rh else f"{found.row.k} as k, {found.row.ck} as ck"
    return f"select {columns} from {found.tables} where {found.condition}"


def _of_types(res: str, rts: Sequence[int]) -> str:
    if not rts:
        return ""
    if len(rts) == 1:
        return f" and {res}.rt = {rts[0]}"
    return f" and {res}.rt in ({', '.join(map(str, rts))})"
