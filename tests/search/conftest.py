"""A world per engine and module, driven from ordinary test functions."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from suture.search.query import Limits
from tests import cluster
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


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def driven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """An empty world, shared by the tests of a module."""
    if request.param == "sqlite":
        one = Driven(f"sqlite:///{tmp_path_factory.mktemp('search')}/suture.db")
        yield one
        one.close()
        return
    try:
        cluster.programs()
    except cluster.Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with cluster.database() as url:
        one = Driven(url)
        yield one
        one.close()
