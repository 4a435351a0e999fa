"""Full text of contained resources: their words are pieces of text in `str`, where a phrase is a part of a piece.

Specification: https://hl7.org/fhir/R4/search.html#contained and #text. The one thing to know: the words of stored
resources are in a table that knows their `k` only (`suture.search.full_text`); contained ones are few and short, and
what is asked must hold for one and the same of them, so theirs are rows like those of their other values. No scores.
"""

from collections.abc import Iterator
from typing import Any, Literal

from suture.search.filters import Contains, Filter, all_of, any_of, negated
from suture.search.prose import prose
from suture.search.prose_query import All, Asked, Phrase
from suture.store.keys import Keys

MAX_LETTERS = 10_000
"""Letters of the words of a narrative, and of the other content, that are indexed."""

PIECE = 500
"""Letters of one row: with four bytes for each it fits into a page of an index."""

OVERLAP = 120
"""Letters that a piece repeats of the one before it: phrases up to this length are found wherever they stand."""


def prose_rows_inside(keys: Keys, type: str, resource: dict[str, Any]) -> Iterator[tuple[int, str, str]]:
    """The rows (h, norm, raw) of `str` with the words of a contained resource. `type`: of contained ones."""
    narrative, content = prose(resource)
    without_marker = content.partition(" ")[2]
    for code, text in (("_text", narrative), ("_content", without_marker)):
        h = keys.parameter(type, code)
        yield from ((h, piece, "") for piece in _pieces(text))


def prose_filter_inside(keys: Keys, type: str, column: Literal["narrative", "content"], asked: Asked) -> Filter:
    """Contained resources of the `type` with the words `asked`."""
    codes = ("_text",) if column == "narrative" else ("_text", "_content")
    return _filter(tuple(keys.parameter(type, code) for code in codes), asked)


def _filter(hs: tuple[int, ...], asked: Asked) -> Filter:
    match asked:
        case Phrase():
            return Contains(hs, f" {' '.join(asked.words)}{'' if asked.prefix else ' '}")
        case All():
            unwanted = (negated(_filter(hs, item)) for item in asked.unwanted)
            return all_of((*(_filter(hs, item) for item in asked.wanted), *unwanted))
        case _:
            return any_of(_filter(hs, item) for item in asked.items)


def _pieces(text: str) -> Iterator[str]:
    """`text` in pieces of whole words with a blank before and after each."""
    if len(text) > MAX_LETTERS:
        text = text[:MAX_LETTERS].rpartition(" ")[0]
    start = 0
    while len(text) - start > PIECE:
        end = text.rindex(" ", start, start + PIECE)
        yield f" {text[start:end]} "
        start = text.rindex(" ", start, end - OVERLAP) + 1
    if text:
        yield f" {text[start:]} "
