"""A world per engine and module, driven from ordinary test functions."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from suture.search.query import Limits
from tests import databases
from tests.search.world import World

T = TypeVar("T")


class Driven:
    """A world and the event loop in which it lives."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.world = World()
        self.run(self.world.open(url, Limits(default_count=20, max_count=50, max_include=40)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def ids(self, url: str, *args: Any, **options: Any) -> list[str]:
        return self.run(self.world.ids(url, *args, **options))

    def close(self) -> None:
        self.run(self.world.store.close())
        self._runner.close()


@pytest.fixture(scope="module", params=databases.ENGINES)
def driven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """An empty world, shared by the tests of a module."""
    with databases.for_test(request.param, tmp_path_factory.mktemp("search")) as url:
        one = Driven(url)
        yield one
        one.close()


@pytest.fixture(scope="module")
def filled(request: pytest.FixtureRequest, driven: Driven) -> Driven:
    """The module's world with its RESOURCES."""
    driven.run(driven.world.put(*request.module.RESOURCES))
    return driven


@pytest.fixture(params=("planned", "streamed"))
def people(request: pytest.FixtureRequest, filled: Driven) -> Driven:
    """The module's `filled` world; `streamed`: as if there were far too many of everything to gather."""
    filled.world.stream(always=request.param == "streamed")
    return filled
