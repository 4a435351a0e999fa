"""The public functions of `suture.fhirpath`."""

import threading
from decimal import Decimal

import pytest

from suture import fhirpath
from tests.fhir.fhirpath.given import PATIENT


def test_values_are_plain_python() -> None:
    assert fhirpath.evaluate("name.given", PATIENT) == ["Ada", "Maria", "Addie"]
    assert fhirpath.evaluate("name[1]", PATIENT) == [PATIENT["name"][1]]
    assert fhirpath.evaluate("birthDate | active | multipleBirth", PATIENT) == ["1974-12-25", True, 2]
    assert fhirpath.evaluate("1.50", PATIENT) == [Decimal("1.50")]
    assert fhirpath.evaluate("gender", PATIENT) == [PATIENT["_gender"]]
    assert fhirpath.evaluate("name.suffix", PATIENT) == []


def test_types_have_names() -> None:
    assert fhirpath.evaluate_typed("name[1].use | contact.name | active | birthDate", PATIENT) == [
        ("code", "usual"), ("boolean", True), ("date", "1974-12-25"),
    ]  # fmt: skip
    typed = fhirpath.evaluate_typed("1 | 1.5 | 'a' | true | @2020 | @2020-01-01T10:00 | @T10 | 5L", None)
    assert [name for name, _ in typed] == [
        "integer", "decimal", "string", "boolean", "date", "dateTime", "time", "integer64",
    ]  # fmt: skip
    assert fhirpath.evaluate_typed("contact", PATIENT)[0][0] == "BackboneElement"
    assert fhirpath.evaluate_typed("4 'mg'", None)[0][0] == "Quantity"
    assert fhirpath.evaluate_typed("$this", PATIENT)[0][0] == "Patient"


def test_a_compiled_expression_serves_many_resources() -> None:
    compiled = fhirpath.compile("name.count() > %least", version="r4")
    assert compiled.evaluate(PATIENT, variables={"least": 1}) == [True]
    assert compiled.evaluate({"resourceType": "Patient"}, variables={"least": 0}) == [False]
    assert compiled.evaluate_typed({"resourceType": "Practitioner"}, variables={"least": 0}) == [("boolean", False)]


def test_each_version_has_its_own_types() -> None:
    encounter = {"resourceType": "Encounter", "actualPeriod": {"start": "2020"}}
    assert fhirpath.evaluate("actualPeriod.start", encounter, version="r5") == ["2020"]
    with pytest.raises(fhirpath.FhirPathError, match="A FHIR Encounter has no element 'actualPeriod'"):
        fhirpath.evaluate("actualPeriod.start", encounter, version="r4")
    big = {"resourceType": "Attachment", "x": 1}
    assert fhirpath.evaluate("size > 1000", {"resourceType": "Media"} | big, version="r4b") == []
    document = {"resourceType": "DocumentReference", "content": [{"attachment": {"size": "9007199254740993"}}]}
    assert fhirpath.evaluate("content.attachment.size + 1L", document, version="r5") == [9007199254740994]


def test_variables_may_be_anything() -> None:
    assert fhirpath.evaluate("%who.name.family & %text", PATIENT, variables={"who": PATIENT, "text": "!"}) == ["Ekman!"]
    assert fhirpath.evaluate("%many.sum()", None, variables={"many": [1, 2, 3]}) == [6]
    assert fhirpath.evaluate("%none.exists()", None, variables={"none": None}) == [False]
    assert fhirpath.evaluate("%plain.a.b", None, variables={"plain": {"a": [{"b": 1}, {"b": 2}]}}) == [1, 2]


def test_values_without_a_type_are_taken_as_they_are() -> None:
    assert fhirpath.evaluate("a.b + c", {"a": {"b": 1}, "c": 2}) == [3]
    assert fhirpath.evaluate("$this + 1", 41) == [42]
    assert fhirpath.evaluate("value > 1.2", {"resourceType": "Observation", "valueQuantity": {"value": 1.25}}) == [True]
    found = fhirpath.evaluate("value.value + 0.05", {"resourceType": "Observation", "valueQuantity": {"value": 1.25}})
    assert found == [Decimal("1.30")]


def test_mistakes_name_their_place() -> None:
    with pytest.raises(fhirpath.FhirPathError, match="at line 2, column 4") as fault:
        fhirpath.evaluate("name\n  .givn", PATIENT)
    assert fault.value.position == 8
    with pytest.raises(fhirpath.FhirPathError, match="Expected an expression, found the end"):
        fhirpath.compile("name.where(")
    with pytest.raises(ValueError, match="r9"):
        fhirpath.compile("name", version="r9")


def test_many_threads_may_evaluate_the_same_expression() -> None:
    compiled = fhirpath.compile("(1 | 2 | 3).select($index + %offset).where($this > %offset)")
    wrong: list[object] = []

    def work(offset: int) -> None:
        for _ in range(100):
            found = compiled.evaluate(None, variables={"offset": offset})
            if found != [offset + 1, offset + 2]:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number * 10,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
