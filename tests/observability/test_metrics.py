"""Metrics count every request of every worker once, and never fall."""

import asyncio
import math
import subprocess
import sys
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from suture.observability import Metrics, shared_folder
from suture.observability.metrics import BUCKETS
from suture.observability.snapshots import Series, Snapshot, folder_of_parent, read_others, write

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def store() -> dict[str, float]:
    return {"queue_depth": 2, "batches": 3, "units": 12, "versions": 20, "retries": 1, "pool_open": 4, "surprise": 5}


def samples(text: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def count(found: Samples, interaction: str, type: str = "", status: int = 200) -> float:
    labels = (("interaction", interaction), ("status", str(status)), ("type", type))
    return found["suture_request_duration_seconds_count", labels]


def test_requests_are_counted_by_interaction_type_and_status() -> None:
    metrics = Metrics(store)
    for seconds in (0.0001, 0.003, 20.0, 99.0):
        metrics.observe("read", "Patient", 200, seconds)
    metrics.observe("read", "Patient", 404, 0.001)
    found = samples(metrics.render())
    assert count(found, "read", "Patient") == 4
    assert count(found, "read", "Patient", 404) == 1
    labels = (("interaction", "read"), ("status", "200"), ("type", "Patient"))
    assert math.isclose(found["suture_request_duration_seconds_sum", labels], 119.0031)


def test_a_duration_falls_into_the_bucket_whose_bound_it_does_not_pass() -> None:
    metrics = Metrics(store)
    for bound in BUCKETS:
        metrics.observe("read", "", 200, bound)
    found = samples(metrics.render())
    for number, bound in enumerate(BUCKETS, start=1):
        labels = (("interaction", "read"), ("le", str(bound)), ("status", "200"), ("type", ""))
        assert found["suture_request_duration_seconds_bucket", labels] == number


def test_the_numbers_of_the_store_are_there() -> None:
    metrics = Metrics(store)
    found = {name: value for (name, _), value in samples(metrics.render()).items()}
    assert found["suture_write_batch_units_count"] == 3
    assert found["suture_write_batch_units_sum"] == 12
    assert found["suture_store_versions_total"] == 20
    assert found["suture_store_retries_total"] == 1
    assert found["suture_store_queue_depth"] == 2
    assert found["suture_store_pool_open"] == 4
    assert found["suture_store_surprise"] == 5
    assert found["suture_process_resident_memory_bytes"] > 1_000_000


def test_the_counters_of_all_workers_are_added_and_gauges_stay_apart(tmp_path: Path) -> None:
    metrics = Metrics(store, tmp_path)
    metrics.observe("read", "Patient", 200, 0.001)
    counts = [0] * len(BUCKETS) + [0]
    counts[2] = 5
    write(tmp_path, Snapshot(1, [Series("read", "Patient", 200, counts, 0.5)], store(), {"cpu": 1.0, "memory": 7.0}))
    found = samples(metrics.render())
    assert count(found, "read", "Patient") == 6
    assert found["suture_write_batch_units_sum", ()] == 24
    assert found["suture_process_resident_memory_bytes", (("worker", "1"),)] == 7
    assert sum(name == "suture_store_queue_depth" for name, _ in found) == 2


def test_a_worker_that_ended_keeps_its_counts_and_loses_its_gauges(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    pid = int(ended.stdout)
    write(
        tmp_path, Snapshot(pid, [Series("create", "Basic", 201, [1] * 16, 0.1)], store(), {"cpu": 1.0, "memory": 7.0})
    )
    found = samples(Metrics(store, tmp_path).render())
    assert count(found, "create", "Basic", 201) == 16
    assert ("suture_process_resident_memory_bytes", (("worker", str(pid)),)) not in found


def test_what_one_scrape_said_no_other_scrape_takes_back(tmp_path: Path) -> None:
    one, other = Metrics(store, tmp_path), Metrics(store, tmp_path)
    other._pid = one._pid + 1  # pyright: ignore[reportPrivateUsage]
    seen = 0.0
    for number in range(40):
        (one if number % 3 else other).observe("read", "", 200, 0.001)
        total = count(samples((one if number % 2 else other).render()), "read")
        assert total >= seen
        seen = total
    one.render()
    assert count(samples(other.render()), "read") == 40


def test_a_worker_leaves_a_snapshot_without_being_asked(tmp_path: Path) -> None:
    metrics = Metrics(store, tmp_path)
    metrics.observe("read", "", 200, 0.001)

    async def publish() -> None:
        task = asyncio.create_task(metrics.publish())
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(publish())
    (left,) = read_others(tmp_path, 0)
    assert left.requests[0].interaction == "read"


def test_a_single_process_writes_nothing() -> None:
    assert folder_of_parent() is None
    asyncio.run(asyncio.wait_for(Metrics(store).publish(), 1))


def test_the_parents_folder_reaches_workers_and_goes_with_the_parent() -> None:
    with shared_folder() as folder:
        assert folder_of_parent() == folder
        assert folder.stat().st_mode & 0o077 == 0
        write(folder, Snapshot(1, [], {}, {}))
    assert folder_of_parent() is None
    assert not folder.exists()
    write(folder, Snapshot(1, [], {}, {}))


def test_half_a_snapshot_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "7.json").write_bytes(b'{"pid":7,"requ')
    assert read_others(tmp_path, 0) == []


def test_observing_a_request_is_cheap() -> None:
    metrics = Metrics(store)
    best = math.inf
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10_000):
            metrics.observe("read", "Patient", 200, 0.001)
        best = min(best, (time.perf_counter() - started) / 10_000)
    assert best < 3e-6
