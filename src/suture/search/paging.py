"""Cursors: where a page begins, as an opaque text that nobody can read, alter or use for another search.

A cursor holds the sort values of one row, which may be health data and travels in URLs and logs, so it is sealed
(`suture.store.seals`) for the search it belongs to. Every process that serves the database understands it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from suture.fhir.outcomes import Invalid
from suture.search.order import Position
from suture.search.query import Query
from suture.store.keys import Keys
from suture.store.rows import Stored
from suture.store.seals import Broken, Seal

_encoder = msgspec.msgpack.Encoder()


class Place(msgspec.Struct, frozen=True):
    """A resource that was read, and its sort values."""

    stored: Stored
    values: tuple[Any, ...]


class Turned(msgspec.Struct, frozen=True):
    """One page in the order of the search.

    `results`: what is shown. `matches`: the stored resources that these are or lie in. `next`, `previous`: where the
    pages beside it begin, None where there is none.
    """

    results: list[Stored]
    matches: list[Stored]
    next: Position | None
    previous: Position | None


def turned(places: Sequence[Place], position: Position | None, count: int, *, unfinished: bool = False) -> Turned:
    """The page at `position`. `places`: in the direction of reading, one more than `count` when there are more.

    `unfinished`: there may be more, although there are not so many places.
    """
    backward = position is not None and position.backward
    more = unfinished or len(places) > count
    page = places[:count]
    if backward:
        page = page[::-1]
    if not page and position is not None:  # others deleted what was here: the way back remains
        back = msgspec.structs.replace(position, backward=not backward, inclusive=True)
        return Turned([], [], back, None) if backward else Turned([], [], None, back)
    if not page:
        return Turned([], [], None, None)
    follows, precedes = (more, position is not None) if not backward else (True, more)
    matches = [place.stored for place in page]
    return Turned(
        matches,
        matches,
        Position(page[-1].values, page[-1].stored.k) if follows else None,
        Position(page[0].values, page[0].stored.k, backward=True) if precedes else None,
    )


class Cursors:
    """Seals and opens the cursors of one database."""

    def __init__(self, keys: Keys) -> None:
        self._seal = Seal(keys, "search cursor")

    def seal(self, query: Query, position: Position) -> str:
        """The text of `position` for pages of `query`."""
        return self._seal.close(
            _identity(query),
            _encoder.encode((position.values, position.k, position.backward, position.inclusive, position.part)),
        )

    def open(self, query: Query) -> Position | None:
        """The position of `query.cursor`, None when it has none.

        Raises Invalid when the text was not made by `seal` for the same search.
        """
        if not query.cursor:
            return None
        try:
            opened = msgspec.msgpack.decode(self._seal.open(_identity(query), query.cursor))
            values, k, backward, inclusive, part = opened
        except (Broken, ValueError, msgspec.DecodeError):
            raise Invalid("_cursor is not a page of this search. Start from its first page.") from None
        return Position(tuple(values), k, backward, inclusive, part)


_FREE = frozenset(("_count", "_total", "_summary", "_elements", "_format", "_pretty", "_include", "_revinclude"))
"""Parameters that may change from page to page: they do not touch which rows match or their order."""


def _identity(query: Query) -> bytes:
    pairs = [pair for pair in query.applied if pair[0].partition(":")[0] not in _FREE]
    return _encoder.encode((query.scope, pairs))
