"""Fields, filters of lists, fragments and directives: https://hl7.org/fhir/R4/graphql.html#fields."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, observation, patient
from tests.api.graphql.asking import data, refusal

NAMES = [
    {"use": "official", "family": "Ekman", "given": ["Ana", "Bea"], "period": {"start": "2010-01-01"}},
    {"use": "usual", "given": ["Anni"]},
    {"use": "maiden", "family": "Roth", "given": ["Ana"], "period": {"start": "1980", "end": "2009-12-31"}},
]


@pytest.fixture
def place(client: httpx.Client) -> str:
    made = created(
        client,
        patient(
            name=NAMES,
            active=True,
            birthDate="1980-02-03",
            _birthDate={"extension": [{"url": "https://example.org/time", "valueDateTime": "1980-02-03T08:00:00Z"}]},
            multipleBirthInteger=2,
            contact=[
                {"name": {"family": "Ekman"}, "gender": "male"},
                {"gender": "female", "address": {"city": "Lund"}},
            ],
        ),
    )
    return f"/Patient/{made['id']}"


def test_fields_aliases_and_choices(client: httpx.Client, place: str) -> None:
    query = "{ resourceType __typename born: birthDate _birthDate { extension { valueDateTime }} multipleBirthInteger }"
    assert data(client, query, place) == {
        "resourceType": "Patient",
        "__typename": "Patient",
        "born": "1980-02-03",
        "_birthDate": {"extension": [{"valueDateTime": "1980-02-03T08:00:00Z"}]},
        "multipleBirthInteger": 2,
    }


def test_what_is_not_there_is_left_out(client: httpx.Client, place: str) -> None:
    assert data(client, "{ gender deceasedBoolean telecom { value } active }", place) == {"active": True}


def test_decimals_keep_their_digits(client: httpx.Client) -> None:
    made = created(client, observation("Patient/none", valueQuantity={"value": 1}))
    body = (
        '{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    )
    client.put(
        f"/Observation/{made['id']}", content=body % made["id"], headers={"content-type": "application/fhir+json"}
    )
    answer = client.get(f"/Observation/{made['id']}/$graphql", params={"query": "{valueQuantity{value}}"})
    assert answer.text == '{"data":{"valueQuantity":{"value":1.50}}}'


@pytest.mark.parametrize(
    ("arguments", "families"),
    [
        ('use: "official"', ["Ekman"]),
        ("use: maiden", ["Roth"]),
        ('use: ["official", "maiden"]', ["Ekman", "Roth"]),
        ("family: $family", ["Roth"]),
        ('given: "Ana"', ["Ekman", "Roth"]),
        ('given: "Ana", _offset: 1', ["Roth"]),
        ("_count: 1", ["Ekman"]),
        ("_count: 0", []),
        ("_offset: 7", []),
        ('fhirpath: "family.exists() and given.count() = 1"', ["Roth"]),
        ('fhirpath: "$index = 0"', ["Ekman"]),
        ('fhirpath: "period.start < @2000-01-01"', ["Roth"]),
        ('fhirpath: "period.start >= @2000"', ["Ekman"]),
        ("fhirpath: \"use = 'official' or given.where($this.startsWith('Ann')).exists()\"", ["Ekman", None]),
        ("fhirpath: \"(given contains 'Bea').not()\"", [None, "Roth"]),
        ("fhirpath: \"%resource.active and family.lower() = 'ekman'\"", ["Ekman"]),
        ('fhirpath: "period.end is dateTime"', ["Roth"]),
        ("fhirpath: \"given[1] = 'Bea'\"", ["Ekman"]),
        ("fhirpath: \"given.first() & '!' = 'Ana!'\"", ["Ekman", "Roth"]),
        ("fhirpath: \"family.matches('^(R|r)o')\"", ["Roth"]),
        ('fhirpath: "given.count() / 2 > 0.5"', ["Ekman"]),
    ],
)
def test_lists_are_filtered(client: httpx.Client, place: str, arguments: str, families: list[Any]) -> None:
    query = f"query names($family: String) {{ name({arguments}) {{ given family }} }}"
    found = data(client, query, place, family="Roth").get("name", [])
    assert [name.get("family") for name in found] == families


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ names { family } }", "Did you mean 'name'?"),
        ("{ name { familie } }", "HumanName has no field 'familie'. Did you mean 'family'?"),
        ("{ name }", "say which of its fields"),
        ("{ birthDate { extension { url } } }", "plain value"),
        ("{ multipleBirth }", "multipleBirthBoolean, multipleBirthInteger"),
        ('{ birthDate(use: "x") }', "takes no arguments"),
        ('{ name(color: "x") { family } }', "has no argument 'color'"),
        ("{ name(_count: -1) { family } }", "whole number"),
        ('{ name(fhirpath: "family.") { family } }', "FHIRPath"),
        ('{ name(fhirpath: "colour = 1") { family } }', "HumanName has no element 'colour'"),
        ('{ name(fhirpath: "resolve().exists()") { family } }', "resolve() is not known"),
        ("{ name(fhirpath: \"family.matchs('a')\") { family } }", "no function matchs()"),
        ("{ name(fhirpath: \"('official' | 'old').combined\") { family } }", "no element 'combined'"),
        ('{ name(fhirpath: "given + family") { family } }', "takes a single item"),
        ("{ name(family: $x) { family } }", "$x is not declared"),
        ("{ ...Names }", "no fragment 'Names'"),
        ("{ ... on Patiant { id } }", "no type 'Patiant'. Did you mean 'Patient'?"),
        ("{ ...A } fragment A on Patient { ...B } fragment B on Patient { ...A }", "contains itself"),
        ("{ id @defer }", "@defer is not known"),
        ("{ id @skip }", "@skip takes the one argument if"),
        ('{ name @first @slice(path: "use") { family } }', "exclude"),
        ("{ id @flatten }", "plain value"),
        ("{ id ", "Syntax Error"),
        ("", "Syntax Error"),
        ("mutation { PatientDelete(id: 1) { id } }", "Only queries"),
        ("type Patient { id: ID }", "definitions of types"),
        ("query a { id } query b { id }", "a, b"),
        ("query ($n: Int!) { name(_count: $n) { family } }", "$n needs a value"),
        ("{ PatientList { id } }", "needs _reference"),
        ("{ ConditionList(_reference: encounter) { id } }", "does not refer here"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, place: str, query: str, words: str) -> None:
    error = refusal(client, query, place)
    assert 400 <= error["status"] < 500 or "mutation" in query
    assert words in error["message"]


def test_several_errors_are_told_together_with_their_places(client: httpx.Client, place: str) -> None:
    answer = client.post(f"{place}/$graphql", json={"query": "{\n  nme { family }\n  name { famly }\n}"})
    assert [error["locations"] for error in answer.json()["errors"]] == [
        [{"line": 2, "column": 3}],
        [{"line": 3, "column": 10}],
    ]


def test_fragments_are_merged(client: httpx.Client, place: str) -> None:
    query = """
        query ($more: Boolean = false) {
          ...One
          ... on Patient { contact { gender } }
          ... on Group { quantity }
          ... @include(if: $more) { birthDate }
        }
        fragment One on Patient { contact { name { family } } active }
    """
    expected = {"active": True, "contact": [{"name": {"family": "Ekman"}, "gender": "male"}, {"gender": "female"}]}
    assert data(client, query, place) == expected
    assert data(client, query, place, more=True) == {**expected, "birthDate": "1980-02-03"}


def test_fragments_that_contradict_each_other_are_refused(client: httpx.Client, place: str) -> None:
    query = "{ ...A ...B } fragment A on Patient { name(_count: 1) { family } } fragment B on Patient { name { use } }"
    assert "give one an alias" in refusal(client, query, place)["message"]


def test_flattening(client: httpx.Client, place: str) -> None:
    query = (
        '{ contact @flatten { gender name @flatten { family @singleton } } name @slice(path: "use") { given @first } }'
    )
    assert data(client, query, place) == {
        "gender": ["male", "female"],
        "family": "Ekman",
        "name.official": [{"given": "Ana"}],
        "name.usual": [{"given": "Anni"}],
        "name.maiden": [{"given": "Ana"}],
    }


def test_flattened_values_have_one_type(client: httpx.Client, place: str) -> None:
    query = "{ contact @flatten { x: gender x2: gender } name @flatten { x2: family } }"
    error = refusal(client, query, place)
    assert (error["status"], error["code"], error["path"]) == (422, "structure", ["x2"])
    assert "code and string" in error["message"]
