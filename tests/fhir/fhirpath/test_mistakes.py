"""Mistakes that show before any data is seen (http://hl7.org/fhirpath/#type-safety-and-strict-evaluation)."""

import pytest

from suture.fhir.fhirpath import FhirPathSemanticError
from suture.fhir.versions import Version
from tests.fhir.fhirpath.given import engine

MISTAKES = [
    ("Patient", "name.given1", "A FHIR HumanName has no element 'given1', at column 6"),
    ("Patient", "name.where(use = 'x' and famly = 'y')", "no element 'famly'"),
    ("Patient", "Encounter.name.given", "'Encounter'|no element 'name'"),
    ("Observation", "valueQuantity.unit", "it is 'value' there, whatever its type"),
    ("Observation", "(value as Period).unit", "A FHIR Period has no element 'unit'"),
    ("Observation", "value.nonsense", "None of the possible types has an element 'nonsense'"),
    ("Patient", "children().skip(1)", "children\\(\\) and descendants\\(\\) have none"),
    ("Patient", "descendants().where(id = 'x').first()", "depends on an order"),
    ("Patient", "identifier.startsWith('x')", "is for String; it is applied to a FHIR Identifier"),
    ("Patient", "iif('a', 1, 2)", "The criterion of iif\\(\\) is a Boolean"),
    ("Patient", "contact.select(name.gender)", "no element 'gender'"),
    ("Patient", "extension('http://x').valueString", "it is 'value' there"),
    ("Patient", "defineVariable('n', name).select(%n.foo)", "no element 'foo'"),
    ("Patient", "%context.foo", "no element 'foo'"),
    ("Patient", "active.foo", "A FHIR boolean has no element 'foo'"),
    ("Patient.contact", "birthDate", "A FHIR Patient.contact has no element 'birthDate'"),
    ("Patient", "name.count().foo", "An Integer has no element 'foo'"),
    ("Patient", "iif(active, name, contact).foo", "None of the possible types"),
    ("Patient", "name.repeat(foo)", "no element 'foo'"),
    ("Nonsense", "id", "There is no type 'Nonsense'"),
]

FINE = [
    ("Patient", "name.given | contact.name.given"),
    ("Patient", "Patient.name.given | Practitioner.name.given"),
    ("Patient", "Resource.id"),
    ("Patient", "contained.name.foo.bar"),
    ("Patient", "contained.where(Patient.name.exists())"),
    ("Patient", "managingOrganization.resolve().name"),
    ("Patient", "descendants().anything"),
    ("Patient", "children().sort(id).first()"),
    ("Observation", "value.unit | value.coding.code"),
    ("Observation", "value.ofType(Quantity).unit"),
    ("Observation", "component.code.coding.first().code"),
    ("Patient", "maritalStatus.coding.exists(code = 'M')"),
    ("Patient", "birthDate.extension.value.value"),
    ("Patient", "name.first().iif(use = 'x', given, family)"),
    ("Bundle", "entry.resource.ofType(Patient).name.family"),
    ("Bundle", "entry.resource.id"),
    ("Questionnaire", "repeat(item).linkId"),
    ("ValueSet", "expansion.repeat(contains).code"),
    ("Questionnaire.item", "item.item.item.linkId"),
    ("Patient", "FHIR.Patient.name"),
    ("Patient", "iif(name.exists(), name.first().family, 'nobody')"),
    ("Patient", "type().name"),
]


@pytest.mark.parametrize(("focus", "expression", "complaint"), MISTAKES)
def test_what_cannot_be_right_is_an_error(focus: str, expression: str, complaint: str) -> None:
    with pytest.raises(FhirPathSemanticError, match=complaint):
        engine().strict(expression, focus=focus)


@pytest.mark.parametrize(("focus", "expression"), FINE)
def test_what_may_be_right_is_none(focus: str, expression: str) -> None:
    engine().strict(expression, focus=focus)


def test_types_are_those_of_the_version() -> None:
    engine(Version.R5).strict("birthDate | gender", focus="Patient")
    with pytest.raises(FhirPathSemanticError):
        engine(Version.R4).strict("recorded", focus="MedicationDispense")
    engine(Version.R5).strict("recorded", focus="MedicationDispense")


def test_definitions_are_compiled_without_this_judgement() -> None:
    engine().compile("Encounter.name.given", focus="Patient")
    with pytest.raises(FhirPathSemanticError, match="There is no function"):
        engine().compile("name.nonsense()", focus="Patient")
