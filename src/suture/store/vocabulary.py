"""The vocabulary as the writer sees it: which words are in the tables `forms` and `words` already.

A word is written once and never removed, so a process remembers those it has seen committed and spares the
database the rest. Words that come once (identifiers) are not worth remembering.
"""

from collections.abc import Container, Iterable

from suture.store.connection import Row, WriteConnection
from suture.store.rows import Word

SIZE = 65_536
"""Words of one generation; two are remembered."""


class Known:
    """Token rows whose words are committed. `size`: how many are remembered at least."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __contains__(self, h: int) -> bool:
        if h in self._young:
            return True
        if h not in self._old:
            return False
        self.add((h,))
        return True

    def add(self, hs: Iterable[int]) -> None:
        """Remember committed words."""
        for h in hs:
            if len(self._young) >= self._size:
                self._old, self._young = self._young, set()
            self._young.add(h)


class Learner:
    """The words that one transaction writes. Nobody else may take them for known before it commits."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._learned: dict[int, None] = {}

    async def write(self, connection: WriteConnection, words: Iterable[Word], added: Container[int]) -> None:
        """Write the words that are not known. `added`: token rows that the transaction adds; unique words of other
        rows are in the tables since those rows were added.
        """
        forms: set[Row] = set()
        texts: dict[str, set[Row]] = {"words": set(), connection.own_words: set()}
        for word in words:
            h = word.h
            if h in self._known or h in self._learned or (word.unique and h not in added):
                continue
            if not word.unique:
                self._learned[h] = None
            forms.update((s, h, f) for s, f in word.forms)
            texts[connection.own_words if word.unique else "words"].update((p, norm, h) for p, norm in word.texts)
        if forms:
            await connection.insert_new("forms", sorted(forms))
        for table, rows in texts.items():
            if rows:
                await connection.insert_new(table, sorted(rows))

    def mark(self) -> int:
        """The present state, for `undo`."""
        return len(self._learned)

    def undo(self, mark: int) -> None:
        """Forget what was written after `mark`: the database forgot it as well."""
        for h in list(self._learned)[mark:]:
            del self._learned[h]

    def commit(self) -> None:
        """Let everybody know the words: the transaction is committed."""
        self._known.add(self._learned)
        self._learned.clear()
