"""`suture demo`: patients to look at, one command away."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.servers import environment


@contextmanager
def demo(folder: Path) -> Iterator[str]:
    """A running demo in `folder`: everything it printed until it was ready."""
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "suture", "demo", "--port", "0"],
            cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while "The data lie in" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def test_the_first_start_loads_patients_and_says_what_to_try(folder: Path) -> None:
    with demo(folder) as told:
        assert "112 synthetic patients loaded" in told
        assert str(folder / "suture-demo.db") in told
        urls = re.findall(r"http://\S+", told)
        assert len(urls) >= 7
        for url in urls:
            answer = httpx.get(url)
            assert answer.status_code == 200, url
            if "/fhir/r4/" in url and "metadata" not in url:
                assert answer.json().get("entry") or answer.json()["resourceType"] == "Patient", url
        base = next(url for url in urls if url.endswith("/fhir/r4"))
        counts = {
            kind: httpx.get(f"{base}/{kind}?_summary=count").json()["total"]
            for kind in ("Patient", "Observation", "Condition", "Encounter", "Organization", "Practitioner")
        }
        assert counts["Patient"] == 112
        assert min(counts.values()) > 0


def test_later_starts_find_the_patients_as_they_were_left(folder: Path) -> None:
    with demo(folder) as told:
        assert "loaded" not in told
        base = re.findall(r"serves (\S+)", told)[0]
        assert httpx.get(f"{base}/Patient/patient-1").json()["meta"]["versionId"] == "1"
