"""StructureDefinitions, SearchParameters, OperationDefinitions, CapabilityStatements and Measures."""

from base64 import b64encode
from typing import Any

import pytest

from tests.fhir.rules.judging import Json, definition, places

PATIENT = "http://hl7.org/fhir/StructureDefinition/Patient"


def profile(*elements: Json, **members: Any) -> Json:
    found = {"kind": "resource", "abstract": False, "type": "Patient", "baseDefinition": PATIENT, **members}
    url = found.pop("url", "http://a.org/StructureDefinition/p")
    return definition(
        "StructureDefinition", url, derivation="constraint", differential={"element": list(elements)}, **found
    )


def element(path: str, **members: Any) -> Json:
    return {"id": path, "path": path, **members}


ELEMENT = "StructureDefinition.differential.element[{}]"


@pytest.mark.parametrize(
    "fine",
    [
        element("Patient.name", min=1),
        element("Patient.contact.name.given", max="1"),
        element("Patient.deceasedBoolean", min=1),
        element("Patient.extension.value[x]", min=1),
        element("Patient.gender", binding={"strength": "required", "valueSet": "http://a.org/vs"}),
        element("Patient.birthDate", fixedDate="2020"),
    ],
)
def test_a_profile_that_its_type_can_have_is_fine(fine: Json) -> None:
    assert places(profile(fine)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        element("Patient.nickname", min=1),
        element("Patient.deceasedQuantity", min=1),
        element("Observation.code", min=1),
        element("Patient.gender", max="2"),
        element("Patient.birthDate", binding={"strength": "required", "valueSet": "http://a.org/vs"}),
        element("Patient.birthDate", type=[{"code": "Period"}]),
        element("Patient.birthDate", fixedInteger=1),
        element("Patient.name", type=[{"code": "HumanName", "targetProfile": [PATIENT]}]),
        element("Patient.name", type=[{"code": "HumanName", "profile": [PATIENT]}]),
    ],
)
def test_an_element_that_its_type_cannot_have_is_refused(wrong: Json) -> None:
    assert any(place.startswith(ELEMENT.format(0)) for place in places(profile(wrong)))


def test_elements_stand_in_the_order_of_the_type() -> None:
    assert places(profile(element("Patient.name"), element("Patient.birthDate"))) == []
    assert ELEMENT.format(1) in places(profile(element("Patient.birthDate"), element("Patient.name")))


def test_each_slice_has_its_own_order() -> None:
    slices = [
        {
            "path": "Patient.identifier",
            "slicing": {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"},
        },
        {"path": "Patient.identifier", "sliceName": "a"},
        {"path": "Patient.identifier.value", "min": 1},
        {"path": "Patient.identifier", "sliceName": "b"},
        {"path": "Patient.identifier.system", "min": 1},
    ]
    assert [place for place in places(profile(*slices)) if "element" in place] == []


def test_a_profile_may_be_named_for_the_type_of_one_of_its_elements() -> None:
    contacts = profile(element("Patient.contact", min=1), url="http://a.org/StructureDefinition/contacts")
    part = "http://hl7.org/fhir/StructureDefinition/elementdefinition-profile-element"

    def naming(id: str, code: str) -> list[str]:
        beside = [{"extension": [{"url": part, "valueString": id}]}] if id else [None]
        types = [{"code": code, "profile": [contacts["url"]], "_profile": beside}]
        return places(profile(element("Patient.contact", type=types)), contacts)

    wrong = ELEMENT.format(0) + ".type[0].profile[0]"
    assert wrong not in naming("Patient.contact", "BackboneElement")
    assert wrong in naming("Patient.contact", "Period")
    assert wrong in naming("", "BackboneElement")


def test_a_profile_is_of_the_type_and_kind_of_its_base() -> None:
    wrong = profile(element("Group.name"), type="Group")
    assert "StructureDefinition.type" in places(wrong)
    assert "StructureDefinition.kind" in places(profile(element("Patient.name"), kind="complex-type"))


def test_what_the_base_fixes_stays() -> None:
    base = profile(element("Patient.gender", fixedCode="male"), url="http://a.org/StructureDefinition/base")
    derived = profile(element("Patient.gender", fixedCode="female"), baseDefinition=base["url"])
    assert ELEMENT.format(0) in places(derived, base)


@pytest.mark.parametrize(
    ("path", "fine"),
    [("use", True), ("$this", True), ("extension('http://a.org/x').value", True), ("colour", False), ("use[0]", False)],
)
def test_a_discriminator_leads_to_an_element(path: str, fine: bool) -> None:
    slicing = {"discriminator": [{"type": "value", "path": path}], "rules": "open"}
    place = ELEMENT.format(0) + ".slicing.discriminator[0]"
    assert (place not in places(profile(element("Patient.name", slicing=slicing)))) == fine


def test_a_constraint_is_fhirpath() -> None:
    def constrained(expression: str) -> Json:
        constraint = {"key": "k", "severity": "error", "human": "h", "expression": expression}
        return profile(element("Patient", constraint=[constraint]))

    place = ELEMENT.format(0) + ".constraint[0]"
    assert place not in places(constrained("name.exists()"))
    assert place in places(constrained("name.exists("))


def test_a_modifier_extension_is_named_where_modifiers_stand() -> None:
    root = {"id": "Extension", "path": "Extension", "isModifier": True, "isModifierReason": "r"}
    modifier = profile(
        root,
        url="http://a.org/StructureDefinition/m",
        kind="complex-type",
        type="Extension",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
        context=[{"type": "element", "expression": "Patient"}],
    )
    types = [{"code": "Extension", "profile": [modifier["url"]]}]
    place = ELEMENT.format(0) + ".type[0].profile[0]"
    assert place in places(profile(element("Patient.extension", type=types)), modifier)
    assert place not in places(profile(element("Patient.modifierExtension", type=types)), modifier)


def search_parameter(**members: Any) -> Json:
    found = {
        "code": "n",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name",
        "description": "d",
        **members,
    }
    return definition("SearchParameter", "http://a.org/sp", **found)


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({}, ""),
        ({"expression": "Patient.name |"}, "SearchParameter.expression"),
        ({"expression": "Group.name"}, "SearchParameter.expression"),
        ({"type": "composite"}, "SearchParameter"),
        ({"derivedFrom": "http://hl7.org/fhir/SearchParameter/individual-birthdate"}, "SearchParameter"),
        ({"derivedFrom": "http://hl7.org/fhir/SearchParameter/Organization-name"}, "SearchParameter"),
    ],
)
def test_a_search_parameter_fits_its_types_and_what_it_is_derived_from(members: Json, place: str) -> None:
    found = places(search_parameter(**members))
    assert (place in found) if place else not found


