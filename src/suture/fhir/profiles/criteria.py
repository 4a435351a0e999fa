"""Which slice a value belongs to: one criterion for each discriminator of a slicing.

Specification: https://hl7.org/fhir/R4/profiling.html#discriminator. The one thing to know: what tells a slice apart
is read from the definition that the discriminator's path leads to, which may lie in the profile of a type, of an
extension or of the target of a reference.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from suture.fhir.profiles.branches import BASE, Branch, Unusable, profile_urls
from suture.fhir.profiles.codings import coded_questions
from suture.fhir.profiles.library import Library
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.steps import Step, children, follow, parse_steps
from suture.fhir.profiles.values import brief, fits, same
from suture.fhir.references import parse_literal

if TYPE_CHECKING:
    from suture.fhir.profiles.walk import Walk

Test = Callable[["Walk", Spot], bool]

_DEEPEST = 6


class Criterion(NamedTuple):
    """`test`: whether a value belongs to the slice. `text`: what it asks for, in words."""

    test: Test
    text: str


class Layer(NamedTuple):
    """A definition of an element. `url`: the profile whose root it is, or "". `type`: the type whose root it is."""

    branch: Branch
    url: str = ""
    type: str = ""


Layers = tuple[Layer, ...]
"""Definitions that all hold for one element, the most special first."""


def criterion(library: Library, kind: str, path: str, sliced: Branch, number: int) -> Criterion | None:
    """What the discriminator `kind`:`path` asks for in the slice `number`; None when that does not say.

    Raises Unusable.
    """
    slice = sliced.slices[number]
    if kind == "position":
        return _by_position(sliced, number)
    steps = parse_steps(path)
    found = _lead(library, (Layer(slice),), steps)
    shown = path or "$this"
    if kind in ("value", "pattern"):
        if found and steps and all(layers[0].branch.maximum == 0 for layers in found):
            return Criterion(_leading(steps, somewhere=False), f"{shown} does not exist")
        return _any_of([_by_value(library, layers, shown, 0) for layers in found], steps)
    if kind == "exists":
        return _by_existence(found, steps, shown)
    if kind == "type":
        return _by_type(library, found, steps, shown)
    if kind == "profile":
        return _by_profile(found, steps, shown)
    raise Unusable(f"{kind!r} is not a discriminator.")


_TYPE_SLICING: dict[str, Any] = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}


def slicing_facts(branch: Branch) -> Mapping[str, Any] | None:
    """How an element is sliced; None when it is not, or does not say. A choice is sliced by type unless it says so."""
    if not branch.slices:
        return None
    facts: Any = branch.facts.get("slicing")
    if isinstance(facts, Mapping):
        return facts
    return _TYPE_SLICING if branch.name.endswith("[x]") else None


def slice_criteria(library: Library, slicing: Mapping[str, Any], sliced: Branch, number: int) -> list[Criterion] | None:
    """What tells the slice `number` apart, one criterion for each discriminator; None when that cannot be decided.

    Raises Unusable.
    """
    found: list[Criterion] = []
    for discriminator in slicing.get("discriminator") or ():
        kind, path = str(discriminator.get("type") or "value"), str(discriminator.get("path") or "$this")
        one = criterion(library, kind, path, sliced, number)
        if one is None:
            return None
        found.append(one)
    return found or None


# Definitions


def _lead(library: Library, start: Layers, steps: Sequence[Step]) -> list[Layers]:
    """The definitions that the steps lead to: alternatives, of which each may have several layers."""
    found = [_with_profiles(library, layers) for layers in [start]]
    alternatives = [layers for many in found for layers in many]
    for step in steps:
        alternatives = [below for layers in alternatives for below in _step(library, layers, step)]
    return alternatives


def _with_profiles(library: Library, layers: Layers) -> list[Layers]:
    """The same layers with the roots of the profiles on their types below them."""
    first = layers[0].branch
    profiles = [url for entry in first.types for url in profile_urls(entry)]
    if not profiles or layers[0].url:
        return [layers]
    found: list[Layers] = []
    for url in profiles:
        profile = library.profile(url)
        if profile is not None:
            found.append((*layers, Layer(profile.tree, url, profile.type)))
        elif [entry.get("code") for entry in first.types] == ["Extension"]:
            found.append((*layers, Layer(_unknown_extension(url), url, "Extension")))
    return found or [layers]


def _unknown_extension(url: str) -> Branch:
    """What is known of an extension without its definition: its URL."""
    branch = Branch("Extension", {})
    branch.children["url"] = Branch("url", {"fixedUri": url.partition("|")[0]})
    return branch


def _step(library: Library, layers: Layers, step: Step) -> list[Layers]:
    if step.kind == "resolve":
        return _targets(library, layers)
    if step.kind == "type":
        return [tuple(_of_type(layer, step.name) for layer in layers)]
    name = "extension" if step.kind == "extension" else step.name
    below = [Layer(child) for layer in layers for child in _children_of(layer.branch, name)]
    if not below:
        child = _in_type(library, layers[0].branch, name)
        below = [Layer(child)] if child is not None else []
    if not below:
        return []
    if step.kind == "child":
        return _with_profiles(library, tuple(below))
    slices = [Layer(s) for layer in below for s in layer.branch.slices if _is_extension(s, step.name)]
    if slices:
        return _with_profiles(library, tuple(slices))
    profile = library.profile(step.name)
    return [(Layer(profile.tree, step.name, profile.type),)] if profile is not None else []


def _children_of(branch: Branch, name: str) -> list[Branch]:
    child = branch.child(name)
    if child is None:
        return []
    # A slice that must be there says as much as the element itself.
    return [child, *(s for s in child.slices if s.minimum)]


def _in_type(library: Library, branch: Branch, name: str) -> Branch | None:
    for entry in branch.types:
        code = str(entry.get("code"))
        profile = library.profile(code if "://" in code else BASE + code)
        child = profile.tree.child(name) if profile is not None else None
        if child is not None:
            return child
    return None


def _of_type(layer: Layer, type: str) -> Layer:
    branch = layer.branch
    for slice in branch.slices:
        if [entry.get("code") for entry in slice.types] == [type]:
            return Layer(slice)
    types = [entry for entry in branch.types if entry.get("code") == type]
    if not types:
        return layer
    same_branch = Branch(branch.name, {**branch.facts, "type": types}, branch.slice)
    same_branch.children, same_branch.slices = branch.children, branch.slices
    return Layer(same_branch)


def _is_extension(slice: Branch, url: str) -> bool:
    if any(url == str(p).partition("|")[0] for entry in slice.types for p in profile_urls(entry)):
        return True
    own = slice.children.get("url")
    return own is not None and own.facts.get("fixedUri") == url


def _targets(library: Library, layers: Layers) -> list[Layers]:
    urls = [url for layer in layers for entry in layer.branch.types for url in entry.get("targetProfile") or ()]
    found: list[Layers] = []
    for url in dict.fromkeys(urls):
        profile = library.profile(url)
        if profile is not None:
            found.append((Layer(profile.tree, url, profile.type),))
    return found


# Tests


def _any_of(criteria: Iterable[Criterion | None], steps: tuple[Step, ...]) -> Criterion | None:
    """Some value that the steps lead to meets one of the criteria."""
    given = [c for c in criteria if c is not None]
    if not given:
        return None
    tests = [c.test for c in given]

    def test(walk: "Walk", spot: Spot) -> bool:
        found = follow(walk, spot, steps) if steps else [spot]
        return any(test(walk, below) for below in found for test in tests)

    return Criterion(test, " or ".join(dict.fromkeys(c.text for c in given)))


def _by_value(library: Library, layers: Layers, path: str, depth: int) -> Criterion | None:
    for layer in layers:
        found = _by_facts(layer.branch, path)
        if found is not None:
            return found
    for layer in layers:
        found = _by_children(library, layer.branch, path, depth)
        if found is not None:
            return found
    return None


def _by_facts(branch: Branch, path: str) -> Criterion | None:
    for key, wanted in branch.facts.items():
        if key.startswith("fixed"):
            return Criterion(_compared(same, wanted), f"{path} is {brief(wanted)}")
        if key.startswith("pattern"):
            return Criterion(_compared(fits, wanted), f"{path} fits {brief(wanted)}")
    binding = branch.facts.get("binding") or {}
    if binding.get("strength") == "required" and binding.get("valueSet"):
        url: str = binding["valueSet"]

        def test(walk: "Walk", spot: Spot) -> bool:
            return _is_member(walk, spot, url)

        return Criterion(test, f"{path} is in {url}")
    return None


def _compared(compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    def test(walk: "Walk", spot: Spot) -> bool:
        return compare(spot.value, wanted)

    return test


def _by_position(sliced: Branch, number: int) -> Criterion:
    """The places of a slice: they begin after those of the slices before it, and end where it is full."""
    first = sum(slice.maximum or 1 for slice in sliced.slices[:number])
    most = sliced.slices[number].maximum

    def test(walk: "Walk", spot: Spot) -> bool:
        return spot.index >= first and (most is None or spot.index < first + most)

    return Criterion(test, f"it is at position {first}" + ("" if most == 1 else " or after"))


def _leading(steps: tuple[Step, ...], *, somewhere: bool) -> Test:
    def test(walk: "Walk", spot: Spot) -> bool:
        return bool(follow(walk, spot, steps)) == somewhere

    return test


def _is_member(walk: "Walk", spot: Spot, url: str) -> bool:
    for question in coded_questions(spot.value, url):
        result = getattr(walk.member(question), "result", None)
        if result is True:
            return True
        walk.unsure = walk.unsure or result is None
    return False


def _by_children(library: Library, branch: Branch, path: str, depth: int) -> Criterion | None:
    """The elements below that have values of their own to ask for."""
    if depth >= _DEEPEST:
        return None
    tests: list[tuple[str, Test]] = []
    texts: list[str] = []
    for child in branch.children.values():
        name = child.name.removesuffix("[x]")
        below = f"{path}.{name}" if path != "$this" else name
        found = _by_value(library, tuple(Layer(c) for c in _children_of(branch, child.name)), below, depth + 1)
        if found is not None and (child.minimum or depth == 0):
            tests.append((name, found.test))
            texts.append(found.text)
    if not tests:
        return None

    def test(walk: "Walk", spot: Spot) -> bool:
        return all(any(test(walk, below) for below in children(walk, spot, name)) for name, test in tests)

    return Criterion(test, " and ".join(texts))


def _by_existence(found: list[Layers], steps: tuple[Step, ...], path: str) -> Criterion | None:
    branches = [layer.branch for layers in found for layer in layers]
    if any(branch.maximum == 0 for branch in branches):
        return Criterion(_leading(steps, somewhere=False), f"{path} does not exist")
    if any(branch.minimum for branch in branches):
        return Criterion(_leading(steps, somewhere=True), f"{path} exists")
    return None


def _by_type(library: Library, found: list[Layers], steps: tuple[Step, ...], path: str) -> Criterion | None:
    codes: set[str] = set()
    for layers in found:
        layer = layers[0]
        codes.update([layer.type.rpartition("/")[2]] if layer.type else _types_meant(library, layer.branch))
    if not codes:
        return None

    def test(walk: "Walk", spot: Spot) -> bool:
        values = follow(walk, spot, steps) if steps else [spot]
        if not values and steps and steps[-1].kind == "resolve":
            return any(_named_type(above) in codes for above in follow(walk, spot, steps[:-1]))
        return any(walk.book.is_of(below, codes) for below in values)

    return Criterion(test, f"the type of {path} is {' or '.join(sorted(codes))}")


def _types_meant(library: Library, branch: Branch) -> set[str]:
    """The types that a slice allows: of a choice that it leaves whole, those that it speaks of (`valueQuantity`)."""
    codes = _codes(branch)
    if not branch.slices or not branch.name.endswith("[x]"):
        return codes
    path = str((branch.facts.get("base") or {}).get("path") or branch.facts.get("path") or "")
    root = library.profile(BASE + path.partition(".")[0])
    whole = root.tree.find(path) if root is not None else None
    if whole is None or codes != _codes(whole):
        return codes
    return {code for slice in branch.slices for code in _codes(slice)} or codes


def _codes(branch: Branch) -> set[str]:
    return {str(entry.get("code")).rpartition("/")[2] for entry in branch.types}


def _named_type(reference: Spot) -> str:
    """The type that an unresolved reference names."""
    value: Any = reference.value
    if not isinstance(value, dict):
        return ""
    literal = parse_literal(value["reference"]) if isinstance(value.get("reference"), str) else None
    return literal.type if literal is not None else str(value.get("type") or "").rpartition("/")[2]


def _by_profile(found: list[Layers], steps: tuple[Step, ...], path: str) -> Criterion | None:
    urls: list[str] = []
    for layers in found:
        for layer in layers:
            urls += [layer.url] if layer.url else [u for t in layer.branch.types for u in profile_urls(t)]
    urls = list(dict.fromkeys(urls))
    if not urls:
        return None

    def test(walk: "Walk", spot: Spot) -> bool:
        values = follow(walk, spot, steps) if steps else [spot]
        return any(walk.conforms(below, url) == [] for below in values for url in urls)

    return Criterion(test, f"{path} conforms to {' or '.join(urls)}")
