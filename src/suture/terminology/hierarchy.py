"""What lies above and below the concepts of a code system in memory, as bitmaps of their numbers.

Specification: https://hl7.org/fhir/R4/codesystem.html#hierarchy. The one thing to know: nested concepts subsume each
other unless `hierarchyMeaning` says that they are only grouped or parts; the properties parent, child and subsumedBy
always do.
"""

from collections.abc import Iterable, Mapping, Sequence

from pyroaring import BitMap

from suture.terminology.systems import Json

KEPT = 512
"""Closures that are kept."""

_PROPERTY_URI = "http://hl7.org/fhir/concept-properties#"
_UPWARD = ("parent", "subsumedBy")


class Hierarchy:
    """A graph of concepts 0 … `size` - 1. `edges`: (parent, child), possibly several times and in circles."""

    __slots__ = ("_children", "_closures", "_parents", "size")

    def __init__(self, size: int, edges: Iterable[tuple[int, int]]) -> None:
        self.size = size
        self._parents: dict[int, dict[int, None]] = {}
        self._children: dict[int, dict[int, None]] = {}
        for parent, child in edges:
            self._parents.setdefault(child, {})[parent] = None
            self._children.setdefault(parent, {})[child] = None
        self._closures: dict[int, BitMap] = {}

    def __bool__(self) -> bool:
        return bool(self._children)

    def children(self, number: int) -> Sequence[int]:
        """Directly below."""
        return tuple(self._children.get(number, ()))

    def parents(self, number: int) -> Sequence[int]:
        """Directly above."""
        return tuple(self._parents.get(number, ()))

    def below(self, number: int) -> BitMap:
        """Everything below, without the concept itself unless the hierarchy runs in a circle. Not to be changed."""
        found = self._closures.get(number)
        if found is None:
            if len(self._closures) >= KEPT:
                del self._closures[next(iter(self._closures))]
            found = self._closures[number] = _reached(number, self._children)
        return found

    def above(self, number: int) -> BitMap:
        """Everything above, likewise."""
        return _reached(number, self._parents)


def hierarchy_properties(resource: Json) -> tuple[list[str], list[str]]:
    """The names of the properties that lead up and down, by their usual names and by what the system declares."""
    upward: list[str] = [*_UPWARD]
    downward = ["child"]
    for declared in resource.get("property", []):
        code, uri = declared.get("code"), declared.get("uri")
        if uri == _PROPERTY_URI + "parent" and code and code not in upward:
            upward.append(code)
        elif uri == _PROPERTY_URI + "child" and code and code not in downward:
            downward.append(code)
    return upward, downward


def _reached(start: int, edges: Mapping[int, Mapping[int, None]]) -> BitMap:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for number in edges.get(waiting.pop(), ()):
            if number not in found:
                found.add(number)
                waiting.append(number)
    return BitMap(found)
