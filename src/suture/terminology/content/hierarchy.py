"""The hierarchy of a stored code system: who is directly above and below whom, as arrays of numbers.

The one thing to know: numbers are given so that everything above a concept has a lower number and most of what is
below it has the numbers that follow; sets of descendants are then few runs, and walks upward end early.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import zstandard
from pyroaring import BitMap

MANY = 64
"""Descendants from which their set is kept ready."""


class CircularError(ValueError):
    """`place` is above itself."""

    def __init__(self, place: int) -> None:
        super().__init__(f"concept {place} is above itself")
        self.place = place


def ordered(size: int, above: array[int], below: array[int]) -> array[int]:
    """A number for each of `size` places so that whatever is above has the lower one. Raises CircularError.

    `above`, `below`: the ends of the edges, as places. Siblings keep their order as far as that allows.
    """
    starts, targets = _grouped(size, above, below)
    waiting = array("I", bytes(4 * size))
    for place in below:
        waiting[place] += 1
    numbers = array("I", bytes(4 * size))
    stack = [place for place in range(size - 1, -1, -1) if not waiting[place]]
    next_number = 0
    while stack:
        place = stack.pop()
        numbers[place] = next_number
        next_number += 1
        for target in reversed(targets[starts[place] : starts[place + 1]]):
            waiting[target] -= 1
            if not waiting[target]:
                stack.append(target)
    if next_number < size:
        raise CircularError(next(place for place in range(size) if waiting[place]))
    return numbers


def _grouped(size: int, keys: Sequence[int], values: Sequence[int]) -> tuple[array[int], array[int]]:
    """Values by key: (where each key's values start, the values)."""
    starts = array("I", bytes(4 * (size + 1)))
    for key in keys:
        starts[key + 1] += 1
    for key in range(size):
        starts[key + 1] += starts[key]
    fill = array("I", starts)
    grouped = array("I", bytes(4 * len(values)))
    for key, value in zip(keys, values, strict=True):
        grouped[fill[key]] = value
        fill[key] += 1
    return starts, grouped


class Hierarchy:
    """Who is above and below whom, by number. `large`: the concepts with MANY descendants, after `large_sets`.
    `last`: the highest number at or below each concept.
    """

    __slots__ = ("_down", "_down_starts", "_up", "_up_starts", "large", "last", "size")

    def __init__(self, size: int, above: array[int], below: array[int]) -> None:
        """`above`, `below`: the ends of the edges, as numbers that `ordered` gave."""
        self.size = size
        order = sorted(range(len(above)), key=lambda edge: (above[edge] << 32) | below[edge])
        above = array("I", [above[edge] for edge in order])
        below = array("I", [below[edge] for edge in order])
        self._down_starts, self._down = _grouped(size, above, below)
        self._up_starts, self._up = _grouped(size, below, above)
        self.large = BitMap()
        self.last = _last(self._up_starts, self._up)

    def children(self, number: int) -> Sequence[int]:
        """What is directly below, in order."""
        return self._down[self._down_starts[number] : self._down_starts[number + 1]]

    def parents(self, number: int) -> Sequence[int]:
        """What is directly above, in order."""
        return self._up[self._up_starts[number] : self._up_starts[number + 1]]

    def is_leaf(self, number: int) -> bool:
        """Whether nothing is below."""
        return self._down_starts[number] == self._down_starts[number + 1]

    def roots(self) -> list[int]:
        """What has nothing above it but something below, in order; all that has nothing above it when that is none."""
        free = [n for n in range(self.size) if self._up_starts[n] == self._up_starts[n + 1]]
        return [n for n in free if not self.is_leaf(n)] or free

    def having_parents(self) -> BitMap:
        """All that has something above it."""
        return BitMap(self._down)

    def having_children(self) -> BitMap:
        """All that has something below it."""
        return BitMap(self._up)

    def is_above(self, upper: int, lower: int) -> bool:
        """Whether `upper` is above `lower`, at whatever distance."""
        starts, down, last = self._down_starts, self._down, self.last
        if not upper < lower <= last[upper]:
            return False
        waiting, seen = [upper], {upper}
        while waiting:
            at = waiting.pop()
            for each in down[starts[at] : starts[at + 1]]:
                if each >= lower:
                    if each == lower:
                        return True
                    break  # they rise, and what is below them is higher still
                if last[each] >= lower and each not in seen:
                    seen.add(each)
                    waiting.append(each)
        return False

    def ancestors(self, number: int) -> BitMap:
        """Everything above."""
        return _reached(number, self._up_starts, self._up)

    def few_descendants(self, number: int) -> BitMap:
        """Everything below, found step by step: for concepts that are not `large`."""
        return _reached(number, self._down_starts, self._down)

    def large_sets(self) -> dict[int, BitMap]:
        """The descendants of every concept that has MANY or more."""
        found: dict[int, BitMap] = {}
        all: dict[int, BitMap] = {}
        starts, down = self._down_starts, self._down
        for number in range(self.size - 1, -1, -1):
            children = down[starts[number] : starts[number + 1]]
            if not children:
                continue
            below = BitMap(children)
            for child in children:
                if child in all:
                    below |= all[child]
            below.run_optimize()
            all[number] = below
            if len(below) >= MANY:
                found[number] = below
        self.large = BitMap(found)
        return found

    def packed(self) -> bytes:
        """As bytes, for `unpacked`."""
        large = array("I", self.large)
        head = array("I", [self.size, len(self._up), len(large)])
        return zstandard.compress(b"".join(part.tobytes() for part in (head, large, self._up_starts, self._up)), 9)

    @classmethod
    def unpacked(cls, data: bytes) -> Hierarchy:
        """From the bytes of `packed`."""
        whole = array("I", zstandard.decompress(data))
        size, edges, large = whole[:3]
        at = 3 + large
        starts, up = whole[at : at + size + 1], whole[at + size + 1 :]
        if len(up) != edges:
            raise ValueError("a hierarchy with missing edges")
        made = cls.__new__(cls)
        made.large = BitMap(whole[3:at])
        made.size, made._up_starts, made._up = size, starts, up
        made.last = _last(starts, up)
        below = array("I", bytes(4 * edges))
        for number in range(size):
            for at in range(starts[number], starts[number + 1]):
                below[at] = number
        made._down_starts, made._down = _grouped(size, up, below)
        return made


def _last(starts: array[int], up: array[int]) -> array[int]:
    """The highest number at or below each concept: rising numbers, from the bottom to the top."""
    last = array("I", range(len(starts) - 1))
    for number in range(len(last) - 1, -1, -1):
        highest = last[number]
        for above in up[starts[number] : starts[number + 1]]:
            if last[above] < highest:
                last[above] = highest
    return last


def _reached(start: int, starts: array[int], edges: array[int]) -> BitMap:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        at = waiting.pop()
        for each in edges[starts[at] : starts[at + 1]]:
            if each not in found:
                found.add(each)
                waiting.append(each)
    return BitMap(found)
