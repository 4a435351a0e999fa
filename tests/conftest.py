"""Fixtures that every room may use: a fresh database per engine, and a real server with a client.

- `database_url`: a fresh, empty database; the test runs once on SQLite and once on PostgreSQL.
- `server`, `client`: a real `suture serve` process, one per engine and test session; tests share it, so
  they make their own resources and look only at those. `fresh_server` has an empty database of its own.
- `start_server`: starts servers with chosen flags.
- `shared`: the folder of shared test material beside the checkout; the test is skipped where it is absent.
"""

import contextlib
import functools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from suture.fhir.outcomes import NotSupported
from tests import citus, cluster, databases, servers

LONG = {
    "test_added_parameters.py", "test_contained.py", "test_crash.py", "test_demo.py", "test_differential.py",
    "test_docs.py", "test_every_parameter.py", "test_linearizability.py", "test_load.py", "test_load_bulk.py",
    "test_openapi_fuzz.py", "test_outage.py", "test_packages.py", "test_paging.py", "test_paging_under_writes.py",
    "test_processes.py", "test_rebuild.py", "test_reindex.py", "test_replicas.py", "test_serve.py", "test_server.py",
    "test_wheel.py",
}  # fmt: skip
"""Files that take longest. They come first, so that no process is left with one of them when the others are done."""


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        cluster.lead()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        cluster.stop()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if why := citus.reason_to_skip(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=why))
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """What a cluster refuses by design is not tested on it."""
    try:
        yield
    except NotSupported as refused:
        if not (citus.wanted() and str(refused).startswith(citus.REFUSED)):
            raise
        pytest.skip(str(refused))


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Coroutine tests (`pytest.mark.anyio`) run on the loop that the server uses."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(params=databases.ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with databases.for_test(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def postgresql_url(tmp_path: Path) -> Iterator[str]:
    """A fresh PostgreSQL database, for what only PostgreSQL has."""
    with databases.for_test("postgresql", tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def servers_by_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], servers.Server]]:
    """`servers_by_engine(engine)`: its server, started by the first test that asks and stopped at the very end.

    pytest ends a fixture with parameters whenever the parameter changes, which under xdist is twice per file.
    """
    with contextlib.ExitStack() as running:

        @functools.cache
        def started(engine: str) -> servers.Server:
            folder = tmp_path_factory.mktemp("server")
            one = servers.start(running.enter_context(databases.for_test(engine, folder)), folder)
            running.callback(one.stop)
            return one

        yield started


@pytest.fixture(scope="session", params=databases.ENGINES)
def server(request: pytest.FixtureRequest, servers_by_engine: Callable[[str], servers.Server]) -> servers.Server:
    return servers_by_engine(request.param)


@pytest.fixture
def client(server: servers.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.fhir, timeout=30) as session:
        yield session


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., servers.Server]]:
    """`start_server(database_url, *flags, SUTURE_X="…")`; all are stopped at the end of the test."""
    running: list[servers.Server] = []

    def start(database: str, *flags: str, **settings: str) -> servers.Server:
        running.append(servers.start(database, tmp_path, *flags, **settings))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def fresh_server(database_url: str, start_server: Callable[..., servers.Server]) -> servers.Server:
    return start_server(database_url)


@pytest.fixture
def fresh_client(fresh_server: servers.Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fresh_server.fhir, timeout=30) as session:
        yield session


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(__file__).parent.parent.parent / "shared"
    if not (folder / "README.md").exists():
        pytest.skip("the shared test material (../shared) is not here")
    return folder
