"""Reads of single keys that are asked for at the same time, answered by one read.

The one thing to know: one read is under way at a time, and what is asked for meanwhile is the next one. So a read waits
for nobody when there is no other, and the more there are, the fewer statements each of them takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Batch(Generic[K, V]):
    """Keys that are read together. `found`: None before they were."""

    __slots__ = ("found", "keys")

    def __init__(self) -> None:
        self.keys: dict[K, None] = {}
        self.found: Mapping[K, V] | None = None


class Together(Generic[K, V]):
    """`read`: what there is of some keys."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._next: _Batch[K, V] = _Batch()

    async def get(self, key: K) -> V | None:
        """The value of a key, None when there is none. Raises what `read` raises."""
        batch = self._next
        batch.keys[key] = None
        async with self._turn:
            if batch.found is None:  # else another one of the batch had its turn before
                if batch is self._next:
                    self._next = _Batch()
                batch.found = await self._read(list(batch.keys))
        return batch.found.get(key)
