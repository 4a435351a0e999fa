"""A filter as a list of candidate resources: what the rows of the driving filter are read from.

The counterpart of `probes`: one filter of a search is enumerated here, the others are probed for each row. The one
thing to know: every list ends at the fence of the statement, so that a search reads no more than its budget.
"""

from collections.abc import Iterator, Sequence

import msgspec

from suture.search.filters import (
    Chain,
    Compares,
    Contains,
    Enters,
    Equals,
    Filter,
    Has,
    Holds,
    Ids,
    Or,
    Prose,
    Range,
    Refers,
    StartsWith,
    Token,
    Updated,
    conjuncts,
)
from suture.search.full_text import prose_rows
from suture.search.planner import Known, choose
from suture.search.probes import listed_condition, probe, range_condition, text_condition, updated_condition
from suture.search.statement import Row, Statement
from suture.store.contained import container_sql

MAX_BRANCHES = 100
"""Selects of one union."""


class Candidates(msgspec.Struct, frozen=True):
    """`select … from {tables} where {condition}`, one row for each resource when not `repeats`."""

    tables: str
    condition: str
    row: Row
    repeats: bool


class Listing(msgspec.Struct, frozen=True):
    """Rows that lie in order: `select {columns} from {source} where {condition} order by {key}, {k}`.

    `alias`: of the source. `name`: of the column that holds the key. `then`: of one that decides among equal keys
    before `k` does, or "". `res`: they have the columns of `res`, without the body.
    """

    columns: str
    source: str
    condition: str
    key: str
    alias: str
    name: str
    res: bool = False
    then: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the order, before `k`."""
        return (self.key, f"{self.alias}.{self.then}") if self.then else (self.key,)

    @property
    def k(self) -> str:
        """The column with the surrogate key."""
        return f"{self.alias}.k"

    @property
    def ck(self) -> str:
        """The column with the compartment key."""
        return f"{self.alias}.ck"


def candidates(
    s: Statement,
    filters: Sequence[Filter],
    rts: Sequence[int],
    driver: int | None,
    known: Known,
    *,
    with_res: bool = False,
    with_date: bool = False,
    inner: bool = False,
) -> Candidates:
    """The resources of the types `rts` (empty: any) that satisfy all `filters`, each once, found by filter `driver`.

    `with_res`, `with_date`: the caller uses `res` or `date` of `Candidates.row`. `inner`: contained resources.
    """
    if driver is None:
        found = _fenced(s, resources(s, rts))
    else:
        filter = filters[driver]
        found = _source(s, filter, rts, known, inner=inner)
        found.row.inner = inner
        if not isinstance(filter, Ids):
            found = _fenced(s, found)
    if with_res:
        _ = found.row.res
    if with_date:
        _ = found.row.date
    return probed(s, found, [f for i, f in enumerate(filters) if i != driver])


def resources(s: Statement, rts: Sequence[int]) -> Candidates:
    """All resources of the types."""
    a = s.alias()
    return Candidates(f"res {a}", f"{a}.deleted = 0{_of_types(a, rts)}", Row(s, a, is_res=True), repeats=False)


def probed(s: Statement, found: Candidates, filters: Sequence[Filter]) -> Candidates:
    """Those of the candidates that satisfy `filters` and that the caller may see."""
    row = found.row
    conditions = found.condition + "".join(f" and {probe(s, f, row)}" for f in filters) + row.allowed()
    return Candidates(found.tables + row.join(), conditions, row, repeats=False)


def listings(s: Statement, filter: Token | Refers) -> Iterator[Listing]:
    """The lists of index rows in date order that a token or reference filter is."""
    if isinstance(filter, Token):
        for h in filter.hashes:
            a = s.alias()
            yield _dated(a, f"tok {a}", f"{a}.h = {s.bind(h)}")
    else:
        for t in filter.ts:
            for p in filter.ps:
                a = s.alias()
                yield _dated(a, f"ref {a}", f"{a}.t = {s.bind(t)} and {a}.p = {s.bind(p)}")


def listed_resources(s: Statement, rts: Sequence[int], column: str) -> Listing:
    """The resources of the types, in the order of `sdate` or `upd`."""
    a = s.alias()
    names = ("k", "ck", "rt", "fv", "id", "ver", "upd", "deleted", "method", "sdate", "present", "rh")
    columns = ", ".join(f"{a}.{name}" for name in names)
    return Listing(columns, f"res {a}", f"{a}.deleted = 0{_of_types(a, rts)}", f"{a}.{column}", a, column, res=True)


def _dated(a: str, source: str, condition: str) -> Listing:
    return Listing(f"{a}.k, {a}.ck, {a}.d", source, condition, f"{a}.d", a, "d")


def _fenced(s: Statement, found: Candidates) -> Candidates:
    """The same resources, each once, from a list that ends at the fence."""
    row = found.row
    dated = row.dated or row.is_res
    date = f", {row.date} as d" if dated else ""
    date += f", {row.score} as score" if row.score else ""
    name = s.gathered(f"select {row.k} as k, {row.ck} as ck{date} from {found.tables} where {found.condition}")
    a = s.alias()
    rows = f"(select distinct * from {name})" if found.repeats else name
    score = f"{a}.score" if row.score else ""
    fenced = Row(s, a, dated=dated, score=score)
    fenced.inner = row.inner
    return Candidates(f"{rows} {a}", "1 = 1", fenced, repeats=False)


def _source(s: Statement, filter: Filter, rts: Sequence[int], known: Known, *, inner: bool = False) -> Candidates:
    a = s.alias()
    match filter:
        case Token():
            row = Row(s, a, dated=True)
            return Candidates(f"tok {a}", listed_condition(s, filter, a), row, repeats=len(filter.hashes) > 1)
        case Refers():
            row = Row(s, a, dated=True)
            repeats = len(filter.ts) > 1 or len(filter.ps) > 1
            return Candidates(f"ref {a}", listed_condition(s, filter, a), row, repeats)
        case Prose():
            rows, row = prose_rows(s, filter)
            return Candidates(rows, "1 = 1", row, repeats=False)
        case StartsWith() | Equals() | Contains() | Compares():
            return Candidates(f"str {a}", text_condition(s, filter, a), Row(s, a), repeats=True)
        case Range():
            return Candidates(f"{filter.table} {a}", range_condition(s, filter, a), Row(s, a), repeats=True)
        case Ids():
            condition = f"{s.any_of(f'{a}.rh', filter.rhs)} and {a}.deleted = 0{_of_types(a, rts)}"
            return Candidates(f"res {a}", condition, Row(s, a, is_res=True), repeats=False)
        case Updated():
            condition = f"{updated_condition(s, filter, a + '.upd')} and {a}.deleted = 0{_of_types(a, rts)}"
            return Candidates(f"res {a}", condition, Row(s, a, is_res=True), repeats=False)
        case Chain():
            return _referrers(s, filter, known)
        case Has():
            return _referents(s, filter, rts, known)
        case Holds() | Enters():
            return _containers(s, filter, known)
        case Or():
            branches = _joined(s, [_branch(s, item, rts, known, inner=inner) for item in filter.items])
            return Candidates(f"({branches}) {a}", "1 = 1", Row(s, a), repeats=True)
        case _:
            raise AssertionError(f"{type(filter).__name__} cannot be enumerated")


def _referrers(s: Statement, filter: Chain, known: Known) -> Candidates:
    inner = conjuncts(filter.inner)
    far, a = s.alias(), s.alias()
    row = Row(s, a, dated=True)
    targets = _chosen(s, inner, (filter.rt,), known, rh=True)
    join = s.join("ref", a, t=f"{far}.rh", p=s.bind(filter.p))
    return Candidates(f"({targets}) {far}{join}", "1 = 1", row, repeats=True)


def _referents(s: Statement, filter: Has, rts: Sequence[int], known: Known) -> Candidates:
    inner = conjuncts(filter.inner)
    far, a, targets, b = s.alias(), s.alias(), s.alias(), s.alias()
    sources = _chosen(s, inner, (filter.rt,), known, rh=False)
    links = s.join("ref", a, k=f"{far}.k", p=s.bind(filter.p), ck=f"{far}.ck")
    # A great many may refer to the same few: look up each of those once.
    once = f"(select distinct {a}.t from ({sources}) {far}{links}) {targets}"
    found = s.join("res", b, rh=f"{targets}.t")
    condition = f"{b}.deleted = 0{_of_types(b, rts)}"
    return Candidates(f"{once}{found}", condition, Row(s, b, is_res=True), repeats=False)


def _containers(s: Statement, filter: Holds | Enters, known: Known) -> Candidates:
    far = s.alias()
    contained = _chosen(s, conjuncts(filter.inner), (), known, rh=False, inner=True)
    k = container_sql(f"{far}.k")
    if isinstance(filter, Holds):
        found = f"(select {k} as k, {far}.ck as ck from ({contained}) {far}) {s.alias()}"
        return Candidates(found, "1 = 1", Row(s, found.rpartition(" ")[2]), repeats=True)
    a, b = s.alias(), s.alias()
    join = s.join("ref", a, k=k, p=s.bind(filter.p), ck=f"{far}.ck")
    named = f"{b}.h = {a}.t and {b}.d = {a}.d and {b}.k = {far}.k and {b}.ck = {far}.ck"
    condition = f"(select 1 from tok {b} where {named} limit 1) is not null"
    return Candidates(f"({contained}) {far}{join}", condition, Row(s, a, dated=True), repeats=True)


def _joined(s: Statement, branches: Sequence[str]) -> str:
    """All rows of the branches; of very many in groups, since SQLite bounds how long a compound may be."""
    if len(branches) > MAX_BRANCHES:
        groups = [branches[start : start + MAX_BRANCHES] for start in range(0, len(branches), MAX_BRANCHES)]
        branches = [
            f"select * from {s.gathered(f'select * from ({_joined(s, group)}) {s.alias()}')}" for group in groups
        ]
    return " union all ".join(branches)


def _branch(s: Statement, filter: Filter, rts: Sequence[int], known: Known, *, inner: bool) -> str:
    """A whole select of `k` and `ck`; rows of one table need no fence of their own within that of the union."""
    if not isinstance(filter, Token | Refers | StartsWith | Equals | Contains | Compares | Range):
        return _chosen(s, conjuncts(filter), rts, known, rh=False, inner=inner)
    found = _source(s, filter, rts, known)
    return f"select {found.row.k} as k, {found.row.ck} as ck from {found.tables} where {found.condition}"


def _chosen(
    s: Statement, filters: Sequence[Filter], rts: Sequence[int], known: Known, *, rh: bool, inner: bool = False
) -> str:
    """A whole select of `k` and `ck`, or of `rh`, by the best driver."""
    driver, _ = choose(filters, known)
    found = candidates(s, filters, rts, driver, known, with_res=rh, inner=inner)
    columns = f"{found.row.res}.rh as rh" if rh else f"{found.row.k} as k, {found.row.ck} as ck"
    return f"select {columns} from {found.tables} where {found.condition}"


def _of_types(res: str, rts: Sequence[int]) -> str:
    if not rts:
        return ""
    if len(rts) == 1:
        return f" and {res}.rt = {rts[0]}"
    return f" and {res}.rt in ({', '.join(map(str, rts))})"
