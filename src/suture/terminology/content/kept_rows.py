"""What was read from the database and is kept: of all stored code systems together, within a bound of bytes.

The one thing to know: a visible version never changes, so nothing here ever has to be forgotten but for room.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from pyroaring import BitMap

from suture.terminology.content.postings import read
from suture.terminology.content.rows import Rows
from suture.terminology.content.together import Together
from suture.terminology.kept import Kept

CONCEPT_BYTES = 64 << 20
"""Bytes of concepts that are kept."""

SET_BYTES = 32 << 20
"""Bytes of sets that are kept."""

OVERHEAD = 250
"""Bytes that a kept concept takes beside its own."""


class KeptRows:
    """Reads concepts and sets, and keeps them."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._numbers: Kept[tuple[int, str], int] = Kept(CONCEPT_BYTES // 2)
        self._bodies: Kept[tuple[int, int], bytes] = Kept(CONCEPT_BYTES)
        self._sets: Kept[tuple[int, int, str], BitMap] = Kept(SET_BYTES)
        self._together: dict[int, Together[str, int]] = {}

    def known(self, cs: int, key: str) -> int | None:
        """The number of a concept that was asked for lately."""
        return self._numbers.get((cs, key))

    async def number(self, cs: int, key: str) -> int | None:
        """The number of a concept."""
        found = self._numbers.get((cs, key))
        if found is not None:
            return found
        together = self._together.get(cs)
        if together is None:
            together = self._together[cs] = Together(partial(self._around, cs))
        return await together.get(key)

    async def _around(self, cs: int, keys: Sequence[str]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for number, name, body in await self.rows.around(cs, keys):
            self._numbers.keep((cs, name), number, OVERHEAD)
            self._bodies.keep((cs, number), body, OVERHEAD + len(body))
            found[name] = number
        return found

    async def numbers(self, cs: int, keys: list[str]) -> dict[str, int]:
        """The numbers of those of these keys that exist."""
        found: dict[str, int] = {}
        missing: list[str] = []
        for key in keys:
            held = self._numbers.get((cs, key))
            if held is None:
                missing.append(key)
            else:
                found[key] = held
        if missing:
            for key, number in (await self.rows.numbers(cs, missing)).items():
                self._numbers.keep((cs, key), number, OVERHEAD)
                found[key] = number
        return found

    async def body(self, cs: int, number: int) -> bytes | None:
        """The body of a concept."""
        held = self._bodies.get((cs, number))
        return held if held is not None else (await self.bodies(cs, [number])).get(number)

    async def bodies(self, cs: int, numbers: list[int]) -> dict[int, bytes]:
        """The bodies of concepts, by number."""
        found: dict[int, bytes] = {}
        missing: list[int] = []
        for number in numbers:
            held = self._bodies.get((cs, number))
            if held is None:
                missing.append(number)
            else:
                found[number] = held
        if missing:
            for number, body in (await self.rows.by_numbers(cs, missing)).items():
                self._bodies.keep((cs, number), body, OVERHEAD + len(body))
                found[number] = body
        return found

    async def set(self, cs: int, kind: int, name: str) -> BitMap | None:
        """A set; the caller must not change it."""
        held = self._sets.get((cs, kind, name))
        if held is None:
            data = (await self.rows.sets(cs, kind, [name])).get(name)
            if data is None:
                return None
            held = read(data)
            self._sets.keep((cs, kind, name), held, OVERHEAD + len(data))
        return held

    def keep_set(self, cs: int, kind: int, name: str, members: BitMap) -> None:
        """Keep a set that was worked out, under a `kind` below zero."""
        weight = OVERHEAD + 4 * len(name) + min(2 * len(members), len(members) // 8 + (1 << 13))
        self._sets.keep((cs, kind, name), members, weight)

    def kept_set(self, cs: int, kind: int, name: str) -> BitMap | None:
        """A set that was kept by `keep_set`; the caller must not change it."""
        return self._sets.get((cs, kind, name))
