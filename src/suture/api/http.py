"""The request and the response of the FHIR API, straight on ASGI.

Specification: https://hl7.org/fhir/R4/http.html. The one thing to know: nothing is read or decoded before
somebody asks for it, so that a plain read costs a few microseconds; a `Request` may also be one entry of a
batch, which has no connection of its own and brings its resource along decoded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from suture.api.compression import Inflater
from suture.api.departure import ClientDisconnect, WhileWanted
from suture.api.negotiation import check_content_type, is_fhir_xml
from suture.api.shapes import as_object
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.definitions import load
from suture.fhir.outcomes import FhirError, Invalid, PayloadTooLarge, UnsupportedMediaType
from suture.fhir.versions import Version
from suture.store.rows import Stored

if TYPE_CHECKING:
    from suture.fhir import xml
else:
    xml = deferred("suture.fhir.xml")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

PATIENCE = 60.0
"""Seconds that a client may pause within its body."""

LARGE_XML = 100_000
"""Bytes of XML beyond which it is read or written in a thread, so that others need not wait for it."""

LONGEST_URL = 16 * 1024
"""Bytes of path and query together."""

PRESENTATION = frozenset(("_format", "_pretty", "_summary", "_elements"))
"""Parameters that every interaction and operation knows: they are about the form of the answer."""

MAX_PARAMETERS = 2000
"""Most parameters that one query string or form may have."""


class RequestTimeout(FhirError):
    """The client took too long to send its body."""

    status = 408
    code = "timeout"


class Limits:
    """How large a request body may be, in bytes: as sent, and after gzip was undone."""

    __slots__ = ("body", "decompressed")

    def __init__(self, body: int, decompressed: int) -> None:
        self.body = body
        self.decompressed = decompressed


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


class Request:
    """One request to a FHIR base.

    - `method`: as sent, upper case. `path`: decoded, below the base, without a leading or trailing slash
      (`Patient/1`; "" is the base itself). `query`: the raw query string.
    - `base`: absolute URL of the FHIR base without a trailing slash (`http://127.0.0.1:8000/fhir/r4`).
    - `version`: the FHIR version that the base speaks. `id`: the request id, safe to log.
    - `headers`: lower-case names to values, both bytes.
    - `interaction`: FHIR's code of what is asked (`read`, `search-type` …), or the operation (`$everything`),
      set by the router. `bundled`: True for an entry of a batch or transaction.
    """

    __slots__ = (
        "_body",
        "_pairs",
        "_receive",
        "_resource",
        "base",
        "bundled",
        "headers",
        "id",
        "interaction",
        "limits",
        "method",
        "path",
        "query",
        "version",
    )

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[bytes, bytes],
        *,
        base: str,
        version: Version,
        id: str,
        limits: Limits,
        receive: Receive = _nothing,
        bundled: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.base = base
        self.version = version
        self.id = id
        self.limits = limits
        self.bundled = bundled
        self.interaction = ""
        self._receive = receive
        self._body: bytes | None = None
        self._pairs: list[tuple[str, str]] | None = None
        self._resource: Any = None

    def entry(
        self, method: str, path: str, query: str, headers: Mapping[bytes, bytes], resource: dict[str, Any] | None
    ) -> "Request":
        """A request for one entry of the batch that this request carries; `resource` is its decoded body."""
        inner = Request(
            method,
            path,
            query,
            headers,
            base=self.base,
            version=self.version,
            id=self.id,
            limits=self.limits,
            bundled=True,
        )
        inner._resource = resource
        return inner

    def while_wanted(self) -> WhileWanted:
        """`with request.while_wanted():` around work that is to end when the client goes away."""
        return WhileWanted(self._receive, lambda: self._body is not None or self.method in ("GET", "HEAD"))

    def header(self, name: str) -> str:
        """The value of a header (name in lower case), "" when it was not sent; repeated ones joined by commas."""
        value = self.headers.get(name.encode("ascii"))
        if not value:
            return ""
        try:
            return value.decode("utf-8").strip()
        except UnicodeDecodeError:
            return value.decode("latin-1").strip()

    @property
    def accept(self) -> bytes:
        """The Accept header as sent."""
        return self.headers.get(b"accept", b"")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded parameters of the query string, in their order. Raises Invalid when there are too many."""
        if self._pairs is None:
            self._pairs = parse_pairs(self.query) if self.query else []
        return self._pairs

    def adopt(self, form: Iterable[tuple[str, str]]) -> None:
        """Take the parameters of a body about the form of the answer as if they had been in the URL."""
        given = [pair for pair in form if pair[0] in PRESENTATION]
        if given:
            self._pairs = [*self.pairs, *given]
            self.query = urlencode(self._pairs)

    def parameter(self, name: str) -> str:
        """The last value of a query parameter, "" when it is absent."""
        if not self.query:
            return ""
        return next((value for key, value in reversed(self.pairs) if key == name), "")

    async def body(self) -> bytes:
        """The whole body, with gzip undone.

        Raises PayloadTooLarge, UnsupportedMediaType for an unknown Content-Encoding, Invalid for broken gzip,
        and ClientDisconnect.
        """
        if self._body is None:
            self._body = await self._read()
        return self._body

    async def resource(self) -> dict[str, Any]:
        """The resource in the body, from FHIR JSON or FHIR XML: a JSON object with a resourceType.

        Raises UnsupportedMediaType when the Content-Type is neither, Invalid when the text or its outer form is wrong.
        """
        if self._resource is None:
            if not self.bundled:
                content_type = self.header("content-type")
                check_content_type(content_type, self.version)
                body = await self.body()
                if not body:
                    raise Invalid("The request needs a resource in its body, and the body is empty.")
                self._resource = await self._decoded_xml(body) if is_fhir_xml(content_type) else json.decode(body)
            else:
                raise Invalid("The entry needs a resource.")
        return as_resource(self._resource)

    async def _decoded_xml(self, body: bytes) -> dict[str, Any]:
        definitions = load(self.version)
        if len(body) > LARGE_XML:
            return await asyncio.to_thread(xml.decode, body, definitions)
        return xml.decode(body, definitions)

    async def form(self) -> list[tuple[str, str]]:
        """The parameters of an `application/x-www-form-urlencoded` body, in their order."""
        media = self.header("content-type").partition(";")[0].strip().lower()
        body = await self.body()
        if not body:
            return []
        if media != "application/x-www-form-urlencoded":
            raise UnsupportedMediaType("The parameters must be sent as application/x-www-form-urlencoded.")
        try:
            return parse_pairs(body.decode("ascii"))
        except UnicodeDecodeError:
            raise Invalid("The form is not valid: bytes beyond ASCII must be percent-encoded.") from None

    async def _read(self) -> bytes:
        limit = self.limits.body
        length = self.headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > limit:
            raise _too_large(limit)
        inflate = self._inflater()
        message = await self._message()
        if inflate is None and not message.get("more_body") and message["type"] == "http.request":
            body = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        chunks: list[bytes] = []
        received = 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            received += len(chunk)
            if received > limit:
                raise _too_large(limit)
            chunks.append(chunk if inflate is None else inflate.feed(chunk))
            if not message.get("more_body"):
                break
            message = await self._message()
        if inflate is not None:
            inflate.finish()
        return b"".join(chunks)

    async def _message(self) -> Message:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._receive()
        except TimeoutError:
            raise RequestTimeout(
                f"The body did not go on for {PATIENCE:g} seconds.", headers={"Connection": "close"}
            ) from None

    def _inflater(self) -> Inflater | None:
        encoding = self.header("content-encoding").lower()
        if encoding in ("", "identity"):
            return None
        if encoding in ("gzip", "x-gzip"):
            return Inflater(self.limits.decompressed)
        raise UnsupportedMediaType(
            "The Content-Encoding is not known here; send the body plain or with gzip.",
            headers={"Accept-Encoding": "gzip"},
        )


