"""Growth: the tree of a base becomes that of a definition, one element of the differential after another.

Specification: https://hl7.org/fhir/R4/profiling.html#snapshot. Each element of the differential is found in the tree
(walking into the types, profiles and content references on the way, making slices) and laid over what is there. The
one thing to know: the order of a differential does not matter but for slices without ids, since an element finds its
place by its address.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from suture.fhir.profiles.branches import BASE, MAX_ELEMENTS, Branch, Facts, Unusable, add_slice, profile_urls
from suture.fhir.profiles.snapshot_addresses import Address, addresses, depth
from suture.fhir.profiles.snapshot_choices import (
    choice_of,
    close,
    narrow,
    slice_by_type,
    types_named,
)
from suture.fhir.profiles.snapshot_merging import described, inherited, laid_over

MAX_SLICES = 1000
"""Slices of one element."""

EXTENSION_SLICING: Mapping[str, Any] = {
    "discriminator": [{"type": "value", "path": "url"}],
    "description": "Extensions are always sliced by (at least) url",
    "ordered": False,
    "rules": "open",
}
"""How extensions are sliced where a differential only names a slice of them."""

ANY_EXTENSION: Facts = {"short": "Extension", "definition": "An Extension"}
"""How extensions are described that have no definition of their own."""

_EXTENSIONS = frozenset(("extension", "modifierExtension"))

_OF_THE_WHOLE = ("constraint", "mustSupport")
"""What a differential says of a sliced element and need not be repeated of its slices: constraints hold for all values
as it is, and to support the element is not to support each slice."""

_NEVER_BOUND = frozenset(("Extension", "Reference"))
"""Types that have no code, so that a binding on them is one of their values or of other types of a choice."""


class Trees(Protocol):
    """Where the trees of other definitions come from."""

    def tree(self, url: str, depth: int = 0) -> Branch:
        """The tree of a definition. Raises Unusable."""
        ...

    def knows(self, url: str) -> bool:
        """Whether there is a definition of this URL."""
        ...


class Growth:
    """One generation of a snapshot."""

    def __init__(
        self, library: Trees, base: Branch, base_url: str, url: str, *, adds: bool, logical: bool = False
    ) -> None:
        """`url`: of the definition; `adds`: whether elements may be added, as a new type does.

        `logical`: whether the new type is a logical model, whose elements need not be those of FHIR.
        """
        self._logical = logical
        self._library = library
        self._base = base
        self._tree = taken_over(base, base.name, base_url)
        self._url = url
        self._adds = adds
        self._grown = 0
        self._steps: dict[Address, set[tuple[str, str]]] = {}
        self._slicers: dict[int, Branch] = {}
        self._sliced: dict[int, Branch] = {}
        self._laid: dict[int, tuple[Branch, Facts]] = {}

    def laid_over(self, elements: list[Facts], root: str) -> Branch:
        """The tree with the elements of a differential laid over it, under the name `root`. Raises Unusable."""
        self._tree.name = root
        if self._adds and not self._logical:
            self._tree.facts["base"] = {"path": root, "min": 0, "max": "*"}
        if len(elements) > MAX_ELEMENTS:
            raise Unusable(f"Its differential has more than {MAX_ELEMENTS} elements.")
        addressed = list(zip(addresses(elements), elements, strict=True))
        for address, _ in addressed:
            for number, step in enumerate(address):
                self._steps.setdefault(address[:number], set()).add(step)
        # Slices copy what they slice: first everything outside of slices, then slices, then slices in slices.
        for address, facts in sorted(addressed, key=lambda pair: depth(pair[0])):
            self._lay(self._place(address, facts), facts)
        for sliced in self._sliced.values():
            self._settle(sliced)
        if sum(1 for _ in self._tree.walk()) > MAX_ELEMENTS:
            raise Unusable(f"Its snapshot would have more than {MAX_ELEMENTS} elements.")
        return self._tree

    # Finding the place

    def _place(self, address: Address, facts: Facts) -> Branch:
        way = [self._tree]
        try:
            for number in range(len(address)):
                way.append(self._step(way[-1], address, number, facts))
        except Unusable as error:
            unknown = [url for branch in way for entry in branch.types for url in profile_urls(entry)]
            unknown = [url for url in unknown if not self._library.knows(url.partition("#")[0])]
            if unknown:
                raise Unusable(f"{error} On the way {unknown[-1][:200]} is not known here.") from None
            raise
        return way[-1]

    def _step(self, branch: Branch, address: Address, number: int, facts: Facts) -> Branch:
        name, slice = address[number]
        last = number == len(address) - 1
        self._expand(branch)
        child = branch.children.get(name) or self._of_some_types(branch, name)
        if child is None:
            choice = choice_of(branch, name)
            if choice is not None and (name + "[x]" == choice.name or slice or types_named(choice, name)):
                child = choice
            elif self._adds and last:
                child = branch.children[name] = self._added(address, facts)
            else:
                raise Unusable(_lost(facts, choice, name))
        if child.name != name and child.name.endswith("[x]") and types_named(child, name):
            return self._typed(child, name, address, number)
        if not slice:
            return child
        if not last and "contentReference" in child.facts:
            self._expand(child)
        return self._slice(child, slice)

    def _of_some_types(self, choice: Branch, name: str) -> Branch | None:
        """An element that some types of a choice have; what a profile says of it holds for values of these."""
        for entry in choice.types if choice.name.endswith("[x]") and len(choice.types) > 1 else ():
            found = self._type(str(entry.get("code"))).children.get(name)
            if found is not None:
                choice.children[name] = taken_over(found, f"{entry.get('code')}.{name}", "")
                return choice.children[name]
        return None

    def _typed(self, choice: Branch, name: str, address: Address, number: int) -> Branch:
        """The slice of a choice, or in a slice the choice itself, that `valueQuantity` stands for."""
        slice = address[number][1]
        known = choice.slice_named(slice or name) is not None
        if depth(address[:number]) and len(choice.slices) == known and self._alone(choice, address, number):
            narrow(choice, types_named(choice, name))
            if not known and not slice:
                return choice
        slice_by_type(choice)
        return self._slice(choice, slice or name)

    def _alone(self, choice: Branch, address: Address, number: int) -> bool:
        """Whether the differential speaks of no other type of a choice."""
        named = address[number][0]
        for name, slice in self._steps[address[:number]]:
            if (slice and name == choice.name) or (name not in (named, choice.name) and types_named(choice, name)):
                return False
        return True

    def _added(self, address: Address, facts: Facts) -> Branch:
        """A new element of a new type."""
        base: Facts = {"path": ".".join((self._tree.name, *(name for name, _ in address)))}
        base |= {"min": facts.get("min", 0), "max": facts.get("max", "*")}
        typed = not self._logical or address in self._steps
        constraints = self._of_all_elements(facts.get("type") or ()) if typed else []
        return Branch(address[-1][0], {"base": base, **({"constraint": constraints} if constraints else {})})

    def _of_all_elements(self, types: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The constraints that each value of some types has since it is an Element."""
        try:
            every = list(self._type("Element").constraints)
            codes = {str(entry.get("code")) for entry in types}
            if len(codes) != 1 or self._logical:
                return every
            keys = {one.get("key") for one in self._type(codes.pop()).constraints}
        except Unusable:
            return []
        return [one for one in every if one.get("key") in keys]

    def _slice(self, sliced: Branch, name: str) -> Branch:
        """A slice; a new one begins as a copy of what it slices."""
        slice = sliced.slice_named(name) or self._new_slice(sliced, name)
        self._slicers[id(slice)] = sliced
        return slice

    def _new_slice(self, sliced: Branch, name: str) -> Branch:
        if len(sliced.slices) >= MAX_SLICES:
            raise Unusable(f"{sliced.name[:60]!r} has more than {MAX_SLICES} slices.")
        outer = sliced
        while True:
            within = next((one for one in outer.slices if name.startswith(one.slice + "/")), None)
            if within is None:
                break
            outer = within
        slice = Branch(sliced.name, dict(outer.facts), name)
        slice.children = {key: child.copy() for key, child in outer.children.items()}
        slice.facts.pop("slicing", None)
        # How often the element occurs as a whole is not how often one of its slices does.
        slice.facts["min"] = 0
        if outer is sliced and id(outer) in self._laid:
            _, before = self._laid[id(outer)]
            for property in _OF_THE_WHOLE:
                slice.facts.pop(property, None)
                if property in before:
                    slice.facts[property] = before[property]
        if sliced.name.endswith("[x]"):
            slice.facts["type"] = types_named(sliced, name) or list(outer.types)
        add_slice(sliced, slice)
        self._count(slice)
        return slice

    # Walking into types

    def _expand(self, branch: Branch) -> None:
        """Give a branch the children of its type, of the profile on it, or of the element that it repeats."""
        if branch.children:
            return
        source = self._source(branch)
        if source is None:
            return
        branch.children = _children(source)
        if branch.facts.pop("contentReference", None) is not None:
            branch.facts["type"] = list(source.types)
        else:
            for slice in branch.slices:
                if not slice.children:
                    slice.children = _children(source)
        self._count(branch)

    def _count(self, branch: Branch) -> None:
        self._grown += sum(1 for _ in branch.walk())
        if self._grown > MAX_ELEMENTS:
            raise Unusable(f"Its snapshot would have more than {MAX_ELEMENTS} elements.")

    def _source(self, branch: Branch) -> Branch | None:
        reference = branch.facts.get("contentReference")
        if isinstance(reference, str):
            url, _, id = reference.partition("#")
            if url:
                return self._library.tree(url).find(id)
            # What the differential says of the element that is repeated does not hold for the repetition.
            return self._base.find(id) or self._tree.find(id)
        codes = {entry.get("code") for entry in branch.types}
        if len(codes) != 1:
            return self._type("Element") if codes else None
        profiled = self._profiled(branch.types)
        if profiled is not None:
            return profiled
        return self._type(str(codes.pop()))

    def _type(self, code: str) -> Branch:
        return self._library.tree(code if "://" in code else BASE + code)

    def _profiled(self, types: Any) -> Branch | None:
        """The root of the one profile on the one type, as far as it is known."""
        profiles = profile_urls(types[0]) if len(types) == 1 else []
        if len(profiles) != 1:
            return None
        url, _, id = profiles[0].partition("#")
        if not self._library.knows(url):
            return None
        tree = self._library.tree(url)
        return part(tree, id) if id else tree

    # Laying over

    def _lay(self, branch: Branch, facts: Facts) -> None:
        own = branch.facts
        self._laid.setdefault(id(branch), (branch, dict(own)))
        if not self._adds:
            facts = {name: value for name, value in facts.items() if not name.startswith("defaultValue")}
        types = facts.get("type")
        if types:
            self._retype(branch, types)
        self._describe(branch, types or ())
        laid_over(own, facts, self._url)
        sliced = self._slicers.get(id(branch))
        if sliced is not None:
            self._sliced[id(sliced)] = sliced
        elif branch.name.endswith("[x]") and facts.get("slicing"):
            slice_by_type(branch)
        if not self._adds and own.get("binding") and {one.get("code") for one in branch.types} <= _NEVER_BOUND:
            del own["binding"]

    def _describe(self, branch: Branch, types: Any) -> None:
        """Take over what the profile on the type of an element says."""
        codes = [entry.get("code") for entry in branch.types]
        extension = branch.name == "Extension" or (
            codes == ["Extension"] and branch.name in _EXTENSIONS and bool(types or not branch.slice)
        )
        if self._adds or not (types or extension):
            return
        try:
            profiled = self._profiled(types)
        except Unusable:
            return  # A profile may name itself for its elements; it is only needed where something walks into it.
        if profiled is not None:
            described(branch.facts, profiled.facts, extension=extension)
        elif extension:
            described(branch.facts, ANY_EXTENSION, extension=True)

    def _retype(self, branch: Branch, types: list[Facts]) -> None:
        if "contentReference" in branch.facts:
            return  # The element that is repeated has the type.
        before = list(branch.types)
        branch.facts["type"] = types
        if not branch.children or _signature(types) == _signature(before):
            return
        same = {entry.get("code") for entry in types} == {entry.get("code") for entry in before}
        source = self._profiled(types) if same else self._source(branch)
        if source is not None and all(not _says_more(child) for child in branch.children.values()):
            branch.children = _children(source)

    # Slices together

    def _settle(self, sliced: Branch) -> None:
        """What the slices of an element mean for the element as a whole."""
        own = sliced.facts
        if sliced.name.endswith("[x]"):
            slice_by_type(sliced)
            close(sliced)
        elif sliced.name in _EXTENSIONS and not sliced.slice and not own.get("slicing"):
            own["slicing"] = dict(EXTENSION_SLICING)
            described(own, ANY_EXTENSION, extension=True)
        fewest = sum(slice.minimum for slice in sliced.slices)
        if fewest > sliced.minimum and not sliced.slice and id(sliced) not in self._laid:
            own["min"] = fewest


