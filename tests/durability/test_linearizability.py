"""Many writers on few resources: versions without gaps, exactly one winner each, whatever the process."""

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from tests import servers

pytestmark = pytest.mark.anyio

WRITERS, RESOURCES, WINS = 12, 3, 12


async def _compete(client: httpx.AsyncClient, writer: int, wins: list[tuple[str, int, int]]) -> None:
    """Read, change, write with If-Match until WINS updates were accepted."""
    won = 0
    while won < WINS:
        path = f"/Patient/shared-{(writer + won) % RESOURCES}"
        read = await client.get(path)
        version = int(read.json()["meta"]["versionId"])
        body = {"resourceType": "Patient", "id": path.rpartition("/")[2], "multipleBirthInteger": writer}
        answer = await client.put(path, json=body, headers={"If-Match": f'W/"{version}"'})
        assert answer.status_code in (200, 412), answer.text
        if answer.status_code == 200:
            assert answer.json()["meta"]["versionId"] == str(version + 1)
            wins.append((path, version + 1, writer))
            won += 1


async def test_versions_are_gapless_and_each_has_one_winner(
    database_url: str, start_server: Callable[..., servers.Server]
) -> None:
    server = start_server(database_url, "--workers", "2")
    limits = httpx.Limits(max_connections=WRITERS)
    async with httpx.AsyncClient(base_url=server.fhir, timeout=60, limits=limits) as client:
        for number in range(RESOURCES):
            body = {"resourceType": "Patient", "id": f"shared-{number}"}
            assert (await client.put(f"/Patient/shared-{number}", json=body)).status_code == 201
        wins: list[tuple[str, int, int]] = []
        await asyncio.gather(*(_compete(client, writer, wins) for writer in range(WRITERS)))
        assert len(wins) == len({(path, version) for path, version, _ in wins}) == WRITERS * WINS
        for number in range(RESOURCES):
            path = f"/Patient/shared-{number}"
            mine = {version: writer for where, version, writer in wins if where == path}
            assert sorted(mine) == list(range(2, len(mine) + 2))
            history = (await client.get(f"{path}/_history", params={"_count": 1000})).json()
            found = {
                int(entry["resource"]["meta"]["versionId"]): entry["resource"].get("multipleBirthInteger")
                for entry in history["entry"]
            }
            assert found == {1: None, **mine}


async def test_parallel_conditional_creates_make_one_resource(
    database_url: str, start_server: Callable[..., servers.Server]
) -> None:
    server = start_server(database_url, "--workers", "2")
    limits = httpx.Limits(max_connections=24)
    body = {"resourceType": "Patient", "identifier": [{"system": "urn:test", "value": "only-one"}]}
    async with httpx.AsyncClient(base_url=server.fhir, timeout=60, limits=limits) as client:

        async def create() -> int:
            headers = {"If-None-Exist": "identifier=urn:test|only-one"}
            return (await client.post("/Patient", json=body, headers=headers)).status_code

        async def upsert() -> int:
            return (await client.put("/Patient", params={"identifier": "urn:test|only-one"}, json=body)).status_code

        async def in_transaction() -> int:
            request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:test|only-one"}
            bundle = {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [{"resource": body, "request": request}],
            }
            answer = await client.post(
                "/", content=json.dumps(bundle), headers={"Content-Type": "application/fhir+json"}
            )
            return int(answer.json()["entry"][0]["response"]["status"][:3])

        statuses = await asyncio.gather(*(work() for _ in range(20) for work in (create, upsert, in_transaction)))
        assert statuses.count(201) == 1 and set(statuses) == {200, 201}
        found = (await client.get("/Patient", params={"identifier": "urn:test|only-one"})).json()
        assert found["total"] == 1
