"""The HTTP protocol of the server, with limits on what comes before a body.

uvicorn's own takes a head of any size into memory and answers 400 to what its URL parser cannot hold. Here a URL that
is too long is 414 and headers that are too large are 431 (RFC 9110 15.5.15, RFC 6585 5), as soon as so much has come.
The one thing to know: after such an answer what still comes is read and thrown away for a moment, because a connection
that is closed with bytes unread is reset, and the client would lose the answer.
"""

import asyncio
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from suture.api.fhir_app import TooManyHeaders
from suture.api.http import LONGEST_URL
from suture.fhir import json
from suture.fhir.outcomes import FhirError, UriTooLong

LONGEST_TARGET = LONGEST_URL * 2
"""Bytes of a URL as sent. Up to here the application says that it is too long, in its own way."""

LARGEST_HEAD = LONGEST_TARGET + 64 * 1024
"""Bytes of request line and headers together."""

GATHERED = 64 * 1024
"""Bytes of an answer that wait at most for the rest of it."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 16 * 1024 * 1024


class Gathering:
    """The transport of a connection that sends what is written in one step of the event loop by one call of the system.

    uvicorn writes the head of an answer and its body apart; sending both costs most of what a short answer takes.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        """Send `data` before the loop turns to something else."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)
        self._size += len(data)
        if self._size > GATHERED:
            self._flush()

    def write_eof(self) -> None:
        """Send what is left and end the stream."""
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is left and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._pieces.clear()
        self._transport.abort()

    def _flush(self) -> None:
        if self._pieces:
            pieces, self._pieces, self._size = self._pieces, [], 0
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head = 0
        self._in_head = True
        self._refused = False
        self._thrown_away = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", Gathering(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        """Take what has come, as long as it is within the limits."""
        if self._refused:
            self._thrown_away += len(data)
            if self._thrown_away > LINGER_BYTES:
                self.transport.abort()
            return
        self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD and not self._refused:
            self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """A part of the URL has come."""
        super().on_url(url)
        if len(self.url) > LONGEST_TARGET:
            self._refuse(UriTooLong(f"The URL is longer than {LONGEST_URL} bytes; send the search by POST to _search."))
            raise ValueError  # the parser stops, and calls `send_400_response`

    def on_message_complete(self) -> None:
        """The next request may follow."""
        self._head = 0
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """The body follows."""
        self._in_head = False
        if self._head > LARGEST_HEAD and sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEAD:
            self._refuse(_too_large())
            raise ValueError
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless it was refused for its size already."""
        if not self._refused:
            super().send_400_response(msg)

    def _refuse(self, error: FhirError) -> None:
        self._refused = True
        earlier = cast("RequestResponseCycle | None", self.cycle)
        if earlier is not None and not earlier.response_complete:  # an earlier request waits for its answer
            self.transport.abort()
            return
        body = json.encode(error.outcome())
        lines = [
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
            "content-type: application/fhir+json;charset=utf-8",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
        self.transport.write("\r\n".join([*lines, ""]).encode("ascii") + head + b"\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


def _too_large() -> FhirError:
    return TooManyHeaders(f"The headers are larger than {LARGEST_HEAD} bytes.")
