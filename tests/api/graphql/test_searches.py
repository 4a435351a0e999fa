"""Lookups at the root: https://hl7.org/fhir/R4/graphql.html#searching."""

import httpx
import pytest

from tests.api.given import SYSTEM, created, observation, patient, unique
from tests.api.graphql.asking import ask, data, refusal


@pytest.fixture
def family(client: httpx.Client) -> str:
    """A family name of which there are five patients, two of them inactive."""
    name = f"Fam{unique()}"
    for number in range(5):
        created(
            client,
            patient(
                f"{name}-{number}", name=[{"family": name, "given": [f"G{number}"]}], active=number < 3, gender="female"
            ),
        )
    return name


def test_one_by_id(client: httpx.Client) -> None:
    made = created(client, patient())
    for name in ("id", "_id"):
        query = f'{{ Patient({name}: "{made["id"]}") {{ id name {{ family }} }} }}'
        assert data(client, query) == {"Patient": {"id": made["id"], "name": [{"family": "Ekman"}]}}
    for wrong in ("none", "a,b", "a/b", ""):
        error = refusal(client, f'{{ one: Patient(id: "{wrong}") {{ id }} }}')
        assert (error["status"], error["code"], error["path"]) == (404, "not-found", ["one"])


def test_a_list_with_search_parameters(client: httpx.Client, family: str) -> None:
    query = """query ($f: String!, $only: Boolean) {
        PatientList(family: $f, active: $only, _sort: "-given", _count: 2) { name { given } } }"""
    found = data(client, query, f=family, only=True)
    assert [patient["name"][0]["given"] for patient in found["PatientList"]] == [["G2"], ["G1"]]


def test_values_of_an_array_are_alternatives_and_dashes_are_underscores(client: httpx.Client, family: str) -> None:
    query = "query ($ids: [String]) { PatientList(identifier: $ids, address_city: null) { name { given } } }"
    wanted = [f"{SYSTEM}|{family}-1", f"{SYSTEM}|{family}-4"]
    found = data(client, query, ids=wanted)["PatientList"]
    assert sorted(patient["name"][0]["given"][0] for patient in found) == ["G1", "G4"]
    made = created(client, observation("Patient/x", valueQuantity={"value": 5, "unit": unique()}))
    query = '{ ObservationList(_id: "%s", value_quantity: 5) { id } }'
    assert data(client, query % made["id"]) == {"ObservationList": [{"id": made["id"]}]}


def test_fhirpath_filters_what_was_found(client: httpx.Client, family: str) -> None:
    query = "query ($f: String!) { PatientList(family: $f, fhirpath: \"name.given = 'G3'\") { active } }"
    assert data(client, query, f=family) == {"PatientList": [{"active": False}]}


def test_nothing_found_is_left_out(client: httpx.Client) -> None:
    assert data(client, f'{{ PatientList(family: "{unique()}") {{ id }} }}') == {}


def test_pages(client: httpx.Client, family: str) -> None:
    fields = "{ count offset pagesize first previous next last edges { mode score resource { name { given } } } }"
    query = f'{{ PatientConnection(family: "{family}", _count: 2, _sort: "given") {fields} }}'
    page = data(client, query)["PatientConnection"]
    seen = []
    for offset in (0, 2, 4):
        assert (page["offset"], page["pagesize"]) == (offset, 2)
        assert page["count"] == 5
        assert ("previous" in page, "next" in page, "last" in page) == (offset > 0, offset < 4, offset == 4)
        assert {edge["mode"] for edge in page["edges"]} == {"match"}
        seen += [edge["resource"]["name"][0]["given"][0] for edge in page["edges"]]
        if "next" in page:
            page = data(client, f"query ($c: String) {{ PatientConnection(_cursor: $c) {fields} }}", c=page["next"])[
                "PatientConnection"
            ]
    assert seen == ["G0", "G1", "G2", "G3", "G4"]
    again = data(client, f"query ($c: String) {{ PatientConnection(_cursor: $c) {fields} }}", c=page["first"])
    assert [edge["resource"]["name"][0]["given"] for edge in again["PatientConnection"]["edges"]] == [["G0"], ["G1"]]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ Patient { id } }", "needs the argument id"),
        ('{ Patient(family: "x") { id } }', "use PatientList"),
        ('{ PatientList(famly: "x") { id } }', "Patient has no search parameter 'famly'. Did you mean 'family'?"),
        ('{ PatientList(birthdate: "soon") { id } }', "soon"),
        ('{ PatientList(_include: "Patient:organization") { id } }', "_include"),
        ("{ PatientList }", "needs the fields"),
        ("{ PatientList(_reference: patient) { id } }", "inside of a resource"),
        ('{ PatientConnection(_cursor: "abc") { count } }', "_cursor"),
        ('{ PatientList(_cursor: "abc") { id } }', "_cursor"),
        ("{ Patients { id } }", "at the root. Did you mean 'Patient'?"),
        ("{ ParametersList { id } }", "at the root"),
        ("{ id }", "at the root"),
        ('{ PatientList(name: {a: "b"}) { id } }', "plain value"),
        ("{ __schema { queryType { name } } PatientList { id } }", "nothing else"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, query: str, words: str) -> None:
    error = refusal(client, query)
    assert error["status"] == 400
    assert words in error["message"]


def test_a_cursor_belongs_to_its_search(client: httpx.Client, family: str) -> None:
    query = f'{{ PatientConnection(family: "{family}", _count: 2) {{ next }} }}'
    cursor = data(client, query)["PatientConnection"]["next"]
    assert ask(client, f'{{ ObservationConnection(_cursor: "{cursor}") {{ offset }} }}').status_code == 400
    same = f'{{ PatientConnection(_cursor: "{cursor}", family: "{family}") {{ offset }} }}'
    assert data(client, same) == {"PatientConnection": {"offset": 2}}
    other = f'{{ PatientConnection(_cursor: "{cursor}", family: "x") {{ offset }} }}'
    assert "other arguments" in refusal(client, other)["message"]


def test_the_level_of_a_type_looks_up_that_type(client: httpx.Client, family: str) -> None:
    query = f'{{ PatientList(family: "{family}", active: true) {{ active }} }}'
    assert data(client, query, "/Patient") == {"PatientList": [{"active": True}] * 3}
    assert "only Observation" in refusal(client, query, "/Observation")["message"]
