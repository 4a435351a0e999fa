"""Finding what to load: files and folders become submissions, each of which is one request to a server.

- A Bundle of type transaction or batch goes as it is. A collection, searchset or history page is unpacked into a
  transaction, so that references between its entries stay whole. Other Bundles are stored as documents.
- NDJSON is cut into batches of whole lines; each line stands for itself.
- A single resource is put under its id, or created when it has none.

The one thing to know: resources are never decoded here, only looked at, so their text arrives untouched.
"""

import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal
from urllib.parse import quote

import msgspec
import zstandard

SUFFIXES = (".json", ".ndjson")
COMPRESSIONS = ("", ".gz", ".zst")
BATCH_LINES = 200
BATCH_BYTES = 1024 * 1024
LINE_LIMIT = 64 * 1024 * 1024
"""Longest NDJSON line that is read, in bytes."""

FIRST = ("hospitalInformation", "practitionerInformation")
"""Files with these names come first: the other files of a Synthea export refer to what is in them."""


class Unreadable(Exception):
    """A file, or a line of it, is not what its name says. The text is a sentence without the file's name."""


class Source(msgspec.Struct, frozen=True):
    """A file to load. `size`: bytes on disk. `lines`: whether it is NDJSON. `first`: others refer to it."""

    path: Path
    size: int
    lines: bool
    first: bool


class Place(msgspec.Struct, frozen=True):
    """A resource in a file: its type, and where it stands (`line 7`, `entry 3`, "" for the whole file)."""

    type: str
    where: str


class Submission(msgspec.Struct, frozen=True):
    """One request. `kind`: how to read the answer. `number`: its place in the file, from 0.

    `places`: the resources in the order of the request's entries. `broken`: lines that cannot be sent, with
    the reason. `read`: bytes of the file, as on disk, that were read when this submission was complete.
    An empty `body` means that there is nothing to send, only broken lines to tell of.
    """

    kind: Literal["transaction", "batch", "resource"]
    method: str
    path: str
    body: bytes
    number: int
    places: tuple[Place, ...]
    broken: tuple[tuple[Place, str], ...]
    read: int


def find(paths: Sequence[Path]) -> list[Source]:
    """All files to load under `paths`, in a stable order. Raises Unreadable for a path that does not exist."""
    found: dict[Path, Source] = {}
    for path in paths:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and _kind(file))
        elif path.is_file():
            if not _kind(path):
                raise Unreadable(f"{path}: only .json and .ndjson files (also with .gz or .zst) can be loaded.")
            files = [path]
        else:
            raise Unreadable(f"{path}: there is no such file or folder.")
        for file in files:
            source = Source(file, file.stat().st_size, _kind(file) == ".ndjson", file.name.startswith(FIRST))
            found.setdefault(file.resolve(), source)
    return sorted(found.values(), key=lambda source: not source.first)


def digest(source: Source) -> str:
    """A hash of the file's bytes."""
    with source.path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def submissions(source: Source) -> Iterator[Submission]:
    """Cut a file into requests. Raises Unreadable."""
    try:
        with source.path.open("rb") as raw, expanded(raw, source.path.suffix) as content:
            if source.lines:
                yield from _batches(content, raw)
            else:
                yield from _whole(content.read(), source)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise Unreadable(f"it cannot be read: {error}") from None


class _Glance(msgspec.Struct):
    """The parts of a resource that decide how it is sent."""

    resourceType: str = ""
    id: str | None = None
    type: Any = None


class _Request(msgspec.Struct):
    method: str = ""
    url: str = ""


class _Entry(msgspec.Struct):
    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    request: _Request = msgspec.field(default_factory=_Request)


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []


class _OutEntry(msgspec.Struct, omit_defaults=True):
    resource: msgspec.Raw
    request: _Request
    fullUrl: str | None = None


class _OutBundle(msgspec.Struct):
    resourceType: str
    type: str
    entry: list[_OutEntry]


_glance = msgspec.json.Decoder(_Glance)
_bundle = msgspec.json.Decoder(_Bundle)
_encode = msgspec.json.Encoder().encode


