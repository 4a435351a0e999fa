"""Putting together what a release says of each concept in many places, in bounded memory.

Records go to a file per range of concepts as they are read; then one range after the other is sorted in memory.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

RANGE = 16_384
"""Concepts of one file."""

BUFFER = 1 << 17
"""Bytes that wait for being written, per file."""

_encode = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Buckets:
    """Records (lists of plain values) by number, on disk as long as the context is open."""

    def __init__(self, range: int = RANGE) -> None:
        self._range = range
        self._folder = Path()
        self._buffers: dict[int, bytearray] = {}

    def __enter__(self) -> "Buckets":
        self._folder = Path(tempfile.mkdtemp(prefix="suture-terminology-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, number: int, record: list[Any]) -> None:
        """Add a record for a number."""
        key = number // self._range
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = bytearray()
        data = _encode.encode([number, *record])
        buffer += len(data).to_bytes(4, "little") + data
        if len(buffer) > BUFFER:
            self._flush(key)

    def _flush(self, key: int) -> None:
        with (self._folder / str(key)).open("ab") as file:
            file.write(self._buffers[key])
        self._buffers[key].clear()

    def grouped(self) -> Iterator[tuple[int, list[list[Any]]]]:
        """(number, its records in the order in which they came), by rising number."""
        for key in sorted(self._buffers):
            self._flush(key)
            path = self._folder / str(key)
            data = path.read_bytes()
            path.unlink()
            found: dict[int, list[list[Any]]] = {}
            at = 0
            while at < len(data):
                size = int.from_bytes(data[at : at + 4], "little")
                number, *record = _decode(data[at + 4 : at + 4 + size])
                found.setdefault(number, []).append(record)
                at += 4 + size
            for number in sorted(found):
                yield number, found.pop(number)
