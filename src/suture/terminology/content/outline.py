"""The outline of a release: which codes there are and what is above what. The first of two passes over its files."""

from __future__ import annotations

from array import array

from suture.terminology.content.files import ReleaseError
from suture.terminology.content.hierarchy import CircularError, Hierarchy, ordered

MAX_CONCEPTS = 5_000_000
"""Concepts of one release."""

Code = str | int
"""A code; SNOMED CT identifiers are kept as numbers, which takes half the memory."""


class Outline:
    """Codes in the order of the release, and edges between them. After `settle`, `number` gives their numbers."""

    def __init__(self) -> None:
        self._places: dict[Code, int] = {}
        self._above: list[Code] = []
        self._below: list[Code] = []
        self._numbers = array("I")

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, code: Code) -> bool:
        return code in self._places

    def concept(self, code: Code) -> bool:
        """Take in a code; False when it is there already."""
        places = self._places
        if code in places:
            return False
        if len(places) >= MAX_CONCEPTS:
            raise ReleaseError(f"The release has more than {MAX_CONCEPTS:,} concepts.")
        places[code] = len(places)
        return True

    def edge(self, above: Code, below: Code) -> None:
        """Take in that one code is directly above another. Both may come later."""
        self._above.append(above)
        self._below.append(below)

    def settle(self) -> Hierarchy:
        """Give every code its number. Raises ReleaseError for an unknown code in an edge and for a circle."""
        places = self._places
        above, below = array("I"), array("I")
        edges = set(zip(self._above, self._below, strict=True))
        for upper, lower in edges:
            for code, other in ((upper, lower), (lower, upper)):
                if code not in places:
                    raise ReleaseError(
                        f"The hierarchy refers to {code} (beside {other}), which the release does not have. "
                        "An extension is loaded together with the edition that it extends: name both."
                    )
        ends = sorted((places[upper], places[lower]) for upper, lower in edges)
        for upper, lower in ends:
            above.append(upper)
            below.append(lower)
        self._above, self._below = [], []
        try:
            self._numbers = ordered(len(places), above, below)
        except CircularError as circle:
            code = next(code for code, place in places.items() if place == circle.place)
            raise ReleaseError(f"The hierarchy runs in a circle at {code}.") from None
        numbers = self._numbers
        for at in range(len(above)):
            above[at], below[at] = numbers[above[at]], numbers[below[at]]
        return Hierarchy(len(places), above, below)

    def number(self, code: Code) -> int | None:
        """The number of a code, None for one that the release does not have."""
        place = self._places.get(code)
        return None if place is None else self._numbers[place]
