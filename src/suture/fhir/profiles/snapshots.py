"""Snapshots: what a profile says in full, from what it says differently than its base (its differential).

Specification: https://hl7.org/fhir/R4/profiling.html#snapshot. The one thing to know: a snapshot is a tree here
(`branches`); `listed` gives the elements in the order and with the ids of `snapshot.element`.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any, Protocol

from suture.fhir.profiles.branches import Branch, Facts, Unusable
from suture.fhir.profiles.snapshot_addresses import address_id, addresses
from suture.fhir.profiles.snapshot_faults import Definitions, Fault, faults
from suture.fhir.profiles.snapshot_growth import Growth, Trees

Json = dict[str, Any]


class Knowledge(Trees, Definitions, Protocol):
    """Where definitions and their trees are found."""


def generate(library: Trees, definition: Json, depth: int = 0) -> Branch:
    """The tree of a definition without a snapshot.

    Raises Unusable when its base is unknown or its paths lead nowhere.
    """
    base_url = definition.get("baseDefinition")
    if not isinstance(base_url, str):
        raise Unusable("It has neither a snapshot nor a baseDefinition to make one from.")
    try:
        base = library.tree(base_url, depth + 1)
    except Unusable as error:
        raise Unusable(f"Its snapshot cannot be made from {base_url[:200]}: {error}") from None
    differential = definition.get("differential")
    elements: list[Facts] = list(differential.get("element") or ()) if isinstance(differential, dict) else []
    kind: str = str(definition.get("type") or "")
    root = str(elements[0].get("path", "")).partition(".")[0] if elements else kind.rpartition("/")[2]
    growth = Growth(
        library,
        base,
        base_url.partition("|")[0],
        str(definition.get("url") or ""),
        adds=definition.get("derivation") == "specialization",
        logical=definition.get("kind") == "logical",
    )
    return growth.laid_over(elements, root or base.name)


def complete(library: Knowledge, definition: Json) -> tuple[Json, list[Fault]]:
    """A definition with a snapshot made from its differential, and what is wrong with the differential.

    Raises Unusable when there is no snapshot to be made.
    """
    made = generate(library, definition)
    elements = [_with_texts(facts) for facts in listed(made)]
    found: list[Fault] = []
    if definition.get("derivation") == "constraint":
        found = list(faults(library, definition, library.tree(str(definition.get("baseDefinition"))), made))
    return {**_with_ids(definition), "snapshot": {"element": elements}}, found


def _with_ids(definition: Json) -> Json:
    """Each element of a differential must have an id (sdf-14)."""
    differential: Json = definition.get("differential") or {}
    elements: list[Facts] = list(differential.get("element") or ())
    named = [
        facts if "id" in facts else {"id": address_id(facts, address), **facts}
        for facts, address in zip(elements, addresses(elements), strict=True)
    ]
    return {**definition, "differential": {**differential, "element": named}}


def _with_texts(facts: Facts) -> Facts:
    """What ships with Suture has no texts, and each element of a snapshot must have some (sdf-3, sdf-10, eld-18)."""
    place = f"See {facts['base']['path']} in its definition."
    binding: Json = facts.get("binding") or {"valueSet": ""}
    missing: Facts = {}
    if not facts.get("definition"):
        missing["definition"] = place
    if facts.get("isModifier") and not facts.get("isModifierReason"):
        missing["isModifierReason"] = place
    if "valueSet" not in binding and "description" not in binding:
        missing["binding"] = {**binding, "description": place}
    return {**facts, **missing} if missing else facts


def listed(tree: Branch) -> Iterator[Facts]:
    """The elements of a tree as `snapshot.element` lists them, each with its id and path."""
    yield from _listed(tree, tree.name, tree.name)


def _listed(branch: Branch, path: str, id: str) -> Iterator[Facts]:
    facts: Facts = {**branch.facts, "id": id, "path": path}
    if branch.slice:
        facts["sliceName"] = branch.slice
    else:
        facts.pop("sliceName", None)
    yield facts
    for child in branch.children.values():
        yield from _listed(child, f"{path}.{child.name}", f"{id}.{child.name}")
    for slice in branch.slices:
        plain = id.rpartition(":")[0] if branch.slice else id
        yield from _listed(slice, path, f"{plain}:{slice.slice}")
