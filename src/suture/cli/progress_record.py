"""What of a load is done already, so that the same command goes on where it was interrupted.

One line of JSON per answered request, in a file beside an SQLite database or, for PostgreSQL and for servers, in
the user's state folder. Files are known by the digest of their bytes. The one thing to know: the record is a
hint, never the truth; before anything is skipped, a resource that it names is looked up in the database.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec


class _Line(msgspec.Struct, omit_defaults=True):
    """`part`: the submission that was answered; None: the whole file. `probe`: a resource that it wrote."""

    file: str
    part: int | None = None
    probe: str = ""


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


class Record:
    """The record in the file `path`, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._finished: dict[str, str] = {}
        self._parts: dict[str, dict[int, str]] = {}
        if path.is_file():
            for text in path.read_bytes().splitlines():
                self._learn(text)

    def finished(self, file: str) -> str | None:
        """The probe of a file that was loaded to its end, or None."""
        return self._finished.get(file)

    def parts(self, file: str) -> dict[int, str]:
        """Number and probe of the parts of a file that were answered."""
        return self._parts.get(file, {})

    def part_done(self, file: str, part: int, probe: str) -> None:
        self._write(_Line(file, part, probe))

    def file_done(self, file: str, probe: str) -> None:
        self._write(_Line(file, None, probe))

    def _learn(self, text: bytes) -> None:
        try:
            line = _decode(text)
        except msgspec.DecodeError:
            return  # the last line of an interrupted run
        if line.part is None:
            self._finished[line.file] = line.probe
        else:
            self._parts.setdefault(line.file, {})[line.part] = line.probe

    def _write(self, line: _Line) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(_encode(line) + b"\n")


def place_for(target: str) -> Path:
    """Where the record of loads into `target` lies: a database URL or the URL of a server."""
    if target.startswith("sqlite:///"):
        return Path(unquote(urlsplit(target).path[1:]) + "-loads.jsonl")
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    name = hashlib.blake2b(target.encode(), digest_size=8).hexdigest()
    return home / "suture" / f"loads-{name}.jsonl"
