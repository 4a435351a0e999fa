"""What FHIR adds to FHIRPath (https://hl7.org/fhir/R4/fhirpath.html#functions), and what is asked of a host."""

from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Environment, Item, Unanswered
from suture.fhir.fhirpath.alone import Alone
from suture.fhir.versions import Version
from suture.fhirpath import FhirPathError, evaluate
from tests.fhir.fhirpath.given import PATIENT, answer, asked, engine

LOINC = "http://loinc.org"


class World(Alone):
    """A host that knows one organization, one hierarchy and one profile, and writes down what is traced."""

    def __init__(self) -> None:
        super().__init__(load(Version.R4))
        self.traced: list[tuple[str, list[Any]]] = []

    def resolve(self, reference: str, environment: Environment) -> dict[str, Any] | None:
        if reference == "Organization/later":
            raise Unanswered(reference)
        return {"resourceType": "Organization", "name": "Clinic"} if reference == "Organization/1" else None

    def subsumes(self, general: dict[str, Any], special: dict[str, Any]) -> bool | None:
        return special["code"].startswith(general["code"]) if general["system"] == LOINC else None

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        return type == "Patient" if profile == "http://known" else None

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        return value.get("use") == slice if profile == "http://known" else None

    def terminology(self, operation: str, arguments: Any) -> Any:
        return {"resourceType": "ValueSet", "url": arguments[0]} if operation == "expand" else None

    def trace(self, name: str, items: Any) -> None:
        self.traced.append((name, [value for value, _, _ in items]))


def test_extensions_of_structures_and_primitives() -> None:
    assert answer("birthDate.extension('http://time').value.type().name", PATIENT) == ["dateTime"]
    assert answer("name.given.extension('http://x').value", PATIENT) == ["nick"]
    assert answer("extension('http://none')", PATIENT) == []
    assert answer("gender.hasExtension('http://why')", PATIENT) == [True]


def test_primitives_have_values_of_their_own() -> None:
    assert answer("birthDate.hasValue()", PATIENT) == [True]
    assert answer("birthDate.getValue().type().namespace", PATIENT) == ["System"]
    assert answer("birthDate.value is System.Date", PATIENT) == [True]
    assert answer("name.hasValue() or {}.hasValue() or name.given.hasValue()", PATIENT) == [False]
    assert answer("birthDate.is(date) and birthDate.is(Date).not()", PATIENT) == [True]


def test_types_derive_from_each_other_but_primitives_are_filtered_by_their_very_type() -> None:
    assert answer("contact.gender is string and contact.gender is code", PATIENT) == [True]
    assert answer("contact.gender.ofType(string)", PATIENT) == []
    assert answer("ofType(DomainResource).ofType(Resource).id", PATIENT) == ["ada"]
    age = {"resourceType": "Condition", "onsetAge": {"value": 3, "code": "a", "system": "http://unitsofmeasure.org"}}
    assert answer("onset is Quantity and onset is Age and (onset is Duration).not()", age) == [True]
    assert answer("contact.type().name", PATIENT) == ["BackboneElement"]


def test_contained_resources_and_entries_of_a_bundle_are_found_without_asking() -> None:
    organization = {"resourceType": "Organization", "id": "o", "name": "Inside"}
    holder = PATIENT | {"contained": [organization], "managingOrganization": {"reference": "#o"}}
    assert answer("managingOrganization.resolve().name", holder) == ["Inside"]
    outside = {"resourceType": "Organization", "id": "9", "name": "Beside"}
    patient = PATIENT | {"managingOrganization": {"reference": "Organization/9"}}
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "http://a/fhir/Patient/ada", "resource": patient},
            {"fullUrl": "http://a/fhir/Organization/9", "resource": outside},
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Basic", "subject": {"reference": "urn:uuid:1"}}},
        ],
    }
    path = "entry.resource.ofType(Patient).managingOrganization.resolve().name"
    assert answer(path, bundle) == ["Beside"]
    assert asked("managingOrganization.resolve().name", patient, World(), bundle) == ["Beside"]
    assert answer("entry[2].resource.ofType(Basic).subject.resolve() is Basic", bundle) == [True]


