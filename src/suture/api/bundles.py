"""Bundles put together from stored bytes.

Specification: https://hl7.org/fhir/R4/bundle.html. The one thing to know: resources go in as the bytes that lie in
the store; only URLs are encoded here, everything else is made of fixed pieces and of ids, which need no escaping.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from suture.fhir import json
from suture.fhir.dates import from_us
from suture.fhir.outcomes import Issue, operation_outcome
from suture.store.rows import Stored

Link = tuple[str, str]
"""(relation, URL)."""

_text = msgspec.json.Encoder().encode


def searchset(
    base: str,
    links: Sequence[Link],
    matches: Iterable[tuple[Stored, bytes]],
    includes: Iterable[tuple[Stored, bytes]],
    *,
    total: int | None,
    warnings: Sequence[Issue] = (),
    scores: Mapping[int, float] = MappingProxyType({}),
) -> bytes:
    """A page of search results. `matches` and `includes`: versions with the bytes to show for each.

    `scores`: by `Stored.k`, between 0 and 1, how well a match answers the search.
    """
    entries = [_result(base, stored, body, b"match", scores.get(stored.k)) for stored, body in matches]
    entries += [_result(base, stored, body, b"include") for stored, body in includes]
    if warnings:
        outcome = json.encode(operation_outcome(warnings))
        entries.append(b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome)
    return _bundle(b"searchset", total, links, entries)


def history(base: str, links: Sequence[Link], versions: Iterable[tuple[Stored, bytes]], *, total: int | None) -> bytes:
    """A page of history, newest version first. `total`: versions on all pages, None when not counted."""
    return _bundle(b"history", total, links, [_version(base, stored, body) for stored, body in versions])


def answers(kind: bytes, entries: Iterable[bytes]) -> bytes:
    """A `batch-response` or `transaction-response` from its entries (see `answer_entry`)."""
    return _bundle(kind, None, (), list(entries))


def answer_entry(
    status: str, *, location: str = "", etag: str = "", modified: str = "", resource: bytes = b"", outcome: bytes = b""
) -> bytes:
    """One entry of a response bundle.

    `status`: such as `201 Created`. `modified`: an instant. `resource`, `outcome`: JSON bytes, or b"".
    """
    pieces = [b'"status":', _text(status)]
    if location:
        pieces += [b',"location":', _text(location)]
    if etag:
        pieces += [b',"etag":', _text(etag)]
    if modified:
        pieces += [b',"lastModified":', _text(modified)]
    if outcome:
        pieces += [b',"outcome":', outcome]
    start = b'{"resource":%b,"response":{' % resource if resource else b'{"response":{'
    return b"".join((start, *pieces, b"}}"))


def _bundle(kind: bytes, total: int | None, links: Sequence[Link], entries: Sequence[bytes]) -> bytes:
    pieces = [b'{"resourceType":"Bundle","type":"', kind, b'"']
    if total is not None:
        pieces.append(b',"total":%d' % total)
    if links:
        shown = [b'{"relation":%b,"url":%b}' % (_text(relation), _text(url)) for relation, url in links]
        pieces += [b',"link":[', b",".join(shown), b"]"]
    if entries:
        pieces += [b',"entry":[', b",".join(entries), b"]"]
    pieces.append(b"}")
    return b"".join(pieces)


def _result(base: str, stored: Stored, body: bytes, mode: bytes, score: float | None = None) -> bytes:
    head = f'{{"fullUrl":"{base}/{stored.type}/{stored.id}","resource":'.encode("ascii")
    tail = b'"}}' if score is None else b'","score":%.6g}}' % score
    return b"".join((head, body, b',"search":{"mode":"', mode, tail))


def _version(base: str, stored: Stored, body: bytes) -> bytes:
    url = f"{stored.type}/{stored.id}"
    head = f'{{"fullUrl":"{base}/{url}"'
    target = stored.type if stored.method == "POST" else url
    status = "204 No Content" if stored.deleted else "201 Created" if stored.version == 1 else "200 OK"
    tail = (
        f',"request":{{"method":"{stored.method}","url":"{target}"}},'
        f'"response":{{"status":"{status}","etag":"W/\\"{stored.version}\\"",'
        f'"lastModified":"{from_us(stored.updated)}"}}}}'
    )
    middle = b"" if stored.deleted else b',"resource":' + body
    return b"".join((head.encode("ascii"), middle, tail.encode("ascii")))
