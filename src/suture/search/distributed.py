"""Searches of a database that lies on a cluster of machines by `ck` (see `suture.store.distribution`).

Citus hands a statement to one machine when every table in it is bound to one `ck`, and to all machines when their
tables are joined by `ck` and no inner select has a limit. So a search here is one plain statement: rows of `res`,
conditions that are `exists` of the same `ck`, an order, a limit. The one thing to know: links to other resources
(chains, `_has`) cross machines; they are followed first, by statements of their own, and become lists of hashes.
"""

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.fhir.outcomes import Issue, NotSupported, TooCostly
from suture.search.filters import (
    NOTHING,
    And,
    Beside,
    Chain,
    Enters,
    Filter,
    Has,
    Holds,
    Ids,
    Named,
    Not,
    Or,
    Prose,
    Refers,
    all_of,
    any_of,
    conjuncts,
    negated,
)
from suture.search.full_text import prose_score
from suture.search.inside import parted
from suture.search.order import Position, Term, after, key_terms, order_by
from suture.search.probes import inside_condition, probe
from suture.search.sorting import SortKey
from suture.search.statement import Row as Names
from suture.search.statement import Statement
from suture.store.bodies import STORED_COLUMNS
from suture.store.connection import Connection, Row
from suture.store.distribution import OWNER, places

MOST_LINKED = 20_000
"""Resources at the other end of a chain or `_has`, whose hashes are bound as one list."""


def compartment_of(filters: Sequence[Filter], rts: Sequence[int]) -> int | None:
    """The compartment `ck` to which all matches of a search belong, None when there may be several.

    `filters`: as they were parsed, all must hold. `rts`: the types searched, empty for any.
    """
    for filter in filters:
        match filter:
            case Refers(owner=True, ts=(patient,)):
                return patient
            case Ids(rhs=(patient,)) if tuple(rts) == (type_number(OWNER),):
                return patient
            case _:
                pass
    return None


def routing(ck: int | None) -> str:
    """Which machines answer a search whose matches belong to `ck`, in words."""
    if ck is not None:
        return "One machine: the search names the one patient to whom all matches belong."
    return "All machines: the search does not name the one patient to whom all matches belong."


