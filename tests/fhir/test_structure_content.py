"""Contained resources, required codes, references, nested resources and narratives, and where they are refused."""

from typing import Any

import pytest

from tests.fhir.verdicts import R5, observation, patient, problems, sentence

# Contained resources


def test_contained_resources_are_checked_like_others() -> None:
    inner = {"resourceType": "Organization", "id": "o", "nme": "x"}
    resource = patient(contained=[inner, {"resourceType": "Nothing", "id": "n"}, "x"])
    assert problems(resource) == [
        ("structure", "Patient.contained[0]"),
        ("structure", "Patient.contained[1]"),
        ("structure", "Patient.contained[2]"),
    ]


def test_contained_resources_have_distinct_ids_and_contain_nothing() -> None:
    organization = {"resourceType": "Organization", "name": "x"}
    resource = patient(
        contained=[
            organization,
            {**organization, "id": "a"},
            {**organization, "id": "a"},
            {**organization, "id": "b", "contained": [{**organization, "id": "c"}]},
            {**organization, "id": "d d"},
        ]
    )
    assert problems(resource) == [
        ("required", "Patient.contained[0]"),
        ("structure", "Patient.contained[2]"),
        ("structure", "Patient.contained[3].contained"),
        ("value", "Patient.contained[4].id"),
    ]


# Required bindings


@pytest.mark.parametrize(
    ("resource", "place", "words"),
    [
        (patient(gender="Male"), "Patient.gender", "female, male, other, unknown"),
        (patient(language="xx"), "Patient.language", "language tag"),
        (patient(photo=[{"contentType": "jpeg"}]), "Patient.photo[0].contentType", "MIME type"),
        (
            {"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"text": "active"}},
            "Condition.clinicalStatus",
            "condition-clinical: active, inactive",
        ),
        (
            {
                "resourceType": "Condition",
                "subject": {"display": "x"},
                "clinicalStatus": {"coding": [{"system": "urn:other", "code": "active"}, {"code": "active"}]},
            },
            "Condition.clinicalStatus",
            "condition-clinical",
        ),
        (
            {"resourceType": "SearchParameter", "url": "urn:x:1", "name": "N", "status": "active", "description": "d",
             "code": "c", "base": ["Patint"], "type": "token"},
            "SearchParameter.base[0]",
            "did you mean 'Patient'?",
        ),
    ],
)  # fmt: skip
def test_codes_outside_of_required_value_sets_are_refused(resource: Any, place: str, words: str) -> None:
    assert problems(resource) == [("code-invalid", place)]
    assert words in sentence(resource)


def test_one_right_coding_is_enough_for_a_concept() -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    codings = [{"system": "urn:other", "code": "x"}, {"system": system, "code": "active"}]
    assert (
        problems({"resourceType": "Condition", "subject": {"display": "x"}, "clinicalStatus": {"coding": codings}})
        == []
    )


def test_a_largest_value_set_of_a_preferred_binding_limits_codes_and_asks_for_none() -> None:
    def speaking(**language: Any) -> dict[str, Any]:
        return patient(communication=[{"language": language}])

    assert problems(speaking(text="Nepali")) == []
    assert problems(speaking(coding=[{"system": "urn:ietf:bcp:47", "code": "ne"}])) == []
    assert problems(speaking(text="Nepali", coding=[{"system": "urn:other", "code": "ne"}])) == [
        ("code-invalid", "Patient.communication[0].language")
    ]


def test_weaker_bindings_take_any_code() -> None:
    assert problems(patient(maritalStatus={"coding": [{"system": "urn:other", "code": "x"}]})) == []


def test_a_coding_needs_code_and_system_of_its_value_set() -> None:
    weeks = {"monthlyTemplate": {"monthInterval": 1, "nthWeekOfMonth": {"code": "first"}}}
    appointment = {"resourceType": "Appointment", "status": "booked", "participant": [{"status": "accepted"}]}
    template = {"recurrenceType": {"text": "x"}, **weeks}
    found = R5.issues({**appointment, "recurrenceTemplate": [template]})
    assert [issue.expression for issue in found] == ["Appointment.recurrenceTemplate[0].monthlyTemplate.nthWeekOfMonth"]


def test_codes_of_large_systems_are_checked_by_their_rules() -> None:
    account = {"resourceType": "Invoice", "status": "issued", "totalNet": {"value": 1, "currency": "EUR"}}
    assert problems(account) == []
    assert problems({**account, "totalNet": {"value": 1, "currency": "Euro"}}) == [
        ("code-invalid", "Invoice.totalNet.currency")
    ]


# References


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Organization/1"},
        {"reference": "Organization/1/_history/2"},
        {"reference": "https://example.org/fhir/Organization/1"},
        {"reference": "https://example.org/something"},
        {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
        {"reference": "urn:oid:1.2.3"},
        {"reference": "Organization?identifier=urn:x|1"},
        {"reference": "#org"},
        {"type": "Organization", "identifier": {"value": "x"}},
        {"reference": "Organization/1", "type": "Organization"},
        {"reference": "Organization/1", "type": "http://hl7.org/fhir/StructureDefinition/Organization"},
        {"type": "http://example.org/logical/Model"},
        {"display": "x"},
        {"reference": "Organization/1", "id": "r"},
    ],
)
def test_references_may_lead_to_their_targets(reference: dict[str, Any]) -> None:
    contained = [{"resourceType": "Organization", "id": "org", "name": "x"}]
    assert problems(patient(managingOrganization=reference, contained=contained)) == []


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"reference": "Patient/1"}, "'Patient/1' leads to a Patient; Organization is allowed here."),
        ({"reference": "https://example.org/fhir/Patient/1"}, "leads to a Patient"),
        ({"reference": "Patient?identifier=x"}, "leads to a Patient"),
        ({"reference": "#person"}, "leads to a RelatedPerson"),
        ({"reference": "#"}, "leads to a Patient"),
        ({"reference": "#nothing"}, "no contained resource with this id"),
        ({"reference": "Organisation/1"}, "('Organisation')"),
        ({"reference": "Organization/a_b"}, "is not a reference"),
        ({"reference": "1"}, "is not a reference"),
        ({"reference": "Organization"}, "is not a reference"),
        ({"reference": "/Organization/1"}, "is not a reference"),
        ({"type": "Patient"}, "The type Patient is not allowed here; Organization is."),
        ({"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "type": "Patient"}, "The type Patient"),
    ],
)
def test_references_that_lead_elsewhere_are_refused(reference: dict[str, Any], words: str) -> None:
    contained = [{"resourceType": "RelatedPerson", "id": "person", "patient": {"reference": "#"}}]
    resource = patient(managingOrganization=reference, contained=contained)
    assert problems(resource) == [("value", "Patient.managingOrganization")]
    assert words in sentence(resource)


