"""Which format a client sends, which it wants back, and what it prefers.

Specification: https://hl7.org/fhir/R4/http.html#mime-type, #parameters and #ops (Prefer). The one thing to
know: results are remembered per header text, because clients send the same header with every request.
"""

import functools
from typing import Literal
from urllib.parse import unquote_plus

import msgspec

from suture.fhir.outcomes import NotAcceptable, UnsupportedMediaType
from suture.fhir.versions import Version

FHIR_JSON = b"application/fhir+json;charset=utf-8"
_JSON = b"application/json;charset=utf-8"
_TEXT_JSON = b"text/json;charset=utf-8"
FHIR_XML = b"application/fhir+xml;charset=utf-8"
_XML = b"application/xml;charset=utf-8"
_TEXT_XML = b"text/xml;charset=utf-8"

JSON_PATCH = "application/json-patch+json"
XML_PATCH = "application/xml-patch+xml"

_PRODUCES = {
    "application/fhir+json": FHIR_JSON,
    "application/json+fhir": FHIR_JSON,
    "application/json": _JSON,
    "text/json": _TEXT_JSON,
    "application/fhir+xml": FHIR_XML,
    "application/xml+fhir": FHIR_XML,
    "application/xml": _XML,
    "text/xml": _TEXT_XML,
    "application/*": FHIR_JSON,
    "*/*": FHIR_JSON,
    "*": FHIR_JSON,
}
_FORMATS = {"json": FHIR_JSON, "xml": FHIR_XML, **_PRODUCES}
_READS_JSON = frozenset(("application/fhir+json", "application/json+fhir", "application/json", "text/json"))
_READS_XML = frozenset(("application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml"))
_SPOKEN = "application/fhir+json and application/fhir+xml"
_EXPLICIT = frozenset(
    ("application/fhir+json", "application/json+fhir", "application/fhir+xml", "application/xml+fhir")
)


class Format(msgspec.Struct, frozen=True):
    """The chosen form of an answer.

    `content_type`: the header to send. `pretty`: indent it. `explicit`: the client named a FHIR media type, so a
    Binary is sent as a resource and not as its content.
    """

    content_type: bytes
    pretty: bool = False
    explicit: bool = False

    @property
    def is_xml(self) -> bool:
        """Whether the answer is FHIR XML; else it is FHIR JSON."""
        return b"xml" in self.content_type


DEFAULT_FORMAT = Format(FHIR_JSON)


def negotiate(accept: bytes, query: str, version: Version) -> Format:
    """Choose the format of an answer from the Accept header and the parameters `_format` and `_pretty`.

    `_format` wins over Accept. A browser, which asks for HTML first, gets indented JSON. Raises NotAcceptable.
    """
    # few queries speak of the form, and each is another one: all others have one answer
    return _chosen(accept, query if "_format" in query or "_pretty" in query else "", version)


@functools.lru_cache(maxsize=512)
def _chosen(accept: bytes, query: str, version: Version) -> Format:
    format, pretty = _control(query)
    if format:
        media, parameters = _split(format)
        content_type = _FORMATS.get(media)
        if content_type is None or not _speaks(parameters, version):
            raise NotAcceptable(f"The format {format[:80]!r} cannot be produced; this server speaks {_SPOKEN}.")
        return Format(content_type, pretty, media in _EXPLICIT or media in ("json", "xml"))
    header = accept.decode("latin-1").strip()
    if not header:
        return Format(FHIR_JSON, pretty)
    ranges = _ranges(header)
    browser = any(media == "text/html" for media, _ in ranges)
    explicit = any(media in _EXPLICIT for media, _ in ranges)
    if browser:
        # Browsers name XML before what they know to show; JSON is what they get where any will do.
        ranges.sort(key=lambda range: range[0] in _READS_XML and range[0] not in _EXPLICIT)
    for media, parameters in ranges:
        content_type = _PRODUCES.get(media)
        if content_type is not None and _speaks(parameters, version):
            if browser and media in ("*/*", "application/*"):
                return Format(_JSON, True, False)
            return Format(content_type, pretty, explicit)
    raise NotAcceptable(f"None of the accepted formats ({header[:200]}) can be produced; this server speaks {_SPOKEN}.")