class Distributed:
    """One search of one caller.

    `new`: a fresh statement with the caller's predicate. `filters`: resolved, all must hold; `rts`: the types searched;
    `ck`: the compartment of all matches, None when there may be several.
    """

    def __init__(
        self, connection: Connection, new: Callable[[], Statement], filters: Sequence[Filter], rts: Sequence[int],
        ck: int | None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._new = new
        self._filters = filters
        self._rts = rts
        self._ck = ck

    async def page(self, sort: Sequence[SortKey], position: Position | None, limit: int) -> list[Row]:
        """Rows of STORED_COLUMNS and one column for each sort key, after the position, in the direction of reading."""
        s, row, conditions = await self._found(self._filters, self._rts, self._ck)
        if conditions is None:
            return []
        _check_sort(sort)
        if any(key.by == "score" for key in sort):
            texts = [filter for filter in self._filters if isinstance(filter, Prose)]
            row.score = prose_score(s, texts[0], row) if texts else "cast(0 as double precision)"
        backward = position is not None and position.backward
        keys = key_terms(s, sort, row)
        columns = "".join(f", {key.sql} as s{n}" for n, key in enumerate(keys))
        inner = f"select {STORED_COLUMNS}{columns} from res r where {conditions}"
        named = [Term(f"q.s{n}", key.descending, key.nullable) for n, key in enumerate(keys)]
        terms = [*named, Term("q.k", sort[-1].descending)]
        beyond = f" where {after(s, terms, position)}" if position is not None else ""
        order = order_by(terms, backward=backward)
        return await self._connection.fetch(f"select * from ({inner}) q{beyond} order by {order} limit {limit}", s.args)

    async def count(self) -> int:
        """How many resources match."""
        s, _, conditions = await self._found(self._filters, self._rts, self._ck)
        if conditions is None:
            return 0
        return (await self._connection.fetch(f"select count(*) from res r where {conditions}", s.args))[0][0]

    async def count_inside(self) -> int:
        """How many contained resources, and containers that match by themselves, match (`suture.search.inside`)."""
        total = 0
        async for s, select in self._inside(self._filters):
            total += (await self._connection.fetch(f"select count(*) from ({select}) q", s.args))[0][0]
        return total

    async def results_in(self, rhs: Sequence[int]) -> list[int]:
        """`k` of those results in the containers with the hashes `rhs`."""
        found: list[int] = []
        async for s, select in self._inside((Ids(tuple(rhs)),)):
            found += [k for (k,) in await self._connection.fetch(select, s.args)]
        return found

    async def _inside(self, containers: Sequence[Filter]) -> AsyncIterator[tuple[Statement, str]]:
        """Selects of `k` that give each result once. `containers`: what the containers must satisfy."""
        held, own = parted(conjuncts(await self._near(all_of(self._filters))))
        for part in (*held, own):
            s, row, conditions = await self._found(containers, self._rts, self._ck)
            if part is None or conditions is None:
                continue
            if part is own:
                yield s, f"select r.k from res r where {conditions} and {probe(s, part, row)}"
            else:
                a = s.alias()
                inside = inside_condition(s, part, a, row)
                yield s, f"select {a}.k from res r join dat {a} on {a}.ck = r.ck where {conditions} and {inside}"

    async def identify(self, limit: int) -> list[tuple[str, str]]:
        """(type, id) of up to `limit` matches."""
        s, _, conditions = await self._found(self._filters, self._rts, self._ck)
        if conditions is None:
            return []
        rows = await self._connection.fetch(f"select r.rt, r.id from res r where {conditions} limit {limit}", s.args)
        return [(type_name(rt), id) for rt, id in rows]

    async def matching(self, s: Statement) -> str:
        """A select of `k`, `ck` and `d` of every match, for use inside of the statement `s`."""
        _, _, conditions = await self._found(self._filters, self._rts, self._ck, s)
        return f"select r.k, r.ck, r.sdate as d from res r where {conditions or '1 = 0'}"

    async def _found(
        self, filters: Sequence[Filter], rts: Sequence[int], ck: int | None, into: Statement | None = None
    ) -> tuple[Statement, Names, str | None]:
        """A statement with the conditions on `res r`; None when nothing can match."""
        whole = await self._near(all_of(filters))
        s = into or self._new()
        row = Names(s, "r", is_res=True)
        if whole == NOTHING:
            return s, row, None
        conditions = ["r.deleted = 0"]
        if ck is not None:
            row.ck = s.bind(ck)
            conditions.append(f"r.ck = {row.ck}")
        elif cks := await self._compartments(whole):
            conditions.append(s.any_of("r.ck", cks))
        if rts:
            conditions.append(f"r.rt in ({', '.join(map(str, rts))})")
        conditions += [probe(s, filter, row) for filter in conjuncts(whole)]
        return s, row, " and ".join(conditions) + row.allowed()

    async def _compartments(self, whole: Filter) -> list[int]:
        """Where the resources lie that the search names by id; empty when it names none."""
        named = next((filter for filter in conjuncts(whole) if isinstance(filter, Ids)), None)
        if named is None:
            return []
        known = await places(self._connection, named.rhs)
        return sorted({known.get(rh, rh) for rh in named.rhs})

    async def _near(self, filter: Filter) -> Filter:
        """`filter` without links: what lies at their other ends is looked up."""
        match filter:
            case Chain():
                ends = await self._ends(filter, "r.rh", "")
                return Refers(tuple(ends), (filter.p,)) if ends else NOTHING
            case Has():
                ends = await self._ends(filter, "f.t", "ref f join")
                return Ids(tuple(ends)) if ends else NOTHING
            case Holds() | Enters() | Named() | Beside():
                inner = await self._near(filter.inner)
                return NOTHING if inner == NOTHING else msgspec.structs.replace(filter, inner=inner)
            case And():
                return all_of([await self._near(item) for item in filter.items])
            case Or():
                return any_of([await self._near(item) for item in filter.items])
            case Not():
                return negated(await self._near(filter.item))
            case _:
                return filter

    async def _ends(self, link: Chain | Has, column: str, before: str) -> list[int]:
        """The hashes `column` of the resources of the link's type that satisfy its inner filter."""
        inner = conjuncts(link.inner)
        s, _, conditions = await self._found(inner, (link.rt,), compartment_of(inner, (link.rt,)))
        if conditions is None:
            return []
        tables = f"{before} res r on r.ck = f.ck and r.k = f.k and f.p = {s.bind(link.p)}" if before else "res r"
        sql = f"select distinct {column} from {tables} where {conditions} limit {MOST_LINKED + 1}"
        rows = await self._connection.fetch(sql, s.args)
        if len(rows) > MOST_LINKED:
            raise TooCostly(
                f"A chain or _has finds more than {MOST_LINKED} resources at its other end. Narrow it, for instance by "
                "identifier, code or date."
            )
        return [row[0] for row in rows]


def _check_sort(sort: Sequence[SortKey]) -> None:
    if any(key.path or key.by == "ref" for key in sort):
        text = "A distributed database cannot sort by references, because what they refer to lies on other machines."
        raise NotSupported(issues=[Issue("error", "not-supported", text)])
    if any(key.by == "tok" and key.unique for key in sort):
        text = "A distributed database cannot sort by identifiers or contact points: the texts lie on other machines."
        raise NotSupported(issues=[Issue("error", "not-supported", text)])