def test_the_stated_type_of_a_reference_must_be_the_real_one() -> None:
    resource = patient(generalPractitioner=[{"reference": "Practitioner/1", "type": "Organization"}])
    assert "The type says Organization, but 'Practitioner/1' leads to a Practitioner." in sentence(resource)
    assert problems(resource) == [("value", "Patient.generalPractitioner[0]")]


def test_references_to_anything_still_need_a_known_type() -> None:
    flag = {"resourceType": "List", "status": "current", "mode": "working"}
    assert problems({**flag, "entry": [{"item": {"reference": "Device/1"}}]}) == []
    assert problems({**flag, "entry": [{"item": {"reference": "Foo/1"}}]}) == [("value", "List.entry[0].item")]


def test_r5_codeable_references_check_both_of_their_halves() -> None:
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
    }
    assert problems({**request, "medication": {"reference": {"reference": "Medication/1"}}}, R5) == []
    wrong = {**request, "medication": {"reference": {"reference": "Patient/1"}}}
    assert problems(wrong, R5) == [("value", "MedicationRequest.medication.reference")]


# Nested resources, narrative, profiles of types


def test_entries_of_bundles_and_parameters_are_checked() -> None:
    wrong = {"resourceType": "Patient", "gender": "x"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient()}, {"resource": wrong}]}
    assert problems(bundle) == [("code-invalid", "Bundle.entry[1].resource.gender")]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": wrong}]}],
    }
    assert problems(parameters) == [("code-invalid", "Parameters.parameter[0].part[0].resource.gender")]


def test_local_references_stay_inside_their_entry() -> None:
    contained = [{"resourceType": "Organization", "id": "o", "name": "x"}]
    fine = patient(contained=contained, managingOrganization={"reference": "#o"})
    lost = patient(managingOrganization={"reference": "#o"})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": fine}, {"resource": lost}]}
    assert problems(bundle) == [("value", "Bundle.entry[1].resource.managingOrganization")]


def test_narratives_must_be_safe_xhtml() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></div>'
    assert problems(patient(text={"status": "generated", "div": div})) == [("invalid", "Patient.text.div")]
    assert "<script>" in sentence(patient(text={"status": "generated", "div": div}))


def test_a_simple_quantity_has_no_comparator() -> None:
    dispense = {"resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": {"text": "x"}}
    assert problems({**dispense, "quantity": {"value": 1}}) == []
    assert problems({**dispense, "quantity": {"value": 1, "comparator": "<"}}) == [
        ("structure", "MedicationDispense.quantity")
    ]
    assert problems(observation(valueQuantity={"value": 1, "comparator": "<"})) == []


def test_repeated_content_follows_the_element_it_names() -> None:
    item = {
        "linkId": "1",
        "type": "group",
        "item": [{"linkId": "1.1", "type": "string", "item": [{"linkId": "1.1.1"}]}],
    }
    questionnaire = {"resourceType": "Questionnaire", "status": "active", "item": [item]}
    assert problems(questionnaire) == [("required", "Questionnaire.item[0].item[0].item[0]")]
