"""The connection of a database that is distributed by `ck` (see `suture.store.distribution`).

The same face as `suture.store.postgres`, in the forms that Citus supports: rows are found by their `ck`, which is
never changed in place; a list of rows is deleted by plain conditions; resources are locked by advisory locks on the
coordinator, since `for update` works within one shard only.
https://docs.citusdata.com/en/stable/develop/reference_workarounds.html
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from suture.fhir.definitions import type_number
from suture.store.bodies import STORED_COLUMNS
from suture.store.connection import Row, append_and_commit
from suture.store.distribution import OWN_WORDS, OWNER, places
from suture.store.postgres import PostgresConnection
from suture.store.statements import CHANNEL
from suture.store.tables import COLUMNS

CLUSTER_PLANS = "auto"
"""Citus plans a statement with its values, so that it can tell the machine; it cannot use a generic plan."""

RESOURCE_LOCK_CLASS = 0x5376
"""First half of the advisory lock numbers of resources."""

RESOURCE_LOCKS = 1024
"""Resources share this many locks: a transaction holds no more, and the server's table of locks has room."""

CHUNKS = (64, 16, 4, 1)
"""Rows per delete: few different statements, so that all stay prepared."""

COUNT = (
    "update counter set n = n + ?1, generation = generation + ?2 where name = 'seq' "
    "returning n, generation, pg_notify(?3, n || ' ' || generation)"
)
EVENT_TYPES = ("bigint", "int", "bigint", "bigint", "int", "bigint", "int", "int", "bigint")
LOG = (
    f"insert into events ({', '.join(COLUMNS['events'])}, ck) "
    f"select * from unnest({', '.join(f'?{n}::{type}[]' for n, type in enumerate(EVENT_TYPES, 1))})"
)
EVENTS = (*COLUMNS["events"], "ck")

_RT, _RH = COLUMNS["res"].index("rt"), COLUMNS["res"].index("rh")
_OWNER = type_number(OWNER)


