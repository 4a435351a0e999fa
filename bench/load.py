"""A small closed-loop load program, used where the shared one is not at hand. It measures the same scenarios.

    .venv/bin/python bench/load.py --base http://127.0.0.1:8000/fhir/r4 --scenario patient_create -c 32

Scenarios: import, patient_create, observation_create, patient_read, patient_update, search_identifier,
search_obs. One JSON line per scenario and concurrency goes to --out. Loopback only.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from bench.resources import observation, patient, transaction

Step = Callable[[], Awaitable[int]]
IMPORT_BUNDLES = 24
PATIENTS = 64


class Load:
    """The scenarios against one server."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.patients: list[dict[str, Any]] = []

    async def prepare(self) -> None:
        """Patients with observations for reads and searches."""
        rng = random.Random(7)
        for _ in range(PATIENTS):
            made = (await self.client.post("/Patient", json=patient(rng))).json()
            self.patients.append(made)
        await asyncio.gather(
            *(
                self.client.post("/Observation", json=observation(rng, one["id"]))
                for one in self.patients
                for _ in range(5)
            )
        )

    def worker(self, scenario: str, number: int) -> Step:
        """One step of a scenario; a step returns how many resources it moved."""
        rng = random.Random(f"{scenario}{number}")
        mine = self.patients[number % PATIENTS]

        async def send(method: str, url: str, body: Any = None, units: int = 1) -> int:
            answer = await self.client.request(method, url, json=body)
            answer.raise_for_status()
            return units

        def step() -> Awaitable[int]:
            some = rng.choice(self.patients)
            match scenario:
                case "import":
                    bundle = transaction(rng)
                    return send("POST", "/", bundle, len(bundle["entry"]))
                case "patient_create":
                    return send("POST", "/Patient", patient(rng))
                case "observation_create":
                    return send("POST", "/Observation", observation(rng, some["id"]))
                case "patient_read":
                    return send("GET", f"/Patient/{some['id']}")
                case "patient_update":
                    body = {**patient(rng), "id": mine["id"]}
                    return send("PUT", f"/Patient/{mine['id']}", body)
                case "search_identifier":
                    identifier = some["identifier"][0]
                    return send("GET", f"/Patient?identifier={identifier['system']}|{identifier['value']}")
                case "search_obs":
                    url = (
                        f"/Observation?patient=Patient/{some['id']}&code=http://loinc.org|8867-4&_sort=-date&_count=20"
                    )
                    return send("GET", url)
                case _:
                    raise SystemExit(f"unknown scenario {scenario}")

        return step

    async def run(self, scenario: str, concurrency: int, seconds: float, warm: float) -> dict[str, Any]:
        """Drive one scenario and return its figures."""
        times: list[float] = []
        moved = 0
        begin = time.perf_counter() + (0 if scenario == "import" else warm)
        end = begin + seconds
        rounds = itertools.count()

        async def drive(step: Step) -> None:
            nonlocal moved
            while (start := time.perf_counter()) < end or scenario == "import":
                if scenario == "import" and next(rounds) >= IMPORT_BUNDLES:
                    return
                units = await step()
                if start >= begin:
                    times.append(time.perf_counter() - start)
                    moved += units

        await asyncio.gather(*(drive(self.worker(scenario, number)) for number in range(concurrency)))
        elapsed = time.perf_counter() - begin
        cuts = statistics.quantiles(times, n=100)
        return {
            "scenario": scenario,
            "c": concurrency,
            "ok": len(times),
            "rps": round(len(times) / elapsed, 1),
            "units_per_s": round(moved / elapsed, 1),
            "p50_ms": round(1000 * cuts[49], 2),
            "p99_ms": round(1000 * cuts[98], 2),
            "errors": 0,
        }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--scenario", required=True, help="names, comma-separated")
    parser.add_argument("-c", default="32", help="concurrencies, comma-separated")
    parser.add_argument("--duration", type=float, default=5)
    parser.add_argument("--warm", type=float, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if httpx.URL(arguments.base).host not in ("127.0.0.1", "localhost", "::1"):
        sys.exit("loopback only")
    limits = httpx.Limits(max_connections=128, max_keepalive_connections=128)
    async with httpx.AsyncClient(base_url=arguments.base, timeout=120, limits=limits) as client:
        load = Load(client)
        await load.prepare()
        for scenario in arguments.scenario.split(","):
            for concurrency in arguments.c.split(","):
                result = await load.run(scenario, int(concurrency), arguments.duration, arguments.warm)
                line = json.dumps(result)
                print(line, flush=True)
                if arguments.out:
                    with arguments.out.open("a") as file:
                        file.write(line + "\n")


if __name__ == "__main__":
    asyncio.run(main())
