"""Loading releases into databases, and looking at what came of it, for the tests of this folder."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from suture.store.opening import open_store
from suture.store.rows import IndexRows
from suture.store.terminology import Shelf, open_loading, versions
from suture.terminology.content import Everything
from suture.terminology.content.assembly import Loaded, load
from suture.terminology.content.files import files_of
from suture.terminology.content.formats import Wishes, release_of
from suture.terminology.systems import Concept, Provider

PLAIN = Wishes()


async def add(url: str, *paths: Path, kind: str = "", wishes: Wishes = PLAIN, again: bool = False) -> Loaded | None:
    """What `suture terminology add` does."""
    async with open_loading(url) as loading:
        return await load(release_of(files_of(paths), kind, wishes), loading, again=again)


@contextlib.asynccontextmanager
async def content(url: str) -> AsyncGenerator[Everything]:
    """The code systems of a database, as a server sees them, from one generation to the next."""
    store = await open_store(url, index=_no_index)
    everything = Everything(Shelf(store.reading, store.dialect))

    async def adopt(connection: object, generation: int) -> None:
        everything.adopt(await versions(connection))  # pyright: ignore[reportArgumentType]

    await store.changes.subscribe(adopt)
    try:
        yield everything
    finally:
        await store.close()


async def system(everything: Everything, url: str, version: str | None = None) -> Provider:
    """A code system that must be there."""
    found = await everything.find(url, version)
    assert found is not None
    return found


async def codes(provider: Provider, numbers: Sequence[int]) -> list[str]:
    """The codes of numbers."""
    return [concept.code for concept in await provider.concepts(list(numbers))]


async def concept(provider: Provider, code: str) -> Concept:
    """A concept that must be there."""
    found = await provider.concept(code)
    assert found is not None
    return found


def properties(one: Concept) -> dict[str, list[object]]:
    """The values of each property."""
    found: dict[str, list[object]] = {}
    for each in one.properties:
        found.setdefault(each.code, []).append(each.value)
    return found


def _no_index(version: str, body: bytes) -> IndexRows:
    raise AssertionError("no resource is written here")
