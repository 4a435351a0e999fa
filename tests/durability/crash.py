"""Kill -9 of a server that writes, again and again, with a client that remembers what was acknowledged.

Run it alone for many rounds: `make crash`, or

    .venv/bin/python -m tests.durability.crash --rounds 50

After every restart: each acknowledged write is there (a later, unacknowledged one may have replaced it), no
transaction is half visible, and at the end `suture check` finds nothing.
"""

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import cluster, databases, servers

WORKERS = 12
PARTS = 3
PATIENCE = 20
"""Seconds that a slow machine has for the first answer of a round."""
IDENTIFIERS = "https://example.org/crash"


@dataclass
class Memory:
    """What the client knows. Per resource: the last acknowledged version and value, and values in doubt."""

    acknowledged: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    doubtful: dict[str, set[str | None]] = field(default_factory=dict)
    transactions: dict[str, bool] = field(default_factory=dict)
    writes: int = 0


def patient(value: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": value}]}


def transaction(name: str) -> dict[str, Any]:
    identifier = [{"system": IDENTIFIERS, "value": name}]
    entries = [
        {
            "resource": {"resourceType": "Patient", "identifier": identifier},
            "request": {"method": "POST", "url": "Patient"},
        }
        for _ in range(PARTS)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def write(client: httpx.AsyncClient, memory: Memory, worker: int, seed: int) -> None:
    """Write until the server dies: updates, deletes and transactions on resources of this worker only."""
    rng = random.Random(seed)
    number = 0
    while True:
        number += 1
        kind = rng.random()
        mark = f"{seed}-{worker}-{number}"
        if kind < 0.2:
            memory.transactions[mark] = False
            response = await client.post("/", json=transaction(mark))
            if response.status_code == 200:
                memory.transactions[mark] = True
                memory.writes += 1
            continue
        path = f"w{worker}-{rng.randrange(4)}"
        deleting = kind < 0.3 and path in memory.acknowledged
        value = None if deleting else mark
        memory.doubtful.setdefault(path, set()).add(value)
        if deleting:
            response = await client.delete(f"/Patient/{path}")
        else:
            response = await client.put(f"/Patient/{path}", json={**patient(mark), "id": path})
        if response.status_code in (200, 201, 204):
            tag = response.headers.get("etag", 'W/"0"')
            memory.acknowledged[path] = int(tag[3:-1]), value
            memory.doubtful[path] = set()
            memory.writes += 1


async def verify(client: httpx.AsyncClient, memory: Memory) -> list[str]:
    """What is wrong after a restart."""
    wrong: list[str] = []
    for path, (version, value) in memory.acknowledged.items():
        response = await client.get(f"/Patient/{path}")
        found = response.json()["name"][0]["family"] if response.status_code == 200 else None
        if response.status_code not in (200, 410):
            wrong.append(f"{path}: acknowledged version {version} answers {response.status_code}")
        elif found != value and found not in memory.doubtful.get(path, set()):
            wrong.append(f"{path}: acknowledged {value}, found {found}")
        if response.status_code == 200:
            version = int(response.json()["meta"]["versionId"])
        memory.acknowledged[path] = version, found  # what was in doubt is decided, also that it is deleted
        memory.doubtful[path] = set()
    for name, acknowledged in list(memory.transactions.items()):
        response = await client.get("/Patient", params={"identifier": f"{IDENTIFIERS}|{name}", "_summary": "count"})
        total = response.json()["total"]
        if total not in ((PARTS,) if acknowledged else (0, PARTS)):
            wrong.append(f"transaction {name}: {total} of {PARTS} parts, acknowledged: {acknowledged}")
        del memory.transactions[name]
    return wrong


async def one_round(server: servers.Server, memory: Memory, seed: int, seconds: float) -> None:
    """Let the workers write for a while, and until something is acknowledged; then kill the server."""
    before, patience = memory.writes, time.monotonic() + PATIENCE
    limits = httpx.Limits(max_connections=WORKERS + 2)
    async with httpx.AsyncClient(base_url=server.fhir, timeout=20, limits=limits) as client:
        tasks = [asyncio.create_task(write(client, memory, worker, seed)) for worker in range(WORKERS)]
        await asyncio.sleep(seconds)
        while memory.writes == before and time.monotonic() < patience:
            await asyncio.sleep(0.01)
        server.kill()
        for task in tasks:
            with contextlib.suppress(httpx.HTTPError):
                await task


def run(database: str, folder: Path, rounds: int, *, workers: int = 1, report: bool = False) -> list[str]:
    """Kill the server `rounds` times; returns what was wrong, empty when nothing was."""
    memory = Memory()
    rng = random.Random(rounds)
    wrong: list[str] = []
    for number in range(rounds + 1):
        server = servers.start(database, folder, "--workers", str(workers))
        wrong += asyncio.run(_verify(server, memory))
        if number == rounds:
            server.stop()
            break
        asyncio.run(one_round(server, memory, number, 0.2 + rng.random() * 0.6))
        if report:
            print(
                f"\rround {number + 1} of {rounds}: {memory.writes} acknowledged, {len(wrong)} wrong",
                end="",
                flush=True,
            )
    if report:
        print()
    command = [sys.executable, "-m", "suture", "check", "--database", database]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=servers.environment())
    if checked.returncode:
        wrong.append(f"suture check: {checked.stdout}{checked.stderr}")
    if not memory.writes:
        wrong.append("nothing was acknowledged in any round")
    return wrong


async def _verify(server: servers.Server, memory: Memory) -> list[str]:
    async with httpx.AsyncClient(base_url=server.fhir, timeout=20) as client:
        return await verify(client, memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    arguments = parser.parse_args()
    cluster.lead()
    failed = False
    try:
        for engine in arguments.engine or ["sqlite", "postgresql"]:
            with tempfile.TemporaryDirectory() as name, databases.fresh(engine, Path(name)) as url:
                start = time.monotonic()
                print(f"{engine}: {arguments.rounds} kills")
                wrong = run(url, Path(name), arguments.rounds, report=True)
                print(f"{engine}: {wrong or 'nothing lost'} ({time.monotonic() - start:.0f} s)")
                failed |= bool(wrong)
    finally:
        cluster.stop()
    sys.exit(failed)


if __name__ == "__main__":
    main()
