"""The words of a resource for full text search: of its narrative (`_text`) and of its whole content (`_content`).

Specification: https://hl7.org/fhir/R4/search.html#text and #content. The one thing to know: words are cut out and
folded here, without case and accents, so both engines index and find the same ones.
"""

import html
import re
from typing import Any, cast

from suture.search.values import fold

MAX_WORDS = 10_000
"""Words of one resource that are indexed."""

MAX_LETTERS = 64
"""Letters of a word that count."""

_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(r"<[^>]*>")
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.Z+-]*)?)?)?", re.ASCII)
_SILENT = frozenset(
    (
        "contentType", "data", "div", "fullUrl", "id", "lastUpdated", "profile", "reference", "resourceType", "system",
        "uri", "url", "versionId",
    )
)  # fmt: skip
"""Members whose texts are addresses, keys or no text at all."""


def marker(type: str) -> str:
    """The word that every text of a resource type begins with, by which a search in one type is quick."""
    return f"fhirtype{type.lower()}"


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    if text.isascii():
        return [word[:MAX_LETTERS] for word in _WORD.findall(text.lower())]
    found = (fold(word[: MAX_LETTERS * 2])[:MAX_LETTERS] for word in _WORD.findall(text))
    return [part for word in found for part in _WORD.findall(word)]


def prose(resource: dict[str, Any]) -> tuple[str, str]:
    """The words of the narrative ("" when there is none) and of all content, each after the marker of the type."""
    mark = marker(resource["resourceType"])
    told, whole = narrative(resource), content(resource)
    return f"{mark} {told}" if told else "", f"{mark} {whole}"


def narrative(resource: dict[str, Any]) -> str:
    """The words of Resource.text, separated by blanks; "" when it has none."""
    text = resource.get("text")
    div = cast("dict[str, Any]", text).get("div") if isinstance(text, dict) else None
    if not isinstance(div, str):
        return ""
    return " ".join(words(html.unescape(_TAG.sub(" ", div)))[:MAX_WORDS])


def content(resource: dict[str, Any]) -> str:
    """The words of all texts and codes of a resource, its narrative included, separated by blanks."""
    texts: list[str] = []
    stack: list[Any] = [resource]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for name, value in cast("dict[str, Any]", node).items():
                if isinstance(value, str):
                    if name not in _SILENT and not _DATE.fullmatch(value):
                        texts.append(value)
                elif isinstance(value, dict | list):
                    stack.append(value)
        elif isinstance(node, list):
            for value in cast("list[Any]", node):
                if isinstance(value, str):
                    texts.append(value)
                elif isinstance(value, dict | list):
                    stack.append(value)
    found = words(" ".join(texts))[:MAX_WORDS]
    told = narrative(resource)
    return " ".join((*found, told)) if told else " ".join(found)
