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


def test_a_data_type_is_profiled_by_profiles_on_itself() -> None:
    def typed(code: str, url: str, path: str = "Observation.valueQuantity") -> list[str]:
        types = [{"code": code, "profile": [f"http://hl7.org/fhir/StructureDefinition/{url}"]}]
        base = "http://hl7.org/fhir/StructureDefinition/" + path.partition(".")[0]
        return places(profile(element(path, type=types), type=path.partition(".")[0], baseDefinition=base))

    wrong = ELEMENT.format(0) + ".type[0].profile[0]"
    assert wrong in typed("Quantity", "Count")
    assert wrong not in typed("Quantity", "SimpleQuantity")
    assert wrong not in typed("Resource", "Patient", "Bundle.entry.resource")


def test_a_key_of_a_constraint_means_one_expression() -> None:
    def ruled(path: str, key: str, expression: str) -> Json:
        return element(path, constraint=[{"key": key, "severity": "error", "human": "h", "expression": expression}])

    copied = ruled("Patient.name", "ele-1", "hasValue() or (children().count() > id.count())")
    own = ruled("Patient.address", "own-1", "city.exists()")
    assert places(profile(copied, own, ruled("Patient.contact", "own-1", "city.exists()"))) == []
    assert places(profile(ruled("Patient", "dom-2", "id.exists()"))) == [ELEMENT.format(0) + ".constraint[0]"]
    again = ruled("Patient.contact", "own-1", "name.exists()")
    assert places(profile(own, again)) == [ELEMENT.format(1) + ".constraint[0]"]


def test_a_profile_gives_no_meaning_to_what_is_missing() -> None:
    assert places(profile(element("Patient.name", meaningWhenMissing="unknown"))) == [ELEMENT.format(0)]
    assert ELEMENT.format(0) in places(profile(element("Patient.active", defaultValueBoolean=True)))


def test_a_target_is_one_of_those_of_the_base() -> None:
    def pointing(*urls: str, **members: Any) -> Json:
        types = [{"code": "Reference", "targetProfile": list(urls)}]
        return profile(element("Patient.managingOrganization", type=types), **members)

    core = "http://hl7.org/fhir/StructureDefinition/"
    clinic = profile(url="http://a.org/clinic", type="Organization", baseDefinition=core + "Organization")
    ward = profile(url="http://a.org/ward", type="Organization", baseDefinition=clinic["url"])
    other = profile(url="http://a.org/other", type="Organization", baseDefinition=core + "Organization")
    base = pointing(clinic["url"], url="http://a.org/base")
    known = [clinic, ward, other, base]

    def narrowed(url: str) -> list[str]:
        return [place for place in places(pointing(url, baseDefinition=base["url"]), *known) if "target" in place]

    assert narrowed(clinic["url"]) == narrowed(ward["url"]) == narrowed("http://a.org/unknown") == []
    assert narrowed(other["url"]) == [ELEMENT.format(0) + ".type[0].targetProfile[0]"]
    imposes = "http://hl7.org/fhir/StructureDefinition/structuredefinition-imposeProfile"
    other["extension"] = [{"url": imposes, "valueCanonical": clinic["url"]}]
    assert narrowed(other["url"]) == []


def test_obligations_are_inherited_from_obligation_profiles_on_the_same_base() -> None:
    core = "http://hl7.org/fhir/StructureDefinition/"
    flag = [{"url": core + "obligation-profile-flag", "valueBoolean": True}]
    fine = profile(url="http://a.org/fine", extension=flag)
    unmarked = profile(url="http://a.org/unmarked")
    elsewhere = profile(url="http://a.org/elsewhere", extension=flag, baseDefinition="http://a.org/fine")
    inherited = [
        {"url": core + "inherit-obligations", "valueCanonical": one["url"]} for one in (fine, unmarked, elsewhere)
    ]
    found = places(profile(extension=inherited), fine, unmarked, elsewhere)
    assert [place for place in found if "extension" in place] == [
        "StructureDefinition.extension[1]",
        "StructureDefinition.extension[2]",
    ]


