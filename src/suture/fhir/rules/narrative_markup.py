"""Narratives as XHTML and URLs want them, beyond what makes them safe to show: nesting and the characters of links.

Specification: https://hl7.org/fhir/R4/narrative.html (an XHTML fragment), https://www.w3.org/TR/xhtml1/dtds.html (what
a paragraph may hold) and https://www.rfc-editor.org/rfc/rfc3986#section-2. Browsers repair both in ways of their own,
so that readers may see something else than the author.
"""

import re
from collections.abc import Iterable
from html import unescape
from xml.parsers.expat import ExpatError, ParserCreate

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text

_BLOCKS = frozenset(
    ("p", "div", "table", "ul", "ol", "dl", "blockquote", "pre", "hr", "h1", "h2", "h3", "h4", "h5", "h6")
)
_LINKS = re.compile(r"""<(?:a|img)\s[^<>]*?\b(?:href|src)\s*+=\s*+(?:"([^"]*)"|'([^']*)')""").findall
_NOT_IN_URLS = re.compile(r"[{}<>\\^`]").findall


def paragraphs_hold_text(seen: Seen) -> Iterable[Issue]:
    """A paragraph holds text, not further paragraphs, lists or tables."""
    div = text(seen.value, "div")
    block = _block_in_paragraph(div) if "<p" in div else ""
    if block:
        yield seen.error("invalid", f"The narrative has <{block}> inside of <p>, which XHTML does not allow.", "div")


def _block_in_paragraph(div: str) -> str:
    open_: list[str] = []
    found: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name in _BLOCKS and "p" in open_:
            found.append(name)
        if name in ("p", "object"):
            open_.append(name)

    def end(name: str) -> None:
        if name in ("p", "object"):
            open_.pop()

    parser = ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(div, True)
    except ExpatError:
        # That it is no XHTML is a matter of its form.
        return ""
    return found[0] if found else ""


def links_are_urls(seen: Seen) -> Iterable[Issue]:
    """Links and pictures have URLs, without characters that a URL writes as %xx."""
    for pair in _LINKS(text(seen.value, "div")):
        url = unescape(pair[0] or pair[1])
        wrong = sorted(set(_NOT_IN_URLS(url))) if not url.startswith("data:") else []
        if wrong:
            yield seen.error(
                "invalid", f"The link '{url[:200]}' is no URL; these must be written as %xx: {' '.join(wrong)}", "div"
            )
