"""What the commands talk to: Suture inside this very process, or a server somewhere else, with one face.

The embedded target calls the ASGI application directly, without a socket, so that `suture load` and
`suture export` go exactly the way that a request goes: same validation, same transactions, same access rules.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msgspec

from suture.app import Application
from suture.deferred import deferred
from suture.observability import configure_logging
from suture.settings import Settings

if TYPE_CHECKING:
    import httpx
else:
    httpx = deferred("httpx")

FHIR_JSON = "application/fhir+json"
EMBEDDED_BASE = "/fhir/r4"


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer: status, headers with lower-case names, whole body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Unreachable(Exception):
    """The server does not answer, or the application does not start. The text says why."""


class Target(Protocol):
    """Something that answers FHIR requests. `path` is below the FHIR base, without a leading slash."""

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send one request. Raises Unreachable."""
        ...


@contextlib.asynccontextmanager
async def embedded(settings: Settings) -> AsyncGenerator[Target]:
    """The application in this process, started and, at the end, stopped. Raises Unreachable."""
    configure_logging(settings.log_format, settings.log_level)
    app: Any = Application(settings)
    lifespan = _Lifespan(app)
    await lifespan.start()
    try:
        yield _Embedded(app)
    finally:
        await lifespan.stop()


@contextlib.asynccontextmanager
async def remote(url: str, connections: int) -> AsyncGenerator[Target]:
    """The server whose FHIR base is `url` (such as `http://127.0.0.1:8000/fhir/r4`)."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(timeout=httpx.Timeout(300, connect=10), limits=limits) as client:
        yield _Remote(client, url.rstrip("/"))


def path_below(base: str, url: str) -> str:
    """The part of an absolute or relative URL of an answer below the FHIR base: `Patient?_cursor=…`."""
    parts = urlsplit(url)
    below = parts.path.removeprefix(urlsplit(base).path).lstrip("/") if parts.path.startswith("/") else parts.path
    return f"{below}?{parts.query}" if parts.query else below


def sentence(reason: str) -> str:
    """A reason as a sentence: with a capital letter and a full stop."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


class _Remote:
    def __init__(self, client: "httpx.AsyncClient", base: str) -> None:
        self._client = client
        self._base = base

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        url = f"{self._base}/{path}" if path else self._base
        headers = {"accept": FHIR_JSON}
        if body:
            headers["content-type"] = FHIR_JSON
        try:
            answer = await self._client.request(method, url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._base} does not answer: {error or type(error).__name__}.") from None
        return Answer(answer.status_code, dict(answer.headers), answer.content)


class _Embedded:
    def __init__(self, app: Any) -> None:
        self._app = app

    async def request(self, method: str, path: str, body: bytes = b"") -> Answer:
        below, _, query = path.partition("?")
        headers = [(b"host", b"localhost"), (b"accept", FHIR_JSON.encode())]
        if body:
            headers += [(b"content-type", FHIR_JSON.encode()), (b"content-length", b"%d" % len(body))]
        full = f"{EMBEDDED_BASE}/{below}".rstrip("/")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": full,
            "raw_path": full.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 0),
            "server": ("localhost", 80),
            "state": {},
        }
        sent = _Sent()
        requested = False

        async def receive() -> dict[str, Any]:
            nonlocal requested
            if requested:
                await asyncio.Event().wait()
            requested = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive, sent)
        return Answer(sent.status, sent.headers, b"".join(sent.parts))


class _Sent:
    """Collects what the application sends."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            self.parts.append(message.get("body", b""))


class _Lifespan:
    """Starts and stops an ASGI application as a server would."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._incoming: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        await self._exchange("lifespan.startup")

    async def stop(self) -> None:
        await self._exchange("lifespan.shutdown")
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._app(scope, self._incoming.get, self._outgoing.put)
        except Exception as error:
            await self._outgoing.put({"type": "failed", "message": str(error)})

    async def _exchange(self, event: str) -> None:
        await self._incoming.put({"type": event})
        answer = await self._outgoing.get()
        if not answer["type"].endswith(".complete"):
            raise Unreachable(sentence(answer.get("message") or "Suture does not start"))
