"""Several processes on one database hear of each other's commits, and never work with what has been replaced.

Every `Store` here is what one process has: connections, writer and memory of its own.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from suture.store import listening
from suture.store.connection import Connection
from suture.store.store import Store
from suture.store.transaction import Transaction
from tests.store.sample import ALLOW_ALL, observation, opened, prepared, put

pytestmark = pytest.mark.anyio

SOON = 5.0


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[tuple[Store, Store]]:
    first, second = await opened(database_url), await opened(database_url)
    yield first, second
    await first.close()
    await second.close()


async def put_value_set(store: Store, id: str = "v") -> Any:
    resource = {**observation(), "resourceType": "ValueSet"}

    async def work(tx: Transaction) -> Any:
        await tx.current("ValueSet", id)
        return tx.put("ValueSet", id, prepared(resource), "PUT")

    return await store.write(work)


async def begin_generation(store: Store) -> None:
    async def work(tx: Transaction) -> None:
        tx.begin_generation()

    await store.write(work)


class Heard:
    """A subscriber that keeps what it was told and what it could read then."""

    def __init__(self) -> None:
        self.generations: list[int] = []
        self.versions: list[int] = []

    async def __call__(self, connection: Connection, generation: int) -> None:
        self.generations.append(generation)
        self.versions.append((await connection.fetch("select coalesce(max(ver), 0) from res"))[0][0])


async def until(condition: Any) -> None:
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_conformance_resource_begins_a_generation_and_others_do_not(stores: tuple[Store, Store]) -> None:
    first, _ = stores
    start = first.changes.generation
    await put(first, "a", observation())
    assert first.changes.generation == start
    await put_value_set(first)
    assert first.changes.generation == start + 1
    await begin_generation(first)
    assert first.changes.generation == start + 2
    async with first.reading() as connection:
        assert await first.generation(connection) == start + 2


async def test_every_process_hears_of_a_generation_and_can_read_what_it_brought(stores: tuple[Store, Store]) -> None:
    heard = [Heard(), Heard()]
    for store, one in zip(stores, heard, strict=True):
        await store.changes.subscribe(one)
    await put_value_set(stores[0])
    assert heard[0].versions[-1] == 1, "the writer's own process works with it before the write is answered"
    await until(lambda: stores[1].changes.generation == 1)
    assert heard[1].generations == [0, 1] and heard[1].versions == [0, 1]


async def test_who_must_be_certain_does_not_depend_on_being_told(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, deaf = stores
    monkeypatch.setattr(deaf.changes, "heard", lambda *_: None)
    await put_value_set(first)
    assert deaf.changes.generation == 0
    async with deaf.reading() as connection:
        assert await deaf.generation(connection) == 1
    assert deaf.changes.generation == 1


@pytest.mark.parametrize("known_to_be_new", [False, True])
async def test_a_write_prepared_for_an_older_generation_is_made_again(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, known_to_be_new: bool
) -> None:
    """Also when the process has not been told, and when the other one commits between its start and its commit."""
    first, deaf = stores
    monkeypatch.setattr(deaf.changes, "heard", lambda *_: None)
    heard = Heard()
    await deaf.changes.subscribe(heard)
    await put_value_set(first)
    seen: list[int] = []

    async def work(tx: Transaction) -> Any:
        seen.append(tx.generation)
        if not known_to_be_new:
            await tx.current("Observation", "a")
        return tx.put("Observation", "a", prepared(observation()), "PUT")

    written = await deaf.write(work)
    assert (written.version, seen, heard.generations) == (1, [0, 1], [0, 1])
    stored = await first.read("Observation", "a", ALLOW_ALL)
    assert stored is not None and stored.version == 1
    assert [event.seq for event in await first.events(0, 10)] == [1, 2]


async def test_processes_that_all_begin_generations_do_not_starve_each_other(stores: tuple[Store, Store]) -> None:
    async def load(store: Store, name: str) -> None:
        for number in range(15):
            await put_value_set(store, f"{name}{number}")

    await asyncio.gather(*(load(store, f"{n}-{m}-") for n, store in enumerate(stores) for m in range(3)))
    async with stores[0].reading() as connection:
        assert (await connection.fetch("select count(*) from res"))[0][0] == 90
        assert (await connection.fetch("select count(*), max(seq) from events"))[0] == (90, 90)


async def test_a_subscriber_that_fails_is_asked_again(stores: tuple[Store, Store]) -> None:
    first, second = stores
    attempts: list[int] = []

    async def fails_once(connection: Connection, generation: int) -> None:
        attempts.append(generation)
        if attempts == [0, 1]:
            raise ValueError("not now")

    await second.changes.subscribe(fails_once)
    await put_value_set(first)
    await until(lambda: len(attempts) > 1)
    assert second.changes.generation == 0 or attempts[2:] == [1]
    async with second.reading() as connection:
        assert await second.generation(connection) == 1
    assert attempts == [0, 1, 1]


async def test_readers_of_the_log_are_woken_by_commits_of_other_processes(stores: tuple[Store, Store]) -> None:
    first, second = stores
    assert not await second.changes.beyond(0, 0.05)
    waiting = asyncio.create_task(second.changes.beyond(0, SOON))
    await asyncio.sleep(0)
    await put(first, "a", observation())
    assert await waiting
    assert [event.id for event in await second.events(0, 10)] == ["a"]


async def test_a_listener_that_lost_its_connection_catches_up(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PATROL", 60.0)
    first, second = await opened(postgresql_url), await opened(postgresql_url)
    cut = (
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "
        "where datname = current_database() and (query ilike 'listen%' or query = ?1)"
    )
    async with first.reading() as connection:
        await until(lambda: second.changes.sequence == 0)
        await asyncio.sleep(0.3)
        assert (await connection.fetch(cut, (listening.NUMBERS,)))[0][0] == 2
    await put_value_set(first)
    await until(lambda: second.changes.generation == 1 and second.changes.sequence == 1)
    await first.close()
    await second.close()
