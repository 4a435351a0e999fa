"""What the forms of codes mean, remembered by a process, so that most searches need no look-up before their page.

The one thing to know: rows of the table `forms` are only ever added (`suture.store.vocabulary`), so as many rows of
the same forms are the same rows. A statement that was built on remembered rows counts them as well; when another
process has added some, it ends with the mark of a fence, and the search is resolved anew.
"""

from collections.abc import Iterable, Mapping, Sequence

from suture.search.statement import Statement

Forms = Mapping[int, Sequence[tuple[int, int]]]
"""Form -> (row hash, hash of the code without its display)."""

KEPT = 20_000
"""Forms that are remembered."""

MOST = 100
"""Rows of one form that is worth remembering."""


class Memory:
    """Committed rows of `forms`, by form: what connections for reads have shown.

    A code without rows is not remembered, since nothing guards a search that finds nothing.
    """

    def __init__(self) -> None:
        self._known: dict[int, Sequence[tuple[int, int]]] = {}

    def recall(self, wanted: Iterable[int]) -> Forms | None:
        """The rows of all these forms; None when one is not known."""
        try:
            return {form: self._known[form] for form in wanted}
        except KeyError:
            return None

    def keep(self, found: Forms) -> None:
        """Remember what the database has said."""
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known.update((form, rows) for form, rows in found.items() if len(rows) <= MOST)

    def forget(self, forms: Iterable[int]) -> None:
        """Ask again for these forms."""
        for form in forms:
            self._known.pop(form, None)


class Recalled:
    """What one search took from memory. `forms`: none when it asked the database."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.forms: tuple[int, ...] = ()
        self._found: Forms = {}

    def recall(self, wanted: Iterable[int]) -> Forms | None:
        """The rows of all these forms, to be relied on with `guard`; None when one is not known."""
        forms = tuple(wanted)
        found = self.memory.recall(forms)
        if found is not None:
            self.forms, self._found = forms, found
        return found

    def guard(self, s: Statement) -> None:
        """Let the statement end with the mark of a fence when there are other rows by now."""
        if self.forms:
            rows = sum(map(len, self._found.values()))
            s.overruns(f"(select count(*) from forms where {s.any_of('s', self.forms)}) <> {s.bind(rows)}")

    def forget(self) -> None:
        """Let the database be asked again for what this search took from memory."""
        self.memory.forget(self.forms)

    def outdated(self) -> bool:
        """True when the database, asked again, has said something else."""
        return self.memory.recall(self.forms) != self._found
