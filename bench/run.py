"""`make bench`: a fresh server per engine under load, beside the physical limit of the same run.

    .venv/bin/python -m bench.run [--engine sqlite] [--duration 5] [--concurrency 1,8,32]

Prints a table and keeps it in build/bench/ (JSON and Markdown). Uses the shared load program and Synthea
bundles when they lie beside the checkout, else bench/load.py. PostgreSQL runs durable (fsync on).
"""

import argparse
import contextlib
import gzip
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import cluster, servers

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
RESULTS = ROOT / "build" / "bench"
DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "512MB", "max_wal_size": "4GB"}
SCENARIOS = "patient_create,observation_create,patient_read,patient_update,search_name,search_identifier,search_obs"
SHARED_ONLY = ("search_name",)


class Bench:
    """One run over the engines. `rows`: the figures, one dictionary per line of the table."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments = arguments
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.shared = (SHARED / "bench" / "fhirload.py").exists()
        self.bundles = folder / "bundles"
        if self.shared:
            self.bundles.mkdir()
            for file in sorted((SHARED / "data" / "synthea-r4").glob("*.json.gz")):
                (self.bundles / file.stem).write_bytes(gzip.decompress(file.read_bytes()))

    def load(
        self, name: str, base: str, scenarios: str, concurrency: str, pid: int, *, dsn: str = "", disk: str = ""
    ) -> None:
        """Run scenarios of the load program and keep their figures under the server name `name`."""
        out = self.folder / f"{time.monotonic_ns()}.jsonl"
        wanted = [one for one in scenarios.split(",") if self.shared or one not in SHARED_ONLY]
        common = ["--base", base, "--scenario", ",".join(wanted), "-c", concurrency, "--out", str(out)]
        common += ["--duration", str(self.arguments.duration)]
        if self.shared:
            command = [sys.executable, str(SHARED / "bench" / "fhirload.py"), *common, "--proc", f"server={pid}"]
            command += ["--data", str(self.bundles), "--name", name, "--fsync-dir", str(self.folder)]
            command += ["--bundles", "1:0:12,8:12:24,32:36:60", "--base-bundles", "60"]
            if dsn:
                command += ["--db-dsn", dsn]
            if disk:
                command += ["--disk-path", disk]
        else:
            command = [sys.executable, "-m", "bench.load", *common]
        subprocess.run(command, check=True, cwd=ROOT, env=_environment())
        for line in out.read_text().splitlines():
            self.rows.append({"server": name, **json.loads(line)})

    def engine(self, engine: str) -> None:
        """A fresh server on one engine: start, import, scenarios, size; then the bare driver."""
        with _database(engine, self.folder) as url:
            start = time.perf_counter()
            server = servers.start(url, self.folder, *self.arguments.flag, fresh=True)
            with urllib.request.urlopen(f"{server.fhir}/metadata") as answer:
                answer.read()
            started = time.perf_counter() - start
            disk = str(self.folder / "sqlite") if engine == "sqlite" else ""
            dsn = url if engine == "postgresql" else ""
            pid = server.process.pid
            try:
                self.load(engine, server.fhir, "import", self.arguments.imports, pid, dsn=dsn, disk=disk)
                rss = _rss(pid)
                self.load(engine, server.fhir, SCENARIOS, self.arguments.concurrency, pid)
            finally:
                server.stop()
            self.rows.append({"server": engine, "scenario": "start", "seconds": round(started, 2), "rss_mb": rss})
        with _database(engine, self.folder) as url:
            done = subprocess.run(
                [sys.executable, "-m", "bench.raw_writes", url],
                check=True, capture_output=True, text=True, cwd=ROOT, env=_environment(),
            )  # fmt: skip
            self.rows.append({"server": f"raw {engine}", **json.loads(done.stdout)})

    def raw_app(self) -> None:
        """The bare ASGI application under the same reads."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.raw_app", "--port", str(port)], cwd=ROOT, env=_environment()
        )
        try:
            _wait(port)
            self.load("raw app", f"http://127.0.0.1:{port}", "patient_read", self.arguments.concurrency, process.pid)
        finally:
            process.terminate()
            process.wait()

    def report(self) -> str:
        """The table in Markdown, with the ratios to the limit."""
        limits = {(r["server"], r["scenario"], r["c"]): r["rps"] for r in self.rows if "c" in r}
        lines = [
            "| engine | scenario | clients | per s | p50 ms | p99 ms | CPU ms | RSS MB | of the limit |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            if row["scenario"] == "start":
                memory = f"{row['rss_mb']} after import"
                lines.append(f"| {row['server']} | start to first answer | | {row['seconds']} s | | | | {memory} | |")
                continue
            limit: float | None = None
            if row["scenario"] == "patient_read" and row["server"] != "raw app":
                limit = limits.get(("raw app", "patient_read", row["c"]))
            elif row["scenario"] == "patient_create":
                limit = limits.get((f"raw {row['server']}", "raw_writes", 32))
            per_second = row.get("units_per_s") if row["scenario"] == "import" else row["rps"]
            cpu = row.get("cpu_ms_per_req", {}).get("server", "")
            memory = row.get("mem", {}).get("server", {}).get("rss_mb", "")
            ratio = f"{row['rps'] / limit:.2f}" if limit else ""
            lines.append(
                f"| {row['server']} | {row['scenario']} | {row['c']} | {per_second} | {row.get('p50_ms', '')} | "
                f"{row.get('p99_ms', '')} | {cpu} | {memory} | {ratio} |"
            )
        disk = [f"{r['server']} c={r['c']}: {r['disk_per_unit']}" for r in self.rows if r.get("disk_per_unit")]
        errors = sum(row.get("errors", 0) for row in self.rows)
        note = f"Bytes on disk per imported resource: {'; '.join(disk)}\n" if disk else ""
        return (
            "\n".join(lines)
            + f"\n\n{note}Errors: {errors}. Python {platform.python_version()}, {os.cpu_count()} cores.\n"
        )


def _environment() -> dict[str, str]:
    return {**servers.environment(), "PYTHONPATH": str(ROOT)}


@contextlib.contextmanager
def _database(engine: str, folder: Path) -> Iterator[str]:
    if engine == "postgresql":
        with cluster.database() as url:
            yield url
        return
    (folder / "sqlite").mkdir(exist_ok=True)
    file = folder / "sqlite" / f"{time.monotonic_ns()}.db"
    yield f"sqlite:///{file}"
    for part in file.parent.glob("*"):
        part.unlink()


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _wait(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("the bare application did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--duration", type=float, default=5, help="seconds per scenario and concurrency")
    parser.add_argument("--concurrency", default="1,32")
    parser.add_argument("--imports", default="8", help="concurrencies of the import (1, 8 or 32)")
    parser.add_argument("--flag", action="append", default=[], help="a further flag for `suture serve`")
    arguments = parser.parse_args()
    cluster.SETTINGS.update(DURABLE)
    cluster.lead()
    try:
        with tempfile.TemporaryDirectory(prefix="suture-bench-") as name:
            bench = Bench(arguments, Path(name))
            bench.raw_app()
            for engine in arguments.engine or ["sqlite", "postgresql"]:
                bench.engine(engine)
            table = bench.report()
    finally:
        cluster.stop()
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(bench.rows, indent=1) + "\n")
    (RESULTS / "latest.md").write_text(table)
    print(f"\n{table}\nKept in {RESULTS.relative_to(ROOT)}/")


if __name__ == "__main__":
    main()
