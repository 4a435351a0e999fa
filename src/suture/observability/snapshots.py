"""How several server processes answer one scrape: each leaves its numbers in a file, and any one adds them up.

A Prometheus server asks `/metrics` and reaches whichever worker takes the connection. Each worker writes a snapshot
of its counters every second and before it answers a scrape; the one that is asked adds the files of all. A file is
replaced as a whole, so a reader never sees half of it, and it stays when its worker ends, so counters never fall.
With one process there is no folder and nothing is written.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import msgspec

FOLDER_VARIABLE = "_SUTURE_METRICS"
"""Environment variable by which the parent tells its workers the folder."""


class Series(msgspec.Struct, frozen=True, array_like=True):
    """The requests of one interaction, type and status: how many per duration bucket, and their total seconds."""

    interaction: str
    type: str
    status: int
    counts: list[int]
    seconds: float


class Snapshot(msgspec.Struct, frozen=True):
    """The numbers of one process. `store`: of `Store.statistics`. `process`: its memory, time and files."""

    pid: int
    requests: list[Series]
    store: dict[str, float]
    process: dict[str, float]


_decode = msgspec.json.Decoder(Snapshot).decode


@contextlib.contextmanager
def shared_folder() -> Generator[Path]:
    """For the parent of several workers: a folder for their snapshots while they run."""
    folder = Path(tempfile.mkdtemp(prefix="suture-metrics-"))
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop(FOLDER_VARIABLE, None)
        shutil.rmtree(folder, ignore_errors=True)


def folder_of_parent() -> Path | None:
    """The folder that the parent made, None for a single process."""
    name = os.environ.get(FOLDER_VARIABLE)
    return Path(name) if name else None


def write(folder: Path, snapshot: Snapshot) -> None:
    """Leave `snapshot` for the others. A full disk or a removed folder is not worth failing for."""
    unfinished = folder / f"{snapshot.pid}.new"
    with contextlib.suppress(OSError):
        unfinished.write_bytes(msgspec.json.encode(snapshot))
        unfinished.replace(folder / f"{snapshot.pid}.json")


def read_others(folder: Path, own: int) -> list[Snapshot]:
    """The snapshots of the other processes, those that have ended included."""
    found: list[Snapshot] = []
    for path in sorted(folder.glob("*.json")):
        if path.stem != str(own):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                found.append(_decode(path.read_bytes()))
    return found


def is_running(pid: int) -> bool:
    """Whether the process that wrote a snapshot is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