def part(tree: Branch, id: str) -> Branch | None:
    """An element of a definition by its id, or by the name of a slice as `url#name` does in older definitions."""
    if "." not in id and ":" not in id:
        named = [branch for branch in tree.walk() if branch.slice == id]
        return named[0] if len(named) == 1 else (tree if id == tree.name else None)
    return tree.find(id)


def _lost(facts: Facts, choice: Branch | None, name: str) -> str:
    shown = str(facts.get("id") or facts.get("path"))[:200]
    if choice is None:
        return f"Its differential has {shown!r}, which is not an element of its base."
    left = ", ".join(str(entry.get("code")) for entry in choice.types)
    return (
        f"Its differential has {shown!r}, but {name!r} is not one of the types of {choice.name!r} here ({left[:300]})."
    )


def taken_over(branch: Branch, path: str, source: str) -> Branch:
    """A copy of what a definition says at `path`, for a definition that derives from it; see `inherited`."""
    same = Branch(branch.name, inherited(branch.facts, path, source), branch.slice)
    same.children = {name: taken_over(child, f"{path}.{name}", source) for name, child in branch.children.items()}
    same.slices = [taken_over(slice, path, source) for slice in branch.slices]
    return same


def _children(source: Branch) -> dict[str, Branch]:
    """The elements below an element of a type, for one that has the type."""
    return {name: taken_over(child, f"{source.name}.{name}", "") for name, child in source.children.items()}


def _signature(types: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    return {(entry.get("code"), tuple(entry.get("profile") or ())) for entry in types}


def _says_more(branch: Branch) -> bool:
    """Whether an element was laid over (its base is of its own making)."""
    return bool(branch.slices) or any(_says_more(child) for child in branch.children.values())
