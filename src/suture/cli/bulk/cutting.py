"""Dividing files into tasks for the workers: pieces of NDJSON files, and groups of JSON files.

The one thing to know: NDJSON is read and expanded here, in large pieces that end with a line, and JSON files are
read by the workers themselves.
"""

from collections.abc import Iterator, Sequence
from typing import IO

import msgspec
import zstandard

from suture.cli.bulk.tasks import Files, Lines
from suture.cli.loading import Refusal
from suture.cli.sources import LINE_LIMIT, Source, Unreadable, expanded
from suture.store.bulk.rows import MOST

PIECE = 2 * 1024 * 1024
"""Bytes of NDJSON in one task."""

MOST_FILES = 32
"""JSON files in one task."""

MOST_FILE_BYTES = 512 * 1024
"""Bytes on disk of the JSON files in one task, unless it is one file."""


class Cut(msgspec.Struct, frozen=True):
    """A task, or None when there is only something to tell.

    `read`, `files`: bytes on disk, and files, that are done with it. `problem`: why the rest of the file cannot be
    read, or None.
    """

    task: Lines | Files | None
    read: int
    files: int = 0
    problem: Refusal | None = None


class Cutter:
    """Cuts sources; `blocks`: how many blocks of surrogates were handed out."""

    def __init__(self) -> None:
        self.blocks = 0

    def cut(self, sources: Sequence[Source]) -> Iterator[Cut]:
        """Cut up `sources`, in their order."""
        group: list[Source] = []
        for source in sources:
            if source.lines:
                yield from self._lines(source)
                continue
            if group and (len(group) == MOST_FILES or sum(one.size for one in group) + source.size > MOST_FILE_BYTES):
                yield self._files(group)
                group = []
            group.append(source)
        if group:
            yield self._files(group)

    def _files(self, group: list[Source]) -> Cut:
        task = Files(tuple(str(source.path) for source in group), self.blocks + 1, group[0].first)
        self.blocks += len(group)
        return Cut(task, sum(source.size for source in group), len(group))

    def _lines(self, source: Source) -> Iterator[Cut]:
        path, first, read = str(source.path), 1, 0
        reason = ""
        try:
            with source.path.open("rb") as raw, expanded(raw, source.path.suffix) as content:
                for text in _pieces(content):
                    before, read = read, raw.tell()
                    self.blocks += 1
                    yield Cut(Lines(path, self.blocks, first, text, source.first), read - before)
                    first += text.count(b"\n")
        except Unreadable as problem:
            reason = str(problem)
        except (OSError, EOFError, zstandard.ZstdError) as error:
            reason = f"it cannot be read: {error}"
        yield Cut(None, source.size - read, 1, Refusal(path, "", "", 0, reason) if reason else None)


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about PIECE bytes and at most MOST lines each. Raises Unreadable for a line without end."""
    rest = b""
    while True:
        read = content.read(PIECE)
        text = rest + read
        end = text.rfind(b"\n") + 1 if read else len(text)
        rest = text[end:]
        if len(rest) > LINE_LIMIT:
            raise Unreadable(f"a line is longer than {LINE_LIMIT} bytes.")
        if end:
            yield from _few_lines(text[:end])
        if not read:
            return


def _few_lines(text: bytes) -> Iterator[bytes]:
    if text.count(b"\n") < MOST:
        yield text
        return
    lines = text.split(b"\n")
    for start in range(0, len(lines), MOST):
        yield b"\n".join(lines[start : start + MOST]) + b"\n"