def test_other_references_are_asked_of_the_host() -> None:
    patient = PATIENT | {"managingOrganization": {"reference": "Organization/1"}}
    assert asked("managingOrganization.resolve().name", patient, World()) == ["Clinic"]
    assert asked("managingOrganization.resolve() is Organization", patient, World()) == [True]
    assert asked("managingOrganization.resolve()", PATIENT | {"managingOrganization": {"display": "?"}}, World()) == []


def test_a_host_that_must_wait_is_heard() -> None:
    patient = PATIENT | {"managingOrganization": {"reference": "Organization/later"}}
    with pytest.raises(Unanswered) as wanted:
        asked("name.exists() and managingOrganization.resolve().exists()", patient, World())
    assert wanted.value.question == "Organization/later"


def test_membership_in_value_sets_of_the_specification() -> None:
    genders = "'http://hl7.org/fhir/ValueSet/administrative-gender'"
    assert answer(f"contact.gender.memberOf({genders})", PATIENT) == [True]
    assert answer(f"birthDate.memberOf({genders})", PATIENT) == [False]
    assert answer("contact.gender.memberOf('http://nobody.knows')", PATIENT) == []


def test_the_terminology_of_the_specification() -> None:
    genders = "'http://hl7.org/fhir/ValueSet/administrative-gender'"
    assert answer(f"%terminologies.expand({genders}).expansion.contains.count()") == [4]
    result = ".parameter.where(name = 'result').value"
    assert answer(f"%terminologies.validateVS({genders}, contact.gender){result}", PATIENT) == [True]
    assert answer(f"%terminologies.validateVS({genders}, 'x'){result}", PATIENT) == [False]
    uses = "'http://hl7.org/fhir/ConceptMap/cm-address-use-v2'"
    code = ".parameter.where(name = 'match').part.where(name = 'concept').value.code"
    assert answer(f"%terminologies.translate({uses}, 'home'){code}") == ["H"]
    assert answer("%terminologies.lookup('x')") == []


def test_subsumption() -> None:
    observation = {"resourceType": "Observation", "code": {"coding": [{"system": LOINC, "code": "12-1"}]}}
    codings = "%c.code.coding"
    general = {"resourceType": "Observation", "code": {"coding": [{"system": LOINC, "code": "12"}]}}
    environment = engine().environment(observation, variables={"c": general}, host=World())
    focus = engine().item(observation)
    found = engine().strict(f"code.subsumedBy({codings}) and {codings}.subsumes(code.coding)")
    assert found.truth(focus, environment) is True
    assert engine().strict("code.subsumes('12')").truth(focus, environment) is False


def test_conformance_to_types_and_profiles() -> None:
    core = "http://hl7.org/fhir/StructureDefinition/"
    assert answer(f"conformsTo('{core}Patient') and conformsTo('{core}DomainResource')", PATIENT) == [True]
    assert answer(f"conformsTo('{core}Person')", PATIENT) == [False]
    assert asked("conformsTo('http://known')", PATIENT, World()) == [True]
    with pytest.raises(FhirPathError, match="The profile 'http://unknown' is not known"):
        answer("conformsTo('http://unknown')", PATIENT)


def test_slices_and_modifiers() -> None:
    found = asked("name.slice('http://known', 'usual').given", PATIENT, World())
    assert found == ["Addie"]
    changed = PATIENT | {"modifierExtension": [{"url": "http://m", "valueBoolean": True}]}
    assert answer("checkModifiers('http://m').id", changed) == ["ada"]
    assert answer("checkModifiers('http://n, http://m').id", changed) == ["ada"]
    with pytest.raises(FhirPathError, match="The slice 'usual' of the profile 'http://other' is not known"):
        answer("name.slice('http://other', 'usual')", PATIENT)
    assert evaluate("name.slice('http://other', 'usual')", PATIENT, version="r5") == []
    with pytest.raises(FhirPathError, match="the modifier extension 'http://m'"):
        answer("checkModifiers('http://other')", changed)


def test_definitions_of_elements() -> None:
    assert answer("birthDate.elementDefinition().select(path & ' ' & max & ' ' & type.code)", PATIENT) == [
        "Patient.birthDate 1 date"
    ]
    assert answer("contact.name.elementDefinition().path", PATIENT | {"contact": [{"name": {"text": "x"}}]}) == [
        "Patient.contact.name"
    ]


