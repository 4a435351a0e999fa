"""Running the `suture` command as a person would, in a process of its own."""

import subprocess
import tempfile
from pathlib import Path

from tests import processes
from tests.servers import environment

SECONDS = 120


def suture(*arguments: str | Path, cwd: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run `suture` with `arguments` in the folder `cwd`; `settings` are SUTURE_… variables."""
    command = [str(argument) for argument in arguments]
    env = environment(**settings) | {"XDG_STATE_HOME": str(cwd / "state"), "COLUMNS": "160"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaint:
        process = processes.start(command, cwd=cwd, env=env, stdout=output, stderr=complaint)
        try:
            status = process.wait(SECONDS)
        finally:
            process.kill()
        output.seek(0)
        complaint.seek(0)
        return subprocess.CompletedProcess(command, status, output.read().decode(), complaint.read().decode())
