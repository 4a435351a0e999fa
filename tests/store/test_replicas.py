"""Reads from a real streaming replica: who wrote sees what it wrote, and nobody notices that a replica is unwell."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from suture.store import replicas
from suture.store.opening import open_store
from suture.store.store import Session, Store
from tests import cluster
from tests.replica import Replica, replica
from tests.store.sample import ALLOW_ALL, index, observation, put

pytestmark = pytest.mark.anyio

NEVER = 2**60


@pytest.fixture(scope="module")
def standby() -> Iterator[Replica]:
    try:
        with replica() as running:
            yield running
    except cluster.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
async def store(postgresql_url: str, standby: Replica) -> AsyncIterator[Store]:
    """A store with the replica, which is up to date when the test begins."""
    first = await open_store(postgresql_url, index=index)
    await put(first, "before", observation())
    await first.close()
    opened = await open_store(
        postgresql_url, index=index, read_connections=4, replicas=[standby.url(postgresql_url)], replica_lag=1.0
    )
    await until(lambda: opened.replicas == ["ok"])
    yield opened
    standby.freeze(thaw=True)
    standby.resume()
    await opened.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)


async def write(store: Store, id: str) -> Session:
    """Write one resource; the session of its writer."""
    session = store.session(0, replicas=True)
    await put(session, id, observation())
    return session


async def seen(store: Store, id: str) -> bool:
    return await store.read("Observation", id, ALLOW_ALL) is not None


async def on_replica(store: Store) -> bool:
    async with store.reading() as connection:
        return (await connection.fetch("select pg_is_in_recovery()"))[0][0]


async def test_sessions_that_only_read_are_served_by_the_replica_and_others_by_the_primary(store: Store) -> None:
    assert await on_replica(store.session(0, replicas=True))
    assert not await on_replica(store.session(0, replicas=False))
    assert not await on_replica(store)
    assert await seen(store.session(0, replicas=True), "before")


async def test_a_writer_sees_its_write_while_the_replica_does_not_show_it_yet(store: Store, standby: Replica) -> None:
    standby.pause()
    mine = await write(store, "a")
    assert mine.written == mine.sequence == await store.last_event()
    assert await seen(mine, "a")
    assert not await seen(store.session(0, replicas=True), "a"), "the replica answers who has not written"
    assert await seen(store.session(mine.written, replicas=True), "a"), "as later requests of the session do"
    assert not await on_replica(store.session(mine.written, replicas=True))
    standby.resume()
    for _ in range(200):
        if await on_replica(store.session(mine.written, replicas=True)):
            break
        await asyncio.sleep(0.01)
    else:
        pytest.fail("the session stays with the primary")
    assert await seen(store.session(mine.written, replicas=True), "a")


async def test_a_sequence_that_nothing_has_reached_is_answered_by_the_primary(store: Store) -> None:
    assert not await on_replica(store.session(NEVER, replicas=True))


async def test_a_replica_that_is_too_far_behind_is_left_out_until_it_has_caught_up(
    store: Store, standby: Replica
) -> None:
    standby.pause()
    await put(store, "a", observation())
    await until(lambda: store.replicas == ["lagging"])
    assert store.statistics()["replica_lag"] > 1.0
    assert not await on_replica(store.session(0, replicas=True))
    standby.resume()
    await until(lambda: store.replicas == ["ok"])
    assert await on_replica(store.session(0, replicas=True))


async def test_a_replica_of_an_older_generation_is_left_out(store: Store, standby: Replica) -> None:
    """It may lack the rows of what this process searches by now."""
    standby.pause()

    async def work(tx):  # type: ignore[no-untyped-def]
        tx.begin_generation()

    await store.write(work)
    assert not await on_replica(store.session(0, replicas=True))


async def test_a_replica_that_hangs_delays_requests_and_fails_none(
    store: Store, standby: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "PATIENCE", 0.3)
    session = store.session(0, replicas=True)
    standby.freeze()
    assert await asyncio.wait_for(seen(session, "before"), 5)
    await until(lambda: store.replicas == ["unavailable"])
    assert await asyncio.wait_for(seen(session, "before"), 0.5)
    standby.freeze(thaw=True)
    await until(lambda: store.replicas == ["ok"])
    assert await on_replica(session)


async def test_a_replica_that_cancels_a_read_hands_it_to_the_primary(store: Store) -> None:
    """As PostgreSQL does when the read stands in the way of the replay; here the connection is ended within a read."""
    session = store.session(0, replicas=True)
    async with session.reading() as connection:
        assert (await connection.fetch("select pg_is_in_recovery()"))[0][0]
        (pid,) = (await connection.fetch("select pg_backend_pid()"))[0]
        async with store.session(0, replicas=True).reading() as second:
            await second.fetch("select pg_terminate_backend(?1)", (pid,))
        assert not (await connection.fetch("select pg_is_in_recovery()"))[0][0]
    assert await seen(session, "before")


async def test_another_database_is_not_taken_for_a_replica(
    postgresql_url: str, standby: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    with cluster.database() as other:
        stranger = await open_store(other, index=index)
        store = await open_store(postgresql_url, index=index, replicas=[other])
        await until(lambda: any("is not a replica" in record.getMessage() for record in caplog.records))
        assert store.replicas == ["unavailable"]
        assert not await seen(store.session(0, replicas=True), "a")
        await store.close()
        await stranger.close()
