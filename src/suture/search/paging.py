"""Cursors: where a page begins, as an opaque text that nobody can read, alter or use for another search.

A cursor holds the sort values of one row, which may be health data and travels in URLs and logs, so it is
encrypted as well as authenticated. It is a synthetic-IV construction (RFC 5297 describes the idea) from the
keyed hash of the standard library: the tag over the plain text is also the nonce of the key stream. The tag
covers the search the cursor belongs to. The keys come from the database's secret, so every process that
serves the database understands every cursor.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b, shake_256
from struct import pack

import msgspec

from suture.fhir.outcomes import Invalid
from suture.search.pages import Position
from suture.search.query import Query
from suture.store.keys import Keys

TAG = 16
MAX_LENGTH = 8192

_encoder = msgspec.msgpack.Encoder()


class Cursors:
    """Seals and opens the cursors of one database."""

    def __init__(self, keys: Keys) -> None:
        self._tag_key = _derived(keys, "tag")
        self._stream_key = _derived(keys, "stream")

    def seal(self, query: Query, position: Position) -> str:
        """The text of `position` for pages of `query`."""
        plain = _encoder.encode((position.values, position.k, position.backward))
        tag = self._tag(query, plain)
        return urlsafe_b64encode(tag + self._mask(tag, plain)).rstrip(b"=").decode("ascii")

    def open(self, query: Query) -> Position | None:
        """The position of `query.cursor`, None when it has none.

        Raises Invalid when the text was not made by `seal` for the same search.
        """
        text = query.cursor
        if not text:
            return None
        try:
            if len(text) > MAX_LENGTH:
                raise ValueError
            sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            tag, masked = sealed[:TAG], sealed[TAG:]
            plain = self._mask(tag, masked)
            if len(tag) != TAG or not hmac.compare_digest(tag, self._tag(query, plain)):
                raise ValueError
            values, k, backward = msgspec.msgpack.decode(plain)
        except (ValueError, msgspec.DecodeError):
            raise Invalid("_cursor is not a page of this search. Start from its first page.") from None
        return Position(tuple(values), k, backward)

    def _tag(self, query: Query, plain: bytes) -> bytes:
        state = blake2b(_identity(query), digest_size=TAG, key=self._tag_key)
        state.update(plain)
        return state.digest()

    def _mask(self, tag: bytes, data: bytes) -> bytes:
        stream = shake_256(self._stream_key + tag).digest(len(data))
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


_FREE = frozenset(("_count", "_total", "_summary", "_elements", "_format", "_pretty", "_include", "_revinclude"))
"""Parameters that may change from page to page: they do not touch which rows match or their order."""


def _identity(query: Query) -> bytes:
    pairs = [pair for pair in query.applied if pair[0].partition(":")[0] not in _FREE]
    plain = _encoder.encode((query.scope, pairs))
    return pack("<I", len(plain)) + plain


def _derived(keys: Keys, purpose: str) -> bytes:
    return b"".join(pack("<q", keys.hash(f"search cursor {purpose} {n}")) for n in range(4))
