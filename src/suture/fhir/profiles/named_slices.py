"""Whether a value is of a slice that an expression names: `slice(structure, name)`.

Specification: https://hl7.org/fhir/R4/fhirpath.html#functions. The one thing to know: only the name of the slice is
given, so of several slices with that name in a profile those count that values of this type can be in.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from suture.fhir.profiles.branches import Branch, Unusable
from suture.fhir.profiles.criteria import Criterion, slice_criteria, slicing_facts
from suture.fhir.profiles.library import MALFORMED, Library
from suture.fhir.profiles.spots import Spot

if TYPE_CHECKING:
    from suture.fhir.profiles.walk import Walk


class NamedSlice(NamedTuple):
    """One slice. `path`: of its element; `types`: codes of what may stand there.

    `criteria`: all must be met; None when they cannot be decided. `placed`: one asks for the place in the array.
    """

    path: str
    types: frozenset[str]
    criteria: tuple[Criterion, ...] | None
    placed: bool = False


def named_slices(library: Library, url: str, name: str) -> tuple[NamedSlice, ...]:
    """The slices of a profile with a name (`a/b` for the slice b of the slice a); none when it has none.

    Raises nothing: of a profile that is not known or cannot be used there is none either.
    """
    try:
        profile = library.profile(url)
        if profile is None:
            return ()
        return tuple(
            found
            for branch in profile.tree.walk()
            if not branch.slice
            for found in _below(library, branch, name, (), placed=False)
        )
    except (Unusable, *MALFORMED):
        return ()


def _below(
    library: Library, sliced: Branch, name: str, outer: tuple[Criterion, ...] | None, *, placed: bool
) -> Iterator[NamedSlice]:
    facts = slicing_facts(sliced)
    if facts is None:
        return
    placed = placed or any(one.get("type") == "position" for one in facts.get("discriminator") or ())
    for number, slice in enumerate(sliced.slices):
        if slice.slice != name and not name.startswith(slice.slice + "/"):
            continue
        own = slice_criteria(library, facts, sliced, number)
        criteria = None if own is None or outer is None else (*outer, *own)
        if slice.slice == name:
            types = frozenset(str(entry.get("code")).rpartition("/")[2] for entry in slice.types or sliced.types)
            path = str(slice.facts.get("path") or sliced.facts.get("path") or "")
            yield NamedSlice(path, types, criteria, placed)
        else:
            yield from _below(library, slice, name, criteria, placed=placed)


def belongs(walk: "Walk", spot: Spot, slices: Sequence[NamedSlice]) -> bool | None:
    """Whether a value is of one of these slices; None where that cannot be decided.

    `spot.element`: the path of the element for a value without a type of its own. `spot.index`: its place in the array,
    -1 where that is not known.
    """
    found: bool | None = None
    for slice in slices:
        if spot.element != slice.path and not any(walk.book.is_kind(spot.type, type) for type in slice.types):
            found = found or False
            continue
        if slice.criteria is None or (slice.placed and spot.index < 0):
            continue
        before, walk.unsure = walk.unsure, False
        walk.spend(len(slice.criteria))
        met = all(criterion.test(walk, spot) for criterion in slice.criteria)
        unsure, walk.unsure = walk.unsure, before
        if met:
            return True
        found = found if unsure else found or False
    return found
