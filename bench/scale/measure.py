"""Latencies: each query by HTTP and by the bare driver, and a mixed load of searches, reads and writes.

Queries run one after the other on one connection: WARM rounds of all of them to warm up, then ROUNDS rounds that count,
with other values each time: what a server that does many things shows, not a loop over one page.
"""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.resources import observation
from bench.scale import bare
from bench.scale.client import Client
from bench.scale.queries import COMMON, DEEP, DEEP_PAGES, LOINC, NARROW, QUERIES, Ask
from bench.scale.templates import Templates
from suture.settings import CONFIG_FILE, load
from tests import servers

WARM = 5
"""Runs of each query before the clock counts."""

ROUNDS = 100
"""Runs of each query that count."""

CONNECTIONS = 32
MIXED_SECONDS = 30.0
SHARES = {"search": 70, "read": 20, "write": 10}


def _figures(times: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": round(1000 * cuts[49], 3), "p99_ms": round(1000 * cuts[98], 3)}


class Measure:
    """Measures one loaded database. `patients`: those below this number are asked for."""

    def __init__(self, url: str, folder: Path, templates: Templates, patients: int) -> None:
        self._url = url
        self._folder = folder
        self._templates = templates
        self._patients = patients

    async def queries(self) -> dict[str, Any]:
        """p50 and p99 of each query by HTTP, of its statements by the bare driver, and the ratio of the two."""
        paths = {
            title: [make(Ask(self._templates, self._patients, f"{title} {n}")) for n in range(WARM + ROUNDS)]
            for title, make in QUERIES.items()
        }
        server = servers.start(self._url, self._folder, fresh=True)
        try:
            client = Client(server.fhir)
            paths[DEEP] = await self._deep(client)
            results = await self._by_http(client, paths)
            await client.close()
        finally:
            server.stop()
        requests = [path for title in paths for path in _relative(paths[title], server.fhir)]
        # with the settings of the server: others would order a rebuild of all indexes, beside which the mixed load ran
        flags = {"database": self._url, "log_level": "error"}
        recorded = await bare.record(load(flags, {}, self._folder / CONFIG_FILE).settings, requests)
        await bare.run(self._url, recorded)  # warms up
        times = await bare.run(self._url, recorded)
        for number, title in enumerate(paths):
            mine = times[number * (WARM + ROUNDS) : (number + 1) * (WARM + ROUNDS)][WARM:]
            result = results[title]
            result["bare"] = _figures(mine)
            result["of_the_limit"] = round(result["bare"]["p50_ms"] / result["p50_ms"], 2)
        return results

    async def _deep(self, client: Client) -> list[str]:
        """A page DEEP_PAGES after the first one of each common code, in turns."""
        found: list[str] = []
        for code in COMMON[:4]:
            path = f"Observation?code={LOINC}{code}&_sort=-date"
            for _ in range(DEEP_PAGES):
                _, body = await client.request("GET", path)
                links = {link["relation"]: link["url"] for link in json.loads(body)["link"]}
                path = links.get("next", path)
            found.append(path)
        return [found[n % len(found)] for n in range(WARM + ROUNDS)]

    async def _by_http(self, client: Client, paths: dict[str, list[str]]) -> dict[str, Any]:
        times: dict[str, list[float]] = {title: [] for title in paths}
        wrong: dict[str, str] = {}
        sizes: dict[str, int] = dict.fromkeys(paths, 0)
        for number in range(WARM + ROUNDS):
            for title, made in paths.items():
                start = time.perf_counter()
                status, body = await client.request("GET", made[number])
                seconds = time.perf_counter() - start
                if status != 200:
                    wrong[title] = f"{status}: {body[:300].decode(errors='replace')}"
                sizes[title] += body.count(b'"fullUrl"')
                if number >= WARM:
                    times[title].append(seconds)
        return {
            title: {
                **_figures(times[title]),
                "runs": ROUNDS,
                "narrow": title in NARROW,
                "entries": round(sizes[title] / (WARM + ROUNDS), 1),
                **({"wrong": wrong[title]} if title in wrong else {}),
            }
            for title in paths
        }

    async def mixed(self) -> dict[str, Any]:
        """Rate, p50 and p99 of CONNECTIONS clients that search, read and write, for MIXED_SECONDS."""
        server = servers.start(self._url, self._folder, fresh=True)
        try:
            times: dict[str, list[float]] = {kind: [] for kind in SHARES}
            errors: dict[str, int] = {}
            begin = time.perf_counter() + 3
            end = begin + MIXED_SECONDS
            drivers = [self._drive(server.fhir, number, times, errors, begin, end) for number in range(CONNECTIONS)]
            await asyncio.gather(*drivers)
        finally:
            server.stop()
        everything = [one for kind in times.values() for one in kind]
        return {
            "connections": CONNECTIONS,
            "seconds": MIXED_SECONDS,
            "per_second": round(len(everything) / MIXED_SECONDS),
            **_figures(everything),
            **{kind: {"runs": len(one), **_figures(one)} for kind, one in times.items()},
            "errors": errors,
        }

    async def _drive(
        self, base: str, number: int, times: dict[str, list[float]], errors: dict[str, int], begin: float, end: float
    ) -> None:
        client = Client(base)
        rng = random.Random(number)
        ask = Ask(self._templates, self._patients, f"mixed {number}")
        kinds, weights = list(SHARES), list(SHARES.values())
        searches = list(NARROW.values())
        while time.perf_counter() < end:
            kind = rng.choices(kinds, weights)[0]
            method, path, body = "GET", "", b""
            if kind == "search":
                path = rng.choice(searches)(ask)
            elif kind == "read":
                path = f"Patient/{ask.person.id}"
            else:
                method, path, body = "POST", "Observation", json.dumps(observation(rng, ask.person.id)).encode()
            start = time.perf_counter()
            status, _ = await client.request(method, path, body)
            seconds = time.perf_counter() - start
            if status >= 400:
                errors[f"{kind} {status}"] = errors.get(f"{kind} {status}", 0) + 1
            if start >= begin:
                times[kind].append(seconds)
        await client.close()


def _relative(paths: Sequence[str], base: str) -> list[str]:
    return [path.split("/fhir/r4/", 1)[-1] if path.startswith("http") else path for path in paths]
