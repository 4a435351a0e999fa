"""Values that were worked out, kept while they fit: the least recently used go first."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A cache whose values have weights; it holds at most `capacity` of weight."""

    __slots__ = ("_capacity", "_values", "_weight")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._values: dict[K, tuple[V, int]] = {}

    def get(self, key: K) -> V | None:
        """The value of `key`, which counts as used now."""
        entry = self._values.pop(key, None)
        if entry is None:
            return None
        self._values[key] = entry
        return entry[0]

    def keep(self, key: K, value: V, weight: int) -> None:
        """Keep `value` unless it is heavier than everything that may be kept."""
        self.forget(key)
        if weight > self._capacity:
            return
        self._values[key] = (value, weight)
        self._weight += weight
        while self._weight > self._capacity:
            self.forget(next(iter(self._values)))

    def forget(self, key: K) -> None:
        """Drop the value of `key`, if there is one."""
        entry = self._values.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]
