"""Profiles that an ElementDefinition names for a type: known, and for that type.

Specification: https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.type.profile.
"""

from collections.abc import Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.rules.extension import is_modifier
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, text, texts

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
        profiled = text(found, "type").removeprefix("http://hl7.org/fhir/StructureDefinition/")
        if not _is_kind(seen, profiled, code):
            yield seen.error("business-rule", f"'{url[:200]}' is for {profiled[:60]}, not for {code[:60]}.", place)
        elif profiled == "Extension" and is_modifier(found) != path.endswith(".modifierExtension"):
            name = "modifierExtension" if is_modifier(found) else "extension"
            yield seen.error("business-rule", f"'{url[:200]}' belongs in {name}, not here.", place)


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
