"""`check` is silent on a sound database and names every kind of damage."""

import pytest

from suture.store.check import check
from suture.store.store import Store
from tests.store.sample import delete, observation, opened, put

pytestmark = pytest.mark.anyio


async def _filled(url: str) -> Store:
    store = await opened(url)
    for n in range(30):
        await put(store, f"a{n % 11}", observation(n, patient="p" if n % 2 else None))
    await delete(store, "a1")
    return store


async def _problems(store: Store) -> list[str]:
    return [f"{problem.where}: {problem.what}" async for problem in check(store)]


async def test_a_sound_database_has_no_problem(database_url: str) -> None:
    store = await _filled(database_url)
    steps: list[tuple[int, int]] = []
    assert [problem async for problem in check(store, lambda done, total: steps.append((done, total)))] == []
    assert steps[-1] == (11, 11)
    await store.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("delete from tok where k = (select min(k) from tok)", "lacks a row in tok"),
        ("insert into qty (h, lo, hi, k, ck) values (1, 1, 1, 1, 1)", "the resources call for"),
        ("insert into tok (h, d, k, ck) select distinct 1, d, k, ck from tok", "has a row too many in tok"),
        ("update ref set d = 5", "has a row too many in ref"),
        ("delete from forms where s = (select min(s) from forms)", "not in the vocabulary"),
        ("update words set norm = 'other' where norm = 'final'", "not in the vocabulary"),
        ("update str set norm = 'other' where k = (select max(k) from str)", "lacks a row in str"),
        ("delete from prose where {key} = (select min(k) from res where deleted = 0)", "lacks its words in prose"),
        ("insert into prose ({key}, ck, {words}) select 77, 5, ''", "prose: holds 11 rows, the resources call for 10"),
        ("update res set sdate = 1 where id = 'a2'", "another clinical date"),
        ("update res set ck = 5 where id = 'a3'", "another compartment"),
        ("update res set rh = 5 where id = 'a4'", "the key of another resource"),
        ("delete from hist where ver = 1 and k = (select k from res where id = 'a5')", "older versions"),
        ("delete from events where seq = 7", "events"),
        ("update meta set value = cast('0' as {bytes}) where name = 'schema'", "says schema 0"),
    ],
)
async def test_damage_is_named(database_url: str, damage: str, words: str) -> None:
    store = await _filled(database_url)
    names = (
        {"bytes": "blob", "key": "rowid", "words": "content"}
        if database_url.startswith("sqlite")
        else {"bytes": "bytea", "key": "k", "words": "words"}
    )

    async def break_it(tx) -> None:  # type: ignore[no-untyped-def]
        await tx.execute(damage.format(**names))

    await store.write(break_it)
    assert words in "\n".join(await _problems(store))
    await store.close()
