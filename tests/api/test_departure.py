"""A client that goes away stops its query, and a statement that takes too long is a clean 503; over real sockets."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from suture.api.fhir_app import FhirApp
from suture.api.http import Request, Response
from suture.api.operations.operation import Operation, define
from suture.api.services import Model, Services
from suture.app import open_services
from suture.settings import Settings

pytestmark = pytest.mark.anyio

ENDLESS = {
    "sqlite": "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c",
    "postgresql": "select pg_sleep(60)",
}
LONG = {
    "sqlite": ENDLESS["sqlite"].replace("from c)", "from c where n < 1000000)"),
    "postgresql": "select pg_sleep(0.2)",
}
RUNNING = (
    "select count(*) from pg_stat_activity "
    "where datname = current_database() and query like '%pg_sleep(60)%' "
    "and state = 'active' and pid <> pg_backend_pid()"
)


class Served:
    """A server in this event loop whose `$meta` runs a statement without end. `answered`: the statuses it logged."""

    def __init__(self, services: Services, answered: list[int], port: int) -> None:
        self.services = services
        self.answered = answered
        self.port = port

    async def send(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        await writer.drain()
        return reader, writer

    async def eventually(self, count: int) -> list[int]:
        deadline = time.monotonic() + 10
        while len(self.answered) < count and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return self.answered

    async def fetch(self, statements: dict[str, str]) -> Any:
        async with self.services.store.reading() as connection:
            return await connection.fetch(statements[self.services.store.dialect.name])


async def endless(services: Services, model: Model, request: Request, type: str | None, id: str | None) -> Response:
    await request.body()
    async with services.store.reading() as connection:
        await connection.fetch(ENDLESS[services.store.dialect.name])
    return Response(200)


SLOW = Operation(
    endless,
    define(
        "Resource-meta", "", "", resource="Resource", levels=("system",), affects_state=False, parameters=()
    ),
)  # fmt: skip


@contextlib.asynccontextmanager
async def serving(database: str, **settings: Any) -> AsyncIterator[Served]:
    answered: list[int] = []

    def observe(id: str, method: str, interaction: str, type: str, status: int, seconds: float) -> None:
        answered.append(status)

    services = await open_services(Settings(database=database, read_connections=2, **settings), observe)
    app = FhirApp(services, next(iter(services.models.values())), "/fhir/r4", [SLOW])
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, http="httptools", lifespan="off", log_config=None, access_log=False)
    )
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield Served(services, answered, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await running
        await services.store.close()


GET = b"GET /fhir/r4/$meta HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /fhir/r4/$meta HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
BATCH = (
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"$meta"}},'
    b'{"request":{"method":"GET","url":"$meta"}}]}'
)
BATCHED = (
    b"POST /fhir/r4 HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(BATCH), BATCH)
)


@pytest.mark.parametrize("request_bytes", [GET, POST, BATCHED], ids=["GET", "POST", "batch"])
async def test_a_client_that_goes_away_stops_its_query(database_url: str, request_bytes: bytes) -> None:
    async with serving(database_url) as served:
        for round in range(1, 4):
            _, writer = await served.send(request_bytes)
            await asyncio.sleep(0.3)
            assert len(served.answered) == round - 1
            if round == 3:
                writer.transport.abort()
            else:
                writer.close()
            assert await served.eventually(round) == [499] * round
        # Both places for long reads are free again, and every connection is where it belongs.
        started = time.monotonic()
        await asyncio.gather(*(served.fetch(LONG) for _ in range(4)))
        assert time.monotonic() - started < 10
        if served.services.store.dialect.name == "postgresql":
            assert await served.fetch({"postgresql": RUNNING}) == [(0,)]
            statistics = served.services.store.statistics()
            assert statistics["pool_open"] == statistics["pool_idle"]
            assert statistics["pool_waiting"] == 0


async def test_a_client_that_waits_is_answered_however_long_it_takes(database_url: str) -> None:
    async with serving(database_url, statement_timeout=0.5) as served:
        reader, writer = await served.send(GET)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        body = await reader.read(2000)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 503"), "out of time is not the same as too costly"
        assert b"retry-after: 1\r\n" in answer
        assert b'"code":"timeout"' in body
        assert served.answered == [503]
        assert await served.fetch({"sqlite": "select 1", "postgresql": "select 1"}) == [(1,)]


async def test_the_body_of_a_request_is_left_to_who_reads_it(database_url: str) -> None:
    async with serving(database_url) as served:
        form = b"_id=nobody"
        head = b"POST /fhir/r4/Patient/_search HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(form)
        reader, writer = await served.send(head + form[:3])
        await asyncio.sleep(0.3)
        writer.write(form[3:])
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"_id=nobody" in answer
