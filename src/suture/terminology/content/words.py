"""Words of terms: folded, without accents and signs, as the text search compares them.

Letters with a stroke and ligatures, which Unicode does not take apart, are taken apart as its collation does (UTS 10).
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 40
"""Characters of a word that count."""

SHORT = 3
"""Letters of a beginning whose terms are kept ready."""

_WORD = re.compile(r"[^\W_]+")
_APART = str.maketrans(
    {"ø": "o\u0338", "đ": "d\u0335", "ħ": "h\u0335", "ł": "l\u0335", "ŧ": "t\u0335", "æ": "ae", "œ": "oe"}
)


def words(text: str) -> list[str]:
    """The words of a text, in order. `Ménière's disease, NOS` -> meniere, s, disease, nos"""
    return [word[:LONGEST] for word in _WORD.findall(folded(text))]


def folded(text: str) -> str:
    """A text without regard to case and accents."""
    if text.isascii():
        return text.lower()
    return "".join(each for each in apart(text) if not unicodedata.combining(each))


def apart(text: str) -> str:
    """A text without regard to case, each mark behind its letter."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_APART)


def beginnings(found: Iterable[str]) -> set[str]:
    """The first one, two and three letters of words."""
    return {word[:length] for word in found for length in range(1, SHORT + 1)}
