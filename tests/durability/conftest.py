"""What tests with several server processes share; each such test says in `servers` which processes it wants."""

from collections.abc import Iterator

import httpx
import pytest

from tests.servers import Server


@pytest.fixture
def clients(servers: list[Server]) -> Iterator[list[httpx.Client]]:
    opened = [httpx.Client(base_url=server.fhir, timeout=30) for server in servers]
    yield opened
    for client in opened:
        client.close()
