"""The elements of a StructureDefinition as a tree: elements, the elements below them, and their slices.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#path. A snapshot lists elements in the order of a walk
through the tree; a slice follows the element that it slices and has the same path and a `sliceName`. The one thing
to know: a branch knows only what its own definition says; what its type says is in the tree of that type.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Facts = dict[str, Any]
"""An ElementDefinition. Not to be changed once it is in a tree that others share."""

PROFILE_ELEMENT = "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element"
"""The extension that names the element of a profile which a type must meet."""

BASE = "http://hl7.org/fhir/StructureDefinition/"
"""Prefix of the URLs of FHIR's own types, profiles and extensions."""

MAX_ELEMENTS = 20_000
"""Elements of one StructureDefinition."""


class Unusable(Exception):
    """A StructureDefinition cannot be used. Its text says why."""


class Branch:
    """One element of a definition.

    `name`: last part of its path, `value[x]` for a choice. `slice`: its sliceName, "" for what is not a slice.
    `children`: by name, in order. `slices`: of this element, in order; a slice of a slice has slices itself.
    """

    __slots__ = ("children", "facts", "name", "slice", "slices")

    def __init__(self, name: str, facts: Facts, slice: str = "") -> None:
        self.name = name
        self.facts = facts
        self.slice = slice
        self.children: dict[str, Branch] = {}
        self.slices: list[Branch] = []

    @property
    def types(self) -> Sequence[Mapping[str, Any]]:
        """The `type` entries of the element."""
        return self.facts.get("type") or ()

    @property
    def minimum(self) -> int:
        """Fewest times that the element may occur."""
        return self.facts.get("min") or 0

    @property
    def maximum(self) -> int | None:
        """Most times that the element may occur; None for `*`."""
        return limit(self.facts.get("max"))

    @property
    def constraints(self) -> Sequence[Mapping[str, Any]]:
        """The invariants of the element."""
        return self.facts.get("constraint") or ()

    def copy(self) -> "Branch":
        """The same tree with branches of its own; the facts are copied one level deep."""
        same = Branch(self.name, dict(self.facts), self.slice)
        same.children = {name: child.copy() for name, child in self.children.items()}
        same.slices = [slice.copy() for slice in self.slices]
        return same

    def child(self, name: str) -> "Branch | None":
        """The element below with this name; a choice is found by the name of one of its types as well."""
        found = self.children.get(name)
        return found if found is not None else self.choice(name)

    def choice(self, name: str) -> "Branch | None":
        """The choice that `name` (`valueQuantity`, `value`) stands for."""
        plain = self.children.get(name + "[x]")
        if plain is not None:
            return plain
        for key, child in self.children.items():
            if key.endswith("[x]") and name.startswith(key[:-3]) and name[len(key) - 3 :][:1].isupper():
                return child
        return None

    def slice_named(self, name: str) -> "Branch | None":
        """The slice with this name, at any level of slicing (`a/b` is the slice `b` of the slice `a`)."""
        for slice in self.slices:
            if slice.slice == name:
                return slice
            if name.startswith(slice.slice + "/"):
                return slice.slice_named(name)
        return None

    def walk(self) -> Iterator["Branch"]:
        """This branch and everything below it, in the order of a snapshot."""
        yield self
        for child in self.children.values():
            yield from child.walk()
        for slice in self.slices:
            yield from slice.walk()

    def find(self, path: str) -> "Branch | None":
        """The branch (not a slice) with a path or id such as `Observation.component.code` below the root `Observation`.

        Parts of an id may name slices: `Observation.component:systolic.code`.
        """
        branch: Branch | None = self
        for part in path.split(".")[1:]:
            name, _, slice = part.partition(":")
            branch = branch.child(name) if branch is not None else None
            if branch is not None and slice:
                branch = branch.slice_named(slice)
        return branch


def profile_urls(entry: Mapping[str, Any]) -> list[str]:
    """The profiles of a `type` entry; one that means only an element of the profile ends with `#` and its id."""
    urls: list[str] = list(entry.get("profile") or ())
    beside: Sequence[Any] = entry.get("_profile") or ()
    for number, primitive in enumerate(beside[: len(urls)]):
        for extension in (primitive or {}).get("extension") or ():
            if extension.get("url") == PROFILE_ELEMENT and isinstance(extension.get("valueString"), str):
                urls[number] += "#" + extension["valueString"]
    return urls


def limit(text: Any) -> int | None:
    """The number that `max` gives; None for `*` and where there is none."""
    return int(text) if isinstance(text, str) and text.isdigit() else None


def grown(elements: Iterable[Facts]) -> Branch | None:
    """The tree of a snapshot's elements; None when there is no root. Elements without a parent are left out."""
    root: Branch | None = None
    latest: dict[str, Branch] = {}
    for number, facts in enumerate(elements):
        path = facts.get("path")
        if not isinstance(path, str) or number >= MAX_ELEMENTS:
            continue
        above, _, name = path.rpartition(".")
        if root is None:
            root = latest[path] = Branch(name or path, facts)
            continue
        parent = latest.get(above)
        if parent is not None:
            latest[path] = _attached(parent, name, facts)
    return root


def _attached(parent: Branch, name: str, facts: Facts) -> Branch:
    slice = facts.get("sliceName") or ""
    sliced = parent.child(name)
    if sliced is None:
        # The first of its name, even where its sliceName pretends otherwise.
        branch = parent.children[name] = Branch(name, facts, "")
        return branch
    if not slice:
        if name == sliced.name:
            branch = parent.children[name] = Branch(name, facts)
            return branch
        slice = name
    branch = Branch(sliced.name, facts, slice)
    add_slice(sliced, branch)
    return branch


def add_slice(sliced: Branch, slice: Branch) -> None:
    """Put a slice where its name says: below the element, or below the slice that it slices again."""
    holder = sliced
    while True:
        outer = next((s for s in holder.slices if slice.slice.startswith(s.slice + "/")), None)
        if outer is None:
            break
        holder = outer
    holder.slices.append(slice)
