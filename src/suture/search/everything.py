"""The whole record of a patient or an encounter, page by page: what $everything answers with.

Specification: https://hl7.org/fhir/R4/patient-operation-everything.html and encounter-operation-everything.html.
A patient's resources carry its key `ck` and are read in the order of the primary key; resources that lie in the
compartment of another patient as well, and members of other compartments, follow by the reference index. The one
thing to know: a page continues after the key `k` of the last match, so what others write between two pages may be in
the record or not, but it neither hides nor repeats what was there.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid
from suture.search.compartments import Compartments
from suture.store.bodies import STORED_COLUMNS, Bodies
from suture.store.connection import Connection
from suture.store.dialect import Dialect
from suture.store.keys import Keys
from suture.store.predicate import Predicate, condition
from suture.store.rows import NO_DATE, Stored

_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})["/]')
_MARK = re.compile(r"([ol])(-?[0-9]{1,19})", re.ASCII)

OWN, LINKED = "o", "l"


class Scope(msgspec.Struct, frozen=True):
    """Which part of a record is wanted.

    `types`: resource types, () for all. `since`: only what changed at or after, `start` and `end`: only what has its
    clinical date within, or none; microseconds since 1970 UTC. `count`: most matches of the page. `after`: the
    `next` of the page before, "" for the first. `most_includes`: most referenced resources of the page.
    """

    count: int
    most_includes: int
    types: tuple[str, ...] = ()
    since: int | None = None
    start: int | None = None
    end: int | None = None
    after: str = ""


class Record(msgspec.Struct, frozen=True):
    """One page: members of the compartment, resources that they refer to, and where the next page begins ("")."""

    matches: list[Stored]
    includes: list[Stored]
    next: str


class Everything:
    """Reads records from one database, for one FHIR version."""

    def __init__(self, compartments: Compartments, keys: Keys, dialect: Dialect, bodies: Bodies) -> None:
        self._compartments = compartments
        self._keys = keys
        self._dialect = dialect
        self._bodies = bodies

    async def page(self, connection: Connection, owner: Stored, scope: Scope, predicate: Predicate) -> Record:
        """One page of the record of `owner`, which is its first match. Raises Invalid for a foreign `after`."""
        phase, k = _read_mark(scope.after)
        matches: list[Stored] = []
        if not scope.after and _wanted(owner, scope):
            matches.append(owner)
        shared = owner.type == "Patient"
        for name, seek in ((OWN, self._own), (LINKED, self._linked)):
            if (name == OWN and not shared) or (phase == LINKED and name == OWN):
                continue
            room = scope.count + 1 - len(matches)
            if room > 0:
                start = k if name == phase else None
                found = await self._seek(connection, seek, owner, start, scope, predicate, room)
                matches += found
        more = len(matches) > scope.count
        matches = matches[: scope.count]
        includes = await self._includes(connection, owner, matches, scope, predicate)
        return Record(matches, includes, self._mark(owner, matches[-1]) if more else "")

    async def _seek(
        self,
        connection: Connection,
        seek: Callable[[Stored, Callable[[Any], str]], str],
        owner: Stored,
        after: int | None,
        scope: Scope,
        predicate: Predicate,
        limit: int,
    ) -> list[Stored]:
        args: list[Any] = []

        def bind(value: Any) -> str:
            args.append(value)
            return f"?{len(args)}"

        where = [
            seek(owner, bind),
            f"r.rh <> {bind(self._keys.resource(owner.type, owner.id))}",
            *self._narrow(scope, bind),
        ]
        if after is not None:
            where.append(f"r.k > {bind(after)}")
        allowed = condition(predicate, "r", args)
        sql = (
            f"select {STORED_COLUMNS} from res r where r.deleted = 0 and {' and '.join(where)}{allowed} "
            f"order by r.k limit {bind(limit)}"
        )
        return [self._bodies.stored(row) for row in await connection.fetch(sql, args)]

    def _own(self, owner: Stored, bind: Callable[[Any], str]) -> str:
        return f"r.ck = {bind(owner.ck)}"

    def _linked(self, owner: Stored, bind: Callable[[Any], str]) -> str:
        members = self._compartments.members(owner.type)
        parameters = {self._keys.parameter(type, code) for type, codes in members.items() for code in codes}
        linked = (
            f"(r.ck, r.k) in (select f.ck, f.k from ref f where f.t = {bind(self._keys.resource(owner.type, owner.id))}"
            f" and {self._dialect.any_of('f.p', bind(self._dialect.array(sorted(parameters))))})"
        )
        return f"{linked} and r.ck <> {bind(owner.ck)}" if owner.type == "Patient" else linked

    def _narrow(self, scope: Scope, bind: Callable[[Any], str]) -> list[str]:
        where: list[str] = []
        if scope.types:
            numbers = [type_number(type) for type in scope.types]
            where.append(self._dialect.any_of("r.rt", bind(self._dialect.array(numbers))))
        if scope.since is not None:
            where.append(f"r.upd >= {bind(scope.since)}")
        if scope.start is not None:
            where.append(f"(r.sdate >= {bind(scope.start)} or r.sdate = {bind(NO_DATE)})")
        if scope.end is not None:
            where.append(f"r.sdate <= {bind(scope.end)}")
        return where

    async def _includes(
        self, connection: Connection, owner: Stored, matches: Sequence[Stored], scope: Scope, predicate: Predicate
    ) -> list[Stored]:
        """The resources that `matches` refer to and that are no members themselves."""
        there = {f"{stored.type}/{stored.id}" for stored in matches} | {f"{owner.type}/{owner.id}"}
        wanted: dict[str, None] = {}
        for stored in matches:
            for reference in _REFERENCE.findall(stored.body):
                name = reference.decode("ascii")
                if name not in there and (not scope.types or name.partition("/")[0] in scope.types):
                    wanted[name] = None
        if not wanted or not scope.most_includes:
            return []
        args: list[Any] = [self._dialect.array(sorted(self._keys.resource(*name.split("/")) for name in wanted))]
        where = self._dialect.any_of("r.rh", "?1")
        if owner.type == "Patient":
            args.append(owner.ck)
            where += " and r.ck <> ?2"
        allowed = condition(predicate, "r", args)
        args.append(scope.most_includes)
        sql = (
            f"select {STORED_COLUMNS} from res r where {where} and r.deleted = 0{allowed} "
            f"order by r.k limit ?{len(args)}"
        )
        return [self._bodies.stored(row) for row in await connection.fetch(sql, args)]

    def _mark(self, owner: Stored, last: Stored) -> str:
        own = owner.type == "Patient" and last.ck == owner.ck
        return f"{OWN if own else LINKED}{last.k}" if last.k != owner.k else f"{OWN if own else LINKED}{-(2**63)}"


def _wanted(owner: Stored, scope: Scope) -> bool:
    return (not scope.types or owner.type in scope.types) and (scope.since is None or owner.updated >= scope.since)


def _read_mark(text: str) -> tuple[str, int | None]:
    if not text:
        return OWN, None
    found = _MARK.fullmatch(text)
    if found is None or not -(2**63) <= int(found[2]) < 2**63:
        raise Invalid("The page link is not one that this server gave.")
    return found[1], int(found[2])
