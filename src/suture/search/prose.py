"""The words of a resource for full text search: of its narrative (`_text`) and of its other content (`_content` too).

Specification: https://hl7.org/fhir/R4/search.html#text and #content. The one thing to know: words are cut out and
folded here, without case and accents, so both engines index and find the same ones.
"""

import html
import re
import unicodedata
from typing import Any, cast

from suture.fhir.definitions import type_number
from suture.search.values import fold_all

MAX_WORDS = 8_000
"""Words of a narrative, and of the other content of a resource, that are indexed."""

MAX_LETTERS = 64
"""Letters of a word that count."""

MAX_TEXT = 100_000
"""Letters of the indexed words of a narrative, and of the other content, with the blanks between them.

With MAX_WORDS this keeps all words of a resource below what a tsvector holds: 16,383 places, 1 MB.
"""

_READ = 400_000  # letters of a text that are looked at, so that a huge text costs no more than a long one
_PORTION = 2_000  # letters that are folded at a time: some signs become eighteen letters, and most portions are ASCII
_WORD = re.compile(rf"([a-z0-9]{{1,{MAX_LETTERS}}})[a-z0-9]*")
_TAG = re.compile(r"<[^<>]*>")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.Z+-]*)?)?)?", re.ASCII)
_SILENT = frozenset(
    (
        "contentType", "data", "div", "fullUrl", "id", "lastUpdated", "profile", "reference", "resourceType", "system",
        "uri", "url", "versionId",
    )
)  # fmt: skip
"""Members whose texts are addresses, keys or no text at all."""


class _Letters(dict[int, int | None]):
    """What `str.translate` makes of a folded text: letters, digits and vowel signs stay, the rest are blanks."""

    def __missing__(self, code: int) -> int | None:
        kind = unicodedata.category(chr(code))
        if kind == "Me" or 0xFE00 <= code <= 0xFE0F:  # enclosing marks and the like change how a letter looks
            found = None
        else:
            found = code if kind[0] in "LM" or chr(code).isalnum() else 0x20
        if code < 0x10000:
            self[code] = found
        return found


_LETTERS = _Letters()


def marker(type: str) -> str:
    """The word that the content of a resource of this type begins with, by which a search in one type is quick.

    It has a sign that is in no other word.
    """
    return f"_{type_number(type)}"


def words(text: str) -> list[str]:
    """The folded words of a text, in order: letters and digits, at most MAX_LETTERS of each."""
    if text.isascii():
        return _WORD.findall(text.lower())
    return [word[:MAX_LETTERS] for word in fold_all(text).translate(_LETTERS).split()]


def prose(resource: dict[str, Any]) -> tuple[str, str]:
    """The words of the narrative ("" when there is none), and of all other content after the marker of the type."""
    text = resource.get("text")
    div = cast("dict[str, Any]", text).get("div") if isinstance(text, dict) else None
    told = _indexed(html.unescape(_TAG.sub(" ", div))) if isinstance(div, str) else ""
    texts = _indexed(" ".join(dict.fromkeys(_texts(resource))))
    return told, f"{marker(resource['resourceType'])} {texts}".rstrip()


def _texts(resource: dict[str, Any]) -> list[str]:
    """All texts and codes of a resource but its narrative."""
    texts: list[str] = []
    stack: list[Any] = [resource]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for name, value in cast("dict[str, Any]", node).items():
                if isinstance(value, str):
                    if name not in _SILENT and not _DATE.fullmatch(value):
                        texts.append(value)
                elif isinstance(value, dict) or (isinstance(value, list) and name != "profile"):
                    stack.append(value)
        elif isinstance(node, list):
            for value in cast("list[Any]", node):
                if isinstance(value, str):
                    texts.append(value)
                elif isinstance(value, dict):
                    stack.append(value)
    return texts


def _indexed(text: str) -> str:
    """The words of a text, as far as they are indexed, separated by blanks."""
    found: list[str] = []
    letters = start = 0
    last = min(len(text), _READ)
    while start < last and len(found) < MAX_WORDS and letters < MAX_TEXT:
        end = min(start + _PORTION, last)
        if end < last:
            # A word is not cut, unless it is longer than what counts of it.
            end = text.rfind(" ", start, end) + 1 or end
        portion = words(text[start:end])
        found += portion
        letters += sum(map(len, portion))
        start = end
    joined = " ".join(found[:MAX_WORDS])
    return joined if len(joined) <= MAX_TEXT else joined[:MAX_TEXT].rpartition(" ")[0]
