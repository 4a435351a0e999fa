"""One database transaction that carries many units of work: the group commit.

A unit sees the resources it asks for, decides, and puts new versions. Versions gather in memory and go to
the tables by a few multi-row statements when the batch ends, or earlier when a unit must search. A unit that
fails is undone alone. Index rows are changed by difference: the old rows follow from the old body, or are read when
the type is being rebuilt, so that what is written is right at once.
"""

import copy
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec

from suture.fhir.definitions import type_number
from suture.fhir.json import join_body
from suture.fhir.outcomes import Conflict
from suture.store.bodies import METHOD_NUMBER, PLAIN, Bodies
from suture.store.changes import CONFORMANCE, GENERATION_LOCK, Changes
from suture.store.connection import Row, WriteConnection
from suture.store.dialect import Dialect
from suture.store.index_rows import NO_ROWS, Tables, index_rows, rows_there
from suture.store.keys import Keys
from suture.store.owned import refuse_owned
from suture.store.rows import NO_PROSE, IndexRows, Prepared, Stored, Word
from suture.store.surrogates import Surrogates
from suture.store.tables import FHIR_VERSION, FHIR_VERSION_NUMBER, INDEX_TABLES
from suture.store.vocabulary import Known, Learner

Index = Callable[[str, bytes], IndexRows]
"""(FHIR version, body) -> the index rows that the body has in the database."""

CONFORMANCE_NUMBERS = frozenset(map(type_number, CONFORMANCE))

MILLISECOND = 1000


class State:
    """What the batch knows of one resource: the database's version and the newer ones it will write."""

    __slots__ = ("db", "fv", "head", "pending", "prepared", "rh")

    def __init__(self, rh: int, db: Stored | None, fv: int) -> None:
        self.rh = rh
        self.db = db
        self.fv = fv
        self.head = db
        self.prepared: Prepared | None = None
        self.pending: tuple[Stored, ...] = ()


