"""`_include` and `_revinclude`: what to add to a page of matches, and the queries that fetch it.

Specification: https://hl7.org/fhir/R4/search.html#revinclude. The one thing to know: each is a second query
by the list of matches (a join with the matches reads far too much), access is decided again on each
included resource, and the number of included resources is bounded.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid
from suture.search.names import Names
from suture.search.statement import Statement
from suture.store.bodies import STORED_COLUMNS
from suture.store.connection import Connection, Row
from suture.store.distribution import places
from suture.store.keys import Keys
from suture.store.rows import Stored

MAX_INCLUDES = 32
MAX_ROUNDS = 50
"""`_include` and `_revinclude` parameters of one search; rounds of `:iterate`."""

MAX_TARGETS = 20_000
"""References that are followed at once on a cluster, where they are looked up first."""


class Include(msgspec.Struct, frozen=True):
    """One `_include` (or `_revinclude` when `reverse`).

    `ps`: the reference parameters to follow; empty: all. `rts`: the types referred to that count; empty: all.
    `iterate`: follow it also from what was included.
    """

    ps: tuple[int, ...]
    rts: tuple[int, ...]
    reverse: bool
    iterate: bool


def include(names: Names, keys: Keys, name: str, value: str) -> Include:
    """Understand `_include=Observation:subject:Patient` and its kin. Raises UnknownParameter or Invalid."""
    head, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        raise Invalid(f"'{name[:40]}' has an unknown modifier; {head} knows only ':iterate'.")
    reverse, iterate = head == "_revinclude", modifier == "iterate"
    if value == "*":
        return Include((), (), reverse, iterate)
    parts = value.split(":")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise Invalid(f"'{value[:80]}' is not of the form Observation:subject or Observation:subject:Patient.")
    source = names.check_type(parts[0])
    target = names.check_type(parts[2]) if len(parts) == 3 else ""
    if parts[1] == "*":
        ps = tuple(dict.fromkeys(keys.parameter(source, rows) for p in names.references(source) for rows in p.rows))
        rts = (type_number(target),) if target else ()
    else:
        parameter = names.reference(source, parts[1])
        targets = names.targets(parameter)
        if target and target not in targets:
            raise Invalid(f"'{source}:{parts[1]}' never refers to a {target}, only to {', '.join(targets)[:400]}.")
        ps = tuple(keys.parameter(source, rows) for rows in parameter.rows)
        rts = (type_number(target),) if target else ()
        if not target and parameter.rows != (parameter.code,):
            rts = tuple(map(type_number, targets))
    return Include(ps, rts, reverse, iterate)


class Collector:
    """Collects what the includes of one page add. `limit`: most resources; `truncated`: there were more."""

    def __init__(
        self,
        connection: Connection,
        new_statement: Callable[[], Statement],
        keys: Keys,
        stored: Callable[[Row], Stored],
        limit: int,
    ) -> None:
        self._connection = connection
        self._new_statement = new_statement
        self._keys = keys
        self._stored = stored
        self._limit = limit
        self.truncated = False

    async def collect(self, matches: Sequence[Stored], includes: Sequence[Include]) -> list[Stored]:
        """The resources to add to `matches`, each once and none that is a match, in the order of their keys."""
        seen = {match.k for match in matches}
        added: list[Stored] = []
        frontier, active = matches, includes
        for _ in range(MAX_ROUNDS):
            found: dict[int, Stored] = {}
            for group in _groups(active):
                for item in await self._fetch(frontier, group, len(seen) - len(matches)):
                    if item.k not in seen:
                        seen.add(item.k)
                        found[item.k] = item
            frontier = list(found.values())
            added += frontier
            active = [item for item in includes if item.iterate]
            if not frontier or not active or self.truncated:
                break
        else:
            self.truncated = True
        if len(added) > self._limit:
            self.truncated = True
            del added[self._limit :]
        return sorted(added, key=lambda item: item.k)

    async def _fetch(self, frontier: Sequence[Stored], group: Include, so_far: int) -> list[Stored]:
        limit = self._limit - so_far + 1
        if limit <= 0:
            self.truncated = True
            return []
        statement = self._new_statement()
        if group.reverse:
            kept = group.rts
            targets = [self._keys.resource(i.type, i.id) for i in frontier if not kept or type_number(i.type) in kept]
            if not targets:
                return []
            sql = _referrers(statement, targets, group.ps, limit)
        elif statement.dialect.clustered:
            targets = await self._targets(statement, frontier, group)
            if not targets:
                return []
            known = await places(self._connection, targets)
            statement = self._new_statement()
            cks = sorted({known.get(t, t) for t in targets})
            sql = _placed(statement, targets, cks, group, limit + len(frontier))
        else:
            sql = _referents(statement, [item.k for item in frontier], group, limit + len(frontier))
        rows = await self._connection.fetch(sql, statement.args)
        return [self._stored(row) for row in rows]

    async def _targets(self, s: Statement, frontier: Sequence[Stored], group: Include) -> list[int]:
        """The hashes of what the resources refer to; these may lie on other machines of a cluster."""
        at = f"{s.any_of('f.ck', [item.ck for item in frontier])} and {s.any_of('f.k', [item.k for item in frontier])}"
        by = f" and {s.any_of('f.p', group.ps)}" if group.ps else ""
        rows = await self._connection.fetch(
            f"select distinct f.t from ref f where {at}{by} limit {MAX_TARGETS + 1}", s.args
        )
        self.truncated = self.truncated or len(rows) > MAX_TARGETS
        return [row[0] for row in rows[:MAX_TARGETS]]


def _groups(includes: Iterable[Include]) -> list[Include]:
    """Includes that one query can serve, joined."""
    groups: dict[tuple[bool, tuple[int, ...], bool], dict[int, None]] = {}
    for item in includes:
        key = item.reverse, item.rts, not item.ps
        groups.setdefault(key, {}).update(dict.fromkeys(item.ps))
    return [Include(tuple(ps), rts, reverse, iterate=False) for (reverse, rts, _), ps in groups.items()]


def _referents(statement: Statement, ks: list[int], group: Include, limit: int) -> str:
    """What the resources `ks` refer to."""
    of = statement.any_of("f.k", ks)
    by = f" and {statement.any_of('f.p', group.ps)}" if group.ps else ""
    kept = f" and r.rt in ({', '.join(map(str, group.rts))})" if group.rts else ""
    allowed = statement.allowed("r")
    found = f"(select distinct f.t from ref f where {of}{by}) x"
    join = statement.join("res", "r", rh="x.t")
    return f"select {STORED_COLUMNS} from {found}{join} where r.deleted = 0{kept}{allowed} limit {limit}"


def _placed(statement: Statement, ts: list[int], cks: list[int], group: Include, limit: int) -> str:
    """The resources `ts`, which lie in the compartments `cks`."""
    at = f"{statement.any_of('r.ck', cks)} and {statement.any_of('r.rh', ts)}"
    kept = f" and r.rt in ({', '.join(map(str, group.rts))})" if group.rts else ""
    allowed = statement.allowed("r")
    return f"select {STORED_COLUMNS} from res r where {at} and r.deleted = 0{kept}{allowed} limit {limit}"


def _referrers(statement: Statement, ts: list[int], ps: Sequence[int], limit: int) -> str:
    """What refers to the resources `ts`."""
    of = statement.any_of("f.t", ts)
    by = f" and {statement.any_of('f.p', ps)}" if ps else ""
    allowed = statement.allowed("r")
    found = f"(select distinct f.k, f.ck from ref f where {of}{by}) x"
    join = statement.join("res", "r", ck="x.ck", k="x.k")
    return f"select {STORED_COLUMNS} from {found}{join} where r.deleted = 0{allowed} limit {limit}"
