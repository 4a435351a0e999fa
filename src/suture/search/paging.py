"""Cursors: where a page begins, as an opaque text that nobody can read, alter or use for another search.

A cursor holds the sort values of one row, which may be health data and travels in URLs and logs, so it is sealed
(`suture.store.seals`) for the search it belongs to. Every process that serves the database understands it.
"""

import msgspec

from suture.fhir.outcomes import Invalid
from suture.search.order import Position
from suture.search.query import Query
from suture.store.keys import Keys
from suture.store.seals import Broken, Seal

_encoder = msgspec.msgpack.Encoder()


class Cursors:
    """Seals and opens the cursors of one database."""

    def __init__(self, keys: Keys) -> None:
        self._seal = Seal(keys, "search cursor")

    def seal(self, query: Query, position: Position) -> str:
        """The text of `position` for pages of `query`."""
        return self._seal.close(
            _identity(query), _encoder.encode((position.values, position.k, position.backward, position.inclusive))
        )

    def open(self, query: Query) -> Position | None:
        """The position of `query.cursor`, None when it has none.

        Raises Invalid when the text was not made by `seal` for the same search.
        """
        if not query.cursor:
            return None
        try:
            values, k, backward, inclusive = msgspec.msgpack.decode(self._seal.open(_identity(query), query.cursor))
        except (Broken, ValueError, msgspec.DecodeError):
            raise Invalid("_cursor is not a page of this search. Start from its first page.") from None
        return Position(tuple(values), k, backward, inclusive)


_FREE = frozenset(("_count", "_total", "_summary", "_elements", "_format", "_pretty", "_include", "_revinclude"))
"""Parameters that may change from page to page: they do not touch which rows match or their order."""


def _identity(query: Query) -> bytes:
    pairs = [pair for pair in query.applied if pair[0].partition(":")[0] not in _FREE]
    return _encoder.encode((query.scope, pairs))
