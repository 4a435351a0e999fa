"""The ASGI application of one FHIR base URL: from the connection to a handler, and from its answer to bytes.

Specification: https://hl7.org/fhir/R4/http.html. The one thing to know: this is the hot path of every request, so
it builds no objects that a plain read does not need, and everything that must happen for all requests (limits,
negotiation, errors, CORS, compression, observation) happens here and nowhere else.
"""

import functools
import itertools
import os
import re
import time
from collections.abc import Sequence
from urllib.parse import quote

from suture.api.compression import WORTHWHILE, accepts_gzip, deflate
from suture.api.cors import Cors
from suture.api.departure import ClientDisconnect
from suture.api.failures import failure
from suture.api.http import LONGEST_URL, Header, Limits, Receive, Request, Response, Scope, Send
from suture.api.negotiation import DEFAULT_FORMAT, Format, negotiate
from suture.api.operations.operation import Operation
from suture.api.raw import BINARY
from suture.api.router import Router
from suture.api.services import Model, Services
from suture.api.sessions import in_session, seen
from suture.api.xml_answers import in_xml
from suture.fhir.json import format_pretty
from suture.fhir.outcomes import FhirError, NotAcceptable, UriTooLong

MOST_HEADERS = 200

_HOST = re.compile(rb"[A-Za-z0-9.\-_]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
_PLAIN = frozenset((204, 304))
_LONG = frozenset(
    ("search-type", "search-system", "search-compartment", "history-instance", "history-type", "history-system")
)
"""Interactions that only read and may take long: they end when the client goes away."""

_ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Accept, Accept-Encoding"),
)


class FhirApp:
    """Answers all requests below `prefix` (such as `/fhir/r4`) in one FHIR version."""

    def __init__(self, services: Services, model: Model, prefix: str, operations: Sequence[Operation]) -> None:
        settings = services.settings
        self._services = services
        self._model = model
        self._version = model.version
        self._prefix = prefix
        self._cut = len(prefix)
        self.router = Router(model, operations, settings)
        self._long = _LONG | {f"${operation.name}" for operation in operations if not operation.affects_state}
        self._reading = self._long | {"read", "vread"}
        self._replicas = bool(settings.replicas)
        self._cors = Cors(settings.cors_origins)
        self._limits = Limits(settings.body_limit, settings.decompressed_limit)
        self._bundle_limits = Limits(settings.bundle_limit, settings.decompressed_limit)
        self._ids = itertools.count(1)
        self._id_prefix = os.urandom(5).hex()
        public = settings.base_url.rstrip("/")
        self._public_base = quote(public, safe=":/[]@%~-._") + prefix if public else ""
        self._base = functools.lru_cache(maxsize=256)(self._base_of)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        started = time.perf_counter()
        request = self._request(scope, receive)
        try:
            response = await self._respond(request, scope)
        except ClientDisconnect:
            self._observe(request, 499, started)
            return
        except Exception as error:
            response = failure(error, request)
        await self._send(request, response, send)
        self._observe(request, response.status, started)

    def _observe(self, request: Request, status: int, started: float) -> None:
        type = request.path.partition("/")[0]
        self._services.observe(
            request.id,
            request.method,
            request.interaction or "unknown",
            type if type in self._model.types else "",
            status,
            time.perf_counter() - started,
        )

    def _request(self, scope: Scope, receive: Receive) -> Request:
        raw: Sequence[Header] = scope["headers"]
        headers = dict(raw)
        if len(headers) != len(raw):
            headers = _merged(raw)
        path: str = scope["path"][self._cut :].strip("/")
        id = headers.get(b"x-request-id")
        return Request(
            scope["method"],
            path,
            scope["query_string"].decode("latin-1"),
            headers,
            base=self._public_base or self._base(headers.get(b"host", b""), scope["scheme"], scope.get("server")),
            version=self._version,
            id=id.decode("ascii") if id and _REQUEST_ID.fullmatch(id) else f"{self._id_prefix}-{next(self._ids):x}",
            limits=self._limits if path and path.partition("/")[0] != "Bundle" else self._bundle_limits,
            receive=receive,
        )

    def _base_of(self, host: bytes, scheme: str, server: tuple[str, int | None] | None) -> str:
        """The base URL as the client reached it; a Host header that is not one is not believed."""
        if _HOST.fullmatch(host):
            return f"{scheme}://{host.decode('ascii')}{self._prefix}"
        name, port = server or ("localhost", None)
        name = f"[{name}]" if ":" in name else name
        return f"{scheme}://{name}:{port}{self._prefix}" if port else f"{scheme}://{name}{self._prefix}"

    async def _respond(self, request: Request, scope: Scope) -> Response:
        if len(request.query) + len(scope.get("raw_path") or request.path) > LONGEST_URL:
            raise UriTooLong(f"The URL is longer than {LONGEST_URL} bytes; send the search by POST to _search.")
        if len(scope["headers"]) > MOST_HEADERS:
            raise TooManyHeaders(f"The request has more than {MOST_HEADERS} headers.")
        if request.method == "OPTIONS":
            return self._options(request)
        target, handler = self.router.find(request.method, request.path)
        request.interaction = target.interaction
        if target.type != BINARY or (request.method != "GET" and request.method != "HEAD"):
            negotiate(request.accept, request.query, self._version)
        if target.interaction not in self._reading:
            return await in_session(handler, self._services, self._model, request, target)
        services = self._services if not self._replicas else seen(self._services, request)
        if target.interaction not in self._long:
            return await handler(services, self._model, request, target)
        with request.while_wanted():
            return await handler(services, self._model, request, target)

    def _options(self, request: Request) -> Response:
        request.interaction = "options"
        allow = self.router.allow(request.path)
        return self._cors.preflight(request, allow) or Response(204, headers=[(b"allow", allow.encode("ascii"))])

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        format = DEFAULT_FORMAT
        if response.body and not response.media:
            format = _format(request)
            if format is not DEFAULT_FORMAT and format.is_xml:
                response = await in_xml(response, format, self._model.definitions)
        status, body = response.status, response.body
        headers = [*_ALWAYS, (b"x-request-id", request.id.encode("ascii")), *response.headers]
        if self._cors.active:
            headers += self._cors.headers(request.headers.get(b"origin", b""))
        if status not in _PLAIN:
            if response.media:
                headers.append((b"content-type", response.media.encode("latin-1")))
            elif body:
                headers.append((b"content-type", format.content_type))
                if format.pretty:
                    body = format_pretty(body)
            if len(body) >= WORTHWHILE and accepts_gzip(request.headers.get(b"accept-encoding", b"")):
                body = deflate(body)
                headers.append((b"content-encoding", b"gzip"))
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


class TooManyHeaders(FhirError):
    """The request has more headers than anybody needs."""

    status = 431
    code = "too-long"


def _format(request: Request) -> Format:
    """The negotiated format; errors of negotiation itself are told as FHIR JSON."""
    if not request.query and request.accept in (b"", b"*/*", b"application/fhir+json"):
        return DEFAULT_FORMAT
    try:
        return negotiate(request.accept, request.query, request.version)
    except NotAcceptable:
        return DEFAULT_FORMAT


def _merged(raw: Sequence[Header]) -> dict[bytes, bytes]:
    """Headers with repeated ones joined by commas, as RFC 9110 (5.3) allows."""
    merged: dict[bytes, bytes] = {}
    for name, value in raw:
        merged[name] = merged[name] + b", " + value if name in merged else value
    return merged
