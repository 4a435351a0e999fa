"""`snomed_url`: a database of each engine with the small edition of `tests.terminology.edition` in it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases
from tests.terminology import edition
from tests.terminology.content.loaded import add


@pytest.fixture(scope="session")
def small_edition(tmp_path_factory: pytest.TempPathFactory) -> edition.Edition:
    return edition.write(tmp_path_factory.mktemp("edition"))


@pytest.fixture(scope="session", params=databases.ENGINES)
def snomed_url(
    request: pytest.FixtureRequest, small_edition: edition.Edition, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with databases.for_test(request.param, Path(tmp_path_factory.mktemp("snomed"))) as url:
        asyncio.run(add(url, small_edition.folder))
        yield url
