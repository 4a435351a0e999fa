"""What a full text search asks: `heart attack`, `"heart attack" OR infarct*`, `pain NOT (chest OR back)`.

Specification: https://hl7.org/fhir/R4/search.html#text leaves the syntax to servers. The one thing to know: words next
to each other must all be there; a NOT follows something that is wanted, because "everything else" is no search.
"""

import re
from collections.abc import Sequence

import msgspec

from suture.fhir.outcomes import Invalid
from suture.search.prose import words

MAX_TERMS = 64
MAX_DEPTH = 8

_TOKEN = re.compile(r'\s*(?:(?P<phrase>"[^"]*")|(?P<sign>[()|])|(?P<word>[^\s()|"]+))')


class Phrase(msgspec.Struct, frozen=True):
    """Words that follow each other. `prefix`: the last one may go on."""

    words: tuple[str, ...]
    prefix: bool


class All(msgspec.Struct, frozen=True):
    """All of `wanted` and none of `unwanted`."""

    wanted: "tuple[Asked, ...]"
    unwanted: "tuple[Asked, ...]"


class Any(msgspec.Struct, frozen=True):
    """At least one of these."""

    items: "tuple[Asked, ...]"


Asked = Phrase | All | Any


def understand(text: str) -> Asked:
    """Parse a full text search. Raises Invalid."""
    parser = _Parser(text)
    return parser.whole()


def match_text(asked: Asked) -> str:
    """The search as an expression of SQLite's FTS5, whose words stand in quotes."""
    match asked:
        case Phrase():
            return f'"{" ".join(asked.words)}"{"*" if asked.prefix else ""}'
        case Any():
            return "(" + " OR ".join(map(match_text, asked.items)) + ")"
        case All():
            wanted = " AND ".join(map(match_text, asked.wanted))
            unwanted = " OR ".join(map(match_text, asked.unwanted))
            return f"(({wanted}) NOT ({unwanted}))" if unwanted else f"({wanted})"


def tsquery_text(asked: Asked, weight: str = "") -> str:
    """The search as the text of a PostgreSQL tsquery, for words of this weight only ("": of any)."""
    match asked:
        case Phrase():
            *before, last = asked.words
            parts = [_lexeme(word, weight) for word in before]
            return "(" + " <-> ".join((*parts, _lexeme(last, weight + "*" if asked.prefix else weight))) + ")"
        case Any():
            return "(" + " | ".join(tsquery_text(item, weight) for item in asked.items) + ")"
        case All():
            wanted = (tsquery_text(item, weight) for item in asked.wanted)
            unwanted = (f"!{tsquery_text(item, weight)}" for item in asked.unwanted)
            return "(" + " & ".join((*wanted, *unwanted)) + ")"


def _lexeme(word: str, label: str) -> str:
    return f"'{word}':{label}" if label else f"'{word}'"


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut(text)
        self._at = 0
        self._words = 0

    def _cut(self, text: str) -> Sequence[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong("a quotation mark is not closed")
            tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        if len(tokens) > MAX_TERMS:
            raise self._wrong(f"it has more than {MAX_TERMS} words")
        return tokens

    def whole(self) -> Asked:
        asked = self._either(0)
        if self._at < len(self._tokens):
            raise self._wrong("a ')' has no '('")
        return asked

    def _either(self, depth: int) -> Asked:
        if depth > MAX_DEPTH:
            raise self._wrong(f"its parentheses are nested more than {MAX_DEPTH} deep")
        items = [self._together(depth)]
        while self._next() in (("word", "OR"), ("sign", "|")):
            self._at += 1
            items.append(self._together(depth))
        return items[0] if len(items) == 1 else Any(tuple(items))

    def _together(self, depth: int) -> Asked:
        wanted: list[Asked] = []
        unwanted: list[Asked] = []
        while (token := self._next()) is not None and token not in (("word", "OR"), ("sign", "|"), ("sign", ")")):
            if token == ("word", "AND"):
                self._at += 1
                continue
            unwelcome = token == ("word", "NOT")
            if unwelcome:
                self._at += 1
            if (item := self._item(depth)) is not None:
                (unwanted if unwelcome else wanted).append(item)
        if not wanted:
            raise self._wrong("a word is missing; NOT must follow something that is wanted")
        return wanted[0] if len(wanted) == 1 and not unwanted else All(tuple(wanted), tuple(unwanted))

    def _item(self, depth: int) -> Asked | None:
        """The next word, phrase or group; None for signs without a letter or digit."""
        token = self._next()
        if token is None:
            raise self._wrong("a word is missing at its end")
        kind, text = token
        self._at += 1
        if token == ("sign", "("):
            inner = self._either(depth + 1)
            if self._next() != ("sign", ")"):
                raise self._wrong("a '(' is not closed")
            self._at += 1
            return inner
        if kind == "sign":
            raise self._wrong(f"'{text}' stands where a word belongs")
        found = tuple(words(text))
        self._words += len(found)
        if self._words > MAX_TERMS:
            raise self._wrong(f"it has more than {MAX_TERMS} words")
        return Phrase(found, kind == "word" and text.endswith("*")) if found else None

    def _next(self) -> tuple[str, str] | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _wrong(self, why: str) -> Invalid:
        return Invalid(
            f"The text search '{self._text[:80]}' cannot be understood: {why}. "
            'Words, "phrases", begin* and parentheses may be joined by AND, OR and NOT.'
        )
