"""Faults of differentials: https://hl7.org/fhir/R4/profiling.html#limitations."""

from typing import Any

import pytest

from suture.fhir.profiles import Library
from suture.fhir.profiles.branches import BASE
from suture.fhir.profiles.snapshots import complete
from suture.fhir.versions import Version
from tests.fhir.profiles.judging import HERE, Json, Shelf, element, profile

BY_TYPE = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}


def faults(first: Json, *others: Json) -> list[str]:
    _, found = complete(Library(Version.R4, Shelf([first, *others])), first)
    return [f"{element}: {text}" for _, element, text in found]


def derived(name: str, base: Json, *elements: Json) -> Json:
    return {**profile(name, base["type"], *elements), "baseDefinition": base["url"]}


def targets(*names: str) -> Any:
    return [{"code": "Reference", "targetProfile": list(names)}]


@pytest.mark.parametrize(
    ("one", "complaint"),
    [
        (
            element("Observation.status", min=0),
            "Observation.status: It may occur 0 times at least; its base demands 1.",
        ),
        (
            element("Observation.status", max="*"),
            "Observation.status: It may occur * times at most; its base allows 1.",
        ),
        (
            element("Observation.code", type=[{"code": "Coding"}]),
            "none of those that its base allows (CodeableConcept)",
        ),
        (element("Observation.status", fixedString="final"), "It has a fixedString, but is of type code."),
        (element("Observation.method", patternCoding={"code": "x"}), "It has a patternCoding, but"),
        (element("Observation.subject", type=targets(BASE + "Organization")), "derives from none of the targets"),
        (
            element("Observation.code", type=[{"code": "CodeableConcept", "profile": [BASE + "SimpleQuantity"]}]),
            "is one on Quantity, not on CodeableConcept",
        ),
        (element("Observation", slicing=BY_TYPE), "The root of a definition cannot be sliced."),
    ],
)
def test_what_the_base_does_not_allow_is_told_of_its_element(one: Json, complaint: str) -> None:
    found = faults(profile("p", "Observation", one))
    assert len(found) == 1
    assert complaint in found[0]


def test_all_paths_begin_with_the_type() -> None:
    found = faults(profile("p", "Patient", element("Patient"), element("Patiemt.name", min=1)))
    assert found == ["Patiemt.name: Its path begins with 'Patiemt'; those of its base begin with 'Patient'."]


def test_what_a_profile_may_say_is_no_fault() -> None:
    patient = profile("patient", "Patient")
    assert not faults(
        profile(
            "p",
            "Observation",
            element("Observation.identifier", min=1, max="3", mustSupport=True),
            element("Observation.subject", type=targets(patient["url"], HERE + "not-known")),
            element("Observation.hasMember", type=targets(BASE + "Observation")),
            element("Observation.value[x]", slicing=BY_TYPE),
            element("Observation.value[x]", slice="valueString", max="0", type=[{"code": "string"}]),
            element("Observation.valueQuantity.code", fixedCode="kg"),
            element("Observation.component.code.coding.system", fixedUri="http://loinc.org"),
        ),
        patient,
    )


def test_a_second_element_at_the_same_place_needs_a_name() -> None:
    found = faults(profile("p", "Patient", element("Patient.name", min=1), element("Patient.name", max="1")))
    assert found == ["Patient.name: It is in the differential twice; a second time it would need a sliceName."]


def test_of_one_value_only_one_type_can_be_demanded() -> None:
    found = faults(
        profile(
            "p",
            "Observation",
            element("Observation.value[x]", slicing=BY_TYPE),
            element("Observation.value[x]", slice="valueString", min=1, type=[{"code": "string"}]),
            element("Observation.value[x]", slice="valueQuantity", type=[{"code": "Quantity"}]),
        )
    )
    assert any("the slice 'valueString' must be there; 'valueQuantity' cannot" in one for one in found)


def test_a_profile_keeps_what_its_base_demands() -> None:
    first = profile(
        "a",
        "Patient",
        element("Patient.name", mustSupport=True),
        element("Patient.identifier", slicing={"discriminator": [{"type": "value", "path": "use"}], "rules": "closed"}),
        element("Patient.identifier", slice="one"),
        element("Patient.managingOrganization", type=targets(HERE + "org")),
    )
    org, other = profile("org", "Organization"), profile("other", "Organization")
    imposing: Json = {
        **profile("imposing", "Organization"),
        "extension": [{"url": BASE + "structuredefinition-imposeProfile", "valueCanonical": org["url"]}],
    }
    second = derived(
        "b",
        first,
        element("Patient.name", mustSupport=False),
        element("Patient.identifier", slice="two"),
        element("Patient.managingOrganization", type=targets(other["url"])),
    )
    found = faults(second, first, org, other)
    assert ["mustSupport" in found[0], "is closed" in found[1], "derives from none" in found[2]] == [True] * 3
    allowed = element("Patient.managingOrganization", type=targets(imposing["url"], org["url"]))
    assert not faults(derived("c", first, allowed), first, org, imposing)


def test_each_element_of_a_complete_definition_has_a_definition() -> None:
    completed, _ = complete(Library(Version.R4, Shelf([])), profile("p", "Patient", element("Patient.name", min=1)))
    assert completed["differential"]["element"][0]["id"] == "Patient.name"
    elements = completed["snapshot"]["element"]
    assert elements[0]["id"] == elements[0]["path"] == "Patient"
    assert all(one["definition"] and "min" in one and "max" in one for one in elements)
    assert all(one["isModifierReason"] for one in elements if one.get("isModifier"))
