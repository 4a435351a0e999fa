"""The files of a release as they come: a folder, a zip, or single files; read line by line, whatever their size.

The one thing to know: nothing is unpacked to disk, and no line longer than MAX_LINE is read, so a hostile archive costs
time, never memory.
"""

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

MAX_LINE = 1 << 20
"""Bytes of one line."""

MAX_FILES = 20_000
"""Files of one release."""

Told = Callable[[int], None]
"""Called with the number of bytes that were read since the last call."""

STEP = 1 << 18


class ReleaseError(Exception):
    """A release that cannot be loaded. The text is a sentence that names the file and, where there is one, the line."""


class File:
    """One file of a release. `name`: without folders; `path`: with them, as in the archive. `size`: bytes."""

    def __init__(self, path: str, size: int, opened: Callable[[], IO[bytes]]) -> None:
        self.path = path
        self.name = PurePosixPath(path).name
        self.size = size
        self._opened = opened

    def open(self) -> IO[bytes]:
        """The bytes of the file. Raises ReleaseError."""
        try:
            return self._opened()
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise ReleaseError(f"{self.path} cannot be read: {error}") from None

    def lines(self, told: Told = lambda _: None) -> Iterator[tuple[int, bytes]]:
        """(number from 1, line without its end). Raises ReleaseError."""
        read = 0
        with self.open() as stream:
            number = 0
            while True:
                try:
                    line = stream.readline(MAX_LINE + 1)
                except (OSError, zipfile.BadZipFile, EOFError, ValueError) as error:
                    raise self.wrong(number + 1, f"the file ends or is damaged: {error}") from None
                if not line:
                    break
                number += 1
                if len(line) > MAX_LINE:
                    raise self.wrong(number, f"the line is longer than {MAX_LINE} bytes")
                read += len(line)
                if read >= STEP:
                    told(read)
                    read = 0
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                yield number, line.rstrip(b"\r\n")
        told(read)

    def table(self, columns: int, told: Told = lambda _: None) -> Iterator[tuple[int, list[bytes]]]:
        """The rows of a file of tab-separated values after its header: (line number, cells). Raises ReleaseError."""
        for number, line in self.lines(told):
            if number == 1 or not line:
                continue
            cells = line.split(b"\t")
            if len(cells) < columns:
                raise self.wrong(number, f"{columns} columns were expected, there are {len(cells)}")
            yield number, cells

    def header(self) -> list[str]:
        """The names of the columns of a file of tab-separated values."""
        for _, line in self.lines():
            return line.decode("utf-8", "replace").split("\t")
        return []

    def records(self, needed: Sequence[str], told: Told = lambda _: None) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows of a CSV file by column names: (line number, row). Raises ReleaseError, also when one is missing."""
        encoding = self._encoding()
        with self.open() as stream:
            counted = _Counted(stream, told)
            text = io.TextIOWrapper(counted, encoding=encoding, errors="replace", newline="")  # pyright: ignore[reportArgumentType] (it only reads)
            rows = csv.reader(text)
            try:
                names = self._named(next(rows, list[str]()), needed)
                for row in rows:
                    if row:
                        row += [""] * (len(names) - len(row))
                        yield rows.line_num, dict(zip(names, row, strict=False))
            except csv.Error as error:
                raise self.wrong(rows.line_num, str(error)) from None
            except (OSError, zipfile.BadZipFile, EOFError) as error:
                raise self.wrong(rows.line_num, f"the file ends or is damaged: {error}") from None

    def check(self, needed: Sequence[str]) -> None:
        """Raise ReleaseError when a column of a CSV file is missing; only its first line is read."""
        first = next((decoded(line) for _, line in self.lines()), "")
        self._named(next(csv.reader([first]), list[str]()), needed)

    def _named(self, header: Sequence[str], needed: Sequence[str]) -> list[str]:
        """The names of the columns. Raises ReleaseError when one is missing."""
        names = [name.strip() for name in header]
        missing = [name for name in needed if name not in names]
        if missing:
            raise self.wrong(1, f"the column {missing[0]} is missing")
        return names

    def _encoding(self) -> str:
        """UTF-8 where the file is that, else the code page in which spreadsheets write."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self.open() as stream:
            try:
                while data := stream.read(STEP):
                    decoder.decode(data)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return "cp1252"
        return "utf-8-sig"

    def wrong(self, line: int, what: str) -> ReleaseError:
        """The error for something in a line."""
        return ReleaseError(f"{self.path}, line {line}: {what}.")


def largest_by_name(files: Sequence[File]) -> dict[str, File]:
    """Files by their names in lower case. Of several with one name the largest: publishers repeat parts of a release in
    folders of their own (the prescribable part of RxNorm, the panels of LOINC).
    """
    found: dict[str, File] = {}
    for file in files:
        held = found.get(file.name.lower())
        if held is None or file.size > held.size:
            found[file.name.lower()] = file
    return found


def decoded(line: bytes) -> str:
    """The text of a line: UTF-8, else the code page in which older programs write."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


class _Counted(io.RawIOBase):
    """Bytes on their way to a text reader, counted."""

    def __init__(self, stream: IO[bytes], told: Told) -> None:
        self._stream = stream
        self._told = told

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if size > 0 else STEP)
        self._told(len(data))
        return data

    def readinto(self, buffer: "memoryview") -> int:  # pyright: ignore[reportIncompatibleMethodOverride] (any buffer)
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    read1 = read


def files_of(paths: Sequence[Path]) -> list[File]:
    """All files of these folders, zip archives and files; archives in them are not opened. Raises ReleaseError."""
    found: list[File] = []
    for path in paths:
        if path.is_dir():
            found += [
                _plain(one, f"{path.name}/{one.relative_to(path)}") for one in sorted(path.rglob("*")) if one.is_file()
            ]
        elif not path.is_file():
            raise ReleaseError(f"{path}: there is no such file or folder.")
        elif zipfile.is_zipfile(path):
            found += _archived(path)
        else:
            found.append(_plain(path, path.name))
        if len(found) > MAX_FILES:
            raise ReleaseError(f"{path} holds more than {MAX_FILES} files, too many for a release.")
    if not found:
        raise ReleaseError(f"{paths[0]} holds no files.")
    return found


# what macOS puts into archives beside the files
_MAC = re.compile(r"(^|/)(__MACOSX/|\._)")


def _plain(path: Path, name: str) -> File:
    return File(name, path.stat().st_size, lambda: path.open("rb"))


def _archived(path: Path) -> list[File]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ReleaseError(f"{path} cannot be read: {error}") from None
    return [
        File(f"{path.name}/{entry.filename}", entry.file_size, lambda entry=entry: archive.open(entry))
        for entry in archive.infolist()
        if not entry.is_dir() and not _MAC.search(entry.filename)
    ]
