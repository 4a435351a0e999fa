"""StructureDefinition: a profile that its base can have, element by element.

Specification: https://hl7.org/fhir/R4/profiling.html and https://hl7.org/fhir/R4/elementdefinition.html; the
invariants sdf-1 to sdf-23 and eld-1 to eld-22 have the rest. Only profiles on types of the specification are judged.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.discriminators import discriminator_fault
from suture.fhir.rules.element_paths import Place, place
from suture.fhir.rules.expressions import complaint_about
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, choice, listed, numbered, text
from suture.fhir.rules.type_profiles import profiles_of_type
from suture.fhir.rules.uris import is_absolute

_BINDABLE = frozenset(
    """code Coding CodeableConcept CodeableReference Quantity SimpleQuantity MoneyQuantity Age Count Distance
    Duration string markdown uri url canonical id oid uuid Extension Element BackboneElement""".split()
)


def base(seen: Seen) -> Iterable[Issue]:
    """What a profile constrains is known, and of its own type and kind."""
    url, derivation = text(seen.value, "baseDefinition"), text(seen.value, "derivation")
    found = seen.scene.canonicals.find("StructureDefinition", url) if url else None
    if url and found is None:
        yield seen.warning("not-found", f"The base definition '{url[:200]}' is not known.", "baseDefinition")
    if found is None or derivation != "constraint":
        return
    for name in ("type", "kind"):
        mine, theirs = text(seen.value, name), text(found, name)
        if mine and theirs and mine != theirs:
            yield seen.error(
                "business-rule", f"The {name} is {shown(mine)}, but that of the base is {shown(theirs)}.", name
            )
    if text(seen.value, "url") and text(seen.value, "url") == url:
        yield seen.error("business-rule", "A profile cannot be its own base.", "baseDefinition")
    yield from _fixed_values(seen, found)


def _fixed_values(seen: Seen, found: Json) -> Iterator[Issue]:
    """A value that the base fixes is not fixed to another one."""
    theirs = {
        text(element, "id"): choice(element, "fixed")
        for element in listed(found.get("snapshot"), "element") or listed(found.get("differential"), "element")
    }
    for number, element in numbered(seen.value.get("differential"), "element"):
        type, value = choice(element, "fixed")
        wanted, fixed = theirs.get(text(element, "id"), ("", None))
        if type and wanted and (type, value) != (wanted, fixed):
            yield seen.error(
                "value",
                f"{text(element, 'path')[:200]} is fixed to {shown(fixed)} in the base, and cannot be {shown(value)}.",
                f"differential.element[{number}]",
            )


def _is_judged(seen: Seen) -> bool:
    """Whether the elements are those of a type of the specification, constrained."""
    type = text(seen.value, "type").removeprefix("http://hl7.org/fhir/StructureDefinition/")
    return text(seen.value, "derivation") == "constraint" and type in seen.scene.definitions.structures


def elements(seen: Seen) -> Iterable[Issue]:
    """Each element of the differential is one of the type, in its order, limited in a way that it can be."""
    if not _is_judged(seen):
        return
    type = text(seen.value, "type").rpartition("/")[2]
    last: dict[str, tuple[str, int]] = {}
    for number, element in numbered(seen.value.get("differential"), "element"):
        path, where = text(element, "path"), f"differential.element[{number}]"
        if not path:
            continue
        if path.partition(".")[0] != type:
            yield seen.error("value", f"The path '{path[:200]}' must start with {type}.", where)
            continue
        found = place(seen.scene.definitions, path)
        if found is None:
            yield seen.error("value", f"There is no element '{path[:200]}' in {type}.", where)
            continue
        yield from _order(seen, element, path, found, last, where)
        yield from _limits(seen, element, found, where)
        yield from _types(seen, element, path, found, where)


def _order(
    seen: Seen, element: Json, path: str, found: Place, last: dict[str, tuple[str, int]], where: str
) -> Iterator[Issue]:
    id = text(element, "id") or path
    parent = id.rpartition(".")[0]
    before = last.get(parent)
    if before is not None and found.position < before[1]:
        yield seen.error("value", f"'{id[:200]}' must come before '{before[0][:200]}', as in the base.", where)
        return
    last[parent] = (id, found.position)
    # Without ids, another slice has the same path, and its children start anew.
    last.pop(id, None)


def _limits(seen: Seen, element: Json, found: Place, where: str) -> Iterator[Issue]:
    base = found.element
    if base is None or ":" in text(element, "id").rpartition(".")[2] or "sliceName" in element:
        return
    least, most = element.get("min"), text(element, "max")
    # Slices may be optional, whatever the element is: only the element itself is compared.
    own = text(element, "id") in ("", base.path)
    if own and isinstance(least, int) and not isinstance(least, bool) and least < base.min:
        yield seen.error("business-rule", f"The minimum {least} is less than that of the base, {base.min}.", where)
    if most and base.max is not None and (most == "*" or (most.isdigit() and int(most) > base.max)):
        yield seen.error("business-rule", f"The maximum {most} is more than that of the base, {base.max}.", where)


def _types(seen: Seen, element: Json, path: str, found: Place, where: str) -> Iterator[Issue]:
    stated = {text(type, "code") for type in listed(element, "type")} - {""}
    allowed = {type.code for type in found.types}
    open_types = allowed & {"Element", "BackboneElement", "Resource", "*"} or not allowed
    if found.element is not None and not open_types:
        for code in sorted(stated - allowed):
            # The id of a resource or element has a type of its own by name.
            if not code.startswith("http://hl7.org/fhirpath/"):
                yield seen.error(
                    "business-rule", f"'{path[:200]}' cannot be a {code[:60]}; it is {_named(allowed)}.", where
                )
    types = stated or allowed
    if "binding" in element and types and not types & _BINDABLE and not open_types:
        yield seen.error("business-rule", f"A binding has no meaning for {_named(types)}.", where)
    for name in ("fixed", "pattern"):
        type, _ = choice(element, name)
        if (
            type
            and found.element is not None
            and not open_types
            and type.lower() not in {code.lower() for code in types}
        ):
            yield seen.error(
                "business-rule", f"The {name} value is a {type[:60]}, but the element is {_named(types)}.", where
            )
    value_set = text(element, "binding", "valueSet")
    if is_absolute(value_set) and seen.scene.canonicals.find("ValueSet", value_set) is None:
        other = seen.scene.canonicals.find("", value_set)
        if other is not None:
            kind = text(other, "resourceType")
            yield seen.error("business-rule", f"'{value_set[:200]}' is a {kind}, not a value set.", f"{where}.binding")
    for number, type in numbered(element, "type"):
        yield from profiles_of_type(seen, path, type, f"{where}.type[{number}]")


def _named(types: set[str]) -> str:
    return ", ".join(sorted(types)[:8])


def slicing(seen: Seen) -> Iterable[Issue]:
    """Discriminators lead to elements; the slices of an element keep its slicing."""
    if not _is_judged(seen):
        return
    sliced: dict[str, Json] = {}
    for number, element in numbered(seen.value.get("differential"), "element"):
        path, id, own = text(element, "path"), text(element, "id"), below(element, "slicing")
        if not own:
            continue
        where = f"differential.element[{number}]"
        outer = sliced.get(id.rpartition(":")[0]) if "sliceName" in element else None
        if (
            outer is not None
            and _discriminators(outer) != _discriminators(own)
            and path.rpartition(".")[2] == "extension"
        ):
            # Slices of extensions are told apart by their URLs, and cannot be told apart in another way as well.
            yield seen.error("business-rule", f"The slicing of '{path[:200]}' is changed by one of its slices.")
        sliced[id] = own
        found = place(seen.scene.definitions, path)
        if found is None:
            continue
        for position, discriminator in numbered(own, "discriminator"):
            fault = discriminator_fault(seen.scene.definitions, found, text(discriminator, "path"))
            if fault:
                yield seen.error("invalid", fault, f"{where}.slicing.discriminator[{position}]")


def _discriminators(slicing: Json) -> list[tuple[str, str]]:
    return [(text(item, "type"), text(item, "path")) for item in listed(slicing, "discriminator")]


def snapshot_covers_differential(seen: Seen) -> Iterable[Issue]:
    """Each element of the differential is found in the snapshot."""
    present = {text(element, "path") for element in listed(seen.value.get("snapshot"), "element")}
    if not present:
        return
    for number, element in numbered(seen.value.get("differential"), "element"):
        path = text(element, "path")
        if path and path not in present and not _by_choice(path, present):
            yield seen.error(
                "business-rule", f"'{path[:200]}' is not in the snapshot.", f"differential.element[{number}]"
            )


def _by_choice(path: str, present: set[str]) -> bool:
    """Whether a part of the path names one type of a choice, which the snapshot keeps as the choice."""
    names = path.split(".")
    return any(
        ".".join((*names[:position], stem)) in present
        for position in range(1, len(names))
        for stem in _stems(names[position])
    )


def _stems(name: str) -> Iterator[str]:
    yield name + "[x]"
    for end in range(1, len(name)):
        if name[end].isupper():
            yield name[:end] + "[x]"


def constraints_compile(seen: Seen) -> Iterable[Issue]:
    """The expressions of the constraints are FHIRPath."""
    for number, element in numbered(seen.value.get("differential"), "element"):
        for position, constraint in numbered(element, "constraint"):
            expression = text(constraint, "expression")
            complaint = complaint_about(seen, expression, []) if expression else ""
            if complaint:
                yield seen.error(
                    "invalid",
                    f"The expression of {shown(text(constraint, 'key'))} is not FHIRPath: {complaint}",
                    f"differential.element[{number}].constraint[{position}]",
                )


def constraint_keys(seen: Seen) -> Iterable[Issue]:
    """A key means one expression: that of the type where the type has it, else the first one of the profile."""
    if not _is_judged(seen):
        return
    met: dict[str, str] = {}
    for number, element in numbered(seen.value.get("differential"), "element"):
        known = _constraints_of_types(seen, text(element, "path"))
        for position, constraint in numbered(element, "constraint"):
            key, expression = text(constraint, "key"), text(constraint, "expression")
            if not key or not expression:
                continue
            first = known.get(key) or met.setdefault(key, expression)
            if first != expression:
                yield seen.error(
                    "business-rule",
                    f"The key {shown(key)} already stands for the expression {shown(first)}.",
                    f"differential.element[{number}].constraint[{position}]",
                )


def _constraints_of_types(seen: Seen, path: str) -> dict[str, str]:
    """The expressions of an element, and of the types that it can have, by key."""
    structures = seen.scene.definitions.structures
    if path.partition(".")[0] not in structures:
        return {}
    found = place(seen.scene.definitions, path)
    if found is None:
        return {}
    constraints = list(found.element.constraints) if found.element is not None else []
    for type in found.types:
        code = type.code
        while code in structures:
            constraints += structures[code].constraints
            code = structures[code].base
    return {constraint.key: constraint.expression for constraint in constraints}
