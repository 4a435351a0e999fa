"""Making the index rows of whole resource types what they should be, while the server works.

A type is walked in the order of `upd`, some resources per transaction: the rows that each has are read by its key `k`
and compared with those that its body gives. The one thing to know: whoever writes a resource of a type that is being
rebuilt compares with what is there as well, so a resource needs to be looked at once, and what was written meanwhile
is right. A walk that was interrupted goes on where it stopped, in any process; of several processes one works.
"""

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.fhir.outcomes import FhirError
from suture.store.changes import NUMBERS
from suture.store.connection import Connection, Outdated, Retry, Row
from suture.store.index_rows import Tables, index_rows
from suture.store.rows import IndexRows
from suture.store.store import Store
from suture.store.tables import FHIR_VERSION, INDEX_TABLES
from suture.store.transaction import Transaction

ALL_CODES = ""
"""Stands in `pending` for all parameters of a type."""

PAGE = 50
"""Resources in one transaction: each keeps other writes waiting for some milliseconds."""

BREATH = 8
"""After this many resources, worked out in about 2 ms, requests get their turn."""

SAMPLE = 100
"""Resources looked at again, oldest and newest, before a type is declared complete."""

PAUSE = 2.0
"""Seconds without progress after which a walk is taken over from another process."""

_START = -(2**63)
_COLUMNS = "r.ck, r.k, r.fv, r.rh, r.ver, r.sdate, r.present, r.upd, r.enc, r.body"


class Progress(msgspec.Struct, frozen=True):
    """How far the rebuild of a type has come. `total`: resources in all, -1 while unknown.

    `pending`: codes of the parameters that wait for it, "" for all of the type. `started`: microseconds since
    1970 UTC. `problem`: why it stopped, or "".
    """

    type: str
    done: int
    total: int
    started: int
    problem: str
    pending: tuple[str, ...]


async def schedule(connection: Connection, pending: Mapping[int, Set[str]]) -> None:
    """Order the rebuild of types. `pending`: type number -> codes that cannot be searched until it is done."""
    now = time.time_ns() // 1000
    for rt in sorted(pending):
        await connection.execute("delete from building where rt = ?1", (rt,))
        await connection.execute(
            "insert into building (rt, upd, k, done, total, started, problem) values (?1, ?2, ?2, 0, -1, ?3, '')",
            (rt, _START, now),
        )
        for code in sorted(pending[rt]):
            await connection.execute("delete from pending where rt = ?1 and code = ?2", (rt, code))
            await connection.execute("insert into pending (rt, code) values (?1, ?2)", (rt, code))


async def progress(connection: Connection) -> list[Progress]:
    """The types that are being rebuilt or wait for it."""
    codes: dict[int, list[str]] = {}
    for rt, code in await connection.fetch("select rt, code from pending order by rt, code"):
        codes.setdefault(rt, []).append(code)
    rows = await connection.fetch("select rt, done, total, started, problem from building order by rt")
    return [
        Progress(type_name(rt), done, total, started, problem, tuple(codes.get(rt, ())))
        for rt, done, total, started, problem in rows
    ]


class Place(msgspec.Struct, frozen=True):
    """How far a walk has come: the last resource's (upd, k), and how many there were."""

    upd: int
    k: int
    done: int


class Found(msgspec.Struct, frozen=True):
    """A resource as it was read, without its body, and the rows that it should have."""

    ck: int
    k: int
    rh: int
    version: int
    derived: tuple[int, int]
    upd: int
    index: IndexRows

    @property
    def new_ck(self) -> int:
        """The compartment in which it should lie."""
        return self.index.ck if self.index.ck is not None else self.rh

    @property
    def expected(self) -> Tables:
        """Its index rows as they should be."""
        return index_rows(self.index, self.new_ck, self.k)

    def lies_right(self) -> bool:
        """Whether what its own row says follows from the body."""
        return (self.ck, *self.derived) == (self.new_ck, self.index.sdate, self.index.present)


