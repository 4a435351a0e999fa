"""Comparing texts, numbers and times of filters and concrete values.

Search terms ignore case. A letter without accents stands for the letter with and without them, a letter with accents
for itself only: the asymmetric search of https://docs.snomed.org/snomed-ct-specifications (ECL, 5.5), in the collation
that all languages have in common.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from suture.terminology.content.words import apart, folded, words
from suture.terminology.ecl.nodes import SearchTerm, ToTime
from suture.terminology.patterns import matcher

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_NUMBER = re.compile(r"#[-+]?[0-9]{1,60}(?:\.[0-9]{1,60})?")


def compared(left: Any, sign: str, right: Any) -> bool:
    """Whether `left` stands in the relation `sign` to `right`."""
    return _OPERATORS[sign](left, right)


def number_in(value: str) -> Decimal | None:
    """The number that a concrete value is."""
    return Decimal(value[1:]) if _NUMBER.fullmatch(value) else None


def text_in(value: str) -> str | None:
    """The text that a concrete value is."""
    return value[1:-1] if value.startswith('"') and value.endswith('"') and len(value) > 1 else None


_MARK = "".join(chr(code) for code in range(0x250, 0x3100) if unicodedata.combining(chr(code)))
_LETTER = re.compile(f"[^\\W_][{_MARK}]*")
_MARKED_WORD = re.compile(f"(?:[^\\W_][{_MARK}]*)+")
_ANY_LETTER = re.compile(f"(?s:.)[{_MARK}]*")
_END = "\x1f"


def time_matcher(comparison: ToTime) -> Callable[[str], bool]:
    """Whether an effective time (YYYYMMDD, or "" for none) satisfies a comparison; of several, any, and all for !=.

    What has no effective time is neither before nor after any.
    """
    sign, times = comparison.operator, comparison.times
    several = all if sign == "!=" else any
    ordering = sign in ("<", "<=", ">", ">=")
    return lambda time: several(compared(time, sign, each) for each in times if (time and each) or not ordering)


def text_matcher(terms: Sequence[SearchTerm]) -> Callable[[str], bool]:
    """Whether a text matches one of these search terms."""
    each = [_MATCHERS[term.way](term.pieces) for term in terms]
    return lambda text: any(matches(text) for matches in each)


def wanted_words(term: SearchTerm) -> list[str]:
    """The words whose beginnings a term wants."""
    return [word for piece in term.pieces for word in words(piece)]


def is_by_words(term: SearchTerm) -> bool:
    """Whether the beginnings of words alone, without accents, tell what a term matches."""
    return term.way == "match" and all(piece.isascii() and len(words(piece)) == 1 for piece in term.pieces)


def _beginnings(pieces: Sequence[str]) -> Callable[[str], bool]:
    """Each piece stands in the text, from the beginning of a word on."""
    plain = [found for piece in pieces if (found := words(piece))]
    marked = [found for piece in pieces if not piece.isascii() and (found := _lettered(piece))]

    def matches(text: str) -> bool:
        own = words(text)
        if not all(_stands(piece, own) for piece in plain):
            return False
        lettered = _lettered(text) if marked else []
        return all(_stands(piece, lettered) for piece in marked)

    return matches


Word = Sequence[str]
"""A word by its letters, each with the marks that it has."""


def _lettered(text: str) -> list[Word]:
    """The words of a text."""
    return [_LETTER.findall(word) for word in _MARKED_WORD.findall(apart(text))]


def _stands(piece: Sequence[Word], text: Sequence[Word]) -> bool:
    """Whether words stand in a text side by side; of the last one only the beginning counts."""
    *whole, last = piece
    for at in range(len(text) - len(whole)):
        if _begins(text[at + len(whole)], last) and all(
            len(word) == len(wanted) and _begins(word, wanted) for word, wanted in zip(text[at:], whole, strict=False)
        ):
            return True
    return False


def _begins(word: Word, beginning: Word) -> bool:
    if isinstance(word, str) and isinstance(beginning, str):
        return word.startswith(beginning)
    pairs = zip(beginning, word, strict=False)
    return len(word) >= len(beginning) and all(letter in (other, other[0]) for letter, other in pairs)


def _wild(pieces: Sequence[str]) -> Callable[[str], bool]:
    if all(piece.isascii() for piece in pieces):
        compiled = matcher("(?s)" + ".*".join(re.escape(piece.lower()) for piece in pieces))
        return lambda text: compiled(folded(text))
    # a letter ends with a sign of its own, so that one with marks is not taken for one without
    wanted = [[_letter_pattern(letter) for letter in _ANY_LETTER.findall(apart(piece))] for piece in pieces]
    compiled = matcher("(?s)" + ".*".join("".join(piece) for piece in wanted))
    return lambda text: compiled("".join(letter + _END for letter in _ANY_LETTER.findall(apart(text))))


def _letter_pattern(letter: str) -> str:
    marks = "" if len(letter) > 1 else f"[^{_END}]*"
    return re.escape(letter) + marks + _END


_MATCHERS: dict[str, Callable[[Sequence[str]], Callable[[str], bool]]] = {
    "match": _beginnings,
    "wild": _wild,
    "exact": lambda pieces: pieces[0].__eq__,
}
