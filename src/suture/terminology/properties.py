"""From the JSON of a concept to its parts: properties, designations, and whether it may be used.

Specification: https://hl7.org/fhir/R4/codesystem-concept-properties.html, and the rules of HL7's terminology ecosystem
on inactive concepts (https://build.fhir.org/ig/HL7/fhir-tx-ecosystem-ig/requirements.html). The one thing to know: a
concept is inactive when the property `inactive` says so, its status is inactive or retired, or it is withdrawn;
deprecated is not. Properties are known by the URI that their code system declares for them, else by their code.
"""

from collections.abc import Sequence
from typing import Any, cast

from suture.terminology.systems import Concept, Declared, Designation, Json, Property

STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
_MEANINGS = "http://hl7.org/fhir/concept-properties#"

_NO_LONGER = frozenset(("inactive", "retired"))


def properties_of(concept: Json) -> dict[str, list[str]]:
    """The properties of a concept as texts, by name."""
    found: dict[str, list[str]] = {}
    for one in concept.get("property", ()):
        value = next((value for name, value in one.items() if name.startswith("value")), None)
        if value is not None and "code" in one:
            found.setdefault(one["code"], []).append(text_of(value))
    return found


def text_of(value: Any) -> str:
    """A property value as a filter writes it: the code of a Coding, `true` and `false`, else the value itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(cast(Json, value).get("code", "") if isinstance(value, dict) else value)


def status_of(concept: Json, declared: Sequence[Declared] = ()) -> str:
    """The status of a concept: its property `status`, else its standards-status when that warns; "" when not said."""
    if "property" in concept:
        names = _called("status", declared)
        for one in concept["property"]:
            if one.get("code") in names:
                return next((text_of(value) for name, value in one.items() if name.startswith("value")), "")
    standing = standing_of(concept)
    return standing if standing in ("deprecated", "withdrawn") else ""


def standing_of(element: Json) -> str:
    """The standards-status extension of an element, or ""."""
    for one in element.get("extension", ()):
        if one.get("url") == STANDARDS_STATUS:
            return one.get("valueCode", "")
    return ""


def is_inactive(concept: Json, declared: Sequence[Declared] = ()) -> bool:
    """Whether the concept may no longer be used."""
    if standing_of(concept) == "withdrawn":
        return True
    if "property" not in concept:
        return False
    inactive, status = _called("inactive", declared), _called("status", declared)
    for one in concept["property"]:
        name = one.get("code")
        if name in inactive and (one.get("valueBoolean") is True or one.get("valueCode") == "true"):
            return True
        if name in status and (one.get("valueCode") or one.get("valueString")) in _NO_LONGER:
            return True
    return False


def is_abstract(concept: Json, declared: Sequence[Declared] = ()) -> bool:
    """Whether the concept may not be selected."""
    if "property" not in concept:
        return False
    names = _called("notSelectable", declared)
    return any(one.get("code") in names and one.get("valueBoolean") is True for one in concept["property"])


def _called(meaning: str, declared: Sequence[Declared]) -> list[str]:
    """What the properties are called that mean `meaning`, a code of FHIR's concept properties: by URI, and by that code
    itself unless it is declared with another URI.
    """
    uri = _MEANINGS + meaning
    found = [one.code for one in declared if one.uri == uri]
    if meaning not in found and not any(one.code == meaning and one.uri for one in declared):
        found.append(meaning)
    return found


def concept_of(raw: Json, number: int, declared: Sequence[Declared] = ()) -> Concept:
    """The concept of its JSON in a CodeSystem resource."""
    return Concept(
        number=number,
        code=raw["code"],
        display=raw.get("display", ""),
        definition=raw.get("definition", ""),
        abstract=is_abstract(raw, declared),
        inactive=is_inactive(raw, declared),
        status=status_of(raw, declared),
        designations=[designation_of(one) for one in raw.get("designation", ()) if "value" in one],
        properties=[found for one in raw.get("property", ()) if (found := property_of(one)) is not None],
        extension=raw.get("extension", ()),
    )


def designation_of(raw: Json) -> Designation:
    """A designation of its JSON."""
    return Designation(raw["value"], raw.get("language", ""), raw.get("use"), raw.get("extension", ()))


def property_of(raw: Json) -> Property | None:
    """A property of its JSON; None where it has no code or no value."""
    for name, value in raw.items():
        if name.startswith("value") and "code" in raw:
            parts = [found for one in raw.get("subproperty", ()) if (found := property_of(one)) is not None]
            return Property(raw["code"], value, name[5:], parts)
    return None