class Page(msgspec.Struct, frozen=True):
    """The next resources of a walk. `basis`: what their rows were worked out by."""

    resources: tuple[Found, ...]
    basis: object


class Rebuild:
    """Carries out what is scheduled in one database.

    `basis`: gives the search parameters by which `store.index` works, the same object until they change.
    `completed`: called in the transaction that ends a type.
    """

    def __init__(
        self, store: Store, basis: Callable[[], object], completed: Callable[[Transaction], Awaitable[None]]
    ) -> None:
        self._store = store
        self._basis = basis
        self._completed = completed

    async def scheduled(self) -> list[Progress]:
        """What there is to do, without the types that failed."""
        async with self._store.reading() as connection:
            return [item for item in await progress(connection) if not item.problem]

    async def run(self, type: str, report: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Rebuild one type to its end, which `progress` tells when something is still wrong with it.

        `report`: called with the resources done and those there are, after each transaction. Raises FhirError, Retry
        or OSError when the database cannot be used.
        """
        rt = type_number(type)
        async with self._store.reading() as connection:
            rows = await connection.fetch("select count(*) from res r where r.rt = ?1 and r.deleted = 0", (rt,))
        total: int = rows[0][0]
        await self._store.write(lambda tx: tx.execute("update building set total = ?2 where rt = ?1", (rt, total)))
        place = await self._place(rt)
        while place is not None:
            report(place.done, total)
            place = await self._advance(rt, place) or await self._left(rt)

    async def _advance(self, rt: int, place: Place) -> Place | None:
        """Do what comes next; the new place, or None when the walk has ended or another process has a hand in it."""
        try:
            basis = self._basis()
            if resources := await self._read(rt, PAGE, place):
                page = Page(resources, basis)
                return await self._store.write(functools.partial(self._step, rt=rt, place=place, page=page))
            problem = await self._verify(rt)
        except (FhirError, Retry, OSError):
            raise
        except Exception as error:
            problem = f"A resource could not be indexed: {type_of(error)}."
        await self._store.write(functools.partial(self._finish, rt=rt, place=place, problem=problem))
        return None

    async def _place(self, rt: int) -> Place | None:
        async with self._store.reading() as connection:
            return await _place(connection, rt)

    async def _left(self, rt: int) -> Place | None:
        """The place at which no other process goes on; None when the walk has ended."""
        place = await self._place(rt)
        while place is not None and place.done:
            await asyncio.sleep(PAUSE * (1 + random.random()))  # noqa: S311 (no secret: it spreads the processes)
            before, place = place, await self._place(rt)
            if place == before:
                break
        return place

    async def _read(self, rt: int, limit: int, after: Place | None = None, order: str = "") -> tuple[Found, ...]:
        upd, k = (after.upd, after.k) if after is not None else (_START, _START)
        async with self._store.reading() as connection:
            rows = await connection.fetch(
                f"select {_COLUMNS} from res r where r.rt = ?1 and r.deleted = 0 and (r.upd, r.k) > (?2, ?3) "
                f"order by r.upd{order}, r.k{order} limit {limit}",
                (rt, upd, k),
            )
        found: list[Found] = []
        for row in rows:
            found.append(self._found(row))
            if len(found) % BREATH == 0:
                await asyncio.sleep(0)
        return tuple(found)

    def _found(self, row: Row) -> Found:
        ck, k, fv, rh, version, sdate, present, upd, enc, body = row
        index = self._store.index(FHIR_VERSION[fv], self._store.bodies.decode(enc, bytes(body)))
        return Found(ck, k, rh, version, (sdate, present), upd, index)

    async def _step(self, tx: Transaction, rt: int, place: Place, page: Page) -> Place | None:
        """Bring the rows of a page; the place that is reached. None when it is not the page that comes next."""
        if await self._taken(tx, rt) != place:
            return None
        if self._basis() is not page.basis:
            return place
        same = await self._unchanged(tx, page.resources)
        for found in same:
            if not found.lies_right():
                await tx.revise(found.rh, found.new_ck, found.index.sdate, found.index.present)
        await tx.add_words([word for found in same for word in found.index.words])
        prose = [(found.k, found.new_ck, *found.index.prose) for found in same]
        await tx.write_prose([found.k for found in same], [entry for entry in prose if entry[3]])
        there = await tx.rows_there([found.k for found in same])
        expected = [(found.expected, there[found.k]) for found in same]
        for number, table in enumerate(INDEX_TABLES):
            pairs = [(set(wanted[number]), set(actual[number])) for wanted, actual in expected]
            if surplus := [row for wanted, actual in pairs for row in actual - wanted]:
                await tx.delete_rows(table, surplus)
            if missing := [row for wanted, actual in pairs for row in wanted - actual]:
                await tx.insert_rows(table, missing)
        last = page.resources[-1]
        after = Place(last.upd, last.k, place.done + len(page.resources))
        await tx.execute(
            "update building set upd = ?2, k = ?3, done = ?4 where rt = ?1", (rt, after.upd, after.k, after.done)
        )
        return after

    async def _taken(self, tx: Transaction, rt: int) -> Place | None:
        """The place of the walk, which nobody else moves to the end of the transaction. Raises Outdated."""
        await tx.flush()
        await tx.execute("update building set done = done where rt = ?1", (rt,))
        if (await tx.fetch(NUMBERS))[0][1] != tx.generation:
            raise Outdated("generation")
        return await _place(tx, rt)

    async def _unchanged(self, tx: Transaction, resources: Sequence[Found]) -> list[Found]:
        """Those that nobody has written since they were read; they are held to the end of the transaction."""
        dialect = self._store.dialect
        await tx.hold(sorted(found.rh for found in resources))
        rows = await tx.fetch(
            f"select rh, ck, ver from res where {dialect.any_of('rh', '?1')}",
            (dialect.array([found.rh for found in resources]),),
        )
        now = {rh: (ck, version) for rh, ck, version in rows}
        return [found for found in resources if now.get(found.rh) == (found.ck, found.version)]

    async def _verify(self, rt: int) -> str:
        """Compare a sample once more: what is wrong with it, or ""."""
        wrong = 0
        for order in ("", " desc"):
            sample = await self._read(rt, SAMPLE, order=order)
            wrong += await self._store.write(functools.partial(self._differences, sample=sample))
        return (
            f"{wrong} of a sample of its resources do not have the index rows that they should have." if wrong else ""
        )

    async def _differences(self, tx: Transaction, sample: Sequence[Found]) -> int:
        await tx.flush()
        same = await self._unchanged(tx, sample)
        there = await tx.rows_there([found.k for found in same])
        return sum(
            any(set(wanted) != set(actual) for wanted, actual in zip(found.expected, there[found.k], strict=True))
            for found in same
        )

    async def _finish(self, tx: Transaction, rt: int, place: Place, problem: str) -> None:
        """Declare the type complete, or say what is wrong, unless it was ordered anew since the walk ended."""
        if await self._taken(tx, rt) != place:
            return
        if problem:
            await tx.execute("update building set problem = ?2 where rt = ?1", (rt, problem))
            return
        await tx.execute("delete from building where rt = ?1", (rt,))
        await tx.execute("delete from pending where rt = ?1", (rt,))
        await self._completed(tx)


async def _place(connection: Connection, rt: int) -> Place | None:
    rows = await connection.fetch("select upd, k, done from building where rt = ?1 and problem = ''", (rt,))
    return Place(*rows[0]) if rows else None


def type_of(error: BaseException) -> str:
    """The kind of an error, whose text may name what nobody should read in a log."""
    return type(error).__name__
