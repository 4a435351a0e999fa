"""What no XML document may be, checked before a parser sees it.

Specification: https://hl7.org/fhir/R4/security.html#narrative. The one thing to know: without a DOCTYPE there are no
entities, so nothing can be fetched and nothing can grow.
"""

import re
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from suture.fhir.outcomes import Invalid

_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<", b"\0\0")
"""How a text begins that is not in UTF-8, whatever it declares."""

_DOCTYPE = re.compile(rb"(?>\s+|<!--(?>.*?-->)|<\?(?>.*?\?>))*+<!DOCTYPE", re.DOTALL).match


def guarded(data: bytes | bytearray | memoryview) -> bytes:
    """The text without a byte order mark. Raises Invalid for a DOCTYPE and for text that is not UTF-8."""
    raw = data if isinstance(data, bytes) else bytes(data)
    raw = raw.removeprefix(_BOM)
    if raw[:2] in _WIDE:
        raise Invalid("The XML is UTF-16 or UTF-32; FHIR is always UTF-8.")
    if b"<!DOCTYPE" in raw and _DOCTYPE(raw):
        _refuse_doctype()
    return raw


def make_parser() -> Any:
    """A parser that gives names as they are written, and whole texts. It refuses what `guarded` may have missed."""
    parser = ParserCreate("utf-8")
    parser.buffer_text = True
    parser.XmlDeclHandler = _check_declaration
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return parser


def parse(parser: Any, data: bytes) -> None:
    """Run a parser over the whole text. Raises Invalid, with line and column, when it is not well-formed."""
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        reason = str(error).partition(":")[0]
        place = f"line {error.lineno}, column {error.offset + 1}"
        if reason == "undefined entity":
            reason = "an entity that XML does not know"
            place += "; write it as &#160; or so"
        elif reason == "reference to invalid character number":
            place += "; XML 1.0 cannot carry control characters"
        raise Invalid(f"The XML is not well-formed: {reason} at {place}.") from None


def _check_declaration(_: str, encoding: str | None, __: int) -> None:
    if encoding and encoding.lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise Invalid(f"The XML declares the encoding {encoding[:40]!r}; FHIR is always UTF-8.")


def _refuse_doctype(*_: object) -> None:
    raise Invalid("The XML has a DOCTYPE, which FHIR forbids; leave it and its entities out.")
