"""Real `suture serve` processes for tests: started on a free port, stopped by their own process id."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests import processes

START_SECONDS = 60
STOP_SECONDS = 30


@dataclass
class Server:
    """A running server. `url`: without path; `fhir`: the FHIR base URL; `log`: everything it printed."""

    process: "processes.Process | subprocess.Popen[bytes]"
    url: str
    database: str
    log: Path

    @property
    def fhir(self) -> str:
        return f"{self.url}/fhir/r4"

    def stop(self) -> int:
        """Ask it to stop as a service manager would, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not stop: {self.log.read_text()[-2000:]}") from None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without any Suture setting besides `settings` (SUTURE_… names)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")} | settings


def start(database: str, folder: Path, *flags: str, fresh: bool = False, **settings: str) -> Server:
    """Start `suture serve` on `database` in the working directory `folder` and wait until it answers.

    `fresh`: in a new interpreter.
    """
    log = folder / f"server-{time.monotonic_ns()}.log"
    command = ["serve", "--port", "0", "--database", database, *flags]
    with log.open("wb") as output:
        process = processes.start(
            command, cwd=folder, env=environment(**settings), stdout=output, stderr=output, fresh=fresh
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if found := re.search(r"serves (http://\S+)/fhir/r4", log.read_text(errors="replace")):
            return Server(process, found[1], database, log)
        if process.poll() is not None:
            break
        time.sleep(0.02)
    if process.poll() is None:
        process.kill()
        process.wait()
    raise RuntimeError(f"the server did not start: {log.read_text()[-4000:]}")