def _kind(path: Path) -> str:
    """`.json`, `.ndjson`, or "" when the file is neither."""
    name = path.name.lower()
    return next((end for end in SUFFIXES for zipped in COMPRESSIONS if name.endswith(end + zipped)), "")


def expanded(raw: IO[bytes], suffix: str) -> IO[bytes]:
    """The content of the open file `raw`, whose name ends in `suffix`, with the compression undone."""
    if suffix.lower() == ".gz":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))
    if suffix.lower() == ".zst":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    return io.BufferedReader(io.FileIO(raw.fileno(), closefd=False))  # its own buffer, closed without `raw`


def _look(text: bytes) -> _Glance:
    try:
        seen = _glance.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"it is not a FHIR resource in JSON: {error}.") from None
    if not seen.resourceType:
        raise Unreadable("it is not a FHIR resource: it has no resourceType.")
    return seen


def _whole(text: bytes, source: Source) -> Iterator[Submission]:
    seen = _look(text)
    if seen.resourceType != "Bundle" or seen.type not in UNPACKED | {"transaction", "batch"}:
        request, places = _request_for(seen), (Place(seen.resourceType, ""),)
        yield Submission("resource", request.method, request.url, text, 0, places, (), source.size)
        return
    entries = _bundle.decode(text).entry
    if seen.type in UNPACKED:
        entries = [entry for entry in entries if bytes(entry.resource)]
        text = _encode(_OutBundle("Bundle", "transaction", [_unpacked(entry) for entry in entries]))
    places = tuple(Place(_type(entry), f"entry {number}") for number, entry in enumerate(entries))
    kind = "batch" if seen.type == "batch" else "transaction"
    yield Submission(kind, "POST", "", text, 0, places, (), source.size)


UNPACKED = frozenset({"collection", "searchset", "history"})


def _type(entry: _Entry) -> str:
    text = bytes(entry.resource)
    return _look(text).resourceType if text else entry.request.url.partition("/")[0].partition("?")[0]


def _unpacked(entry: _Entry) -> _OutEntry:
    return _OutEntry(entry.resource, _request_for(_look(bytes(entry.resource))), entry.fullUrl)


def _request_for(seen: _Glance) -> _Request:
    kind = quote(seen.resourceType, safe="")
    return _Request("PUT", f"{kind}/{quote(seen.id, safe='')}") if seen.id else _Request("POST", kind)


class _Batch:
    """Collects lines until they are enough for one request."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.size = 0
        self.entries: list[_OutEntry] = []
        self.places: list[Place] = []
        self.broken: list[tuple[Place, str]] = []

    def add(self, text: bytes, where: str) -> None:
        try:
            seen = _look(text)
        except Unreadable as problem:
            self.broken.append((Place("", where), str(problem)))
            return
        self.entries.append(_OutEntry(msgspec.Raw(text), _request_for(seen)))
        self.places.append(Place(seen.resourceType, where))
        self.size += len(text)

    @property
    def full(self) -> bool:
        return len(self.entries) + len(self.broken) >= BATCH_LINES or self.size >= BATCH_BYTES

    def submission(self, read: int) -> Submission:
        body = _encode(_OutBundle("Bundle", "batch", self.entries)) if self.entries else b""
        return Submission("batch", "POST", "", body, self.number, tuple(self.places), tuple(self.broken), read)


def _batches(content: IO[bytes], raw: IO[bytes]) -> Iterator[Submission]:
    batch = _Batch(0)
    for place, line in enumerate(_lines(content), 1):
        if text := line.strip():
            batch.add(text, f"line {place}")
        if batch.full:
            yield batch.submission(raw.tell())
            batch = _Batch(batch.number + 1)
    if batch.entries or batch.broken:
        yield batch.submission(raw.tell())


def _lines(content: IO[bytes]) -> Iterator[bytes]:
    while line := content.readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise Unreadable(f"a line is longer than {LINE_LIMIT} bytes.")
        yield line
