"""What the vocabulary promises: every token row of a committed resource has its words, whoever wrote them first."""

import asyncio

import pytest

from suture.fhir.outcomes import Conflict
from suture.store.rows import Word
from suture.store.transaction import Transaction
from suture.store.vocabulary import Known
from tests.store.sample import KEYS, delete, observation, opened, prepared, put, table, word

pytestmark = pytest.mark.anyio


async def _words(store) -> set[str]:  # type: ignore[no-untyped-def]
    return {norm for _, norm, _ in await table(store, "words")}


async def test_words_come_with_the_first_resource_and_stay(database_url: str) -> None:
    store = await opened(database_url)
    await put(store, "a", observation(1, status="final", patient="p"))
    assert await _words(store) == {"final", "patient/p"}
    h = KEYS.hash("final")
    assert (KEYS.hash("form final"), h, h) in await table(store, "forms")
    assert (KEYS.hash("code"), "final", h) in await table(store, "words")
    await put(store, "a", observation(1, status="amended"))
    await delete(store, "a")
    assert await _words(store) == {"final", "amended", "patient/p"}
    await store.close()


async def test_references_lie_in_the_order_of_dates(database_url: str) -> None:
    store = await opened(database_url)
    await put(store, "a", observation(7, patient="p"))
    (row,) = await table(store, "ref")
    assert row[:3] == (KEYS.hash("Patient/p"), KEYS.hash("subject"), 7000)
    await put(store, "a", observation(8, patient="p"))
    assert {row[2] for row in await table(store, "ref")} == {8000}
    await store.close()


async def test_words_of_a_unit_that_was_undone_are_written_by_the_next(database_url: str) -> None:
    store = await opened(database_url)

    async def fails(tx: Transaction) -> None:
        tx.put("Observation", "x", prepared(observation(1, status="odd")), "POST")
        await tx.flush()
        raise Conflict("no")

    results = await asyncio.gather(
        store.write(fails, savepoint=True), put(store, "a", observation(2, status="odd")), return_exceptions=True
    )
    assert isinstance(results[0], Conflict)
    assert await _words(store) == {"odd"}
    with pytest.raises(Conflict):
        await store.write(fails, savepoint=True)
    await put(store, "b", observation(3, status="odd"))
    assert len(await table(store, "tok")) == 2
    await store.close()


async def test_two_processes_may_bring_the_same_words_at_once(database_url: str) -> None:
    stores = [await opened(database_url), await opened(database_url)]
    statuses = [f"status {n}" for n in range(40)]
    await asyncio.gather(
        *(
            put(store, f"{number}-{status}", observation(1, status=status))
            for number, store in enumerate(stores)
            for status in (statuses if number else reversed(statuses))
        )
    )
    assert await _words(stores[0]) == set(statuses)
    for store in stores:
        await store.close()


async def test_words_may_be_written_for_rows_of_resources_that_exist(database_url: str) -> None:
    store = await opened(database_url)
    known = Word(5, ((6, 7),), ((8, "once"),), True)

    async def work(tx: Transaction) -> None:
        await tx.add_words([word("final"), known])
        await tx.add_words([word("final"), known])

    await store.write(work)
    await store.write(work)
    assert (6, 5, 7) in await table(store, "forms") and await _words(store) == {"final", "once"}
    await store.close()


def test_the_memory_of_words_stays_bounded_and_keeps_what_is_used() -> None:
    known = Known(size=10)
    known.add([1])
    for h in range(100, 200):
        known.add([h])
        assert 1 in known
    assert 100 not in known and 199 in known
