"""Readiness follows the database."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from starlette.applications import Starlette

from suture.observability import Health, health


class Database:
    """Answers, fails or hangs."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.seconds = 0.0

    async def probe(self) -> None:
        await asyncio.sleep(self.seconds)
        if self.failure:
            raise self.failure


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def asked(database: Database) -> Callable[[str], tuple[int, dict[str, str]]]:
    state = Health(database.probe)
    transport = httpx.ASGITransport(Starlette(routes=state.routes()))

    async def get(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(f"/health/{path}")

    def ask(path: str) -> tuple[int, dict[str, str]]:
        if path == "stop":
            state.stop()
            return 0, {}
        answer = asyncio.run(get(path))
        assert answer.headers["cache-control"] == "no-store"
        return answer.status_code, answer.json()

    return ask


Ask = Callable[[str], tuple[int, dict[str, str]]]


def test_a_server_whose_database_answers_is_ready(asked: Ask) -> None:
    assert asked("ready") == (200, {"status": "ready", "database": "ok"})
    assert asked("live") == (200, {"status": "live"})


def test_a_server_whose_database_fails_is_live_and_not_ready(
    asked: Ask, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.failure = ConnectionError("password=secret")
    for _ in range(3):
        assert asked("ready") == (503, {"status": "unavailable", "database": "unavailable"})
    assert asked("live")[0] == 200
    assert [record.getMessage() for record in caplog.records] == ["the database does not answer"]
    database.failure = None
    assert asked("ready")[0] == 200


def test_a_database_that_hangs_is_not_waited_for(
    asked: Ask, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "TIMEOUT", 0.05)
    database.seconds = 5
    assert asked("ready")[0] == 503


def test_a_server_that_stops_is_not_ready(asked: Ask) -> None:
    asked("stop")
    assert asked("ready") == (503, {"status": "stopping"})
    assert asked("live")[0] == 200


@pytest.mark.parametrize(
    ("replicas", "answer"),
    [
        (["ok", "lagging"], (200, {"status": "read-only", "database": "unavailable", "replicas": ["ok", "lagging"]})),
        (["lagging"], (503, {"status": "unavailable", "database": "unavailable", "replicas": ["lagging"]})),
    ],
)
def test_while_a_replica_answers_reads_are_possible(
    database: Database, replicas: list[str], answer: tuple[int, dict[str, object]]
) -> None:
    database.failure = ConnectionError()
    transport = httpx.ASGITransport(Starlette(routes=Health(database.probe, lambda: replicas).routes()))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/health/ready")

    got = asyncio.run(get())
    assert (got.status_code, got.json()) == answer
