"""Comparing texts, numbers and times of filters and concrete values.

Search terms ignore case and accents, as https://docs.snomed.org/snomed-ct-specifications (ECL, 6.8) wants.
"""

import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from suture.terminology.content.words import words
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


def time_matcher(comparison: ToTime) -> Callable[[str], bool]:
    """Whether an effective time (YYYYMMDD, or "" for none) satisfies a comparison; of several, any, and all for !=."""
    several = all if comparison.operator == "!=" else any
    return lambda time: several(compared(time, comparison.operator, each) for each in comparison.times)


def text_matcher(terms: Sequence[SearchTerm]) -> Callable[[str], bool]:
    """Whether a text matches one of these search terms."""
    each = [_MATCHERS[term.way](term.pieces) for term in terms]
    return lambda text: any(matches(text) for matches in each)


def wanted_words(term: SearchTerm) -> list[str]:
    """The words whose beginnings a term wants."""
    return [word for piece in term.pieces for word in words(piece)]


def _beginnings(pieces: Sequence[str]) -> Callable[[str], bool]:
    wanted = [word for piece in pieces for word in words(piece)]

    def matches(text: str) -> bool:
        own = words(text)
        return all(any(word.startswith(begin) for word in own) for begin in wanted)

    return matches


def _wild(pieces: Sequence[str]) -> Callable[[str], bool]:
    compiled = matcher("(?s)" + ".*".join(re.escape(_folded(piece)) for piece in pieces))
    return lambda text: compiled(_folded(text))


_MATCHERS: dict[str, Callable[[Sequence[str]], Callable[[str], bool]]] = {
    "match": _beginnings,
    "wild": _wild,
    "exact": lambda pieces: pieces[0].__eq__,
}


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)).casefold()