class Batch:
    """One attempt at committing some units. `now`: microseconds since 1970 UTC, the lastUpdated of its versions.

    `generation`: the one it works with, that of `changes` when it begins, and after a commit that began one that;
    `new_generation`: the commit is to begin one, or has. `sequence`: its last event once it is committed, else 0.
    """

    def __init__(
        self,
        connection: WriteConnection,
        keys: Keys,
        bodies: Bodies,
        index: Index,
        surrogates: Surrogates,
        known: Known,
        now: int,
        changes: Changes,
        dialect: Dialect,
    ) -> None:
        self.connection = connection
        self.keys = keys
        self.generation: int = changes.generation
        self.new_generation = False
        self.sequence = 0
        self._watch = changes.watch
        self._rebuilding = changes.rebuilding
        self.dialect = dialect
        self._bodies = bodies
        self._index = index
        self._surrogates = surrogates
        self.vocabulary = Learner(known)
        self._now = now - now % MILLISECOND
        self._states: dict[int, State] = {}
        self._changed: dict[int, None] = {}
        self._events: list[Row] = []
        self._journal: list[tuple[int, State | None]] = []
        self._unit_mark = 0

    async def load(self, targets: Iterable[tuple[str, str]]) -> None:
        """Read these resources, (type, id) each, in one query and lock them."""
        wanted = {self.keys.resource(type, id) for type, id in targets}.difference(self._states)
        if not wanted:
            return
        for rh in wanted:
            self._states[rh] = State(rh, None, 0)
        for row in await self.connection.load(sorted(wanted)):
            self._states[row[11]] = State(row[11], self._bodies.stored(row), row[10])

    async def run(self, work: "Callable[[Transaction], Awaitable[Any]]", *, savepoint: bool) -> Any:
        """Run one unit; when it raises, undo what it did and raise the same."""
        if savepoint:
            await self.flush()
            await self.connection.savepoint()
        journal, events, vocabulary = len(self._journal), len(self._events), self.vocabulary.mark()
        self._unit_mark = len(self._journal)
        try:
            return await work(Transaction(self, savepoint))
        except Exception:
            for rh, before in reversed(self._journal[journal:]):
                if before is None:
                    self._states.pop(rh, None)
                else:
                    self._states[rh] = before
                if before is None or not before.pending:
                    self._changed.pop(rh, None)
            del self._journal[journal:], self._events[events:]
            if savepoint:
                await self.connection.rollback_to_savepoint()
                self.vocabulary.undo(vocabulary)
            raise

    @property
    def unit_has_pending(self) -> bool:
        """True when the running unit has put versions that are not in the tables yet."""
        return any(rh in self._changed for rh, _ in self._journal[self._unit_mark :])

    async def current(self, type: str, id: str) -> Stored | None:
        """The newest version, as this batch would leave it. Raises Conflict when another resource has the same hash."""
        rh = self.keys.resource(type, id)
        if rh not in self._states:
            await self.load(((type, id),))
        head = self._states[rh].head
        if head is not None and (head.id != id or head.type != type):
            raise Conflict(f"The id of {type}/{id} cannot be used on this server. Choose another.")
        return head

    def put(self, type: str, id: str, prepared: Prepared, method: str) -> Stored:
        """Make the next version of a resource. One that was not asked for is taken to be new."""
        state = self._change(type, id)
        head = state.head
        version = head.version + 1 if head else 1
        updated = max(self._now, head.updated + MILLISECOND) if head else self._now
        k = head.k if head else self._surrogates.take()
        body = join_body(type, id, version, updated, prepared.meta, prepared.rest)
        if prepared.generation not in (None, self.generation):
            rows = self._index(prepared.version, body)
            prepared = msgspec.structs.replace(prepared, rows=rows, generation=self.generation)
        ck = prepared.rows.ck if prepared.rows.ck is not None else state.rh
        stored = Stored(type, id, version, updated, False, method, body, ck, k)
        state.prepared = prepared
        return self._advance(state, stored)

    def delete(self, type: str, id: str) -> Stored:
        """Make a version that says: deleted. The resource must have a head."""
        state = self._change(type, id)
        head = state.head
        if head is None:
            raise LookupError("a resource that does not exist cannot be deleted")
        updated = max(self._now, head.updated + MILLISECOND)
        stored = Stored(type, id, head.version + 1, updated, True, "DELETE", b"", head.ck, head.k)
        state.prepared = None
        return self._advance(state, stored)

    def _change(self, type: str, id: str) -> State:
        rh = self.keys.resource(type, id)
        state = self._states.get(rh)
        self._journal.append((rh, copy.copy(state) if state else None))
        if state is None:
            state = self._states[rh] = State(rh, None, 0)
        return state

    def _advance(self, state: State, stored: Stored) -> Stored:
        state.head = stored
        state.pending = (*state.pending, stored)
        self._changed[state.rh] = None
        method = METHOD_NUMBER[stored.method]
        self._events.append(
            (type_number(stored.type), state.rh, stored.k, stored.version, stored.updated, method, int(stored.deleted))
        )
        return stored

    async def flush(self) -> None:
        """Bring all gathered versions to the tables (not yet committed)."""
        if not self._changed:
            return
        states = [self._states[rh] for rh in self._changed]
        self._changed.clear()
        connection = self.connection
        known = [state for state in states if state.db is not None]
        there = await self._there(known)
        async with connection.together():
            if known:
                await connection.archive([state.rh for state in known])
            if between := [self._hist_row(state, version) for state in states for version in state.pending[:-1]]:
                await connection.insert("hist", between)
            if new := [self._res_row(state) for state in states if state.db is None]:
                await connection.insert("res", new)
            if known:
                await connection.replace([self._res_row(state) for state in known])
            await self._flush_index(states, there)
        for state in known:
            head, db = state.pending[-1], state.db
            if db is not None and db.ck != head.ck:
                await connection.move_history(db.ck, db.k, head.ck)
        if self._watch is not None and any(state.pending[-1].type == "SearchParameter" for state in states):
            await self._watch(connection)
        for state in states:
            state.db = state.head
            state.pending = ()
            if state.prepared is not None:
                state.fv = FHIR_VERSION_NUMBER[state.prepared.version]

    async def _flush_index(self, states: Sequence[State], there: Mapping[int, Tables]) -> None:
        before = [self._rows_before(state, there) for state in states]
        changes = zip(*map(self._index_change, states, before, repeat(there)), strict=True)
        for table, columns in zip(INDEX_TABLES, changes, strict=True):
            if removed := [row for remove, _ in columns for row in remove]:
                await self.connection.delete(table, removed)
            added = [row for _, add in columns for row in add]
            if table == "tok":
                words = [word for state in states if state.prepared for word in state.prepared.rows.words]
                await self.vocabulary.write(self.connection, words, {row[0] for row in added})
            if added:
                await self.connection.insert(table, added)
        await self._flush_prose(states, before)

    async def _flush_prose(self, states: Sequence[State], before: Sequence[IndexRows | None]) -> None:
        gone: list[int] = []
        added: list[Row] = []
        for state, was in zip(states, before, strict=True):
            head, db = state.pending[-1], state.db
            prose = state.prepared.rows.prose if state.prepared is not None else NO_PROSE
            if was is not None and db is not None and (was.prose, db.ck) == (prose, head.ck):
                continue
            if db is not None and not db.deleted and (was is None or was.prose[1]):
                gone.append(db.k)
            if prose[1]:
                added.append((head.k, head.ck, *prose))
        if gone or added:
            await self.connection.write_prose(gone, added)

    async def _there(self, states: Sequence[State]) -> dict[int, Tables]:
        """By `k`, the rows of the resources whose rows do not follow from the body, since their type is rebuilt."""
        ks = [state.db.k for state in states if state.db is not None and state.db.type in self._rebuilding]
        return await rows_there(self.connection, self.dialect, ks) if ks else {}

    def _rows_before(self, state: State, there: Mapping[int, Tables]) -> IndexRows | None:
        """The rows the database has, as the stored body tells; None when it has none or the body does not tell."""
        db = state.db
        if db is None or db.deleted or db.k in there:
            return None
        return self._index(FHIR_VERSION[state.fv], db.body)

    def _index_change(
        self, state: State, before: IndexRows | None, there: Mapping[int, Tables]
    ) -> list[tuple[Iterable[Row], Iterable[Row]]]:
        """Per index table: the rows to remove and the rows to add."""
        head, db = state.pending[-1], state.db
        new = index_rows(state.prepared.rows, head.ck, head.k) if state.prepared is not None else NO_ROWS
        if db is not None and db.k in there:
            old = there[db.k]
        elif db is None or before is None:
            return [((), rows) for rows in new]
        else:
            old = index_rows(before, db.ck, db.k)
        changes: list[tuple[Iterable[Row], Iterable[Row]]] = []
        for had, has in zip(old, new, strict=True):
            kept = set(had).intersection(has)
            changes.append(([row for row in had if row not in kept], [row for row in has if row not in kept]))
        return changes

    def _res_row(self, state: State) -> Row:
        head = state.pending[-1]
        rt = type_number(head.type)
        if state.prepared is None:
            fv, sdate, present, enc, body = state.fv, 0, 0, PLAIN, b""
        else:
            rows = state.prepared.rows
            fv, sdate, present = FHIR_VERSION_NUMBER[state.prepared.version], rows.sdate, rows.present
            enc, body = self._bodies.encode(rt, head.body)
        return (
            head.ck, head.k, rt, fv, head.id, head.version, head.updated, int(head.deleted),
            METHOD_NUMBER[head.method], sdate, present, state.rh, enc, body,
        )  # fmt: skip

    def _hist_row(self, state: State, version: Stored) -> Row:
        fv = FHIR_VERSION_NUMBER[state.prepared.version] if state.prepared else state.fv
        enc, body = self._bodies.encode(type_number(version.type), version.body)
        method = METHOD_NUMBER[version.method]
        ck = state.pending[-1].ck
        return (ck, version.k, version.version, version.updated, int(version.deleted), method, fv, enc, body)

    async def commit(self) -> None:
        """Write what is gathered, number the events, commit. Raises Outdated when the generation is not the newest."""
        await self.flush()
        begins = self.new_generation or not CONFORMANCE_NUMBERS.isdisjoint(row[0] for row in self._events)
        if self._events or begins:
            if begins:
                await self.connection.lock((GENERATION_LOCK,))
            generation = self.generation + begins
            last = await self.connection.commit_events(self._events, generation, new_generation=begins)
            self.sequence, self.generation, self.new_generation = last, generation, begins
        else:
            await self.connection.commit()
        self.vocabulary.commit()

    @property
    def versions(self) -> int:
        """How many versions the batch writes."""
        return len(self._events)

    async def ready(self) -> None:
        """Take surrogates for what comes next."""
        await self._surrogates.ready(self.connection)


