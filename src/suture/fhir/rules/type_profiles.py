"""Profiles that an ElementDefinition names for a type: known, and for that type.

Specification: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile. With the
extension elementdefinition-profile-element, it is one element of the profile that is meant, and not the whole.
"""

from collections.abc import Iterator
from typing import Any, cast

from suture.fhir.outcomes import Issue
from suture.fhir.rules.element_paths import place as place_of
from suture.fhir.rules.extension import is_modifier
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, extension_value, listed, text, texts

_PART = "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element"
_REFERENCES = frozenset(("Reference", "canonical", "CodeableReference"))


def profiles_of_type(seen: Seen, path: str, type: Json, where: str) -> Iterator[Issue]:
    """What is wrong with the profiles and target profiles of one type of the element at `path`."""
    code = text(type, "code")
    if texts(type, "targetProfile") and code and code not in _REFERENCES:
        yield seen.error("business-rule", f"A {code[:60]} has no target profiles.", f"{where}.targetProfile[0]")
    for number, url in enumerate(texts(type, "profile")):
        found = seen.scene.canonicals.find("StructureDefinition", url)
        place = f"{where}.profile[{number}]"
        if found is None:
            continue
        part = _part(type, number)
        if part:
            if not _part_is_kind(seen, found, part, code):
                yield seen.error("business-rule", f"'{part[:200]}' of '{url[:200]}' is not a {code[:60]}.", place)
            continue
        profiled = text(found, "type").removeprefix("http://hl7.org/fhir/StructureDefinition/")
        if not _is_kind(seen, profiled, code) or _is_another_type(seen, profiled, code):
            yield seen.error("business-rule", f"'{url[:200]}' is for {profiled[:60]}, not for {code[:60]}.", place)
        elif profiled == "Extension" and is_modifier(found) != path.endswith(".modifierExtension"):
            name = "modifierExtension" if is_modifier(found) else "extension"
            yield seen.error("business-rule", f"'{url[:200]}' belongs in {name}, not here.", place)


def _part(type: Json, number: int) -> str:
    """The id of the element of the profile that is meant; "" for the whole profile."""
    siblings = type.get("_profile")
    beside = cast("list[Any]", siblings)[number : number + 1] if isinstance(siblings, list) else []
    id = extension_value(beside[0], _PART) if beside else None
    return id if isinstance(id, str) else ""


def _part_is_kind(seen: Seen, profile: Json, id: str, wanted: str) -> bool:
    """Whether an element of a profile is of the wanted type. What the profile does not tell counts as it."""
    elements = listed(profile.get("snapshot"), "element") + listed(profile.get("differential"), "element")
    path = next((text(element, "path") for element in elements if text(element, "id") == id), "")
    known = path.partition(".")[0] in seen.scene.definitions.structures
    found = place_of(seen.scene.definitions, path) if known else None
    return found is None or any(_is_kind(seen, type.code, wanted) for type in found.types)


def _is_another_type(seen: Seen, type: str, wanted: str) -> bool:
    """Whether a type derives from the wanted one without being it: only of abstract ones there are values of others."""
    structures = seen.scene.definitions.structures
    return type != wanted and type in structures and wanted in structures and not structures[wanted].abstract


def _is_kind(seen: Seen, type: str, wanted: str) -> bool:
    """Whether a type is the wanted one, or derives from it. What is not known counts as it."""
    structures = seen.scene.definitions.structures
    if not wanted or wanted not in structures or type not in structures:
        return True
    while type in structures:
        if type == wanted:
            return True
        type = structures[type].base
    return False
