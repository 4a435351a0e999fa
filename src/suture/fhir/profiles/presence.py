"""What an element must have besides what its type says: a value and not only extensions, a narrative in some language.

Specification: https://hl7.org/fhir/R5/elementdefinition-definitions.html#ElementDefinition.mustHaveValue. Versions
before R5 carry both as extensions.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from typing import Any

from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.walk import Check, Walk
from suture.fhir.rules.narrative_languages import CONTROL, control_faults

_ELEMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition."


def presence_checks(facts: Mapping[str, Any], label: str) -> list[Check]:
    """The checks for an ElementDefinition of a primitive. `label`: the profile, for messages."""
    must = facts.get("mustHaveValue") is True
    alternatives: list[str] = list(facts.get("valueAlternatives") or ())
    for extension in facts.get("extension") or ():
        if extension.get("url") == _ELEMENT + "mustHaveValue":
            must = must or extension.get("valueBoolean") is True
        elif extension.get("url") == _ELEMENT + "valueAlternatives":
            url = extension.get("valueCanonical") or extension.get("valueUri")
            alternatives += [url] if isinstance(url, str) else []
    if must:
        return [_valued(label)]
    return [_valued_or_extended(alternatives, label)] if alternatives else []


def language_checks(facts: Mapping[str, Any], label: str) -> list[Check]:
    """The checks of the languages that a Narrative must have sections for."""
    found = (e.get("valueCode") for e in facts.get("extension") or () if e.get("url") == CONTROL)
    controls = [code for code in found if isinstance(code, str)]
    return [_in_languages(controls, label)] if controls else []


def _in_languages(controls: list[str], label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        div: Any = spot.members.get("div")
        language: Any = walk.resource_of(spot).members.get("language")
        if isinstance(div, str):
            for text in control_faults(div, controls, language if isinstance(language, str) else ""):
                walk.error(spot, "business-rule", f"{text} (profile {label})")

    return check


def _valued(label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        if spot.value is None:
            walk.error(spot, "required", f"There must be a value here, extensions cannot replace it (profile {label}).")

    return check


def _valued_or_extended(urls: list[str], label: str) -> Check:
    def check(walk: Walk, spot: Spot) -> None:
        if spot.value is not None:
            return
        found: Any = spot.members.get("extension")
        if any(isinstance(e, dict) and e.get("url") in urls for e in (found if isinstance(found, list) else ())):
            return
        names = " or ".join(urls)
        walk.error(spot, "required", f"There must be a value here, or the extension {names} (profile {label}).")

    return check
