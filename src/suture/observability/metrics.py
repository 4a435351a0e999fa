"""Numbers for Prometheus: how long requests take, how full the queue is, how the database keeps up.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/. The one thing to know: `observe` runs for every
request and only counts in a list; families, labels and text are made when somebody asks. Counters of all worker
processes are added (see `snapshots`), gauges are given for each running process under the label `worker`.
"""

import asyncio
import os
import resource
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.observability.snapshots import Series, Snapshot, folder_of_parent, is_running, read_others, write

if TYPE_CHECKING:
    from prometheus_client import Metric

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the duration buckets, in seconds."""

PUBLISH_EVERY = 1.0
"""Seconds between two snapshots of a worker."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = len(BUCKETS) + 1
_COUNTERS: Mapping[str, str] = {
    "versions": "Resource versions committed.",
    "retries": "Write batches or units that had to be tried again.",
    "errors": "Database errors.",
    "replica_reads": "Uses of a connection to a read replica.",
    "replica_refused": "Reads that a replica could have answered, had it been well and far enough.",
}
_GAUGES: Mapping[str, str] = {
    "queue_depth": "Writes that wait for their batch.",
    "last_batch": "Units in the last write batch.",
    "last_event": "Newest event that the process knows of.",
    "generation": "Generation of conformance resources that the process works with.",
    "replicas": "Read replicas that are set.",
    "replicas_usable": "Read replicas that answer and are not too far behind.",
    "replica_lag": "Seconds that the read replica furthest behind is behind.",
    "replica_pool_open": "Connections to read replicas that are open.",
    "pool_open": "Read connections that are open.",
    "pool_idle": "Read connections that nobody uses.",
    "pool_waiting": "Requests that wait for a read connection.",
}
_SUMMED = frozenset({"batches", "units", *_COUNTERS})


class Metrics:
    """The numbers of this process, and the text of all processes' numbers.

    `statistics`: the numbers of the store, asked at each scrape. `folder`: where the workers of one server leave
    their snapshots; None reads the parent's from the environment, and there is none for a single process.
    """

    def __init__(self, statistics: Callable[[], Mapping[str, float]], folder: Path | None = None) -> None:
        self._statistics = statistics
        self._folder = folder or folder_of_parent()
        self._series: dict[tuple[str, str, int], list[float]] = {}
        self._pid = os.getpid()
        self._started = time.time()

    def observe(self, interaction: str, type: str, status: int, seconds: float) -> None:
        """Count one answered request. `type`: the resource type, or ""."""
        series = self._series.get((interaction, type, status))
        if series is None:
            series = self._series[interaction, type, status] = [0] * len(BUCKETS) + [0, 0.0]
        series[bisect_left(BUCKETS, seconds)] += 1
        series[_SECONDS] += seconds

    async def publish(self) -> None:
        """Leave a snapshot for the other workers every second, until cancelled. Ends at once for a single process."""
        while self._folder is not None:
            write(self._folder, self.snapshot())
            await asyncio.sleep(PUBLISH_EVERY)

    def route(self) -> Route:
        """The route `/metrics`."""
        return Route("/metrics", self._answer)

    async def _answer(self, request: Request) -> Response:
        return Response(self.render(), headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    def snapshot(self) -> Snapshot:
        """The present numbers of this process."""
        requests = [
            Series(interaction, type, status, [int(n) for n in numbers[:_SECONDS]], numbers[_SECONDS])
            for (interaction, type, status), numbers in list(self._series.items())
        ]
        return Snapshot(self._pid, requests, dict(self._statistics()), _process(self._started))

    def render(self) -> bytes:
        """The text for Prometheus, of all processes of this server."""
        from prometheus_client import CollectorRegistry, generate_latest

        own = self.snapshot()
        others: list[Snapshot] = []
        if self._folder is not None:
            write(self._folder, own)
            others = read_others(self._folder, self._pid)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Families([own, *others], own.pid))
        return generate_latest(registry)


class _Families:
    """Turns snapshots into metric families; the collector that prometheus_client asks."""

    def __init__(self, snapshots: Sequence[Snapshot], own: int) -> None:
        self._snapshots = snapshots
        self._running = [snapshot for snapshot in snapshots if snapshot.pid == own or is_running(snapshot.pid)]

    def describe(self) -> Iterable["Metric"]:
        return ()

    def collect(self) -> Iterable["Metric"]:
        yield from (self._requests(), self._batches())
        yield from self._store_counters()
        yield from self._gauges()

    def _requests(self) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        added: dict[tuple[str, str, int], list[float]] = {}
        for snapshot in self._snapshots:
            for series in snapshot.requests:
                numbers = [*series.counts, series.seconds]
                key = series.interaction, series.type, series.status
                present = added.get(key)
                added[key] = numbers if present is None else [a + b for a, b in zip(present, numbers, strict=True)]
        family = HistogramMetricFamily(
            "suture_request_duration_seconds",
            "Time to answer a request, by interaction, resource type and HTTP status.",
            labels=("interaction", "type", "status"),
        )
        for (interaction, type, status), numbers in sorted(added.items()):
            total, buckets = 0.0, list[Any]()
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), numbers, strict=False):
                total += count
                buckets.append((bound, total))
            family.add_metric((interaction, type, str(status)), buckets, numbers[_SECONDS])
        return family

    def _batches(self) -> "Metric":
        from prometheus_client.core import SummaryMetricFamily

        return SummaryMetricFamily(
            "suture_write_batch_units",
            "Units of work per write batch: the count is the batches, the sum the units.",
            count_value=int(self._sum("batches")),
            sum_value=self._sum("units"),
        )

    def _store_counters(self) -> Iterable["Metric"]:
        from prometheus_client.core import CounterMetricFamily

        for name, text in _COUNTERS.items():
            if any(name in snapshot.store for snapshot in self._snapshots):
                yield CounterMetricFamily(f"suture_store_{name}", text, value=self._sum(name))

    def _gauges(self) -> Iterable["Metric"]:
        names = {name for snapshot in self._running for name in snapshot.store} - _SUMMED
        for name in sorted(names):
            yield self._gauge(f"suture_store_{name}", _GAUGES.get(name, name.replace("_", " ")), "store", name)
        yield self._gauge("suture_process_resident_memory_bytes", "Resident memory.", "process", "memory")
        yield self._processor_time()
        yield self._gauge("suture_process_open_files", "Open file descriptors.", "process", "files")
        yield self._gauge("suture_process_start_time_seconds", "Start, in seconds since 1970.", "process", "started")

    def _gauge(self, name: str, text: str, part: str, key: str) -> "Metric":
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(name, text, labels=("worker",))
        for snapshot in self._running:
            numbers: Mapping[str, float] = getattr(snapshot, part)
            if key in numbers:
                family.add_metric((str(snapshot.pid),), numbers[key])
        return family

    def _processor_time(self) -> "Metric":
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(
            "suture_process_cpu_seconds", "Processor time since the start.", labels=("worker",)
        )
        for snapshot in self._running:
            family.add_metric((str(snapshot.pid),), snapshot.process["cpu"])
        return family

    def _sum(self, name: str) -> float:
        return sum(snapshot.store.get(name, 0) for snapshot in self._snapshots)


def _process(started: float) -> dict[str, float]:
    numbers = {"cpu": time.process_time(), "started": started}
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        numbers["memory"] = pages * resource.getpagesize()
        numbers["files"] = sum(1 for _ in Path("/proc/self/fd").iterdir())
    except (OSError, ValueError, IndexError):
        numbers["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return numbers
