"""What the store promises to the rooms above it, on both engines."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from suture.fhir.outcomes import Conflict, PreconditionFailed
from suture.store.connection import Row
from suture.store.history import Window
from suture.store.opening import DatabaseError, open_store
from suture.store.postgres import PostgresConnection
from suture.store.rows import Stored
from suture.store.store import Store
from suture.store.transaction import Transaction
from tests.store.sample import ALLOW_ALL, delete, index, observation, opened, prepared, put, rows, table

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = await opened(database_url)
    yield store
    await store.close()


async def test_a_written_resource_reads_back_with_id_and_meta(store: Store) -> None:
    written = await put(store, "a", observation(7))
    read = await store.read("Observation", "a", ALLOW_ALL)
    assert read is not None
    assert read.body == written.body
    body = json.loads(read.body)
    assert body["id"] == "a" and body["meta"]["versionId"] == "1" and body["value"] == 7
    assert (read.version, read.deleted, read.method) == (1, False, "PUT")
    assert await store.read("Observation", "b", ALLOW_ALL) is None
    assert await store.read("Patient", "a", ALLOW_ALL) is None


async def test_every_version_stays_readable(store: Store) -> None:
    for value in range(1, 4):
        await put(store, "a", observation(value))
    await delete(store, "a")
    await put(store, "a", observation(5))
    values = []
    for version in range(1, 6):
        stored = await store.vread("Observation", "a", version, ALLOW_ALL)
        assert stored is not None
        values.append(None if stored.deleted else json.loads(stored.body)["value"])
    assert values == [1, 2, 3, None, 5]
    assert await store.vread("Observation", "a", 6, ALLOW_ALL) is None
    assert await store.vread("Observation", "a", 2**40, ALLOW_ALL) is None


async def test_a_deleted_resource_reads_as_deleted(store: Store) -> None:
    await put(store, "a", observation())
    await delete(store, "a")
    read = await store.read("Observation", "a", ALLOW_ALL)
    assert read is not None and read.deleted and read.version == 2 and read.body == b""


async def test_index_rows_follow_the_current_version(store: Store) -> None:
    await put(store, "a", observation(1, patient="p"))
    await put(store, "b", observation(2))
    changed = observation(3, status="amended", patient="q")
    await put(store, "a", changed)
    stored = await store.read("Observation", "a", ALLOW_ALL)
    assert stored is not None
    expected = rows(changed)
    tok = {row for row in await table(store, "tok") if row[2] == stored.k}
    assert tok == {(h, expected.sdate, stored.k, expected.ck) for h in expected.tok}
    assert {row[0] for row in await table(store, "ref")} == {expected.ref[0][0]}
    assert {row[1] for row in await table(store, "str")} == {"note 2", "note 3"}
    assert len(await table(store, "qty")) == len(await table(store, "dat")) == 2
    await delete(store, "a")
    for name in ("tok", "str", "qty", "dat", "ref"):
        assert not {row for row in await table(store, name) if stored.k in row}


async def test_history_moves_with_a_resource_to_another_compartment(store: Store) -> None:
    await put(store, "a", observation(1, patient="p"))
    await put(store, "a", observation(2, patient="q"))
    await put(store, "a", observation(3))
    versions = await store.history("Observation", "a", Window(count=10), ALLOW_ALL)
    assert [json.loads(version.body)["value"] for version in versions] == [3, 2, 1]


async def test_many_versions_in_one_unit_are_all_kept(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        await tx.current("Observation", "a")
        for value in range(1, 5):
            tx.put("Observation", "a", prepared(observation(value)), "PUT")
        tx.delete("Observation", "a")
        tx.put("Observation", "a", prepared(observation(6)), "PUT")

    await store.write(work)
    versions = await store.history("Observation", "a", Window(count=10), ALLOW_ALL)
    assert [version.version for version in versions] == [6, 5, 4, 3, 2, 1]
    assert [version.deleted for version in versions] == [False, True, False, False, False, False]
    times = [version.updated for version in versions]
    assert times == sorted(times, reverse=True) and len(set(times)) == 6


async def test_a_failing_unit_is_undone_alone(store: Store) -> None:
    await put(store, "a", observation(1))

    async def fails(tx: Transaction) -> None:
        await tx.current("Observation", "a")
        tx.put("Observation", "a", prepared(observation(2)), "PUT")
        tx.put("Observation", "new", prepared(observation(3)), "PUT")
        raise PreconditionFailed("no")

    results = await asyncio.gather(
        store.write(fails), put(store, "b", observation(4)), store.write(fails), return_exceptions=True
    )
    assert isinstance(results[0], PreconditionFailed) and isinstance(results[2], PreconditionFailed)
    assert (await store.read("Observation", "a", ALLOW_ALL)).version == 1  # type: ignore[union-attr]
    assert await store.read("Observation", "new", ALLOW_ALL) is None
    assert await store.read("Observation", "b", ALLOW_ALL) is not None
    assert len(await store.events(0, 10)) == 2


async def test_a_defect_in_one_unit_harms_no_other(store: Store) -> None:
    async def breaks(tx: Transaction) -> None:
        await tx.fetch("select no_such_column from res")

    results = await asyncio.gather(
        *(put(store, f"x{n}", observation(n)) for n in range(5)), store.write(breaks), return_exceptions=True
    )
    assert isinstance(results[5], Exception)
    for n in range(5):
        assert await store.read("Observation", f"x{n}", ALLOW_ALL) is not None
    assert [event.seq for event in await store.events(0, 100)] == [1, 2, 3, 4, 5]


async def test_a_unit_with_a_savepoint_may_search_its_own_writes_and_still_fail(store: Store) -> None:
    seen: list[int] = []

    async def work(tx: Transaction) -> None:
        tx.put("Observation", "mine", prepared(observation(9)), "POST")
        await tx.flush()
        seen.append((await tx.fetch("select count(*) from res"))[0][0])
        raise Conflict("after all, no")

    with pytest.raises(Conflict):
        await store.write(work, savepoint=True)
    assert seen == [1]
    assert await store.read("Observation", "mine", ALLOW_ALL) is None
    assert await table(store, "tok") == set()
    await put(store, "mine", observation(1))
    assert (await store.read("Observation", "mine", ALLOW_ALL)).version == 1  # type: ignore[union-attr]


async def test_a_unit_sees_what_earlier_units_of_the_batch_wrote(store: Store) -> None:
    async def count(tx: Transaction) -> int:
        await tx.flush()
        return (await tx.fetch("select count(*) from res"))[0][0]

    results = await asyncio.gather(put(store, "a", observation()), store.write(count), put(store, "b", observation()))
    assert results[1] == 1


async def test_type_and_system_history_are_newest_first_and_page_without_gaps(store: Store) -> None:
    for n in range(7):
        await put(store, f"a{n % 3}", observation(n))
    pages: list[tuple[str, int]] = []
    before = None
    while page := await store.history("Observation", None, Window(count=2, before=before), ALLOW_ALL):
        pages += [(version.id, version.version) for version in page]
        before = page[-1].seq
    assert pages == [(f"a{n % 3}", n // 3 + 1) for n in reversed(range(7))]
    assert len(await store.history(None, None, Window(count=100), ALLOW_ALL)) == 7
    assert await store.history("Patient", None, Window(count=100), ALLOW_ALL) == []
    assert await store.history_count(None, None, Window(count=1), ALLOW_ALL) == 7
    assert await store.history_count("Observation", "a0", Window(count=1), ALLOW_ALL) == 3


async def test_since_and_at_choose_versions_by_time(store: Store) -> None:
    times = []
    for n in range(3):
        times.append((await put(store, "a", observation(n))).updated)
        await asyncio.sleep(0.003)
    for type, id in (("Observation", "a"), ("Observation", None), (None, None)):
        since = await store.history(type, id, Window(count=9, since=times[1]), ALLOW_ALL)
        assert [version.version for version in since] == [3, 2]
        at = Window(count=9, at=(times[1] + 1, times[1] + 1))
        assert [version.version for version in await store.history(type, id, at, ALLOW_ALL)] == [2]
        assert await store.history_count(type, id, at, ALLOW_ALL) == 1
        spans = Window(count=9, at=(times[0], times[1]))
        assert [version.version for version in await store.history(type, id, spans, ALLOW_ALL)] == [2, 1]


async def test_writers_of_two_processes_number_all_events_without_gaps(database_url: str) -> None:
    stores = [await opened(database_url), await opened(database_url)]

    def new(store: Store, id: str) -> asyncio.Future[Stored]:
        return asyncio.ensure_future(store.write(lambda tx: _put_new(tx, id)))

    writes: list[asyncio.Future[Stored]] = []
    for n in range(100):
        writes += [new(store, f"{m}-{n}") for m, store in enumerate(stores)]
        await asyncio.sleep(0.002)
    written = await asyncio.gather(*writes)
    events = await stores[0].events(0, 1000)
    assert [event.seq for event in events] == list(range(1, 201))
    assert {event.id for event in events} == {stored.id for stored in written}
    assert len(await table(stores[0], "tok")) == 200 * len(prepared(observation()).rows.tok)
    for store in stores:
        await store.close()


async def test_on_postgresql_a_batch_that_reads_nothing_waits_for_one_answer(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgresql_url)
    await store.write(lambda tx: _put_new(tx, "first"))  # takes surrogates, and learns the words
    asked: list[str] = []
    original = PostgresConnection._fetch, PostgresConnection._run

    async def fetched(self: PostgresConnection, sql: str, args: Sequence[Any]) -> list[Row]:
        asked.append(sql)
        return await original[0](self, sql, args)

    async def run(self: PostgresConnection, sql: str) -> None:
        asked.append(sql)
        await original[1](self, sql)

    monkeypatch.setattr(PostgresConnection, "_fetch", fetched)
    monkeypatch.setattr(PostgresConnection, "_run", run)
    await asyncio.gather(*(store.write(lambda tx, n=n: _put_new(tx, f"new{n}")) for n in range(5)))
    writes = [sql for sql in asked if not sql.startswith("select")]
    assert len(writes) == 1
    assert [event.seq for event in await store.events(0, 10)] == [1, 2, 3, 4, 5, 6]
    await store.close()


async def _put_new(tx: Transaction, id: str) -> Stored:
    return tx.put("Observation", id, prepared(observation()), "POST")


async def test_a_reopened_database_goes_on_where_it_stopped(database_url: str) -> None:
    first = await opened(database_url)
    await put(first, "a", observation(1))
    await first.close()
    second = await opened(database_url)
    assert (await second.read("Observation", "a", ALLOW_ALL)) is not None
    later = await put(second, "b", observation(2))
    earlier = await second.read("Observation", "a", ALLOW_ALL)
    assert earlier is not None and later.k > earlier.k
    assert [event.id for event in await second.events(0, 10)] == ["a", "b"]
    await second.close()


async def test_closing_finishes_what_was_accepted(database_url: str) -> None:
    store = await opened(database_url)
    writes = [asyncio.create_task(put(store, f"x{n}", observation(n))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert [(await write).version for write in writes] == [1] * 50


async def test_a_wrong_url_is_one_clear_sentence() -> None:
    for url, words in (
        ("mysql://x", "must start with"),
        ("sqlite:///:memory:", "a SQLite database is a file"),
        ("postgresql://127.0.0.1:1/none", "cannot use the PostgreSQL database"),
    ):
        with pytest.raises(DatabaseError, match=words):
            await open_store(url, index=index)


async def test_two_resources_with_one_hash_are_never_taken_for_each_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(store.keys), "resource", lambda self, type, id: 42)
    await put(store, "a", observation(1))
    assert await store.read("Observation", "b", ALLOW_ALL) is None
    assert await store.vread("Observation", "b", 1, ALLOW_ALL) is None
    with pytest.raises(Conflict, match="Choose another"):
        await put(store, "b", observation(2))
