"""Merging: one element of a differential laid over the element of the base that it is about.

Specification: https://hl7.org/fhir/R5/elementdefinition.html#interpretation (what a profile may say of each property)
and https://hl7.org/fhir/R4/profiling.html#snapshot. The one thing to know: what is a list of remarks (constraints,
mappings, aliases, conditions …) adds up, everything else replaces, and a text that begins with `...` is appended.
"""

# ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from typing import Any

from suture.fhir.profiles.branches import BASE, Facts

_APART = frozenset(("id", "path", "sliceName", "sliceIsConstraining", "base", "binding", "type"))
"""What is not taken over with the other properties, since the tree or another function knows better."""

_TEXTS = ("definition", "comment", "requirements", "meaningWhenMissing")
"""Texts that may be appended."""

_ADDED: Mapping[str, tuple[str, ...]] = {
    "constraint": ("key",),
    "condition": (),
    "alias": (),
    "code": ("system", "code"),
    "extension": ("url",),
    "mapping": ("identity", "map"),
    "example": (),
}
"""Lists that add up, with what makes an entry the same as another; () for the whole of it."""

_DESCRIBING = ("short", "definition", "comment", "requirements", "alias", "mapping")
"""What the definition of a profiled type says for its use."""

_OF_THE_BASE_ALONE = frozenset(
    BASE + name
    for name in (
        "elementdefinition-isCommonBinding",
        "structuredefinition-category",
        "structuredefinition-explicit-type-name",
        "structuredefinition-fmm",
        "structuredefinition-fmm-no-warnings",
        "structuredefinition-normative-version",
        "structuredefinition-security-category",
        "structuredefinition-standards-status",
        "structuredefinition-summary",
        "structuredefinition-wg",
    )
)
"""Extensions that tell about the definition they stand in (its maturity, its names in code), not about derived ones."""


def inherited(facts: Facts, path: str, source: str) -> Facts:
    """What a derived definition takes over of an element of its base.

    `path`: of the element in the base; `source`: canonical URL of the base, for constraints that name no source.
    """
    own = dict(facts)
    if own.get("extension"):
        own["extension"] = [one for one in own["extension"] if one.get("url") not in _OF_THE_BASE_ALONE]
        if not own["extension"]:
            del own["extension"]
    own.setdefault("base", {"path": path, "min": own.get("min", 0), "max": own.get("max", "*")})
    own["constraint"] = sourced(own.get("constraint") or (), source)
    if not own["constraint"]:
        del own["constraint"]
    return own


def sourced(constraints: Sequence[Mapping[str, Any]], source: str) -> list[Mapping[str, Any]]:
    """Constraints that say where they come from."""
    return [one if "source" in one or not source else {**one, "source": source} for one in constraints]


def laid_over(own: Facts, facts: Facts, source: str) -> None:
    """Change `own` to what it is with `facts` of a differential laid over it; all but the types.

    `source`: canonical URL of the definition whose differential it is.
    """
    for name, value in facts.items():
        if name in _APART or name in _ADDED:
            continue
        if name.startswith(("fixed", "pattern")):
            _remove(own, ("fixed", "pattern"))
        own[name] = _text(own.get(name), value) if name in _TEXTS else value
    if "binding" in facts:
        own["binding"] = {**(own.get("binding") or {}), **facts["binding"]}
    for name, keys in _ADDED.items():
        new = facts.get(name)
        if new:
            own[name] = _united(own.get(name) or [], sourced(new, source) if name == "constraint" else new, keys)


def described(own: Facts, root: Facts, *, extension: bool) -> None:
    """Change `own` to what it is by the profile on its type, of which `root` is the root element.

    `extension`: whether the type is Extension; there the definition also says how often it may occur, what must hold,
    and whether it modifies.
    """
    for name in _DESCRIBING:
        if root.get(name):
            own[name] = root[name]
        elif extension:
            own.pop(name, None)
    if not extension:
        return
    if root.get("constraint"):
        known = {one.get("key") for one in own.get("constraint") or ()}
        new = [one for one in root["constraint"] if one.get("key") not in known]
        own["constraint"] = [*(own.get("constraint") or ()), *new]
    if root.get("isModifier"):
        own.update({name: root[name] for name in ("isModifier", "isModifierReason") if name in root})
    own["max"] = _narrower(own.get("max", "*"), root.get("max", "*"))


def _narrower(one: str, other: str) -> str:
    if other == "*" or not other.isdigit():
        return one
    return other if one == "*" else str(min(int(one), int(other)))


def _text(old: Any, new: Any) -> Any:
    if isinstance(old, str) and isinstance(new, str) and new.startswith("..."):
        return f"{old}\n{new[3:].lstrip()}"
    return new


def _remove(facts: Facts, prefixes: tuple[str, ...]) -> None:
    for name in [name for name in facts if name.startswith(prefixes)]:
        del facts[name]


def _united(old: Sequence[Any], new: Sequence[Any], keys: tuple[str, ...]) -> list[Any]:
    """Both lists, where a newer entry takes the place of older ones with the same keys."""

    def key(entry: Any) -> Any:
        return tuple(str(entry.get(name)) for name in keys) if keys and isinstance(entry, Mapping) else str(entry)

    taken = {key(entry) for entry in new}
    return [entry for entry in old if key(entry) not in taken] + list(new)
