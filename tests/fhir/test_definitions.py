"""The packaged definitions hold what the published packages hold."""

import pytest

from suture.fhir.definitions import Element, load, type_name, type_number
from suture.fhir.open_codes import OPEN_SYSTEMS
from suture.fhir.versions import Version

VERSIONS = list(Version)


def elements_below(elements: tuple[Element, ...]) -> list[Element]:
    return [below for element in elements for below in (element, *elements_below(element.children))]


@pytest.mark.parametrize(
    ("version", "types", "parameters"), [(Version.R4, 146, 1387), (Version.R4B, 141, 1426), (Version.R5, 158, 1240)]
)
def test_every_type_and_search_parameter_is_there(version: Version, types: int, parameters: int) -> None:
    definitions = load(version)
    assert definitions.version is version
    assert len(definitions.resource_types) == types
    assert len(definitions.search_parameters) == parameters
    assert not [p.code for p in definitions.search_parameters if not p.base]


@pytest.mark.parametrize("version", VERSIONS)
def test_loading_happens_once(version: Version) -> None:
    assert load(version) is load(version)


@pytest.mark.parametrize("version", VERSIONS)
def test_structures_derive_from_each_other(version: Version) -> None:
    structures = load(version).structures
    assert structures["Patient"].base == "DomainResource"
    assert structures["DomainResource"].abstract
    assert structures["SimpleQuantity"].base == "Quantity"
    for structure in structures.values():
        assert not structure.base or structure.base in structures


@pytest.mark.parametrize("version", VERSIONS)
def test_every_type_that_an_element_names_is_known(version: Version) -> None:
    structures = load(version).structures
    for structure in structures.values():
        paths = {element.path for element in elements_below(structure.elements)}
        for element in elements_below(structure.elements):
            assert element.types or element.content_reference in paths, element.path
            for type in element.types:
                assert type.code in structures, element.path
                assert not type.profile or type.profile in structures, element.path
                assert all(target in structures for target in type.targets), element.path


def test_an_element_tells_its_cardinality_types_and_binding() -> None:
    patient = {element.name: element for element in load(Version.R4).structures["Patient"].elements}
    assert [type.code for type in patient["deceased[x]"].types] == ["boolean", "dateTime"]
    assert patient["deceased[x]"].is_choice
    assert patient["name"].max is None
    assert patient["name"].repeats
    assert not patient["gender"].repeats
    assert patient["gender"].binding_strength == "required"
    assert patient["gender"].binding_value_set == "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert patient["id"].types[0].code == "id"
    assert patient["generalPractitioner"].types[0].targets == ("Organization", "Practitioner", "PractitionerRole")
    contact = {element.name: element for element in patient["contact"].children}
    assert contact["id"].types[0].code == "string"
    assert patient["contact"].constraints[0].key == "pat-1"


def test_constraints_are_kept_where_they_are_defined() -> None:
    structures = load(Version.R4).structures
    assert [c.key for c in structures["DomainResource"].constraints] == ["dom-2", "dom-3", "dom-4", "dom-5", "dom-6"]
    assert structures["Patient"].constraints == ()
    assert [c.key for c in structures["Element"].constraints] == ["ele-1"]


def test_content_that_repeats_another_element_names_its_path() -> None:
    below = elements_below(load(Version.R4).structures["ValueSet"].elements)
    by_path = {element.path: element for element in below}
    assert by_path["ValueSet.expansion.contains.contains"].content_reference == "ValueSet.expansion.contains"


def test_required_codes_are_listed_by_system() -> None:
    definitions = load(Version.R4)
    assert definitions.value_set_codes("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1") == {
        "http://hl7.org/fhir/administrative-gender": {"male", "female", "other", "unknown"}
    }
    assert definitions.value_set_codes("http://hl7.org/fhir/ValueSet/mimetypes") is None
    assert definitions.value_set_codes("http://example.org/none") is None


@pytest.mark.parametrize("version", VERSIONS)
def test_codes_kept_in_hl7_terminology_are_listed_too(version: Version) -> None:
    codes = load(version).value_set_codes("http://hl7.org/fhir/ValueSet/condition-clinical")
    assert codes is not None
    assert "remission" in codes["http://terminology.hl7.org/CodeSystem/condition-clinical"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_required_binding_is_checked_except_the_named_loinc_lists(version: Version) -> None:
    definitions = load(version)
    unchecked: set[str] = set()
    for structure in definitions.structures.values():
        for element in elements_below(structure.elements):
            if element.binding_strength != "required":
                continue
            url = element.binding_value_set
            if definitions.value_set_codes(url) is None:
                systems = definitions.open_value_set_codes(url)
                if systems is None:
                    unchecked.add(url)
                else:
                    assert all(codes or system in OPEN_SYSTEMS for system, codes in systems.items())
    assert unchecked == set(definitions.unexpanded)
    assert unchecked <= {"http://loinc.org/vs/LL379-9", "http://loinc.org/LL2938-0/"}


def test_search_parameters_carry_their_whole_definition() -> None:
    by_url = {p.url.rpartition("/")[2]: p for p in load(Version.R4).search_parameters}
    code = by_url["clinical-code"]
    assert "Observation" in code.base
    assert "Observation.code" in code.expression
    composite = by_url["Observation-code-value-quantity"]
    assert composite.type == "composite"
    assert [c.expression for c in composite.components] == ["code", "value.as(Quantity)"]
    assert by_url["Observation-subject"].targets == ("Group", "Device", "Patient", "Location")


def test_compartments_name_the_parameters_that_decide_membership() -> None:
    compartments = load(Version.R4).compartments
    assert set(compartments) == {"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"}
    assert compartments["Patient"]["Observation"] == ("subject", "performer")
    assert compartments["Patient"]["ValueSet"] == ()


def test_operations_are_there() -> None:
    everything = load(Version.R4).operations["http://hl7.org/fhir/OperationDefinition/Patient-everything"]
    assert everything.code == "everything"
    assert (everything.type, everything.instance, everything.system) == (True, True, False)
    assert {p.name for p in everything.parameters} >= {"start", "end", "_since", "return"}


def test_numbers_of_types_never_change() -> None:
    """They lie in databases; these are spot checks of the published numbering."""
    assert type_number("Account") == 1
    assert type_number("Patient") == 103
    assert type_number("VisionPrescription") == 146
    assert type_number("AdministrableProductDefinition") == 147
    assert type_number("Transport") == 178


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_type_has_a_number(version: Version) -> None:
    for name in load(version).resource_types:
        assert type_name(type_number(name)) == name


@pytest.mark.parametrize("number", [0, -1, 179, 10**9])
def test_numbers_that_are_not_given_out_are_refused(number: int) -> None:
    with pytest.raises(KeyError):
        type_name(number)
