"""Making the index rows of whole resource types what they should be, while the server works.

A type is walked in the order of `upd`, some resources per transaction: the rows that each has are read by its key `k`
and compared with those that its body gives. The one thing to know: a resource that is written meanwhile moves to the
end of that order, so it is looked at again; one that is new has all its rows already, since a writer takes note of a
new search parameter before it writes. A walk that was interrupted goes on where it stopped, in any process.
"""

import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from itertools import takewhile

import msgspec

from suture.fhir.definitions import type_name, type_number
from suture.store.connection import Connection, Row
from suture.store.rows import IndexRows
from suture.store.store import Store
from suture.store.tables import COLUMNS, FHIR_VERSION, INDEX_TABLES
from suture.store.transaction import Transaction, index_rows

ALL_CODES = ""
"""Stands in `pending` for all parameters of a type."""

PAGE = 200
"""Resources in one transaction."""

SAMPLE = 500
"""Resources looked at again, oldest and newest, before a type is declared complete."""

_START = -(2**63)
_COLUMNS = "r.ck, r.k, r.fv, r.rh, r.sdate, r.present, r.enc, r.body, r.upd"


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


class Rebuild:
    """Carries out what is scheduled in one database. `completed`: called in the transaction that ends a type."""

    def __init__(self, store: Store, completed: Callable[[Transaction], Awaitable[None]]) -> None:
        self._store = store
        self._completed = completed

    async def scheduled(self) -> list[Progress]:
        """What there is to do, without the types that failed."""
        async with self._store.reading() as connection:
            return [item for item in await progress(connection) if not item.problem]

    async def run(self, type: str, report: Callable[[int, int], None] = lambda done, total: None) -> str:
        """Rebuild one type to its end. Returns "" or what is still wrong with it.

        `report`: called with the resources done and those there are, after each transaction.
        """
        rt = type_number(type)
        async with self._store.reading() as connection:
            total = (await connection.fetch("select count(*) from res r where r.rt = ?1 and r.deleted = 0", (rt,)))[0][
                0
            ]
        await self._store.write(lambda tx: tx.execute("update building set total = ?2 where rt = ?1", (rt, total)))
        while True:
            while (done := await self._store.write(lambda tx: self._step(tx, rt))) is not None:
                report(done, total)
            problem = await self._verify(rt)
            if await self._store.write(functools.partial(self._finish, rt=rt, problem=problem)):
                return problem

    async def _step(self, tx: Transaction, rt: int) -> int | None:
        """Bring the next resources in order; how many are done by now, or None when nothing was left."""
        await tx.flush()
        lock = self._store.dialect.for_update
        state = await tx.fetch(f"select upd, k, done from building where rt = ?1{lock}", (rt,))
        if not state:
            return None
        upd, k, done = state[0]
        rows = await self._held(
            tx,
            f"select {_COLUMNS} from res r where r.rt = ?1 and r.deleted = 0 and (r.upd, r.k) > (?2, ?3) "
            f"order by r.upd, r.k limit {PAGE}{lock}",
            (rt, upd, k),
        )
        if not rows:
            return None
        indexes = [self._index(row) for row in rows]
        for row, index in zip(rows, indexes, strict=True):
            if (row[0], row[4], row[5]) != (_ck(row, index), index.sdate, index.present):
                await self._move(tx, row, _ck(row, index), index)
        expected = [_expected(row, index) for row, index in zip(rows, indexes, strict=True)]
        await tx.add_words([word for index in indexes for word in index.words])
        prose = [(row[1], _ck(row, index), *index.prose) for row, index in zip(rows, indexes, strict=True)]
        await tx.write_prose([row[1] for row in rows], [entry for entry in prose if entry[3]])
        for number, (table, actual) in enumerate((await self._actual(tx, rows)).items()):
            wanted = {entry for entries in expected for entry in entries[number]}
            if surplus := actual - wanted:
                await tx.delete_rows(table, list(surplus))
            if missing := wanted - actual:
                await tx.insert_rows(table, list(missing))
        done += len(rows)
        await tx.execute(
            "update building set upd = ?2, k = ?3, done = ?4 where rt = ?1", (rt, rows[-1][8], rows[-1][1], done)
        )
        return done

    async def _move(self, tx: Transaction, row: Row, ck: int, index: IndexRows) -> None:
        await tx.revise(row[3], ck, index.sdate, index.present)

    async def _verify(self, rt: int) -> str:
        """Compare a sample once more: what is wrong with it, or ""."""
        wrong = 0
        for order in ("", " desc"):
            wrong += await self._store.write(lambda tx, order=order: self._differences(tx, rt, order))
        return f"{wrong} index rows of a sample are not as they should be." if wrong else ""

    async def _differences(self, tx: Transaction, rt: int, order: str) -> int:
        await tx.flush()
        rows = await self._held(
            tx,
            f"select {_COLUMNS} from res r where r.rt = ?1 and r.deleted = 0 "
            f"order by r.upd{order}, r.k{order} limit {SAMPLE}{self._store.dialect.for_update}",
            (rt,),
        )
        expected = [_expected(row, self._index(row)) for row in rows]
        actual = await self._actual(tx, rows)
        return sum(
            len(there ^ {entry for entries in expected for entry in entries[number]})
            for number, there in enumerate(actual.values())
        )

    async def _held(self, tx: Transaction, sql: str, args: Sequence[int]) -> list[Row]:
        """The resources that a statement finds, as they stay to the end of the transaction."""
        rows = await tx.fetch(sql, args)
        if not self._store.dialect.clustered:
            return rows
        held = {row[3] for row in rows}
        await tx.hold(sorted(held))  # then look again: until here others may have written
        return list(takewhile(lambda row: row[3] in held, await tx.fetch(sql, args)))

    async def _finish(self, tx: Transaction, rt: int, problem: str) -> bool:
        """Declare the type complete, or say what is wrong. False when something was written since the walk ended."""
        if problem:
            await tx.execute("update building set problem = ?2 where rt = ?1", (rt, problem))
            return True
        if await self._step(tx, rt) is not None:
            return False
        await tx.execute("delete from building where rt = ?1", (rt,))
        await tx.execute("delete from pending where rt = ?1", (rt,))
        await self._completed(tx)
        return True

    def _index(self, row: Row) -> IndexRows:
        store = self._store
        return store.index(FHIR_VERSION[row[2]], store.bodies.decode(row[6], bytes(row[7])))

    async def _actual(self, connection: Connection, rows: Sequence[Row]) -> dict[str, set[Row]]:
        """By table, the index rows that the resources have."""
        dialect = self._store.dialect
        ks = dialect.array([row[1] for row in rows])
        found: dict[str, set[Row]] = {}
        for table in INDEX_TABLES:
            names = ", ".join(COLUMNS[table])
            there = await connection.fetch(f"select {names} from {table} where {dialect.any_of('k', '?1')}", (ks,))
            found[table] = {tuple(entry) for entry in there}
        return found


def _ck(row: Row, index: IndexRows) -> int:
    return index.ck if index.ck is not None else row[3]


def _expected(row: Row, index: IndexRows) -> tuple[Sequence[Row], ...]:
    return index_rows(index, _ck(row, index), row[1])
