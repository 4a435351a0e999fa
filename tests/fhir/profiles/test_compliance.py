"""Profiles that claim to comply with another one (structuredefinition-compliesWithProfile)."""

from typing import Any

import pytest

from tests.fhir.profiles.judging import HERE, Json, element, errors, profile

CLAIM = "http://hl7.org/fhir/StructureDefinition/structuredefinition-compliesWithProfile"
CODES = "http://x.org/codes"


def slicing(rules: str = "open") -> Json:
    return {"discriminator": [{"type": "value", "path": "system"}], "rules": rules}


def value_set(id: str, *codes: str) -> Json:
    include = [{"system": CODES, "concept": [{"code": code} for code in codes]}]
    return {"resourceType": "ValueSet", "id": id, "status": "active", "compose": {"include": include}}


def bound(strength: str, *codes: str) -> dict[str, Any]:
    binding = {"strength": strength, "valueSet": "#codes"}
    return {"of": [element("Patient.maritalStatus", binding=binding)], "contained": [value_set("codes", *codes)]}


def complaint(own: dict[str, Any], claimed: dict[str, Any]) -> str:
    """What is wrong with a profile that claims to comply with another one."""
    theirs = profile("claimed", "Patient", *claimed.pop("of"), **claimed)
    mine = profile("own", "Patient", *own.pop("of"), **own)
    mine["extension"] = [{"url": CLAIM, "valueCanonical": HERE + "claimed"}]
    found = errors(mine, theirs, profiles=["http://hl7.org/fhir/StructureDefinition/StructureDefinition"])
    return "".join(text for place, text in found if place == "StructureDefinition" and "comply" in text)


def elements(*given: Json) -> dict[str, Any]:
    return {"of": list(given)}


def slices(rules: str, **counts: tuple[int, str]) -> dict[str, Any]:
    found = [element("Patient.identifier", slicing=slicing(rules))]
    for name, (least, most) in counts.items():
        found.append(element("Patient.identifier", slice=name, min=least, max=most))
        found.append(element("Patient.identifier.system", patternUri=f"http://x.org/{name}"))
    return elements(*found)


FAMILY = {"key": "f", "severity": "error", "human": "Has a family name", "expression": "family.exists()"}
SINGLE = {"coding": [{"system": CODES, "code": "S"}]}
ANY = {"coding": [{"system": CODES}]}


@pytest.mark.parametrize(
    ("own", "claimed", "word"),
    [
        (elements(element("Patient.name", min=0)), elements(element("Patient.name", min=1)), "1 times"),
        (elements(element("Patient.name", max="5")), elements(element("Patient.name", max="2")), "2 times at most"),
        (elements(), elements(element("Patient.name", constraint=[FAMILY])), "family.exists()"),
        (
            elements(element("Patient.maritalStatus", patternCodeableConcept=ANY)),
            elements(element("Patient.maritalStatus", patternCodeableConcept=SINGLE)),
            "does not fit",
        ),
        (
            elements(element("Patient.gender", fixedCode="male")),
            elements(element("Patient.gender", fixedCode="other")),
            "something else",
        ),
        (
            elements(element("Patient.deceased[x]")),
            elements(element("Patient.deceased[x]", type=[{"code": "boolean"}])),
            "dateTime",
        ),
        (bound("extensible", "a"), bound("required", "a"), "extensible"),
        (bound("required", "a", "b"), bound("required", "a"), ": b"),
        (slices("open", mrn=(1, "1")), slices("closed", mrn=(1, "1")), "in no slice"),
        (slices("closed", mrn=(1, "1"), more=(0, "1")), slices("closed", mrn=(1, "1")), "slice more"),
        (slices("open", more=(1, "1")), slices("open", mrn=(1, "1")), "no slice for Patient.identifier:mrn"),
        (slices("open", mrn=(0, "3")), slices("open", mrn=(1, "1")), "Patient.identifier:mrn"),
    ],
)
def test_what_allows_more_than_the_claimed_profile_does_not_comply(
    own: dict[str, Any], claimed: dict[str, Any], word: str
) -> None:
    assert word in complaint(dict(own), dict(claimed))


@pytest.mark.parametrize(
    ("own", "claimed"),
    [
        (elements(element("Patient.name", min=1, max="1")), elements(element("Patient.name", max="2"))),
        (elements(element("Patient.photo", max="0")), elements(element("Patient.photo.title", min=1))),
        (
            elements(element("Patient.maritalStatus", fixedCodeableConcept=SINGLE)),
            elements(element("Patient.maritalStatus", patternCodeableConcept=ANY)),
        ),
        (bound("required", "a"), bound("required", "a", "b")),
        (bound("required", "a"), bound("extensible", "b")),
        (slices("open", mrn=(1, "1"), more=(0, "1")), slices("open", mrn=(0, "1"))),
        (slices("closed", mrn=(0, "1")), slices("closed", mrn=(0, "1"), more=(0, "1"))),
        (slices("open", mrn=(1, "1")), elements(element("Patient.identifier", max="*"))),
    ],
)
def test_what_allows_no_more_complies(own: dict[str, Any], claimed: dict[str, Any]) -> None:
    assert complaint(dict(own), dict(claimed)) == ""
