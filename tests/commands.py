"""Running the `suture` command as a person would, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.servers import environment

SECONDS = 120


def suture(*arguments: str | Path, cwd: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run `suture` with `arguments` in the folder `cwd`; `settings` are SUTURE_… variables."""
    return subprocess.run(
        [sys.executable, "-m", "suture", *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings) | {"XDG_STATE_HOME": str(cwd / "state"), "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
