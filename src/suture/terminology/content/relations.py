"""The relationships of one attribute as arrays: source, target, group; and its concrete values.

The one thing to know: an attribute is evaluated by running over all its relationships, which are at most some hundred
thousand, at tens of nanoseconds each; arrays keep a whole release's relationships in some megabytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec
import zstandard

TARGET = "targetComponentId"
"""The column of association reference sets that names the other end."""


class Relations:
    """Relationships of one attribute: parallel arrays of source number, target number and group."""

    __slots__ = ("groups", "sources", "targets")

    def __init__(self, sources: array[int], targets: array[int], groups: array[int]) -> None:
        self.sources = sources
        self.targets = targets
        self.groups = groups

    @classmethod
    def empty(cls) -> Relations:
        """None at all."""
        return cls(array("I"), array("I"), array("I"))

    def __len__(self) -> int:
        return len(self.sources)

    def add(self, source: int, target: int, group: int) -> None:
        """One more relationship."""
        self.sources.append(source)
        self.targets.append(target)
        self.groups.append(group)

    def packed(self) -> bytes:
        """As bytes, for `unpacked`."""
        return zstandard.compress(b"".join(part.tobytes() for part in (self.sources, self.targets, self.groups)), 9)

    @classmethod
    def unpacked(cls, parts: Sequence[bytes]) -> Relations:
        """From the bytes of `packed`, None at all from nothing."""
        made = cls.empty()
        for part in parts:
            whole = array("I", zstandard.decompress(part))
            third = len(whole) // 3
            made.sources.extend(whole[:third])
            made.targets.extend(whole[third : 2 * third])
            made.groups.extend(whole[2 * third :])
        return made


class Value(msgspec.Struct, array_like=True, frozen=True):
    """A concrete value. `text`: as in the release, `#5` for a number, `"x"` for a string, `true` or `false`."""

    source: int
    group: int
    text: str


class Member(msgspec.Struct, array_like=True, frozen=True):
    """A row of a reference set. `component`: the identifier of what it is about. `fields`: the columns that follow."""

    component: str
    active: bool
    module: str
    time: str
    fields: tuple[str, ...]


class Members(msgspec.Struct, array_like=True):
    """Some rows of a reference set. `names`: the columns of `Member.fields`."""

    names: Sequence[str]
    rows: Sequence[Member]


_values = msgspec.msgpack.Decoder(list[Value]).decode
_members = msgspec.msgpack.Decoder(Members).decode


def packed_values(values: Sequence[Value]) -> bytes:
    """As bytes, for `unpacked_values`."""
    return zstandard.compress(msgspec.msgpack.encode(values), 9)


def unpacked_values(parts: Sequence[bytes]) -> list[Value]:
    """From the bytes of `packed_values`."""
    return [value for part in parts for value in _values(zstandard.decompress(part))]


def packed_members(members: Members) -> bytes:
    """As bytes, for `unpacked_members`."""
    return zstandard.compress(msgspec.msgpack.encode(members), 3)


def unpacked_members(part: bytes) -> Members:
    """From the bytes of `packed_members`."""
    return _members(zstandard.decompress(part))


def members_with(part: bytes, text: str) -> Members | None:
    """The same, None when the text stands nowhere in it, which is told without reading rows."""
    data = zstandard.decompress(part)
    return _members(data) if text.encode() in data else None
