"""Whole records, page by page: of a patient, of an encounter, of the patients of a group, of all patients.

Specification: https://hl7.org/fhir/R4/patient-operation-everything.html, encounter-operation-everything.html and
group-operation-everything.html. What belongs to a patient carries its key `ck` and lies together in the order of the
primary key; resources of its compartment that belong to another patient follow by the reference index; for all
patients the primary key is read from end to end. The one thing to know: a page continues after the key of the last
match, so what others write between two pages may be in the record or not, but it neither hides nor repeats what was
there.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid, Issue, NotSupported
from suture.search.compartments import Compartments
from suture.search.parameters import SearchParameters
from suture.store.bodies import STORED_COLUMNS, Bodies
from suture.store.connection import Connection
from suture.store.dialect import Dialect
from suture.store.keys import Keys
from suture.store.predicate import Predicate, condition
from suture.store.rows import NO_DATE, Stored
from suture.store.seals import Broken, Seal

PATIENT = "Patient"

MOST_PATIENTS = 200
"""Patients of a group whose records are looked at for one page; the page is shorter when they have little."""

_REFERENCE = re.compile(
    rb'"(?:reference":"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})|url":"(Binary/[A-Za-z0-9\-.]{1,64}))["/]'
)
_FIRST, _LAST = -(2**63), 2**63 - 1

Bind = Callable[[Any], str]


class Scope(msgspec.Struct, frozen=True):
    """Which part of a record is wanted.

    `types`: resource types, () for all. `since`: only what changed at or after, `start` and `end`: only what has a
    clinical date that reaches into this time, or none; microseconds since 1970 UTC. `count`: most matches of the
    page. `after`: the `next` of the page before, "" for the first. `most_includes`: most referenced resources of it.
    """

    count: int
    most_includes: int
    types: tuple[str, ...] = ()
    since: int | None = None
    start: int | None = None
    end: int | None = None
    after: str = ""


class Record(msgspec.Struct, frozen=True):
    """One page: members of the compartment, resources that they refer to, and where the next page begins ("").

    `truncated`: there were more resources that the members refer to than `Scope.most_includes`.
    """

    matches: list[Stored]
    includes: list[Stored]
    next: str
    truncated: bool


class _Place(NamedTuple):
    """Where a page begins: after the row (ck, k) of the list number `part`."""

    part: int
    ck: int
    k: int


class _Page:
    """A page that fills up. `matches` hold one more than `count` when there is more."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.matches: list[Stored] = []
        self._places: list[_Place] = []
        self._stopped: _Place | None = None

    @property
    def room(self) -> int:
        return self._count + 1 - len(self.matches)

    def add(self, part: int, found: Sequence[Stored]) -> None:
        self.matches += found
        self._places += [_Place(part, stored.ck, stored.k) for stored in found]

    def lead(self, owner: Stored, part: int) -> None:
        """Put the owner first, before its list begins."""
        self.matches.append(owner)
        self._places.append(_Place(part, owner.ck, _FIRST))

    def stop(self, place: _Place) -> None:
        """End the page here although there is room."""
        self._stopped = place

    def finish(self) -> _Place | None:
        """Cut the page at its count; where the next one begins, None when there is none."""
        if len(self.matches) <= self._count:
            return self._stopped
        del self.matches[self._count :]
        return self._places[self._count - 1]


