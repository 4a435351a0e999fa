"""What FHIRPath Patch promises beyond the official cases: types, primitive extensions, choices, clear errors."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.outcomes import Invalid, Unprocessable
from suture.fhir.patch import FhirPathPatch
from suture.fhir.patch.json_patch import MAX_OPERATIONS
from suture.fhir.versions import Version

BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [
        {"use": "usual", "system": "urn:a", "value": "1"},
        {"use": "official", "system": "urn:b", "value": "2", "period": {"start": "2020-02-01"}},
    ],
    "active": True,
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", None], "_given": [None, {"id": "g"}]},
        {"use": "usual", "given": ["Jim"]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": BIRTH_TIME, "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "deceasedBoolean": False,
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "weight"},
    "valueQuantity": {"value": Decimal("70.0"), "unit": "kg"},
    "component": [{"code": {"text": "a"}, "valueString": "x"}],
}
QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "status": "draft",
    "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1.1", "type": "string"}]}],
}


def operation(type: str, path: str, value: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "type", "valueCode": type}, {"name": "path", "valueString": path}]
    for name, given in others.items():
        parts.append({"name": name, "valueString" if isinstance(given, str) else "valueInteger": given})
    if value is not None:
        parts.append({"name": "value", **value})
    return {"name": "operation", "part": parts}


def patched(resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    before = copy.deepcopy(resource)
    patch = FhirPathPatch.read({"resourceType": "Parameters", "parameter": list(operations)}, load(Version.R4))
    result = patch.apply(resource)
    assert resource == before, "a patch leaves what it is applied to as it was"
    assert patch.apply(resource) == result, "a patch can be applied again"
    return result


def refused(resource: dict[str, Any], *operations: dict[str, Any]) -> str:
    before = copy.deepcopy(resource)
    with pytest.raises(Unprocessable) as caught:
        patched(resource, *operations)
    assert resource == before
    return str(caught.value)


def unreadable(parameters: Any) -> str:
    with pytest.raises(Invalid) as caught:
        FhirPathPatch.read(parameters, load(Version.R4))
    return str(caught.value)


def test_where_picks_one_of_several() -> None:
    path = "Patient.identifier.where(system = 'urn:b' and use = 'official').value"
    assert patched(PATIENT, operation("replace", path, {"valueString": "3"}))["identifier"][1]["value"] == "3"


@pytest.mark.parametrize(
    "path",
    [
        "Patient.identifier[1].value",
        "identifier[1].value",
        "Patient.identifier.last().value",
        "Patient.identifier.tail().value",
        "Patient.identifier.skip(1).first().value",
        "Patient.identifier.where(period.exists()).value",
        "Patient.identifier.where(period.empty().not()).value.single()",
        "Patient.identifier.where(use = 'usual' or value = '2').where(system != 'urn:a').value",
        "Patient.identifier.where(period.start > @2020-01-01).value",
        "Patient.identifier.where(period.start = @2020-02-01).value",
        "Patient.identifier.where(value in ('2')).value",
        "Patient.identifier.where(system.endsWith('b')).value",
        "Patient.identifier.where($this.use ~ 'OFFICIAL').value",
        "Patient.identifier.where(%resource.active and use.startsWith('off')).value",
        "Patient.identifier.where($index = 1).value",
        "Patient.identifier.where(use = 'usual' implies system.contains('x')).value",
        "Patient.identifier.where(use = 'usual' xor true).value",
        "Patient.identifier.where(all(use = 'official')).value",
        "Patient.identifier.where(exists(use = 'official')).value",
        "DomainResource.identifier.where(period.count() = 1).value",
    ],
)
def test_paths_that_name_the_same_element(path: str) -> None:
    assert patched(PATIENT, operation("replace", path, {"valueString": "3"}))["identifier"][1]["value"] == "3"


def test_a_path_must_name_one_element() -> None:
    assert "names 2 elements" in refused(
        PATIENT, operation("replace", "Patient.identifier.value", {"valueString": "3"})
    )
    assert "names no elements" in refused(PATIENT, operation("replace", "Patient.gender", {"valueCode": "male"}))
    assert "names 2 elements" in refused(PATIENT, operation("delete", "Patient.name"))
    assert "names no elements" in refused(
        PATIENT, operation("add", "Patient.contact", {"valueCode": "male"}, name="gender")
    )


def test_delete_of_what_is_not_there_changes_nothing() -> None:
    assert patched(PATIENT, operation("delete", "Patient.gender")) == PATIENT


def test_a_misspelt_element_is_an_error_that_names_the_nearest() -> None:
    text = refused(PATIENT, operation("delete", "Patient.birthdate"))
    assert text.startswith("operation 0 (delete Patient.birthdate) failed: ")
    assert text.endswith("Patient has no element 'birthdate'; the nearest is 'birthDate'")
    assert "begins with Observation" in refused(PATIENT, operation("delete", "Observation.status"))


@pytest.mark.parametrize(
    ("path", "name", "value", "complaint"),
    [
        ("Patient", "maritalStatus", {"valueCode": "M"}, "must be of type CodeableConcept, not code"),
        ("Patient", "gender", {"valueString": "male"}, "must be of type code, not string"),
        ("Patient", "deceased", {"valueString": "no"}, "must be of type boolean or dateTime, not string"),
        ("Patient", "contact", {"valueHumanName": {"text": "x"}}, "made of parts"),
        (
            "Patient",
            "contact",
            {"part": [{"name": "nme", "valueHumanName": {}}]},
            "no element 'nme'; the nearest is 'name'",
        ),
        ("Patient", "contact", {"part": [{"name": "gender", "valueCode": "male"}] * 2}, "does not repeat"),
        ("Patient", "contact", {"part": [{"name": "gender"}]}, "no value"),
        ("Patient", "contact", {"part": [{"valueCode": "male"}]}, "needs a name"),
        ("Patient", "gender", {"valueCode": "male", "valueString": "x"}, "more than one value"),
        ("Patient", "gender", {"valueNonsense": "male"}, "not a value of a FHIR type"),
        ("Patient", "gender", {"part": [{"name": "a", "valueCode": "x"}]}, "cannot be given as parts"),
        ("Patient", "gender", {"resource": {"resourceType": "Patient"}}, "is not a resource"),
        ("Patient", "birthDate", {"valueDate": "2020"}, "already there"),
        ("Patient.name[0]", "nothing", {"valueDate": "2020"}, "no element 'nothing'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(path: str, name: str, value: dict[str, Any], complaint: str) -> None:
    resource = {key: part for key, part in PATIENT.items() if key != "deceasedBoolean"}
    assert complaint in refused(resource, operation("add", path, value, name=name))


def test_a_derived_type_is_of_the_right_type() -> None:
    result = patched(PATIENT, operation("add", "Patient.name[1]", {"valueCode": "x"}, name="family"))
    assert result["name"][1]["family"] == "x"


def test_a_choice_is_named_without_its_type_and_may_change_it() -> None:
    result = patched(PATIENT, operation("replace", "Patient.deceased", {"valueDateTime": "2020-01-01"}))
    assert "deceasedBoolean" not in result
    assert result["deceasedDateTime"] == "2020-01-01"
    assert "already there" in refused(PATIENT, operation("add", "Patient", {"valueDateTime": "2020"}, name="deceased"))
    for path in (
        "Observation.value.unit",
        "Observation.value.ofType(Quantity).unit",
        "(Observation.value as Quantity).unit",
    ):
        assert patched(OBSERVATION, operation("replace", path, {"valueString": "g"}))["valueQuantity"]["unit"] == "g"
    component = operation("replace", "Observation.component[0].value", {"valueBoolean": True})
    assert patched(OBSERVATION, component)["component"] == [{"code": {"text": "a"}, "valueBoolean": True}]
    with_type = refused(PATIENT, operation("delete", "Patient.deceasedBoolean"))
    assert "it is 'deceased' there" in with_type


def test_a_date_is_compared_with_a_date_and_not_with_a_string() -> None:
    assert patched(PATIENT, operation("delete", "Patient.birthDate.where($this = '1974-12-25')")) == PATIENT
    assert "birthDate" not in patched(PATIENT, operation("delete", "Patient.birthDate.where($this = @1974-12-25)"))


def test_decimals_keep_their_digits() -> None:
    result = patched(OBSERVATION, operation("replace", "Observation.value.value", {"valueDecimal": Decimal("70.500")}))
    assert str(result["valueQuantity"]["value"]) == "70.500"


def test_a_list_of_primitives_stays_aligned_with_its_extensions() -> None:
    path = "Patient.name[0].given"
    inserted = patched(PATIENT, operation("insert", path, {"valueString": "Paul"}, index=0))["name"][0]
    assert inserted["given"] == ["Paul", "Peter", None]
    assert inserted["_given"] == [None, None, {"id": "g"}]
    moved = patched(PATIENT, operation("move", path, source=0, destination=1))["name"][0]
    assert moved["given"] == [None, "Peter"]
    assert moved["_given"] == [{"id": "g"}, None]
    shorter = patched(PATIENT, operation("delete", path + "[1]"))["name"][0]
    assert shorter["given"] == ["Peter"]
    assert "_given" not in shorter
    value = {"valueString": "Jimmy", "_valueString": {"id": "j"}}
    replaced = patched(PATIENT, operation("replace", "Patient.name[1].given[0]", value))["name"][1]
    assert replaced["given"] == ["Jimmy"]
    assert replaced["_given"] == [{"id": "j"}]


def test_elements_left_empty_go_as_well() -> None:
    result = patched(
        PATIENT, operation("delete", "Patient.name[1].given[0]"), operation("delete", "Patient.name[1].use")
    )
    assert result["name"] == PATIENT["name"][:1]
    result = patched(PATIENT, operation("delete", "Patient.identifier[1].period.start"))
    assert "period" not in result["identifier"][1]


def test_extensions_of_primitives_can_be_added_and_deleted() -> None:
    path = f"Patient.birthDate.extension('{BIRTH_TIME}')"
    result = patched(PATIENT, operation("replace", path + ".value", {"valueDateTime": "1974-12-25T15:00:00Z"}))
    assert result["_birthDate"]["extension"] == [{"url": BIRTH_TIME, "valueDateTime": "1974-12-25T15:00:00Z"}]
    deleted = patched(PATIENT, operation("delete", path))
    assert "_birthDate" not in deleted
    assert deleted["birthDate"] == PATIENT["birthDate"]
    parts = {"part": [{"name": "url", "valueUri": "urn:x"}, {"name": "value", "valueString": "y"}]}
    added = patched(PATIENT, operation("add", "Patient.active", parts, name="extension"))
    assert added["_active"] == {"extension": [{"url": "urn:x", "valueString": "y"}]}
    assert added["active"] is True
    added = patched(PATIENT, operation("add", "Patient.name[0].given[0]", parts, name="extension"))
    assert added["name"][0]["_given"] == [{"extension": [{"url": "urn:x", "valueString": "y"}]}, {"id": "g"}]


def test_nested_parts_build_nested_elements() -> None:
    inner = {
        "name": "item",
        "part": [{"name": "linkId", "valueString": "2.1"}, {"name": "type", "valueCode": "display"}],
    }
    parts = {"part": [{"name": "linkId", "valueString": "2"}, {"name": "type", "valueCode": "group"}, inner]}
    result = patched(QUESTIONNAIRE, operation("add", "Questionnaire.item[0].item[0]", parts, name="item"))
    assert result["item"][0]["item"][0]["item"] == [
        {"linkId": "2", "type": "group", "item": [{"linkId": "2.1", "type": "display"}]}
    ]


def test_a_contained_resource_is_added_and_changed() -> None:
    contained = {"resource": {"resourceType": "Organization", "id": "o", "name": "x"}}
    result = patched(
        PATIENT,
        operation("add", "Patient", contained, name="contained"),
        operation("replace", "Patient.contained.where(id = 'o').name", {"valueString": "y"}),
    )
    assert result["contained"] == [{"resourceType": "Organization", "id": "o", "name": "y"}]


def test_insert_works_on_an_empty_list_and_checks_its_index() -> None:
    value = {"valueContactPoint": {"value": "1"}}
    assert patched(PATIENT, operation("insert", "Patient.telecom", value, index=0))["telecom"] == [{"value": "1"}]
    assert "past the end" in refused(PATIENT, operation("insert", "Patient.telecom", value, index=1))
    assert "does not repeat" in refused(PATIENT, operation("insert", "Patient.gender", {"valueCode": "male"}, index=0))
    assert "name of a list" in refused(PATIENT, operation("insert", "Patient.name[0]", {"valueHumanName": {}}, index=0))
    assert "not in the list" in refused(PATIENT, operation("move", "Patient.identifier", source=0, destination=2))


def test_later_operations_see_what_earlier_ones_did_and_all_or_none_hold() -> None:
    add = operation("add", "Patient", {"valueContactPoint": {"value": "1"}}, name="telecom")
    change = operation("replace", "Patient.telecom[0].value", {"valueString": "2"})
    assert patched(PATIENT, add, change)["telecom"] == [{"value": "2"}]
    text = refused(PATIENT, add, change, operation("delete", "Patient.identifier"))
    assert text.startswith("operation 2 (delete Patient.identifier) failed: ")


def test_the_resource_itself_is_not_a_place_to_delete_or_replace() -> None:
    assert "resource itself" in refused(PATIENT, operation("delete", "Patient"))
    assert "resource itself" in refused(PATIENT, operation("replace", "Patient", {"resource": PATIENT}))
    assert "computed value" in refused(PATIENT, operation("delete", "Patient.name.count()"))


@pytest.mark.parametrize(
    "path",
    [
        "Patient.generalPractitioner.resolve().name",
        "Patient.descendants()",
        "Patient.repeat(contained)",
        "Patient.name.where(family.matches('(a+)+$'))",
        "Patient.name[0",
        "Patient.name.family & 'x'",
        "Patient.name.first(1)",
        "Patient.name.where(%ucum = 1)",
        "1 'mg'",
        "",
        "Patient." + "name." * 600,
    ],
)
def test_a_path_outside_the_supported_language_is_refused_when_it_is_read(path: str) -> None:
    assert unreadable({"resourceType": "Parameters", "parameter": [operation("delete", path)]}).startswith(
        "operation 0: "
    )


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {"resourceType": "Patient"},
        {"resourceType": "Parameters", "parameter": {}},
        {"resourceType": "Parameters", "parameter": [1]},
        {"resourceType": "Parameters", "parameter": [{"name": "op"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [1]}]},
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": [{"name": "typ", "valueCode": "x"}]}],
        },
        {"resourceType": "Parameters", "parameter": [operation("upsert", "Patient")]},
        {"resourceType": "Parameters", "parameter": [operation("delete", "Patient.name", name="given")]},
        {"resourceType": "Parameters", "parameter": [operation("add", "Patient", {"valueCode": "x"})]},
        {
            "resourceType": "Parameters",
            "parameter": [operation("insert", "Patient.name", {"valueCode": "x"}, index="1")],
        },
        {"resourceType": "Parameters", "parameter": [operation("move", "Patient.name", source=-1, destination=0)]},
        {"resourceType": "Parameters", "parameter": [operation("delete", "Patient.name")] * (MAX_OPERATIONS + 1)},
    ],
)
def test_a_malformed_patch_is_refused_when_it_is_read(parameters: Any) -> None:
    assert unreadable(parameters)


def test_conditions_that_look_at_too_much_are_stopped() -> None:
    crowd = {**PATIENT, "name": [{"family": "x"}] * 1000}
    path = "Patient.name.where(%resource.name.where(family = 'y').exists()).family"
    assert "too many elements" in refused(crowd, operation("delete", path))


@pytest.mark.parametrize("version", list(Version))
def test_every_version_has_its_own_elements(version: Version) -> None:
    patch = FhirPathPatch.read(
        {
            "resourceType": "Parameters",
            "parameter": [operation("add", "Patient", {"valueCode": "male"}, name="gender")],
        },
        load(version),
    )
    assert patch.apply({"resourceType": "Patient"})["gender"] == "male"