class ClusterConnection(PostgresConnection):
    """One connection to the coordinator. It remembers where the resources lie that a transaction works with."""

    own_words = OWN_WORDS

    def __init__(self, connection: Any, timeout: float) -> None:
        super().__init__(connection, timeout)
        self._places: dict[int, tuple[int, int]] = {}
        self._saved: dict[int, tuple[int, int]] = {}

    async def begin(self) -> None:
        """Open a transaction."""
        self._places = {}
        await super().begin()

    async def savepoint(self) -> None:
        """Set the one savepoint of the transaction."""
        self._saved = dict(self._places)
        await super().savepoint()

    async def rollback_to_savepoint(self) -> None:
        """Undo all since the savepoint."""
        self._places = dict(self._saved)
        await super().rollback_to_savepoint()

    @asynccontextmanager
    async def together(self) -> AsyncGenerator[None]:
        """Each statement goes its own way: Citus writes to one distributed table at a time."""
        yield

    async def load(self, rhs: Sequence[int]) -> list[Row]:
        """The `res` rows of these resources, after their locks: STORED_COLUMNS, then fv, rh."""
        await self.hold(rhs)
        known = await places(self, rhs)
        rows = await self.fetch(
            f"select {STORED_COLUMNS}, r.fv, r.rh from res r "
            "where r.ck = any(?1::bigint[]) and r.rh = any(?2::bigint[])",
            (list({known.get(rh, rh) for rh in rhs}), list(rhs)),
        )
        self._places.update((row[11], (row[8], row[9])) for row in rows)
        return rows

    async def hold(self, rhs: Sequence[int]) -> None:
        """Keep other writers from these resources to the end of the transaction."""
        numbers = sorted({rh % RESOURCE_LOCKS for rh in rhs})
        lock = "select pg_advisory_xact_lock(?1, n) from unnest(?2::int[]) n"
        await self.fetch(lock, (RESOURCE_LOCK_CLASS, numbers))

    async def revise(self, rh: int, new_ck: int, sdate: int, present: int) -> None:
        """Give the `res` row of a resource that is held other values that follow from its body."""
        names = COLUMNS["res"]
        ck = (await places(self, (rh,))).get(rh, rh)
        sql = f"select {', '.join(names)} from res where ck = ?1 and rh = ?2"
        (row,) = await self.fetch(sql, (ck, rh))
        self._remember((row,))
        known = {**dict(zip(names, row, strict=True)), "ck": new_ck, "sdate": sdate, "present": present}
        await self.replace([tuple(known[name] for name in names)])
        if ck != new_ck:
            await self.move_history(ck, known["k"], new_ck)

    async def archive(self, rhs: Sequence[int]) -> None:
        """Copy the `res` rows of these resources to `hist`."""
        columns = ", ".join(COLUMNS["hist"])
        await self.fetch(
            f"insert into hist ({columns}) select {columns} from res "
            "where ck = any(?1::bigint[]) and k = any(?2::bigint[])",
            self._keys(rhs),
        )

    async def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows into `table`, and for new resources where they lie."""
        if table == "res":
            self._remember(rows)
            if others := [(row[_RH], row[0]) for row in rows if row[_RT] != _OWNER]:
                rhs, cks = zip(*others, strict=True)
                sql = "insert into place (rh, ck) select * from unnest(?1::bigint[], ?2::bigint[])"
                await self.fetch(sql, (rhs, cks))
        await super().insert(table, rows)

    async def insert_new(self, table: str, rows: Sequence[Row]) -> None:
        """Insert the rows of a vocabulary table that are not there yet."""
        if table != OWN_WORDS:
            await super().insert_new(table, rows)
            return
        source = "unnest(?1::bigint[], ?2::text[], ?3::bigint[])"
        sql = f"insert into {table} (p, norm, h) select * from {source} on conflict do nothing"
        await self.fetch(sql, list(zip(*rows, strict=True)))

    async def replace(self, rows: Sequence[Row]) -> None:
        """Overwrite the `res` rows that have the same rh, on other machines if they belong to others now."""
        before = dict(self._places)
        cks, ks = self._keys([row[_RH] for row in rows])
        await self.fetch("delete from res where ck = any(?1::bigint[]) and k = any(?2::bigint[])", (cks, ks))
        for row in rows:
            if row[0] != before[row[_RH]][0]:
                await self.fetch("update place set ck = ?2 where rh = ?1", (row[_RH], row[0]))
        self._remember(rows)
        await super().insert("res", rows)

    async def move_history(self, ck: int, k: int, new_ck: int) -> None:
        """Give the `hist` rows and the events of a resource its new compartment key."""
        at = "where ck = ?1 and k = ?2"
        columns = ", ".join(COLUMNS["hist"])
        if rows := await self.fetch(f"select {columns} from hist {at}", (ck, k)):
            await self.fetch(f"delete from hist {at}", (ck, k))
            await super().insert("hist", [(new_ck, *row[1:]) for row in rows])
        rows = await self.fetch(f"select {', '.join(EVENTS)} from events {at}", (ck, k))
        await self.fetch(f"delete from events {at}", (ck, k))
        await self._log([(*row[:-1], new_ck) for row in rows])

    async def delete(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        columns = COLUMNS[table]
        for chunk in _chunks(rows):
            args: list[Any] = [list({row[columns.index("ck")] for row in chunk})]
            these: list[str] = []
            for row in chunk:
                these.append(" and ".join(f"{name} = ?{len(args) + n}" for n, name in enumerate(columns, 1)))
                args += row
            await self.fetch(f"delete from {table} where ck = any(?1::bigint[]) and (({') or ('.join(these)}))", args)

    async def append_events(self, rows: Sequence[Row], *, new_generation: bool = False) -> tuple[int, int]:
        """Number the rows and insert them; returns the last number and the generation."""
        last, generation, _ = (await self.fetch(COUNT, (len(rows), int(new_generation), CHANNEL)))[0]
        first = last - len(rows) + 1
        rh = COLUMNS["events"].index("rh") - 1
        await self._log([(first + n, *row, self._places[row[rh]][0]) for n, row in enumerate(rows)])
        return last, generation

    async def commit_events(self, rows: Sequence[Row], generation: int, *, new_generation: bool) -> int:
        """Number the rows, insert them, make all durable; the last number. Raises Outdated."""
        return await append_and_commit(self, rows, generation, new_generation=new_generation)

    async def _log(self, rows: Sequence[Row]) -> None:
        if rows:
            await self.fetch(LOG, list(zip(*rows, strict=True)))

    def _keys(self, rhs: Sequence[int]) -> tuple[list[int], list[int]]:
        """The `ck` and `k` of resources that the transaction has loaded or written."""
        known = [self._places[rh] for rh in rhs]
        return list({ck for ck, _ in known}), [k for _, k in known]

    def _remember(self, rows: Sequence[Row]) -> None:
        self._places.update((row[_RH], (row[0], row[1])) for row in rows)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = 0
    for size in CHUNKS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
