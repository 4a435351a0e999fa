"""Addresses: where in the tree of its base each element of a differential belongs.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#id. The one thing to know: an id tells the slices on the
way, where it agrees with the path; without ids, an element belongs to the slice of its path that came last.
"""

# ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any

from suture.fhir.profiles.branches import Facts

Address = tuple[tuple[str, str], ...]
"""The way to an element below the root: (name, slice or "") of each step."""


def addresses(elements: list[Facts]) -> Iterator[Address]:
    """Where each element of a differential belongs."""
    slices: dict[str, str] = {}
    for facts in elements:
        path = str(facts.get("path") or "")
        by_id = _by_id(facts.get("id"), path)
        slice: str = facts.get("sliceName") or ""
        if by_id is not None and (not slice or (by_id and by_id[-1][1] == slice)):
            if by_id:
                slices[path] = by_id[-1][1]
            yield by_id
            continue
        parts = path.split(".")
        for known in [known for known in slices if known == path or known.startswith(path + ".")]:
            del slices[known]
        if slice:
            slices[path] = slice
        yield tuple((part, slices.get(".".join(parts[: number + 2]), "")) for number, part in enumerate(parts[1:]))


def address_id(facts: Facts, address: Address) -> str:
    """The id that an element at an address must have."""
    root = str(facts.get("path") or "").partition(".")[0]
    return ".".join((root, *(f"{name}:{slice}" if slice else name for name, slice in address)))


def depth(address: Address) -> int:
    """In how many slices an element is. Slices copy what they slice, so it must have its place before they have."""
    return sum(1 for _, slice in address if slice)


def _by_id(id: Any, path: str) -> Address | None:
    if not isinstance(id, str):
        return None
    steps = [part.partition(":") for part in id.split(".")]
    if ".".join(step[0] for step in steps) != path:
        return None
    return tuple((name, slice) for name, _, slice in steps[1:])
