"""Snapshots: what a profile says in full, from what it says differently than its base (its differential).

Specification: https://hl7.org/fhir/R4/profiling.html#snapshot. The tree of the base is copied, each element of the
differential is found in it (walking into the types, profiles and content references on the way, making slices) and
laid over it. The one thing to know: the order of a differential does not matter but for slices without ids, since an
element finds its place by its address.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from suture.fhir.profiles.branches import BASE, MAX_ELEMENTS, Branch, Facts, Unusable, add_slice, profile_urls

Json = dict[str, Any]

Address = tuple[tuple[str, str], ...]
"""The way to an element below the root: (name, slice or "") of each step."""

_REPLACED = frozenset(("id", "path", "sliceName", "sliceIsConstraining", "base", "constraint", "condition", "binding",
                       "extension", "type"))  # fmt: skip
"""What is not simply taken over from the differential."""

TYPE_SLICING: Json = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
"""How a choice is sliced where a differential only names `valueQuantity`."""


class Trees(Protocol):
    """Where the trees of other definitions come from."""

    def tree(self, url: str, depth: int = 0) -> Branch:
        """The tree of a definition. Raises Unusable."""
        ...

    def knows(self, url: str) -> bool:
        """Whether there is a definition of this URL."""
        ...


def generate(library: Trees, definition: Json, depth: int = 0) -> Branch:
    """The tree of a definition without a snapshot.

    Raises Unusable when its base is unknown or its paths lead nowhere.
    """
    base_url = definition.get("baseDefinition")
    kind: str = str(definition.get("type") or "")
    if not isinstance(base_url, str):
        raise Unusable("It has neither a snapshot nor a baseDefinition to make one from.")
    try:
        base = library.tree(base_url, depth + 1)
    except Unusable as error:
        raise Unusable(f"Its snapshot cannot be made from {base_url[:200]}: {error}") from None
    tree = base.copy()
    differential = definition.get("differential")
    elements: list[Facts] = list(differential.get("element") or ()) if isinstance(differential, dict) else []
    root = str(elements[0].get("path", "")).partition(".")[0] if elements else kind.rpartition("/")[2]
    tree.name = root or tree.name
    tree.facts["path"] = tree.name
    adds = definition.get("derivation") == "specialization"
    return _Growth(library, tree, adds=adds).laid_over(elements)


def listed(tree: Branch, source: str = "") -> Iterator[Facts]:
    """The elements of a tree as `snapshot.element` lists them, each with its id and path.

    `source`: canonical URL of the definition, for constraints that do not say where they come from.
    """
    yield from _listed(tree, tree.name, tree.name, source)


def _listed(branch: Branch, path: str, id: str, source: str) -> Iterator[Facts]:
    facts: Facts = {**branch.facts, "id": id, "path": path}
    if branch.slice:
        facts["sliceName"] = branch.slice
    else:
        facts.pop("sliceName", None)
    if source and facts.get("constraint"):
        facts["constraint"] = [{"source": source, **constraint} for constraint in facts["constraint"]]
    yield facts
    for child in branch.children.values():
        yield from _listed(child, f"{path}.{child.name}", f"{id}.{child.name}", source)
    for slice in branch.slices:
        plain = id.rpartition(":")[0] if branch.slice else id
        yield from _listed(slice, path, f"{plain}:{slice.slice}", source)


class _Growth:
    """One generation of a snapshot."""

    def __init__(self, library: Trees, tree: Branch, *, adds: bool) -> None:
        """`adds`: whether elements may be added, as a new type does."""
        self._library = library
        self._tree = tree
        self._adds = adds
        self._grown = 0

    def laid_over(self, elements: list[Facts]) -> Branch:
        addressed = [(address, facts) for facts, address in zip(elements, _addresses(elements), strict=True)]
        # Slices copy what they slice: first everything outside of slices, then slices, then slices in slices.
        addressed.sort(key=lambda pair: sum(1 for _, slice in pair[0] if slice))
        for address, facts in addressed:
            self._merge(self._place(address, facts), facts)
        if sum(1 for _ in self._tree.walk()) > MAX_ELEMENTS:
            raise Unusable(f"Its snapshot would have more than {MAX_ELEMENTS} elements.")
        return self._tree

    def _place(self, address: Address, facts: Facts) -> Branch:
        branch = self._tree
        for number, (name, slice) in enumerate(address):
            branch = self._step(branch, name, slice, facts, last=number == len(address) - 1)
        return branch

    def _step(self, branch: Branch, name: str, slice: str, facts: Facts, *, last: bool) -> Branch:
        self._expand(branch)
        child = branch.children.get(name)
        if child is None:
            choice = branch.choice(name)
            if choice is not None and not slice:
                return self._typed(choice, name)
            if choice is not None:
                child = choice
            elif self._adds and last:
                child = branch.children[name] = Branch(name, {})
            else:
                shown = str(facts.get("id") or facts.get("path"))[:200]
                raise Unusable(f"Its differential has {shown!r}, which is not an element of its base.")
        if slice:
            return child.slice_named(slice) or self._sliced(child, slice)
        return child

    def _typed(self, choice: Branch, name: str) -> Branch:
        """The slice of a choice that `valueQuantity` stands for."""
        known = choice.slice_named(name)
        if known is not None:
            return known
        code = name[len(choice.name) - 3 :]
        types = [t for t in choice.types if _capital(t.get("code")) == code]
        if not types:
            raise Unusable(f"{name!r} is not one of the types of {choice.name!r}.")
        choice.facts.setdefault("slicing", TYPE_SLICING)
        slice = self._sliced(choice, name)
        slice.facts["type"] = types
        slice.facts["min"] = 0
        return slice

    def _sliced(self, sliced: Branch, name: str) -> Branch:
        """A new slice, which begins as a copy of what it slices."""
        outer = sliced
        while True:
            within = next((s for s in outer.slices if name.startswith(s.slice + "/")), None)
            if within is None:
                break
            outer = within
        slice = Branch(sliced.name, dict(outer.facts), name)
        slice.children = {key: child.copy() for key, child in outer.children.items()}
        slice.facts.pop("slicing", None)
        # How often the element occurs as a whole is not how often one of its slices does.
        slice.facts["min"] = 0
        add_slice(sliced, slice)
        self._count(slice)
        return slice

    def _expand(self, branch: Branch) -> None:
        """Give a branch the children of its type, of the profile on it, or of the element that it repeats."""
        if branch.children:
            return
        source = self._source(branch)
        if source is None:
            return
        branch.children = {name: child.copy() for name, child in source.children.items()}
        for slice in branch.slices:
            if not slice.children:
                slice.children = {name: child.copy() for name, child in source.children.items()}
        self._count(branch)

    def _count(self, branch: Branch) -> None:
        self._grown += sum(1 for _ in branch.walk())
        if self._grown > MAX_ELEMENTS:
            raise Unusable(f"Its snapshot would have more than {MAX_ELEMENTS} elements.")

    def _source(self, branch: Branch) -> Branch | None:
        reference = branch.facts.get("contentReference")
        if isinstance(reference, str):
            url, _, id = reference.partition("#")
            return (self._library.tree(url) if url else self._tree).find(id)
        codes = {t.get("code") for t in branch.types}
        if len(codes) != 1:
            return self._library.tree(BASE + "Element") if codes else None
        profiles = profile_urls(branch.types[0])
        if len(profiles) == 1 and len(branch.types) == 1:
            url, _, id = profiles[0].partition("#")
            if self._library.knows(url):
                tree = self._library.tree(url)
                return tree.find(id) if id else tree
        code = str(codes.pop())
        return self._library.tree(code if "://" in code else BASE + code)

    def _merge(self, branch: Branch, facts: Facts) -> None:
        own = branch.facts
        for name, value in facts.items():
            if name not in _REPLACED:
                if name.startswith(("fixed", "pattern")):
                    _remove(own, ("fixed", "pattern"))
                own[name] = value
        if "type" in facts:
            self._retype(branch, facts["type"])
        if "binding" in facts:
            own["binding"] = {**(own.get("binding") or {}), **facts["binding"]}
        for name in ("constraint", "condition", "extension"):
            if facts.get(name):
                own[name] = _united(own.get(name) or [], facts[name])
        if branch.slice and branch.name.endswith("[x]"):
            self._close(branch)

    def _retype(self, branch: Branch, types: list[Json]) -> None:
        before = {(t.get("code"), tuple(t.get("profile") or ())) for t in branch.types}
        branch.facts["type"] = types
        if branch.children and {(t.get("code"), tuple(t.get("profile") or ())) for t in types} != before:
            source = self._source(branch)
            if source is not None and all(not _says_more(child) for child in branch.children.values()):
                branch.children = {name: child.copy() for name, child in source.children.items()}

    def _close(self, slice: Branch) -> None:
        """A type slice that must be there is the only one that may be."""
        if slice.minimum < 1:
            return
        for branch in self._tree.walk():
            if any(s is slice for s in branch.slices) and branch.facts.get("slicing") is TYPE_SLICING:
                branch.facts["slicing"] = {**TYPE_SLICING, "rules": "closed"}
                branch.facts["type"] = slice.types
                branch.facts["min"] = max(branch.minimum, slice.minimum)


def _addresses(elements: list[Facts]) -> Iterator[Address]:
    """Where each element of a differential belongs. Ids tell, where they agree with the paths; order does otherwise."""
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


def _by_id(id: Any, path: str) -> Address | None:
    if not isinstance(id, str):
        return None
    steps = [part.partition(":") for part in id.split(".")]
    if ".".join(step[0] for step in steps) != path:
        return None
    return tuple((name, slice) for name, _, slice in steps[1:])


def _capital(code: Any) -> str:
    return str(code)[:1].upper() + str(code)[1:]


def _remove(facts: Facts, prefixes: tuple[str, ...]) -> None:
    for name in [name for name in facts if name.startswith(prefixes)]:
        del facts[name]


def _united(old: list[Any], new: list[Any]) -> list[Any]:
    """Both lists, where a newer entry with the same key or URL takes the place of the older."""

    def key(entry: Any) -> Any:
        return (entry.get("key") or entry.get("url")) if isinstance(entry, Mapping) else entry

    taken = {key(entry) for entry in new}
    return [entry for entry in old if key(entry) not in taken] + new


def _says_more(branch: Branch) -> bool:
    """Whether an element was laid over (its base is of its own making)."""
    return bool(branch.slices) or any(_says_more(child) for child in branch.children.values())
