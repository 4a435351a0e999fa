"""No reader of the event log ever misses a committed event, whoever writes."""

import asyncio

import pytest

from suture.store.events import Event
from suture.store.store import Store
from tests.store.sample import observation, opened, put

pytestmark = pytest.mark.anyio

WRITERS, EACH = 4, 60


async def test_a_reader_that_follows_several_writers_sees_every_event_once(database_url: str) -> None:
    stores = [await opened(database_url) for _ in range(WRITERS)]
    reader = stores[0]
    seen: list[Event] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            finished = done.is_set()
            page = await reader.events(seen[-1].seq if seen else 0, 17)
            seen.extend(page)
            if finished and not page:
                return
            await asyncio.sleep(0)

    async def write(number: int, store: Store) -> None:
        for n in range(EACH):
            await put(store, f"w{number}-{n % 7}", observation(n))

    follower = asyncio.create_task(follow())
    await asyncio.gather(*(write(number, store) for number, store in enumerate(stores)))
    done.set()
    await follower
    assert [event.seq for event in seen] == list(range(1, WRITERS * EACH + 1))
    for number in range(WRITERS):
        mine = [event for event in seen if event.id.startswith(f"w{number}-")]
        assert len(mine) == EACH
        for id in {event.id for event in mine}:
            versions = [event.version for event in mine if event.id == id]
            assert versions == list(range(1, len(versions) + 1))
    for store in stores:
        await store.close()


async def test_writers_of_several_processes_never_lose_an_update(database_url: str) -> None:
    stores = [await opened(database_url) for _ in range(3)]
    results = await asyncio.gather(*(put(store, "same", observation(n)) for n in range(20) for store in stores))
    assert sorted(result.version for result in results) == list(range(1, 61))
    assert len(await stores[0].events(0, 100)) == 60
    for store in stores:
        await store.close()
