"""Sets that grow while a release is read, and the bytes that they become."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from pyroaring import BitMap

from suture.terminology.content.words import SHORT


class Postings:
    """Numbers by name, added in rising order. Most names have one number, so only the others get an array."""

    def __init__(self) -> None:
        self._found: dict[str, int | array[int]] = {}

    def add(self, name: str, number: int) -> None:
        """Put a number under a name; again is once."""
        found = self._found
        held = found.get(name)
        if held is None:
            found[name] = number
        elif isinstance(held, int):
            if held != number:
                found[name] = array("I", (held, number))
        elif held[-1] != number:
            held.append(number)

    def __len__(self) -> int:
        return len(self._found)

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """(name, bitmap) in the order of names."""
        for name in sorted(self._found):
            yield name, written(self._bitmap(name))

    def beginnings(self) -> list[tuple[str, BitMap]]:
        """(beginning, the numbers of all names that begin so) for beginnings of up to SHORT characters, in order."""
        union: dict[str, BitMap] = {}
        for name in sorted(self._found):
            members = self._bitmap(name)
            for length in range(1, SHORT + 1):
                union.setdefault(name[:length], BitMap()).update(members)
        return sorted(union.items())

    def _bitmap(self, name: str) -> BitMap:
        held = self._found[name]
        return BitMap((held,)) if isinstance(held, int) else BitMap(held)


def written(members: BitMap) -> bytes:
    """The bytes of a bitmap, for `read`."""
    members.run_optimize()
    return members.serialize()


def read(data: bytes) -> BitMap:
    """The bitmap that `written` made bytes of."""
    return BitMap.deserialize(data)
