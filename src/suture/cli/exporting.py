"""Writing every resource to NDJSON files, one per type, through the search of the FHIR API.

Pages are followed by their own links, so nothing is lost or repeated while others write. The one thing to know:
resources are cut out of the answers as they are, never decoded and written anew. The definitions of packages are left
out: they come with the packages.
"""

import contextlib
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from suture.cli.target import Answer, Target, Unreachable, path_below
from suture.store.owned import is_owned

PAGE = 500

Advance = Callable[[str, int, int | None], None]
"""Called after each page: type, resources written of it so far, how many there are (None: as before)."""


class _Identified(msgspec.Struct):
    id: str = ""


class _Search(msgspec.Struct):
    mode: str = "match"


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw()
    search: _Search = msgspec.field(default_factory=_Search)


class _Link(msgspec.Struct):
    relation: str
    url: str


class _Page(msgspec.Struct):
    entry: list[_Entry] = []
    link: list[_Link] = []
    total: int | None = None


class _Type(msgspec.Struct):
    type: str


class _Rest(msgspec.Struct):
    resource: list[_Type] = []


class _Statement(msgspec.Struct):
    rest: list[_Rest] = []


async def types(target: Target) -> list[str]:
    """The resource types that the server has. Raises Unreachable."""
    answer = _checked(await target.request("GET", "metadata"))
    statement = msgspec.json.decode(answer.body, type=_Statement)
    return [entry.type for rest in statement.rest for entry in rest.resource]


async def export_type(target: Target, base: str, kind: str, folder: Path, zipped: bool, advance: Advance) -> int:
    """Write all resources of a type to `Type.ndjson` (or `.ndjson.gz`) and return their number.

    No file is made when there is none. Raises Unreachable.
    """
    path = folder / f"{kind}.ndjson{'.gz' if zipped else ''}"
    part = path.with_name(path.name + ".part")
    written = 0
    with contextlib.ExitStack() as stack:
        file: IO[bytes] | None = None
        async for page in _pages(target, base, kind):
            matches = (bytes(entry.resource) for entry in page.entry if entry.search.mode == "match")
            resources = [text for text in matches if not is_owned(msgspec.json.decode(text, type=_Identified).id)]
            if resources and file is None:
                file = stack.enter_context(_open(part, zipped))
            if file is not None:
                file.writelines(line for text in resources for line in (_one_line(text), b"\n"))
            written += len(resources)
            advance(kind, written, page.total)
    if written:
        part.replace(path)
    return written


async def _pages(target: Target, base: str, kind: str) -> AsyncIterator[_Page]:
    path = f"{kind}?_count={PAGE}&_total=accurate"
    while path:
        page = msgspec.json.decode(_checked(await target.request("GET", path)).body, type=_Page)
        yield page
        path = next((path_below(base, link.url) for link in page.link if link.relation == "next"), "")


def _open(path: Path, zipped: bool) -> IO[bytes]:
    if zipped:
        return cast("IO[bytes]", gzip.open(path, "wb", compresslevel=6))
    return path.open("wb")


def _one_line(text: bytes) -> bytes:
    """A resource without line breaks; inside JSON strings they are always escaped, so this changes no value."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in text or b"\r" in text else text


def _checked(answer: Answer) -> Answer:
    if answer.status != 200:
        raise Unreachable(f"The server answered {answer.status} instead of the data: {answer.body[:300]!r}")
    return answer
