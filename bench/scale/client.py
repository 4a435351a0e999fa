"""A small HTTP client, so that the load generator takes as little as possible of the cores that it shares."""

import asyncio
from urllib.parse import quote, urlsplit

_SAFE = "/?&=:$,|-._~+%"


class Client:
    """One connection to a server on loopback. `base`: such as http://127.0.0.1:8000/fhir/r4."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._path = parts.path.rstrip("/")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one answer. `path`: below the base, or an absolute URL of it."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=2**24)
        reader, writer = self._streams
        target = (
            urlsplit(path)._replace(scheme="", netloc="").geturl()
            if path.startswith("http")
            else f"{self._path}/{path}"
        )
        head = f"{method} {quote(target, safe=_SAFE)} HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n"
        if body:
            head += f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if headers.get("transfer-encoding") == "chunked":
            return int(lines[0].split()[1]), await self._chunks(reader)
        return int(lines[0].split()[1]), await reader.readexactly(int(headers.get("content-length", "0")))

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        parts: list[bytes] = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readline()
        return b"".join(parts)

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
