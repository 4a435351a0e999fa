"""The files of a package archive (.tgz) or folder, read with suspicion.

Specification: https://hl7.org/fhir/packages.html#2.1.10.3. The one thing to know: nothing is ever written to disk and
no name of an archive is ever opened, so a path that climbs out cannot reach anything; it is refused all the same, as
are links, devices, and archives that unpack to more than a package can be.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from suture.fhir.packages.package import PackageRefused

MIB = 1024 * 1024
MAX_ARCHIVE = 256 * MIB
"""Bytes of an archive as it lies on disk."""

MAX_UNPACKED = 1024 * MIB
"""Bytes of everything in an archive."""

MAX_FILE = 64 * MIB
"""Bytes of one file."""

MAX_FILES = 50_000

MAX_RATIO = 200
"""Bytes that come out of one byte of an archive, once it has given FREE of them. Packages have 5 to 15."""

FREE = 16 * MIB
HEADER = MIB
"""Bytes of headers before one file."""

ROOT = "package"

File = tuple[str, bytes]
"""The name of a file directly in the folder `package`, and its content."""


def archive_files(data: bytes) -> Iterator[File]:
    """The JSON files of an archive that lie directly in its folder `package`. Raises PackageRefused."""
    if len(data) > MAX_ARCHIVE:
        raise PackageRefused(f"The archive has {len(data) // MIB} MiB, more than {MAX_ARCHIVE // MIB}.")
    if not data.startswith(b"\x1f\x8b"):
        raise PackageRefused("A package archive is a tar file compressed by gzip (.tgz), and this is none.")
    unpacked = _Unpacked(data)
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", unpacked), mode="r|") as archive:
            for number, member in enumerate(archive, start=1):
                if number > MAX_FILES:
                    raise PackageRefused(f"The archive has more than {MAX_FILES} files.")
                name = _checked(member)
                unpacked.expect(member.size)
                if member.isfile() and _is_wanted(name):
                    if name in seen:
                        raise PackageRefused(f"The archive has the file {name} twice.")
                    seen.add(name)
                    file = archive.extractfile(member)
                    yield PurePosixPath(name).name, file.read() if file is not None else b""
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, UnicodeError) as error:
        raise PackageRefused(f"The archive is damaged: {str(error)[:200] or type(error).__name__}.") from error


def folder_files(folder: Path) -> Iterator[File]:
    """The JSON files of a folder that holds a package: `folder/package/*.json`, or `folder/*.json`.

    Raises PackageRefused.
    """
    inner = folder / ROOT
    place = inner if (inner / "package.json").is_file() else folder
    if not (place / "package.json").is_file():
        raise PackageRefused(f"{folder} holds no FHIR package: there is neither package/package.json nor package.json.")
    total = 0
    paths = sorted(path for path in place.iterdir() if _is_json(path.name))
    if len(paths) > MAX_FILES:
        raise PackageRefused(f"{place} has more than {MAX_FILES} files.")
    for path in paths:
        if path.is_symlink() or not path.is_file():
            raise PackageRefused(f"{path} is a link or no file; a package holds files only.")
        size = path.stat().st_size
        total += size
        if size > MAX_FILE or total > MAX_UNPACKED:
            raise PackageRefused(f"{path} is too large: a file has at most {MAX_FILE // MIB} MiB, all of them 1 GiB.")
        yield path.name, path.read_bytes()


def _checked(member: tarfile.TarInfo) -> str:
    """The name of a member, when it is one that a package may have."""
    name = member.name
    shown = name[:120].encode("ascii", "backslashreplace").decode("ascii")
    if name.startswith(("/", "\\")) or ":" in name.partition("/")[0] or "\\" in name or "\0" in name:
        raise PackageRefused(f"The archive has a file with the absolute or foreign path {shown}.")
    if ".." in PurePosixPath(name).parts:
        raise PackageRefused(f"The archive has a file that climbs out of it: {shown}.")
    if member.issym() or member.islnk():
        raise PackageRefused(f"The archive has a link, which a package may not: {shown}.")
    if not member.isfile() and not member.isdir():
        raise PackageRefused(f"The archive has something that is neither file nor folder: {shown}.")
    if member.size > MAX_FILE:
        raise PackageRefused(f"The file {shown} has {member.size // MIB} MiB, more than {MAX_FILE // MIB}.")
    return str(PurePosixPath(name))


def _is_wanted(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return folder == ROOT and _is_json(file)


def _is_json(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


class _Unpacked:
    """What comes out of the archive, read forward; never more than the next header and file may have."""

    def __init__(self, data: bytes) -> None:
        self._packed = io.BytesIO(data)
        self._stream = gzip.GzipFile(fileobj=self._packed)
        self._read = 0
        self._allowed = HEADER

    def expect(self, size: int) -> None:
        """A file of `size` bytes comes next, and then another header."""
        self._allowed = self._read + size + HEADER

    def read(self, size: int) -> bytes:
        """The next `size` bytes. Raises PackageRefused when they are more than there may be."""
        found = self._stream.read(size)
        self._read += len(found)
        if self._read > self._allowed:
            raise PackageRefused(f"The archive has a header of more than {HEADER // MIB} MiB.")
        if self._read > MAX_UNPACKED:
            raise PackageRefused(f"The archive unpacks to more than {MAX_UNPACKED // MIB} MiB.")
        if self._read > FREE and self._read > MAX_RATIO * max(1, self._packed.tell()):
            raise PackageRefused(f"The archive unpacks to more than {MAX_RATIO} times its size.")
        return found
