"""Faults of a differential: what a profile says and may not say, as its base does not allow it.

Specification: https://hl7.org/fhir/R4/profiling.html#limitations and https://hl7.org/fhir/R5/elementdefinition.html
#interpretation. The one thing to know: a definition with such faults still has a snapshot, and data are judged by it;
its author is told when the snapshot is asked for.
"""

# ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from suture.fhir.profiles.branches import BASE, Branch, Facts, limit
from suture.fhir.profiles.snapshot_addresses import Address, addresses
from suture.fhir.profiles.snapshot_choices import choice_of, sliced_by_type, types_named

Json = dict[str, Any]

_LONGEST_CHAIN = 20
"""Definitions that may derive from each other."""

_IMPOSES = BASE + "structuredefinition-imposeProfile"


class Definitions(Protocol):
    """Where definitions are found."""

    def definition(self, url: str) -> Json | None:
        """The StructureDefinition of a canonical URL."""
        ...


class Fault(NamedTuple):
    """What is wrong with one element of a differential.

    `number`: of the element, from 0. `element`: its id, or its path where it has none.
    """

    number: int
    element: str
    text: str


def faults(library: Definitions, definition: Json, base: Branch, made: Branch) -> Iterator[Fault]:
    """What is wrong with the differential of a profile. `made`: the tree that came of it."""
    elements: list[Facts] = list((definition.get("differential") or {}).get("element") or ())
    seen: set[Address] = set()
    for number, (address, facts) in enumerate(zip(addresses(elements), elements, strict=True)):
        element = str(facts.get("id") or facts.get("path"))[:200]
        texts: list[str] = list(_about_place(definition, base, facts, address, seen))
        seen.add(address)
        after, before = _at(made, address), _at(base, address)
        if after is not None:
            texts += _about_values(facts, after)
            texts += _about_slices(after)
        if before is not None:
            texts += _about_limits(facts, before)
            texts += _about_types(library, facts, before)
        elif address and address[-1][1]:
            sliced = _at(base, (*address[:-1], (address[-1][0], "")))
            if sliced is not None:
                texts += _about_types(library, facts, sliced)
                texts += _about_new_slice(sliced, address[-1][1])
        yield from (Fault(number, element, text) for text in texts)


def _at(tree: Branch, address: Address) -> Branch | None:
    """What stands at an address; None where the tree ends before it."""
    branch: Branch | None = tree
    for name, slice in address:
        child = branch.children.get(name) or choice_of(branch, name)
        if child is not None and child.name != name and not slice and types_named(child, name):
            child = child.slice_named(name) or (None if child.slices else child)
        branch = child.slice_named(slice) if child is not None and slice else child
        if branch is None:
            return None
    return branch


def _about_place(definition: Json, base: Branch, facts: Facts, address: Address, seen: set[Address]) -> Iterator[str]:
    root = str(facts.get("path") or "").partition(".")[0]
    kind = str(definition.get("type") or "").rpartition("/")[2]
    if definition.get("derivation") != "specialization" and root != base.name:
        yield f"Its path begins with {root[:60]!r}; those of its base begin with {base.name!r}."
    elif kind and root != kind:
        yield f"Its path begins with {root[:60]!r}; the definition is one of the type {kind[:60]!r}."
    if address in seen:
        yield "It is in the differential twice; a second time it would need a sliceName."
    if not address and facts.get("slicing"):
        yield "The root of a definition cannot be sliced."


def _about_limits(facts: Facts, base: Branch) -> Iterator[str]:
    fewest, most = facts.get("min"), facts.get("max")
    if isinstance(fewest, int) and fewest < base.minimum:
        yield f"It may occur {fewest} times at least; its base demands {base.minimum}."
    if most is not None and base.maximum is not None:
        highest = limit(most)
        if highest is None or highest > base.maximum:
            yield f"It may occur {most} times at most; its base allows {base.maximum}."
    if facts.get("mustSupport") is False and base.facts.get("mustSupport") is True:
        yield "It is not to be supported (mustSupport is false), which its base demands."