def accepts_raw(accept: bytes, query: str) -> bool:
    """Whether a Binary is wanted as its plain content: no FHIR media type was named."""
    format, _ = _control(query)
    if format:
        media = _split(format)[0]
        return media not in _FORMATS and media not in _EXPLICIT
    return not any(media in _EXPLICIT for media, _ in _ranges(accept.decode("latin-1")))


def is_fhir_json(content_type: str) -> bool:
    """Whether a Content-Type says that a body is FHIR JSON; no Content-Type counts as FHIR JSON."""
    return not content_type or _split(content_type)[0] in _READS_JSON


def is_fhir_xml(content_type: str) -> bool:
    """Whether a Content-Type says that a body is FHIR XML."""
    return bool(content_type) and _split(content_type)[0] in _READS_XML


@functools.lru_cache(maxsize=128)
def check_content_type(content_type: str, version: Version) -> None:
    """Raise UnsupportedMediaType unless a body of this Content-Type can be read as a resource of `version`."""
    if not content_type:
        return
    media, parameters = _split(content_type)
    if media not in _READS_JSON and media not in _READS_XML:
        raise UnsupportedMediaType(
            f"A body of type {media[:80]!r} cannot be read here; this server reads {_SPOKEN}.",
            headers={"Accept": "application/fhir+json, application/fhir+xml"},
        )
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("FHIR is always UTF-8; send it with charset=utf-8 or without a charset.")
    if not _speaks(parameters, version):
        raise UnsupportedMediaType(f"This base URL speaks FHIR {version.number}, not {parameters['fhirversion'][:10]}.")


class Preferences(msgspec.Struct, frozen=True):
    """What the Prefer header asks: `result` is the form of the answer to a write, "" when it was not said."""

    result: Literal["", "minimal", "representation", "OperationOutcome"] = ""
    lenient: bool = False


@functools.lru_cache(maxsize=128)
def preferences(prefer: str) -> Preferences:
    """Read a Prefer header (RFC 7240). Unknown preferences are ignored, as that RFC demands."""
    result: Literal["", "minimal", "representation", "OperationOutcome"] = ""
    lenient = False
    for part in prefer.replace(";", ",").split(","):
        name, _, value = part.strip().partition("=")
        value = value.strip().strip('"')
        match name.strip().lower():
            case "return" if not result:
                if value == "minimal" or value == "representation" or value == "OperationOutcome":
                    result = value
            case "handling":
                lenient = value == "lenient"
            case _:
                pass
    return Preferences(result, lenient)


def _control(query: str) -> tuple[str, bool]:
    """The values of `_format` and `_pretty` in a query string."""
    if "_format" not in query and "_pretty" not in query:
        return "", False
    format, pretty = "", False
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name == "_format":
            # A plus sign is meant literally here: clients write application/fhir+json without encoding it.
            format = unquote_plus(value.replace("+", "%2B")).strip()
        elif name == "_pretty":
            pretty = value.lower() == "true"
    return format, pretty


def _ranges(header: str) -> list[tuple[str, dict[str, str]]]:
    """The media ranges of an Accept header, best first, those with q=0 left out."""
    found: list[tuple[float, int, str, dict[str, str]]] = []
    for position, part in enumerate(header.split(",")[:50]):
        media, parameters = _split(part)
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 1.0
        if media and weight > 0:
            found.append((-weight, position, media, parameters))
    found.sort(key=lambda entry: entry[:2])
    return [(media, parameters) for _, _, media, parameters in found]


def _split(text: str) -> tuple[str, dict[str, str]]:
    """A media type in lower case and its parameters, with lower-case names."""
    media, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return media.strip().lower(), parameters


def _speaks(parameters: dict[str, str], version: Version) -> bool:
    """Whether the fhirVersion parameter, if there is one, names the version of this base."""
    wanted = parameters.get("fhirversion")
    return wanted is None or version.number == wanted or version.number.startswith(f"{wanted}.")
