"""Each structural rule: what is refused, where, and in which words (https://hl7.org/fhir/R4/json.html)."""

from decimal import Decimal
from typing import Any

import pytest

from tests.fhir.verdicts import EXTENSION, R5, observation, patient, problems, sentence

# Types and shapes


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        ([], ""),
        ("Patient", ""),
        (None, ""),
        (5, ""),
        ({}, ""),
        ({"id": "1"}, ""),
        ({"resourceType": "Pateint"}, ""),
        ({"resourceType": "DomainResource"}, ""),
        ({"resourceType": 5}, ""),
        ({"resourceType": ["Patient"]}, ""),
        (patient(active="true"), "Patient.active"),
        (patient(active=1), "Patient.active"),
        (patient(active=[True]), "Patient.active"),
        (patient(multipleBirthInteger=True), "Patient.multipleBirth"),
        (patient(multipleBirthInteger=Decimal("1.0")), "Patient.multipleBirth"),
        (patient(birthDate={"value": "2020"}), "Patient.birthDate"),
        (patient(name={"family": "x"}), "Patient.name"),
        (patient(name=["x"]), "Patient.name[0]"),
        (patient(name=[{"given": "x"}]), "Patient.name[0].given"),
        (patient(name=[[{"given": ["x"]}]]), "Patient.name[0]"),
        (patient(maritalStatus=[{"text": "x"}]), "Patient.maritalStatus"),
        (patient(meta="x"), "Patient.meta"),
        (patient(name=[{"family": "x", "period": {"start": "2020-13"}}]), "Patient.name[0].period.start"),
        (observation(valueQuantity={"value": "1.0"}), "Observation.value.value"),
        (observation(component=[{"code": {"text": "x"}, "valueQuantity": {"value": "1"}}]),
        "Observation.component[0].value.value"),
    ],
)  # fmt: skip
def test_wrong_types_are_refused_where_they_stand(resource: Any, place: str) -> None:
    assert place in [expression for _, expression in problems(resource)]


def test_the_words_of_a_missing_or_unknown_type_help() -> None:
    assert "no resourceType" in sentence({"id": "1"})
    assert "did you mean 'Patient'?" in sentence({"resourceType": "Pateint"})
    assert "FHIR 4.0.1" in sentence({"resourceType": "GenomicStudy"})
    assert R5.issues({"resourceType": "GenomicStudy"})[0].code == "required"


def test_unknown_elements_are_named_with_the_nearest_known_one() -> None:
    resource = patient(brithDate="2020", name=[{"famly": "x"}], contact=[{"nmae": {}}])
    assert problems(resource) == [
        ("structure", "Patient"),
        ("structure", "Patient.name[0]"),
        ("structure", "Patient.contact[0]"),
    ]
    words = sentence(resource)
    assert "Patient has no element 'brithDate'; did you mean 'birthDate'?" in words
    assert "HumanName has no element 'famly'; did you mean 'family'?" in words
    assert "Patient.contact has no element 'nmae'; did you mean 'name'?" in words


@pytest.mark.parametrize(
    "key",
    ["fhir_comments", "value", "valueFoo", "resourcetype", "", " ", "name ", "__proto__", "deceased", "deceased[x]"],
)
def test_no_other_member_is_taken(key: str) -> None:
    assert len(problems(patient(**{key: "x"}))) == 1


# Cardinality


def test_every_missing_required_element_is_listed() -> None:
    assert problems({"resourceType": "Observation", "component": [{}, {"valueInteger": 1}]}) == [
        ("required", "Observation"),
        ("required", "Observation"),
        ("structure", "Observation.component[0]"),
        ("required", "Observation.component[1]"),
    ]
    assert "The required element 'status' is missing." in sentence({"resourceType": "Observation"})


def test_a_required_choice_needs_one_of_its_types() -> None:
    request = {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"}}
    assert problems(request) == [("required", "MedicationRequest")]
    assert "'medication[x]'" in sentence(request)
    assert problems({**request, "medicationCodeableConcept": {"text": "x"}}) == []


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (patient(name=[]), "Patient.name"),
        (patient(name=[{}]), "Patient.name[0]"),
        (patient(name=[{"given": []}]), "Patient.name[0].given"),
        (patient(maritalStatus={}), "Patient.maritalStatus"),
        (patient(name=[{"family": ""}]), "Patient.name[0].family"),
        (patient(name=[{"given": [""]}]), "Patient.name[0].given[0]"),
        (patient(birthDate=None), "Patient.birthDate"),
        (patient(name=None), "Patient.name"),
        (patient(name=[None]), "Patient.name[0]"),
        (patient(contained=[]), "Patient.contained"),
        (patient(extension=[{"url": "urn:x:1", "extension": []}]), "Patient.extension[0].extension"),
        (patient(_birthDate={}), "Patient.birthDate"),
        (patient(_birthDate=None), "Patient.birthDate"),
        (patient(name=[{"id": "x"}]), "Patient.name[0]"),
    ],
)
def test_nothing_may_be_empty(resource: Any, place: str) -> None:
    assert place in [expression for _, expression in problems(resource)]