class Everything:
    """Reads records from one database, for one FHIR version."""

    def __init__(
        self, parameters: SearchParameters, compartments: Compartments, keys: Keys, dialect: Dialect, bodies: Bodies
    ) -> None:
        self._parameters = parameters
        self._compartments = compartments
        self._keys = keys
        self._dialect = dialect
        self._bodies = bodies
        self._seal = Seal(keys, "everything page")

    async def of_one(self, connection: Connection, owner: Stored, scope: Scope, predicate: Predicate) -> Record:
        """A page of the record of a patient or an encounter, which is its first match. Raises Invalid."""
        use = _use(f"{owner.type}/{owner.id}", scope)
        start = self._open(use, scope.after)
        page = _Page(scope.count)
        owned = owner.type == PATIENT
        if start is None and _wanted(owner, scope):
            page.lead(owner, 0 if owned else 1)
        rh = self._keys.resource(owner.type, owner.id)
        for part in (0, 1):
            if (part == 0 and not owned) or page.room <= 0 or (start is not None and start.part > part):
                continue
            at = start if start is not None and start.part == part else None

            def seek(bind: Bind, part: int = part, at: _Place | None = at) -> Iterator[str]:
                yield f"r.rh <> {bind(rh)}"
                yield from self._owned(bind, rh, at) if part == 0 else self._linked(bind, owner.type, (rh,), at)

            page.add(part, await self._read(connection, seek, scope, predicate, page.room))
        return await self._record(connection, page, use, scope, predicate, (rh,) if owned else (), owner)

    async def of_patients(
        self, connection: Connection, group: str, ids: Sequence[str], scope: Scope, predicate: Predicate
    ) -> Record:
        """A page of the records of several patients, those that are there. `group`: whose they are. Raises Invalid."""
        use = _use(group, scope)
        start = self._open(use, scope.after)
        rhs = await self._living(connection, ids, predicate)
        page = _Page(scope.count)
        begin = bisect_left(rhs, start.ck) if start is not None and start.part == 0 else 0
        for rh in rhs[begin : begin + MOST_PATIENTS] if start is None or start.part == 0 else ():
            at = start if start is not None and start.ck == rh else None

            def own(bind: Bind, rh: int = rh, at: _Place | None = at) -> Iterator[str]:
                return self._owned(bind, rh, at)

            page.add(0, await self._read(connection, own, scope, predicate, page.room))
            if page.room <= 0:
                break
        if page.room > 0 and begin + MOST_PATIENTS < len(rhs) and (start is None or start.part == 0):
            page.stop(_Place(0, rhs[begin + MOST_PATIENTS], _FIRST))
        elif page.room > 0 and rhs:
            at = start if start is not None and start.part == 1 else None

            def linked(bind: Bind) -> Iterator[str]:
                return self._linked(bind, PATIENT, rhs, at)

            page.add(1, await self._read(connection, linked, scope, predicate, page.room))
        return await self._record(connection, page, use, scope, predicate, rhs)

    async def of_all(self, connection: Connection, scope: Scope, predicate: Predicate) -> Record:
        """A page of the records of all patients that the caller may see. Raises Invalid."""
        if self._dialect.clustered:
            text = "A distributed database cannot answer $everything for all patients at once. Ask for one, or a group."
            raise NotSupported(issues=[Issue("error", "not-supported", text)])
        use = _use("", scope)
        start = self._open(use, scope.after)
        page = _Page(scope.count)

        def members(bind: Bind) -> Iterator[str]:
            if start is not None:
                yield f"(r.ck, r.k) > ({bind(start.ck)}, {bind(start.k)})"
            owner = self._patient(bind, "r.ck", predicate)
            codes = self._dialect.any_of("f.p", bind(self._dialect.array(self._membership(PATIENT))))
            linked = f"(select 1 from ref f where f.k = r.k and {codes} and {self._patient(bind, 'f.t', predicate)}"
            yield f"({owner} or {linked} limit 1) is not null)"

        page.add(0, await self._read(connection, members, scope, predicate, page.room))
        return await self._record(connection, page, use, scope, predicate, None)

    async def _record(
        self,
        connection: Connection,
        page: _Page,
        use: bytes,
        scope: Scope,
        predicate: Predicate,
        owners: Sequence[int] | None,
        *known: Stored,
    ) -> Record:
        """`owners`: the patients whose resources are members, None for all patients. `known`: not to be included."""
        following = page.finish()
        there = {f"{stored.type}/{stored.id}" for stored in (*page.matches, *known)}
        includes, truncated = await self._includes(connection, page.matches, there, scope, predicate, owners)
        sealed = self._seal.close(use, msgspec.msgpack.encode(following)) if following is not None else ""
        return Record(page.matches, includes, sealed, truncated)

    async def _read(
        self,
        connection: Connection,
        seek: Callable[[Bind], Iterator[str]],
        scope: Scope,
        predicate: Predicate,
        limit: int,
    ) -> list[Stored]:
        args: list[Any] = []

        def bind(value: Any) -> str:
            args.append(value)
            return f"?{len(args)}"

        where = " and ".join([*seek(bind), *self._narrowed(bind, scope)])
        allowed = condition(predicate, "r", args)
        sql = (
            f"select {STORED_COLUMNS} from res r where r.deleted = 0 and {where}{allowed} "
            f"order by r.ck, r.k limit {limit}"
        )
        return [self._bodies.stored(row) for row in await connection.fetch(sql, args)]

    def _owned(self, bind: Bind, rh: int, at: _Place | None) -> Iterator[str]:
        yield f"r.ck = {bind(rh)}"
        if at is not None:
            yield f"r.k > {bind(at.k)}"

    def _linked(self, bind: Bind, type: str, rhs: Sequence[int], at: _Place | None) -> Iterator[str]:
        """What lies in the compartments of `rhs` and, when these are patients, belongs to none of them."""
        those = bind(self._dialect.array(rhs))
        codes = self._dialect.any_of("f.p", bind(self._dialect.array(self._membership(type))))
        found = f"select f.ck, f.k from ref f where {self._dialect.any_of('f.t', those)} and {codes}"
        if type == PATIENT:
            yield f"(r.ck, r.k) in ({found} and f.ck <> f.t)"
            yield f"not {self._dialect.any_of('r.ck', those)}"
        else:
            yield f"(r.ck, r.k) in ({found})"
        if at is not None:
            yield f"(r.ck, r.k) > ({bind(at.ck)}, {bind(at.k)})"

    def _membership(self, type: str) -> list[int]:
        """The parameters by which resources refer to the `type` in whose compartment they are."""
        members = self._compartments.members(type)
        return sorted({self._keys.parameter(of, code) for of, codes in members.items() for code in codes})

    def _patient(self, bind: Bind, column: str, predicate: Predicate) -> str:
        """Whether `column` is the hash of a patient that is there and may be seen."""
        text = predicate.sql("p", bind)
        allowed = f" and ({text})" if text else ""
        living = f"p.rt = {type_number(PATIENT)} and p.deleted = 0{allowed}"
        return _exists(self._dialect, f"res p where p.rh = {column} and p.ck = {column} and {living}")

    async def _living(self, connection: Connection, ids: Sequence[str], predicate: Predicate) -> list[int]:
        """The hashes of those patients that are there and may be seen, in order."""
        args: list[Any] = [self._dialect.array(self._keys.resource(PATIENT, id) for id in ids)]
        where = f"{self._dialect.any_of('r.rh', '?1')} and r.rt = {type_number(PATIENT)} and r.deleted = 0"
        allowed = condition(predicate, "r", args)
        return sorted(row[0] for row in await connection.fetch(f"select r.rh from res r where {where}{allowed}", args))

    def _narrowed(self, bind: Bind, scope: Scope) -> Iterator[str]:
        if scope.types:
            yield self._dialect.any_of("r.rt", bind(self._dialect.array(map(type_number, scope.types))))
        if scope.since is not None:
            yield f"r.upd >= {bind(scope.since)}"
        if scope.start is not None:
            start = bind(scope.start)
            dates = self._dialect.any_of("d.h", bind(self._dialect.array(self._dates(scope.types))))
            lasting = _exists(self._dialect, f"dat d where d.k = r.k and d.ck = r.ck and d.hi >= {start} and {dates}")
            yield f"(r.sdate >= {start} or r.sdate = {NO_DATE} or {lasting})"
        if scope.end is not None:
            yield f"r.sdate <= {bind(scope.end)}"

    def _dates(self, types: Sequence[str]) -> list[int]:
        """The parameters of `types` (none: of all) that give their clinical dates."""
        found: set[int] = set()
        for type in types or self._parameters.definitions.resource_types:
            for parameter in self._parameters.for_type(type).values():
                if parameter.sdate:
                    found.update(self._keys.parameter(type, rows) for rows in parameter.rows)
        return sorted(found)

    async def _includes(
        self,
        connection: Connection,
        matches: Sequence[Stored],
        there: set[str],
        scope: Scope,
        predicate: Predicate,
        owners: Sequence[int] | None,
    ) -> tuple[list[Stored], bool]:
        """What `matches` refer to and is neither `there` nor a member itself; whether there is more."""
        wanted: dict[str, None] = {}
        for stored in matches:
            for pair in _REFERENCE.findall(stored.body):
                name = (pair[0] or pair[1]).decode("ascii")
                if name not in there and (not scope.types or name.partition("/")[0] in scope.types):
                    wanted[name] = None
        if not wanted or not scope.most_includes:
            return [], False
        args: list[Any] = []

        def bind(value: Any) -> str:
            args.append(value)
            return f"?{len(args)}"

        hashes = sorted(self._keys.resource(*name.split("/")) for name in wanted)
        where = self._dialect.any_of("r.rh", bind(self._dialect.array(hashes)))
        if owners is None:
            where += f" and not {self._patient(bind, 'r.ck', predicate)}"
        elif owners:
            where += f" and not {self._dialect.any_of('r.ck', bind(self._dialect.array(owners)))}"
        allowed = condition(predicate, "r", args)
        sql = (
            f"select {STORED_COLUMNS} from res r where {where} and r.deleted = 0{allowed} "
            f"order by r.k limit {scope.most_includes + 1}"
        )
        rows = await connection.fetch(sql, args)
        return [self._bodies.stored(row) for row in rows[: scope.most_includes]], len(rows) > scope.most_includes

    def _open(self, use: bytes, text: str) -> _Place | None:
        if not text:
            return None
        try:
            return _Place(*msgspec.msgpack.decode(self._seal.open(use, text), type=tuple[int, int, int]))
        except (Broken, msgspec.DecodeError):
            raise Invalid("_cursor is not a page of this record. Start from its first page.") from None


def _exists(dialect: Dialect, rows: str) -> str:
    """Whether there are such rows. A limit keeps the planner from joins; Citus has none for several machines."""
    return f"exists (select 1 from {rows})" if dialect.clustered else f"(select 1 from {rows} limit 1) is not null"


def _use(of: str, scope: Scope) -> bytes:
    """What a page link belongs to: the record and the part of it; the number of entries may change."""
    return msgspec.msgpack.encode((of, scope.types, scope.since, scope.start, scope.end))


def _wanted(owner: Stored, scope: Scope) -> bool:
    return (not scope.types or owner.type in scope.types) and (scope.since is None or owner.updated >= scope.since)
