"""A real streaming replica of PostgreSQL, whose replay can be stopped to make it lag."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import cluster


@dataclass
class Replica:
    """A running replica. `primary`: the port of what it follows."""

    primary: int
    port: int
    pid: int
    data: Path

    def url(self, primary: str) -> str:
        """The URL here of the database whose URL on the primary is `primary`."""
        return primary.replace(f":{self.primary}/", f":{self.port}/")

    def pause(self) -> None:
        """Receive, and show nothing more."""
        self._run("select pg_wal_replay_pause()")
        while self._run("select pg_get_wal_replay_pause_state()") != "paused":
            pass

    def resume(self) -> None:
        """Catch up."""
        self._run("select pg_wal_replay_resume()")

    def freeze(self, *, thaw: bool = False) -> None:
        """Stop all its processes where they are, so that connections stay open and nothing answers; or go on."""
        for pid in [self.pid, *_children(self.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT if thaw else signal.SIGSTOP)

    def end(self) -> None:
        """Stop it."""
        self.freeze(thaw=True)
        cluster.end(self.pid)

    def _run(self, sql: str) -> str:
        url = f"postgresql://{cluster.USER}@127.0.0.1:{self.port}/postgres"
        command = [cluster.programs() / "psql", url, "-qAtc", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def replica(primary: int | None = None) -> Iterator[Replica]:
    """A replica of the PostgreSQL on port `primary`, else of the session's. Raises cluster.Missing."""
    primary = primary or cluster.port()
    where = ["-h", "127.0.0.1", "-p", str(primary), "-U", cluster.USER]
    folder = Path(tempfile.mkdtemp(prefix="suture-replica-"))
    folder.chmod(0o755)
    data = folder / "data"
    try:
        backup = cluster.programs() / "pg_basebackup"
        cluster.fill(data, backup, "-D", data, *where, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        running = Replica(primary, *cluster.run(data, folder / "log"), data)
        try:
            yield running
        finally:
            running.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    return [int(line) for line in found.split()]
