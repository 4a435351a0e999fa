"""gzip on the way in, under a limit, and on the way out, when the client accepts it.

Content-Encoding as in RFC 9110, section 8.4. The one thing to know: a compressed body is expanded piece by
piece and refused as soon as it passes the limit, so a small request can never fill the memory.
"""

import zlib

from suture.fhir.outcomes import Invalid, PayloadTooLarge

WORTHWHILE = 1400
"""Answers below this many bytes fit one network packet anyway and are sent plain."""

_GZIP = 16 + zlib.MAX_WBITS


class Inflater:
    """Undoes gzip. `limit`: most bytes that may come out; more raise PayloadTooLarge."""

    __slots__ = ("_left", "_limit", "_stream")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> bytes:
        """The bytes that come out when `data` goes in."""
        pieces: list[bytes] = []
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_GZIP)
            try:
                piece = self._stream.decompress(data, self._left + 1)
            except zlib.error:
                raise Invalid("The body is not valid gzip, although its Content-Encoding says so.") from None
            self._left -= len(piece)
            if self._left < 0:
                raise PayloadTooLarge(f"The body is larger than {self._limit} bytes after gzip was undone.")
            pieces.append(piece)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(pieces)

    def finish(self) -> None:
        """Raise Invalid when the gzip data stopped in their middle."""
        if not self._stream.eof:
            raise Invalid("The gzip data of the body end too early.")


def accepts_gzip(accept_encoding: bytes) -> bool:
    """Whether the value of an Accept-Encoding header allows gzip."""
    for part in accept_encoding.lower().split(b","):
        coding, _, parameters = part.partition(b";")
        if coding.strip() in (b"gzip", b"x-gzip", b"*"):
            weight = parameters.replace(b" ", b"")
            return not (weight.startswith(b"q=0") and not weight.strip(b"q=0."))
    return False


def deflate(body: bytes) -> bytes:
    """`body` as gzip, at the fastest level."""
    stream = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return stream.compress(body) + stream.flush()
