"""Choices in a differential: `valueQuantity` for `value[x]`, slices by type, and what a slice that must be there means.

Specification: https://hl7.org/fhir/R4/profiling.html#slicing and https://hl7.org/fhir/R4/formats.html#choice. The one
thing to know: where a differential names `valueQuantity`, the choice is sliced by type and a slice is meant; only
within another slice (`component:systolic.valueQuantity`) the choice itself is narrowed to that type, as in all
snapshots that HL7 publishes.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from typing import Any

from suture.fhir.profiles.branches import Branch

_BY_TYPE: Mapping[str, Any] = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False}


def choice_of(branch: Branch, name: str) -> Branch | None:
    """The choice below `branch` that `name` (`valueQuantity`, `value`) stands for, whatever types it still has."""
    plain = branch.children.get(name + "[x]")
    if plain is not None:
        return plain
    for key, child in branch.children.items():
        if key.endswith("[x]") and name.startswith(key[:-3]) and name[len(key) - 3 :][:1].isupper():
            return child
    return None


def types_named(choice: Branch, name: str) -> list[Mapping[str, Any]]:
    """The types of a choice that `name` (`valueQuantity`) stands for: one, or none."""
    code = name[len(choice.name) - 3 :] if name.startswith(choice.name[:-3]) else ""
    return [entry for entry in choice.types if _capital(entry.get("code")) == code]


def slice_by_type(choice: Branch, rules: str = "open") -> None:
    """Slice a choice by type, where nothing says how it is sliced."""
    slicing = choice.facts.get("slicing") or {}
    if not slicing.get("discriminator"):
        choice.facts["slicing"] = {**_BY_TYPE, "rules": rules, **slicing, "discriminator": _BY_TYPE["discriminator"]}


def sliced_by_type(choice: Branch) -> bool:
    """Whether a choice is sliced by the types of its values."""
    slicing: Mapping[str, Any] = choice.facts.get("slicing") or {}
    return any(
        isinstance(one, dict) and one.get("type") == "type" and one.get("path") == "$this"
        for one in slicing.get("discriminator") or ()
    )


def narrow(choice: Branch, types: list[Mapping[str, Any]]) -> None:
    """Leave a choice no other types."""
    choice.facts["type"] = types
    if choice.facts.get("slicing"):
        choice.facts["slicing"] = {**choice.facts["slicing"], "rules": "closed"}


def close(choice: Branch) -> None:
    """What slices by type say of the types that a choice has.

    A type that must be there is the only one that may be, where there is one value only; one that may not be there is
    none of the choice's types; and when each type has a slice, nothing is left to be open for.
    """
    if choice.maximum != 1 or not sliced_by_type(choice):
        return
    barred = {entry.get("code") for slice in choice.slices if slice.maximum == 0 for entry in slice.types}
    left = [entry for entry in choice.types if entry.get("code") not in barred]
    if left:
        choice.facts["type"] = left
    needed = next((slice for slice in choice.slices if slice.minimum > 0 and slice.types), None)
    if needed is not None:
        choice.facts["min"] = max(choice.minimum, needed.minimum)
        narrow(choice, list(needed.types))
        return
    sliced = {entry.get("code") for slice in choice.slices for entry in slice.types}
    if sliced.issuperset(entry.get("code") for entry in choice.types):
        narrow(choice, list(choice.types))


def _capital(code: Any) -> str:
    text = str(code)
    return text[:1].upper() + text[1:]