def logical(type: str, path: str, base: str = "Element", **members: Any) -> Json:
    core = "http://hl7.org/fhir/StructureDefinition/"
    about = {"kind": "logical", "abstract": False, "type": type, "derivation": "specialization"}
    elements = [
        element(path, definition="d", min=0, max="*"),
        element(f"{path}.a", definition="d", min=0, max="1", type=[{"code": "string"}]),
    ]
    base_url = base if ":" in base else core + base
    url = members.pop("url", "http://a.org/StructureDefinition/Thing")
    return definition(
        "StructureDefinition", url, baseDefinition=base_url, differential={"element": elements}, **about, **members
    )


def test_a_new_type_has_a_namespace_and_a_name_of_its_own() -> None:
    url = "http://a.org/StructureDefinition/Thing"
    assert places(logical(url, "Thing")) == []
    assert places(logical("Thing", "Thing")) == ["StructureDefinition.type"]
    assert places(logical(url, "Other")) == [ELEMENT.format(0), ELEMENT.format(1)]
    above = logical(url, "Thing")
    assert "StructureDefinition" in places(
        logical(url, "Thing", base=url, url="http://a.org/StructureDefinition/B"), above
    )


def extension_definition(*contexts: str, fixed: str = "http://a.org/StructureDefinition/e") -> Json:
    return profile(
        element("Extension"),
        element("Extension.url", fixedUri=fixed),
        url="http://a.org/StructureDefinition/e",
        kind="complex-type",
        type="Extension",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Extension",
        context=[{"type": "element", "expression": expression} for expression in contexts],
    )


def test_the_url_of_an_extension_is_that_of_its_definition() -> None:
    assert places(extension_definition("Patient")) == []
    assert places(extension_definition("Patient", fixed="http://a.org/StructureDefinition/f")) == [
        "StructureDefinition"
    ]


def test_the_contexts_of_an_extension_are_elements_of_some_version_of_fhir() -> None:
    fine = ("Patient.name.given", "HumanName", "Medication.totalVolume", "Thing.part", "CanonicalResource")
    assert places(extension_definition(*fine)) == []
    assert places(extension_definition("Patient", "Patient.colour")) == ["StructureDefinition.context[1]"]


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


def test_a_parameter_of_several_types_lists_them() -> None:
    path = "Parameters.parameter"
    target = "http://hl7.org/fhir/StructureDefinition/Questionnaire"
    types = [{"code": "uri"}, {"code": "Reference", "targetProfile": [target]}]
    profiled = profile(
        {"id": f"{path}:p", "path": path, "sliceName": "p", "min": 0, "max": "1"},
        {"id": f"{path}:p.name", "path": f"{path}.name", "fixedString": "p"},
        {"id": f"{path}:p.value[x]", "path": f"{path}.value[x]", "type": types},
        url="http://a.org/StructureDefinition/in",
        type="Parameters",
        baseDefinition="http://hl7.org/fhir/StructureDefinition/Parameters",
    )
    url = "http://hl7.org/fhir/StructureDefinition/operationdefinition-allowed-type"

    def allowing(*names: str) -> list[str]:
        listed = [{"url": url, "valueUri": name} for name in names]
        return [place for place in places(operation(type="Element", extension=listed), profiled) if "input" in place]

    assert allowing("uri", "Reference") == []
    assert set(allowing("uri", "code")) == {"OperationDefinition.inputProfile.parameter[0]"}


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


def test_a_stratifier_of_components_has_no_code_of_its_own() -> None:
    defined = measure()
    component = {"code": {"text": "age"}, "criteria": {"language": "text/fhirpath", "expression": "true"}}
    defined["group"][0]["stratifier"] = [{"component": [component]}, {"component": [component]}]
    stratum = {"component": [{"code": {"text": "age"}, "value": {"text": "old"}}]}
    reported = report(population=[population("initial", count=1)], stratifier=[{"stratum": [stratum]}] * 2)
    assert places(reported, defined) == []
    coded = report(population=[population("initial", count=1)], stratifier=[{"code": [{"text": "age"}]}])
    assert places(coded, defined) == ["MeasureReport.group[0].stratifier[0]"]


def test_a_report_follows_its_measure() -> None:
    score = {"measureScore": {"value": 1}}
    assert places(report(population=[population("initial", count=1)], **score), measure()) == []
    group = "MeasureReport.group[0]"
    assert places(report(population=[population("other", count=1)], **score), measure()) == [group + ".population[0]"]
    assert places(report(**score), measure("cohort")) == [group + ".measureScore"]
    subjects = population("initial", count=1, subjectResults={"display": "x"})
    assert places(report(population=[subjects]), measure()) == [group + ".population[0]"]