class Transaction:
    """What a unit of work sees of the batch it runs in. It is also a Connection, for searches."""

    __slots__ = ("_batch", "_savepoint")

    def __init__(self, batch: Batch, savepoint: bool) -> None:
        self._batch = batch
        self._savepoint = savepoint

    async def current(self, type: str, id: str) -> Stored | None:
        """The newest version, deleted ones included; None when there never was one. Locks the resource."""
        return await self._batch.current(type, id)

    def put(self, type: str, id: str, prepared: Prepared, method: str) -> Stored:
        """Make the next version. `current` must have been called, except for an id that is new for certain."""
        refuse_owned(type, id)
        return self._batch.put(type, id, prepared, method)

    def delete(self, type: str, id: str) -> Stored:
        """Make a deleted version of a resource that `current` found and that is not deleted yet."""
        refuse_owned(type, id)
        return self._batch.delete(type, id)

    def owner(self) -> Batch:
        """The same `put` and `delete` for who keeps the definitions of packages."""
        return self._batch

    @property
    def generation(self) -> int:
        """The generation that the batch works with; the commit makes sure that it is the newest."""
        return self._batch.generation

    def begin_generation(self) -> None:
        """Let all processes take up anew what they keep in memory, as a write of a conformance resource does."""
        self._batch.new_generation = True

    async def flush(self) -> None:
        """Let searches see all versions put so far. A unit that has put some itself needs savepoint=True."""
        if not self._savepoint and self._batch.unit_has_pending:
            raise RuntimeError("a unit without a savepoint must search before it writes")
        await self._batch.ready()
        await self._batch.flush()

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """Run one statement inside the transaction."""
        return await self._batch.connection.fetch(sql, args)

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> None:
        """Run one statement inside the transaction."""
        await self._batch.connection.execute(sql, args)

    async def add_words(self, words: Sequence[Word]) -> None:
        """Write what index rows mean, as far as it is not known."""
        await self._batch.vocabulary.write(self._batch.connection, words, {word.h for word in words})

    async def hold(self, rhs: Sequence[int]) -> None:
        """Keep other writers from these resources to the end of the transaction."""
        await self._batch.connection.hold(rhs)

    async def revise(self, rh: int, ck: int, sdate: int, present: int) -> None:
        """Give a resource that is held other derived values, without a version; its index rows are the caller's."""
        await self._batch.connection.revise(rh, ck, sdate, present)

    async def rows_there(self, ks: Sequence[int]) -> dict[int, Tables]:
        """The index rows that resources have, by `k`."""
        return await rows_there(self._batch.connection, self._batch.dialect, ks)

    async def write_prose(self, gone: Sequence[int], added: Sequence[Row]) -> None:
        """Forget the words of the resources `gone` (their `k`), then add rows of (k, ck, narrative, content)."""
        await self._batch.connection.write_prose(gone, added)

    async def insert_rows(self, table: str, rows: Sequence[Row]) -> None:
        """Insert index rows, given whole."""
        await self._batch.connection.insert(table, rows)

    async def delete_rows(self, table: str, rows: Sequence[Row]) -> None:
        """Delete index rows, given whole."""
        await self._batch.connection.delete(table, rows)