def test_equivalence_of_codes_is_that_of_fhir() -> None:
    def coding(code: str, **more: Any) -> dict[str, Any]:
        return {"system": LOINC, "code": code, **more}

    observation = {
        "resourceType": "Observation",
        "code": {"coding": [coding("1", display="one", version="2"), coding("2")], "text": "first"},
        "category": [{"coding": [coding("1", id="x")]}, {"coding": [coding("3")]}, {"text": "first"}],
        "performer": [{"id": "a", "display": "Ada"}, {"id": "b", "display": "ada"}],
    }
    for expression, wanted in (
        ("code.coding[0] ~ category[0].coding", True),
        ("code.coding[0] = category[0].coding", False),
        ("code.coding[1] ~ category[0].coding", False),
        ("code ~ category[0]", True),
        ("code ~ category[1]", False),
        ("code ~ category[2]", False),
        ("performer[0] ~ performer[1]", True),
    ):
        assert answer(expression, observation) == [wanted], expression


def test_what_asks_for_one_code_gives_nothing_for_several() -> None:
    for expression in (
        "name.use.memberOf('http://hl7.org/fhir/ValueSet/name-use')",
        "name.use.subsumes('usual')",
        "'usual'.subsumedBy(name.use)",
        "name.conformsTo('http://hl7.org/fhir/StructureDefinition/HumanName')",
        "%terminologies.validateVS('http://hl7.org/fhir/ValueSet/name-use', name.use)",
        "%terminologies.validateVS('http://hl7.org/fhir/ValueSet/name-use', {})",
    ):
        assert answer(expression, PATIENT) == [], expression


def test_narratives_are_checked() -> None:
    def text(div: str) -> dict[str, Any]:
        return {"resourceType": "Patient", "text": {"status": "generated", "div": div}}

    good = '<div xmlns="http://www.w3.org/1999/xhtml">Ada</div>'
    assert answer("text.`div`.htmlChecks()", text(good)) == [True]
    assert answer("text.`div`.htmlChecks()", text("<div><script/></div>")) == [False]
    assert answer("text.div.htmlChecks()", text(good)) == [True]


def test_a_text_is_checked_as_the_inside_of_a_narrative() -> None:
    assert answer("'<i>well</i> and <b>fine</b>'.htmlChecks()") == [True]
    assert answer("'<input/>'.htmlChecks()") == [False]
    assert answer("'</div><div>'.htmlChecks()") == [False]
    assert answer("5.htmlChecks()") == []
    assert answer("('<b>a</b>' | '<b>b</b>').htmlChecks()") == []


def test_terminology_functions_and_traces_reach_the_host() -> None:
    world = World()
    assert asked("%terminologies.expand('http://vs').url", PATIENT, world) == ["http://vs"]
    with pytest.raises(FhirPathError, match="function of %terminologies"):
        asked("expand('http://vs')", PATIENT, world)
    asked("name.trace('all', use).given.trace('given').count()", PATIENT, world)
    assert world.traced == [("all", ["official", "usual"]), ("given", ["Ada", "Maria", "Addie"])]
    asked("name.trace('numbered', use & $index.toString()).count()", PATIENT, world)
    assert world.traced[-1] == ("numbered", ["official0", "usual1"])


def test_variables_of_the_environment() -> None:
    contained = {"resourceType": "Patient", "id": "in"}
    holder = {"resourceType": "Observation", "id": "out", "contained": [contained]}
    used = engine()
    environment = used.environment(contained, holder, {"answer": 42, "many": [1, 2], "none": None})
    focus: Item = used.item(contained)

    def value(expression: str) -> list[Any]:
        return [item[0] for item in used.strict(expression).items(focus, environment)]

    assert value("%resource.id | %rootResource.id | %context.id") == ["in", "out"]
    assert value("%answer + %many.count()") == [44]
    assert value("%none") == []
    assert value("%`ext-a` & ' ' & %`vs-b`") == [
        "http://hl7.org/fhir/StructureDefinition/a http://hl7.org/fhir/ValueSet/b"
    ]
    assert value("%sct | %loinc | %ucum") == ["http://snomed.info/sct", LOINC, "http://unitsofmeasure.org"]
