"""Sets of codes, listed or by what they leave out, with the algebra that `ValueSet.compose` needs.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions. The one thing to know: a whole code system whose
codes are not known here (LOINC, UCUM) is the complement of nothing, so unions, intersections and exclusions stay exact.
"""

from collections.abc import Iterable, Mapping

import msgspec


class Codes(msgspec.Struct, frozen=True):
    """Codes of one code system: those in `codes` or, when `complement`, all codes of the system but those."""

    codes: frozenset[str]
    complement: bool = False

    def __contains__(self, code: str) -> bool:
        return (code in self.codes) != self.complement

    def __bool__(self) -> bool:
        return self.complement or bool(self.codes)

    def __invert__(self) -> "Codes":
        return Codes(self.codes, not self.complement)

    def __or__(self, other: "Codes") -> "Codes":
        if self.complement and other.complement:
            return Codes(self.codes & other.codes, True)
        if self.complement:
            return Codes(self.codes - other.codes, True)
        if other.complement:
            return Codes(other.codes - self.codes, True)
        return Codes(self.codes | other.codes)

    def __and__(self, other: "Codes") -> "Codes":
        return ~(~self | ~other)

    def __sub__(self, other: "Codes") -> "Codes":
        return self & ~other


NONE = Codes(frozenset())
EVERY = ~NONE

Members = Mapping[str, Codes]
"""The content of a value set: code system URL -> its codes. A system without any is left out."""


def union(parts: Iterable[Members]) -> Members:
    """What is in at least one."""
    result: dict[str, Codes] = {}
    for part in parts:
        for system, codes in part.items():
            result[system] = result.get(system, NONE) | codes
    return result


def intersection(parts: Iterable[Members]) -> Members:
    """What is in all of them; there must be at least one."""
    first, *others = parts
    result = dict(first)
    for other in others:
        result = {system: codes & other.get(system, NONE) for system, codes in result.items()}
    return _without_empty(result)


def difference(included: Members, excluded: Members) -> Members:
    """What is in the first and not in the second."""
    return _without_empty({system: codes - excluded.get(system, NONE) for system, codes in included.items()})


def size(members: Members) -> int:
    """How many codes are named, in or out."""
    return sum(len(codes.codes) for codes in members.values())


def _without_empty(members: Members) -> Members:
    return {system: codes for system, codes in members.items() if codes}