class Response:
    """One answer.

    `body`: bytes. `media`: "" when the body is a resource as JSON, whose form is negotiated with the client at the
    very end, else the media type of the body. `headers`: further headers, lower-case names. `stored`: the version
    that the answer is about, where it is about one.
    """

    __slots__ = ("body", "headers", "media", "status", "stored")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Sequence[Header] = (),
        media: str = "",
        stored: Stored | None = None,
    ) -> None:
        self.stored = stored
        self.status = status
        self.body = body
        self.headers: list[Header] = list(headers)
        self.media = media

    def header(self, name: bytes) -> str:
        """The value of a further header (name in lower case), "" when there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


def resource_response(status: int, resource: Mapping[str, Any], headers: Sequence[Header] = ()) -> Response:
    """An answer that carries a resource given as a dict."""
    return Response(status, json.encode(resource), headers)


def error_response(error: FhirError) -> Response:
    """The answer that tells a client of an error: its status and an OperationOutcome."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in error.headers.items()]
    return resource_response(error.status, error.outcome(), headers)


def as_resource(value: Any) -> dict[str, Any]:
    """`value` when it is a JSON object with a resourceType, else Invalid."""
    resource = as_object(value)
    if resource is None:
        raise Invalid("A resource is a JSON object, and the content is something else.")
    if not isinstance(resource.get("resourceType"), str):
        raise Invalid("The resource has no resourceType.", expression="resourceType")
    return resource


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Split `a=1&b=2` into decoded pairs, keeping empty values. Raises Invalid."""
    parts = text.split("&")
    if len(parts) > MAX_PARAMETERS:
        raise Invalid(f"There are more than {MAX_PARAMETERS} parameters.")
    pairs: list[tuple[str, str]] = []
    try:
        for part in parts:
            if part:
                name, _, value = part.partition("=")
                pairs.append((_decoded(name), _decoded(value)))
    except UnicodeDecodeError:
        raise Invalid("The parameters are not valid UTF-8 after percent-decoding.") from None
    if ("%00" in text or "\0" in text) and any("\0" in name or "\0" in value for name, value in pairs):
        raise Invalid("The parameters contain the character NUL, which no FHIR value may contain.")
    return pairs


def _decoded(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors="strict") if "%" in text else text


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than the {limit} bytes that this server accepts here.")
