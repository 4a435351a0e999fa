"""New values (http://hl7.org/fhirpath/#instance-selector, https://hl7.org/fhir/R5/fhirpath.html#factory)."""

from typing import Any

import pytest

from suture.fhir.fhirpath import parse, to_text
from suture.fhirpath import FhirPathError, evaluate_typed
from tests.fhir.fhirpath.given import PATIENT, answer

MADE: dict[str, Any] = {
    "Coding { system: 'http://x', code: contact.gender }": {"system": "http://x", "code": "female"},
    "FHIR.Period { start: birthDate, end: {} }": {"start": "1974-12-25", "_start": PATIENT["_birthDate"]},
    "Period { : }": {},
    "CodeableConcept { coding: Coding { code: 'a' } | Coding { code: 'b' } }": {
        "coding": [{"code": "a"}, {"code": "b"}]
    },
    "Extension { url: 'u', value: contact.gender }": {"url": "u", "valueCode": "female"},
    "Extension { url: 'u', value: @2020 }": {"url": "u", "valueDate": "2020"},
    "Extension { url: 'u', value: name[1].given }": {
        "url": "u", "valueString": "Addie", "_valueString": PATIENT["name"][1]["_given"][0],
    },
    "Basic { id: 'b', code: CodeableConcept { text: 't' } }": {
        "resourceType": "Basic", "id": "b", "code": {"text": "t"},
    },
    "%factory.Coding('s', 'c', {}, '2')": {"system": "s", "code": "c", "version": "2"},
    "%factory.HumanName('Ekman', 'A' | 'B', {}, {}, 'text')": {"family": "Ekman", "given": ["A", "B"], "text": "text"},
    "%factory.withExtension(%factory.create(Money), 'http://e', %factory.code('test'))": {
        "extension": [{"url": "http://e", "valueCode": "test"}]
    },
    "%factory.withProperty(Extension { url: 'u', value: 1 }, 'value', 'x')": {"url": "u", "valueString": "x"},
}  # fmt: skip


@pytest.mark.parametrize("expression", MADE)
def test_a_structure_is_made(expression: str) -> None:
    assert answer(expression, PATIENT) == [MADE[expression]]


def test_what_was_made_has_its_type() -> None:
    assert evaluate_typed("code { value: 'final' }", PATIENT) == [("code", "final")]
    assert evaluate_typed("%factory.string('x', %factory.Extension('u', 1)).extension.value", PATIENT) == [
        ("integer", 1)
    ]
    assert answer("Extension { url: 'u', value: 5 'mg' }.value = 5 'mg'", PATIENT) == [True]
    assert answer("name.select(HumanName { given: given }).given", PATIENT) == ["Ada", "Maria", "Addie"]
    assert answer("{}.select(Coding { code: 'a' })", PATIENT) == []


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("Coding { }", "Expected a name, found '}'"),
        ("Coding { colour: 1 }", "Coding has no element 'colour'"),
        ("Foo { a: 1 }", "There is no type 'Foo'"),
        ("Coding { code: 5 }", "A FHIR code cannot be made of an Integer"),
        ("Coding { code: 'a' | 'b' }", "Coding.code has one value, there are 2"),
        ("Coding { code: 'a' }.colour", "Coding has no element 'colour'"),
        ("name.given() { a: 1 }", "Expected an operator or the end, found '{'"),
        ("%factory.Coding('s', 'c', 'd', 'v', 'w')", r"Coding\(\) takes system, code, display, version"),
        ("%factory.Timing()", r"%factory has no function Timing\(\); create\(\) makes values of any type"),
        ("%factory.create()", "the name of a type"),
        ("%factory.withProperty(1, 'a', 2)", "changes structures, this is an Integer"),
        ("defineVariable('factory', 1)", "%factory exists already"),
    ],
)
def test_a_value_that_cannot_be_made_is_an_error(expression: str, complaint: str) -> None:
    with pytest.raises(FhirPathError, match=complaint):
        answer(expression, PATIENT)


def test_they_print_as_they_are_read() -> None:
    for text in ("Coding { code: 'a', system: (b | c) }", "FHIR.Period { : }"):
        assert to_text(parse(text)) == text
