"""A bounded memory of hashes: the same codes and references come again and again, and a look-up is far
cheaper than a keyed hash."""

from typing import Any

Key = tuple[Any, ...]

_LONGEST = 200
"""Characters of a key that is remembered, so that the memory is bounded in bytes as well."""


class HashCache:
    """Two generations of results by key: when the young one is full it becomes the old one.

    Readers look into `young` directly (`cache.young.get(key)`) and call the function that made the entry on a
    miss; that function asks `recall` first. `size`: entries of one generation.
    """

    __slots__ = ("_old", "_sites", "_size", "young")

    def __init__(self, size: int = 16_384) -> None:
        self.young: dict[Key, Any] = {}
        self._old: dict[Key, Any] = {}
        self._size = size
        self._sites = 0

    def next_site(self) -> int:
        """A number that begins the keys of one more site."""
        self._sites += 1
        return self._sites

    def recall(self, key: Key) -> Any:
        """What was kept under `key`, also in the old generation, or None."""
        found = self._old.get(key)
        if found is not None:
            self._put(key, found)
        return found

    def keep(self, key: Key, result: Any) -> None:
        """Remember `result`, unless the key is long."""
        if sum(len(part) for part in key if isinstance(part, str)) <= _LONGEST:
            self._put(key, result)

    def _put(self, key: Key, result: Any) -> None:
        if len(self.young) >= self._size:
            self._old = self.young
            self.young = {}
        self.young[key] = result
