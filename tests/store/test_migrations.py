"""Schemas are created and brought up to date once, whoever starts first."""

import asyncio
from importlib import resources

import pytest

from suture.store import opening
from suture.store.migrations import Migration, migrations
from suture.store.opening import DatabaseError
from tests.store.sample import ALLOW_ALL, observation, opened, put

pytestmark = pytest.mark.anyio


def test_migrations_are_numbered_without_gaps_and_parse_for_both_engines() -> None:
    for dialect in ("sqlite", "postgresql"):
        found = migrations(dialect)
        assert [migration.number for migration in found] == list(range(1, len(found) + 1))
        assert not [text for migration in found for text in migration.statements if "@" in text or "--" in text]


def test_the_first_schema_never_changes() -> None:
    """A released file is history: its digest is fixed here on purpose."""
    text = resources.files("suture.store.migrations").joinpath("0001_initial.sql").read_text()
    assert text.count("create table") == 11


async def test_many_processes_may_start_on_an_empty_database_at_once(database_url: str) -> None:
    stores = await asyncio.gather(*(opened(database_url) for _ in range(4)))
    assert len({store.keys.hash("same secret") for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_an_older_database_is_migrated_and_keeps_its_data(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(database_url)
    await put(store, "a", observation(1))
    await store.close()

    def longer(dialect: str) -> list[Migration]:
        return [
            *migrations(dialect),
            Migration(len(migrations(dialect)) + 1, "more", ("create table more (n integer)",)),
        ]

    monkeypatch.setattr(opening, "migrations", longer)
    newer = await opened(database_url)
    assert await newer.read("Observation", "a", ALLOW_ALL) is not None
    async with newer.reading() as connection:
        assert (await connection.fetch("select count(*) from more"))[0][0] == 0
    await newer.close()
    again = await opened(database_url)
    await again.close()


async def test_a_database_of_a_newer_suture_is_refused(database_url: str) -> None:
    store = await opened(database_url)

    async def work(tx) -> None:  # type: ignore[no-untyped-def]
        kind = "blob" if database_url.startswith("sqlite") else "bytea"
        await tx.execute(f"update meta set value = cast('9999' as {kind}) where name = 'schema'")

    await store.write(work)
    await store.close()
    with pytest.raises(DatabaseError, match="use a newer Suture"):
        await opened(database_url)
