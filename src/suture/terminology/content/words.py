"""Words of terms: folded, without accents and signs, as the text search compares them."""

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 40
"""Characters of a word that count."""

SHORT = 3
"""Letters of a beginning whose terms are kept ready."""

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, in order. `Ménière's disease, NOS` -> meniere, s, disease, nos"""
    if not text.isascii():
        text = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return [word[:LONGEST] for word in _WORD.findall(text.casefold())]


def beginnings(found: Iterable[str]) -> set[str]:
    """The first one, two and three letters of words."""
    return {word[:length] for word in found for length in range(1, SHORT + 1)}