def _about_values(facts: Facts, made: Branch) -> Iterator[str]:
    codes = [str(entry.get("code")) for entry in made.types]
    if not codes or any("://" in code for code in codes):
        return
    for name in facts:
        for prefix in ("fixed", "pattern"):
            type = name.removeprefix(prefix)
            if type != name and type and type not in [code[:1].upper() + code[1:] for code in codes]:
                yield f"It has a {name}, but is of type {' or '.join(codes)[:200]}."


def _about_slices(made: Branch) -> Iterator[str]:
    if not (made.name.endswith("[x]") and made.maximum == 1 and sliced_by_type(made)) or made.slice:
        return
    needed = [slice.slice for slice in made.slices if slice.minimum > 0]
    others = [slice.slice for slice in made.slices if slice.slice not in needed and slice.maximum != 0]
    if needed and (others or len(needed) > 1):
        rest = [*needed[1:], *others]
        yield f"It has one value at most, and the slice {needed[0]!r} must be there; {', '.join(rest)[:200]!r} cannot."


def _about_new_slice(sliced: Branch, name: str) -> Iterator[str]:
    slicing: Mapping[str, Any] = sliced.facts.get("slicing") or {}
    if slicing.get("rules") == "closed" and sliced.slices and "/" not in name:
        yield "It is a new slice, but the slicing of its base is closed."


# Types


def _about_types(library: Definitions, facts: Facts, base: Branch) -> Iterator[str]:
    allowed = [str(entry.get("code")) for entry in base.types]
    if any("/System." in code for code in allowed):
        return  # What FHIRPath calls a String is a uri or an id to others.
    for entry in facts.get("type") or ():
        code = str(entry.get("code"))
        if allowed and not any(_is_a(library, code, one) for one in allowed):
            yield f"Its type {code[:200]!r} is none of those that its base allows ({', '.join(allowed)[:300]})."
            continue
        for url in entry.get("profile") or ():
            profile = library.definition(str(url))
            if profile is not None and not _same_type(profile.get("type"), code):
                yield f"The profile {str(url)[:200]} is one on {profile.get('type')}, not on {code[:200]}."
        yield from _about_targets(library, entry, base)


def _about_targets(library: Definitions, entry: Mapping[str, Any], base: Branch) -> Iterator[str]:
    wanted = {
        str(url) for one in base.types if one.get("code") == entry.get("code") for url in one.get("targetProfile") or ()
    }
    if not wanted:
        return
    for url in entry.get("targetProfile") or ():
        if library.definition(str(url)) is not None and not _derives(library, str(url), wanted):
            known = ", ".join(sorted(wanted))
            yield f"Its target {str(url)[:200]} derives from none of the targets of its base ({known[:600]})."


def _derives(library: Definitions, url: str, wanted: set[str]) -> bool:
    """Whether a profile is one of `wanted`, derives from one, or imposes one; true where that cannot be known."""
    plain = {one.partition("|")[0] for one in wanted} | {BASE + "Resource"} & wanted
    ahead, seen = [url], set[str]()
    while ahead and len(seen) < _LONGEST_CHAIN:
        next_url = ahead.pop().partition("|")[0]
        if next_url in plain:
            return True
        if next_url in seen:
            continue
        seen.add(next_url)
        definition = library.definition(next_url)
        if definition is None:
            return True
        above = definition.get("baseDefinition")
        ahead += [above] if isinstance(above, str) else []
        ahead += [
            str(one.get("valueCanonical")) for one in definition.get("extension") or () if one.get("url") == _IMPOSES
        ]
    return False


def _is_a(library: Definitions, code: str, wanted: str) -> bool:
    """Whether a type is another one or a specialization of it; true where that cannot be known."""
    for _ in range(_LONGEST_CHAIN):
        if _same_type(code, wanted):
            return True
        definition = library.definition(code if "://" in code else BASE + code)
        above = definition.get("baseDefinition") if definition is not None else None
        if definition is None:
            return True
        if not isinstance(above, str):
            return False
        code = above.partition("|")[0]
    return True


def _same_type(one: Any, other: Any) -> bool:
    return str(one).rpartition("/")[2] == str(other).rpartition("/")[2]