def operation(**parameter: Any) -> Json:
    found = {"name": "p", "use": "in", "min": 0, "max": "1", "type": "string", **parameter}
    return definition(
        "OperationDefinition",
        "http://a.org/od",
        kind="operation",
        code="x",
        system=True,
        type=False,
        instance=False,
        inputProfile="http://a.org/StructureDefinition/in",
        parameter=[found],
    )


def test_the_parameters_of_an_operation_are_those_of_its_profile() -> None:
    path = "Parameters.parameter"
    profiled = profile(
        {"id": f"{path}:p", "path": path, "sliceName": "p", "min": 0, "max": "1"},
        {"id": f"{path}:p.name", "path": f"{path}.name", "fixedString": "p"},
        {"id": f"{path}:p.value[x]", "path": f"{path}.value[x]", "type": [{"code": "string"}]},
        url="http://a.org/StructureDefinition/in",
        type="Parameters",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Parameters",
    )
    place = "OperationDefinition.inputProfile.parameter[0]"
    assert places(operation(), profiled) == []
    assert places(operation(max="*"), profiled) == [place]
    assert place in places(operation(type="code"), profiled)


def test_a_server_states_the_types_of_search_parameters_as_they_are_defined() -> None:
    def statement(type: str) -> Json:
        url = "http://hl7.org/fhir/SearchParameter/individual-gender"
        resource = {"type": "Patient", "searchParam": [{"name": "gender", "definition": url, "type": type}]}
        return {
            "resourceType": "CapabilityStatement",
            "status": "draft",
            "date": "2020",
            "kind": "requirements",
            "description": "d",
            "fhirVersion": "4.0.1",
            "format": ["json"],
            "rest": [{"mode": "server", "resource": [resource]}],
        }

    assert places(statement("token")) == []
    assert places(statement("string")) == ["CapabilityStatement.rest[0].resource[0].searchParam[0]"]


MEASURE = "http://a.org/Measure/m"


def population(code: str, **members: Any) -> Json:
    return {"code": {"coding": [{"system": "http://a.org", "code": code}]}, **members}


def measure(scoring: str = "proportion", expression: str = "Initial") -> Json:
    criteria = {"language": "text/cql", "expression": expression}
    return definition(
        "Measure",
        MEASURE,
        library=["http://a.org/Library/l"],
        scoring={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-scoring", "code": scoring}]},
        group=[{"population": [population("initial", criteria=criteria)]}],
    )


def test_criteria_name_definitions_of_the_library() -> None:
    source = b64encode(b'library L\ndefine "Initial": true').decode()
    library = definition(
        "Library",
        "http://a.org/Library/l",
        type={"text": "x"},
        content=[{"contentType": "text/cql", "data": source}],
    )
    library["name"] = "L"
    assert places(measure(), library) == []
    assert places(measure(expression="L.Initial"), library) == []
    assert places(measure(expression="Other"), library) == ["Measure.group[0].population[0].criteria"]


def report(**group: Any) -> Json:
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "period": {"start": "2020", "end": "2021"},
        "group": [group],
    }


def test_a_report_follows_its_measure() -> None:
    score = {"measureScore": {"value": 1}}
    assert places(report(population=[population("initial", count=1)], **score), measure()) == []
    group = "MeasureReport.group[0]"
    assert places(report(population=[population("other", count=1)], **score), measure()) == [group + ".population[0]"]
    assert places(report(**score), measure("cohort")) == [group + ".measureScore"]
    subjects = population("initial", count=1, subjectResults={"display": "x"})
    assert places(report(population=[subjects]), measure()) == [group + ".population[0]"]
