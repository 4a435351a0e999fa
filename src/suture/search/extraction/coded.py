"""Sites of coded values: codes, Codings, the texts of CodeableConcepts, Identifiers.

A Coding has one row, the hash of its variant: system, code and display. What a search may ask for (the code, the
code of its system, the system) leads to that row through the vocabulary (`Word.forms`), which many resources
share. Values without a system and identifiers have a row for each form, because a vocabulary of them would be as
long as the index. See docs/architecture.md, "Storage".
"""

from typing import Any

from suture.search.extraction.cache import HashCache, Key
from suture.search.extraction.sites import Site, Tokens, Use
from suture.search.values import (
    OF_TYPE_SUFFIX,
    TEXT_SUFFIX,
    fold,
    of_type_form,
    sort_form,
    token_code,
    token_full,
    token_system,
    variant_form,
)
from suture.store.keys import Keys
from suture.store.rows import Word

Words = tuple[Word, ...]

Found = tuple[Tokens, Words]
"""`tok` rows, and what they mean."""


class CodeSite(Site):
    """Values without a system. Key: (number, code)."""

    def __init__(self, number: int, type: str, uses: tuple[Use, ...], keys: Keys, cache: HashCache) -> None:
        super().__init__(number, type, uses, keys, cache)
        self._parameters = {rows: keys.parameter(type, rows) for rows in self._codes}

    def __call__(self, key: Key) -> Found:
        found: Found | None = self._cache.recall(key)
        if found is None:
            found = self.found(key[1])
            self._cache.keep(key, found)
        return found

    def found(self, code: str, *, unique: bool = False) -> Found:
        """The rows of `code`."""
        words = tuple(
            Word(self._keys.token(self._type, rows, token_code(code)), (), (self._sorted(rows, code),), unique)
            for rows in self._codes
        )
        return tuple(word.h for word in words), words

    def contact(self, value: str) -> Found:
        """The rows of a telephone number or the like, which is not worth remembering."""
        return self.found(value, unique=True)

    def _sorted(self, rows: str, code: str) -> tuple[int, str]:
        return self._parameters[rows], sort_form(code)


class CodingSite(CodeSite):
    """Codings. Key: (number, system, code, display), each or None.

    Gives a third part: the hashes of the code without its display, for pairs and composite values, of the uses that
    are `paired`.
    """

    def __init__(self, number: int, type: str, uses: tuple[Use, ...], keys: Keys, cache: HashCache) -> None:
        super().__init__(number, type, uses, keys, cache)
        self._paired = frozenset(use.rows for use in uses if use.paired)

    def __call__(self, key: Key) -> Any:
        found: tuple[Tokens, Words, Tokens] | None = self._cache.recall(key)
        if found is None:
            _, system, code, display = key
            words: list[Word] = []
            paired: list[int] = []
            for rows in self._codes:
                if code is None and system is None:
                    words += self._text(rows, display)
                    continue
                word, f = self._coding(rows, system or "", code, fold(display) if display else "")
                words.append(word)
                if rows in self._paired and code is not None:
                    paired.append(f)
            found = tuple(word.h for word in words), tuple(words), tuple(paired)
            self._cache.keep(key, found)
        return found

    def _coding(self, rows: str, system: str, code: str | None, display: str) -> tuple[Word, int]:
        """The word of a Coding, and the hash of its code without the display."""
        full = token_system(system) if code is None else token_full(system, code)
        f = self._keys.token(self._type, rows, full)
        h = self._keys.token(self._type, rows, variant_form(full, display))
        forms = [(f, f)]
        texts: list[tuple[int, str]] = []
        if code is not None:
            forms.append((self._keys.token(self._type, rows, token_code(code)), f))
            texts.append(self._sorted(rows, code))
            if system:
                forms.append((self._keys.token(self._type, rows, token_system(system)), f))
        if display:
            texts.append((self._keys.parameter(self._type, rows + TEXT_SUFFIX), display))
        return Word(h, tuple(forms), tuple(texts)), f

    def _text(self, rows: str, text: str | None) -> Words:
        """The word of a text without any code."""
        norm = fold(text) if text else ""
        if not norm:
            return ()
        rows += TEXT_SUFFIX
        h = self._keys.token(self._type, rows, norm)
        return (Word(h, (), ((self._keys.parameter(self._type, rows), norm),)),)

    def text(self, text: str, concept: dict[str, Any]) -> Found:
        """The rows of CodeableConcept.text, none when one of the codings says the same."""
        key = (-self.number, text, *[coding.get("display") for coding in concept.get("coding") or () if coding])
        found: Found | None = self._cache.young.get(key) or self._cache.recall(key)
        if found is None:
            norm = fold(text)
            said = any(display and fold(display) == norm for display in key[2:])
            words = () if said else tuple(word for rows in self._codes for word in self._text(rows, text))
            found = tuple(word.h for word in words), words
            self._cache.keep(key, found)
        return found


class IdentifierSite(CodingSite):
    """Identifiers. Their rows are not remembered: hardly any comes twice."""

    def identifier(self, identifier: dict[str, Any]) -> Found:
        """The rows of an Identifier: its forms, those with its types, the text of its type."""
        system, value = identifier.get("system"), identifier.get("value")
        kind: dict[str, Any] = identifier.get("type") or {}
        tok: list[int] = []
        words: list[Word] = []
        forms = identifier_forms(system, value)
        for rows in self._codes:
            found = [self._keys.token(self._type, rows, form) for form in forms]
            tok += found
            if value is not None:
                words.append(Word(found[1], (), (self._sorted(rows, value),), True))
                for coding in kind.get("coding") or ():
                    form = of_type_form(coding.get("system") or "", coding.get("code") or "", value)
                    tok.append(self._keys.token(self._type, rows + OF_TYPE_SUFFIX, form))
            if said := kind.get("text"):
                text = self._text(rows, said)
                tok += [word.h for word in text]
                words += text
        return tuple(tok), tuple(words)


class LogicalSite(Site):
    """Reference.identifier. Key: (number, system, value), each or None. Gives `tok` rows."""

    def __call__(self, key: Key) -> Tokens:
        found: Tokens | None = self._cache.recall(key)
        if found is None:
            found = self.tokens(*identifier_forms(key[1], key[2]))
            self._cache.keep(key, found)
        return found


def identifier_forms(system: str | None, value: str | None) -> tuple[str, ...]:
    """Token forms of an Identifier. The second one of a value is that with its system, by which it is sorted."""
    if value is None:
        return () if system is None else (token_system(system),)
    if system is None:
        return token_code(value), token_full("", value)
    return token_code(value), token_full(system, value), token_system(system)
