"""A running `suture demo` for tests."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import processes
from tests.servers import environment

SECONDS = 180


@contextmanager
def demo(folder: Path, installed: Path | None = None) -> Iterator[tuple[str, str]]:
    """Run the demo in `folder`: its URL without path, and everything it printed until it was ready.

    `installed`: the `suture` command of another environment.
    """
    log, arguments, env = folder / "demo.log", ["demo", "--port", "0"], environment()
    with log.open("wb") as output:
        if installed is None:
            process = processes.start(arguments, cwd=folder, env=env, stdout=output, stderr=output)
        else:
            command = [installed, *arguments]
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
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
