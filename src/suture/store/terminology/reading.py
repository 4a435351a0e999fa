"""Reading loaded code systems: concepts by code or number, sets by name, blocks.

The one thing to know: what belongs to a version never changes once it is visible, so whoever reads may keep it; only
the list of visible versions changes, and each change of it begins a generation (`suture.store.changes`).
"""

from collections.abc import Callable, Sequence

import msgspec

from suture.store.connection import Connection
from suture.store.dialect import Dialect
from suture.store.store import Lease

VISIBLE = 1

NEIGHBOURS = 16
"""Concepts that are read together, because who asks for one often asks for those beside it."""

_AROUND = (
    "select c.n, c.code, c.body from concept f join concept c on c.cs = f.cs "
    f"and c.n between f.n - f.n % {NEIGHBOURS} and f.n - f.n % {NEIGHBOURS} + {NEIGHBOURS - 1} "
    "where f.cs = ?1 and "
)

_AROUND_ONE = _AROUND + "f.code = ?2"

CHUNK = 5_000
"""Rows that one statement reads by their keys."""


class Version(msgspec.Struct, frozen=True):
    """A version of a code system. `state`: 0 being loaded, 1 visible, 2 going away. `changed`: unix time, seconds."""

    cs: int
    url: str
    version: str
    state: int
    changed: int
    body: bytes


async def versions(connection: Connection) -> list[Version]:
    """All versions, in whatever state, in the order in which they were begun."""
    rows = await connection.fetch("select cs, url, version, state, changed, body from code_system order by cs")
    return [Version(row[0], row[1], row[2], row[3], row[4], bytes(row[5])) for row in rows]


class Shelf:
    """The rows of loaded code systems. `reading`: gives connections for reads."""

    def __init__(self, reading: Callable[[], Lease], dialect: Dialect) -> None:
        self._reading = reading
        self._dialect = dialect
        by_code, by_number = dialect.any_of("code", "?2"), dialect.any_of("n", "?2")
        self._around_some = _AROUND + dialect.any_of("f.code", "?2")
        self._by_numbers = f"select n, body from concept where cs = ?1 and {by_number}"
        self._numbers = f"select code, n from concept where cs = ?1 and {by_code}"
        self._sets = (
            f"select name, members from concept_set where cs = ?1 and kind = ?2 and {dialect.any_of('name', '?3')}"
        )

    async def around(self, cs: int, codes: Sequence[str]) -> list[tuple[int, str, bytes]]:
        """(number, key, body) of the concepts with these keys and of their neighbours: those with the same number but
        for the remainder of NEIGHBOURS. Some may be there twice. Empty when there are no such concepts.
        """
        found: list[tuple[int, str, bytes]] = []
        async with self._reading() as connection:
            for start in range(0, len(codes), CHUNK):
                some = codes[start : start + CHUNK]
                if len(some) == 1:  # SQLite takes half as long again to look into an array
                    rows = await connection.fetch(_AROUND_ONE, (cs, some[0]))
                else:
                    rows = await connection.fetch(self._around_some, (cs, self._dialect.array(some)))
                found += [(row[0], row[1], bytes(row[2])) for row in rows]
        return found

    async def numbers(self, cs: int, codes: Sequence[str]) -> dict[str, int]:
        """The numbers of those of these keys that exist."""
        found: dict[str, int] = {}
        async with self._reading() as connection:
            for start in range(0, len(codes), CHUNK):
                some = self._dialect.array(codes[start : start + CHUNK])
                found.update((row[0], row[1]) for row in await connection.fetch(self._numbers, (cs, some)))
        return found

    async def by_numbers(self, cs: int, numbers: Sequence[int]) -> dict[int, bytes]:
        """The bodies of the concepts with these numbers."""
        found: dict[int, bytes] = {}
        async with self._reading() as connection:
            for start in range(0, len(numbers), CHUNK):
                some = self._dialect.array(numbers[start : start + CHUNK])
                found.update((row[0], bytes(row[1])) for row in await connection.fetch(self._by_numbers, (cs, some)))
        return found

    async def beginning(self, cs: int, text: str, limit: int) -> list[int]:
        """The numbers of at most `limit` concepts whose key begins with `text`."""
        async with self._reading() as connection:
            rows = await connection.fetch(
                "select n from concept where cs = ?1 and code >= ?2 and code < ?3 limit ?4",
                (cs, text, beyond(text), limit),
            )
        return [row[0] for row in rows]

    async def keys(self, cs: int) -> list[tuple[int, str]]:
        """(number, key) of all concepts."""
        async with self._reading() as connection:
            rows = await connection.fetch("select n, code from concept where cs = ?1", (cs,))
        return [(row[0], row[1]) for row in rows]

    async def sets(self, cs: int, kind: int, names: Sequence[str]) -> dict[str, bytes]:
        """The sets of these names, as far as they exist."""
        found: dict[str, bytes] = {}
        async with self._reading() as connection:
            for start in range(0, len(names), CHUNK):
                some = self._dialect.array(names[start : start + CHUNK])
                found.update((row[0], bytes(row[1])) for row in await connection.fetch(self._sets, (cs, kind, some)))
        return found

    async def sets_beginning(self, cs: int, kind: int, text: str, limit: int) -> list[tuple[str, bytes]]:
        """At most `limit` sets whose name begins with `text`, in the order of their names."""
        async with self._reading() as connection:
            rows = await connection.fetch(
                "select name, members from concept_set where cs = ?1 and kind = ?2 and name >= ?3 and name < ?4 "
                "order by name limit ?5",
                (cs, kind, text, beyond(text), limit),
            )
        return [(row[0], bytes(row[1])) for row in rows]

    async def blocks(self, cs: int, kind: int, n: int) -> list[bytes]:
        """The parts of a block, in their order; empty when there is none."""
        async with self._reading() as connection:
            rows = await connection.fetch(
                "select body from concept_block where cs = ?1 and kind = ?2 and n = ?3 order by part", (cs, kind, n)
            )
        return [bytes(row[0]) for row in rows]


def beyond(text: str) -> str:
    """A text that is greater than every text that begins with `text`, in the order of code points."""
    return text + "\U0010ffff"
