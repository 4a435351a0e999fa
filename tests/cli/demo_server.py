"""A running `suture demo` for tests."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import environment

SECONDS = 180


@contextmanager
def demo(folder: Path, command: Sequence[str | Path] = (sys.executable, "-m", "suture")) -> Iterator[tuple[str, str]]:
    """Run the demo in `folder`: its URL without path, and everything it printed until it was ready."""
    log = folder / "demo.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "demo", "--port", "0"],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while "The data lie in" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        told = log.read_text()
        yield re.findall(r"serves (http://[^/]+)/fhir/r4", told)[0], told
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0
