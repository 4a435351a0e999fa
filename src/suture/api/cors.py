"""CORS: which browser applications of other origins may call the API.

Specification: https://fetch.spec.whatwg.org/#http-cors-protocol. The one thing to know: credentials are never
allowed, tokens travel in the Authorization header; so allowing every origin gives nobody a signed-in session.
"""

from collections.abc import Sequence

from suture.api.http import Header, Request, Response

_EXPOSED = b"Content-Location, ETag, Last-Modified, Location, X-Request-Id, X-Suture-Sequence"
_ACCEPTED = (
    b"Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-Modified-Since, If-None-Exist, "
    b"If-None-Match, Prefer, X-Request-Id, X-Security-Context, X-Suture-Sequence"
)
_AN_HOUR = b"3600"


class Cors:
    """The rules of one server. `origins`: allowed origins, `*` for all; none switches CORS off."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._all = "*" in origins
        self._origins = frozenset(origin.encode("ascii") for origin in origins)
        self.active = bool(origins)

    def headers(self, origin: bytes) -> list[Header]:
        """What an answer to a request from `origin` (b"" for none) carries."""
        if self._all:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
        headers: list[Header] = [(b"vary", b"Origin")]
        if origin in self._origins:
            headers += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)]
        return headers

    def preflight(self, request: Request, allow: str) -> Response | None:
        """The answer to a preflight from an allowed origin; None when `request` is not one. `allow`: the methods."""
        origin = request.headers.get(b"origin", b"")
        if b"access-control-request-method" not in request.headers or not (self._all or origin in self._origins):
            return None
        return Response(
            204,
            headers=[
                (b"access-control-allow-methods", allow.encode("ascii")),
                (b"access-control-allow-headers", _ACCEPTED),
                (b"access-control-max-age", _AN_HOUR),
            ],
        )