# Choices


def test_only_one_type_of_a_choice_may_be_present() -> None:
    resource = patient(deceasedBoolean=True, deceasedDateTime="2020")
    assert problems(resource) == [("structure", "Patient")]
    assert "Only one of deceasedBoolean, deceasedDateTime may be present" in sentence(resource)
    assert problems(observation(valueString="x", _valueInteger=EXTENSION)) == [("structure", "Observation")]


def test_a_choice_takes_only_its_own_types() -> None:
    assert problems(patient(deceasedString="x")) == [("structure", "Patient")]
    assert problems(observation(valueDecimal=1)) == [("structure", "Observation")]


# Primitive extensions and arrays


@pytest.mark.parametrize(
    "resource",
    [
        patient(_birthDate=EXTENSION),
        patient(birthDate="2020", _birthDate=EXTENSION),
        patient(birthDate="2020", _birthDate={"id": "x"}),
        patient(name=[{"given": ["a", None, "c"], "_given": [None, EXTENSION, {"id": "x"}]}]),
        patient(name=[{"_given": [EXTENSION]}]),
        observation(_valueString=EXTENSION),
        observation(valueString="x", _valueString=EXTENSION),
        patient(name=[{"id": "n1", "family": "x"}]),
        patient(gender="other", _gender=EXTENSION),
    ],
)
def test_primitives_may_have_ids_and_extensions(resource: Any) -> None:
    assert problems(resource) == []


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (patient(name=[{"given": ["a", "b"], "_given": [None]}]), "Patient.name[0].given"),
        (patient(name=[{"given": ["a"], "_given": [None, EXTENSION]}]), "Patient.name[0].given"),
        (patient(name=[{"given": ["a", None], "_given": [None, None]}]), "Patient.name[0].given[1]"),
        (patient(name=[{"given": ["a", None]}]), "Patient.name[0].given[1]"),
        (patient(name=[{"given": [None], "_given": [{"id": "x"}]}]), "Patient.name[0].given[0]"),
        (patient(name=[{"given": ["a"], "_given": EXTENSION}]), "Patient.name[0].given"),
        (patient(name=[{"_given": [None]}]), "Patient.name[0].given[0]"),
        (patient(name=[{"_given": []}]), "Patient.name[0].given"),
        (patient(_birthDate=[EXTENSION]), "Patient.birthDate"),
        (patient(_birthDate={"id": "x"}), "Patient.birthDate"),
        (patient(_birthDate={"value": "x"}), "Patient.birthDate"),
        (patient(_birthDate={"extension": [{"valueString": "x"}]}), "Patient.birthDate.extension[0]"),
        (patient(birthDate=None, _birthDate=EXTENSION), "Patient.birthDate"),
        (patient(_name=[EXTENSION]), "Patient.name"),
        (patient(_id=EXTENSION, id="x"), "Patient.id"),
        (patient(_resourceType=EXTENSION), "Patient"),
        (patient(text={"status": "empty", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
        "_div": EXTENSION}),
         "Patient.text.div"),
        (patient(extension=[{"url": "urn:x:1", "_url": EXTENSION, "valueString": "x"}]), "Patient.extension[0].url"),
    ],
)  # fmt: skip
def test_primitive_extensions_must_fit_their_values(resource: Any, place: str) -> None:
    assert place in [expression for _, expression in problems(resource)]


def test_a_required_element_may_have_an_extension_for_a_value() -> None:
    resource = {"resourceType": "Group", "actual": True, "type": "person", "characteristic": [
        {"code": {"text": "x"}, "valueBoolean": True, "_exclude": EXTENSION}]}  # fmt: skip
    assert problems(resource) == []


def test_a_required_code_cannot_be_replaced_by_an_extension() -> None:
    """As the reference validator judges it: a binding of strength required needs a code."""
    assert problems({**observation(), "status": None, "_status": EXTENSION})[0] == (
        "code-invalid",
        "Observation.status",
    )
    assert problems(patient(_gender=EXTENSION)) == [("code-invalid", "Patient.gender")]
