"""What a bulk load asks of a database, whichever engine it is."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from suture.store.bulk.rows import Tables


class Totals(msgspec.Struct, frozen=True):
    """What was written. `blocks`: surrogate blocks that were handed out; `events`: number of the last event."""

    blocks: int
    events: int


class Dropped(msgspec.Struct, frozen=True):
    """A resource that came more than once: all but the last were left out."""

    type: str
    id: str
    left_out: int


Tell = Callable[[str, int, int], None]
"""Called before each step of the end, with what it does, its number from 0, and the number of steps."""


class Database(Protocol):
    """The database of a bulk load, for the one process that leads it. All methods may raise DatabaseError."""

    async def empty_unfinished(self) -> None:
        """Empty a database that carries the mark, and take the mark away; nothing to do for any other."""
        ...

    async def begin(self) -> None:
        """Refuse a database that is not empty or in use; mark it; take its indexes away."""
        ...

    async def finish(self, totals: Totals, tell: Tell) -> list[Dropped]:
        """Make the indexes and statistics, take the mark away. Durable afterwards."""
        ...

    async def close(self) -> None:
        """Let go of the database, finished or not."""
        ...


class Writer(Protocol):
    """Writes rows, for one worker process."""

    async def write(self, tables: Tables) -> None: ...

    async def close(self) -> None: ...
