"""References and what refers to a resource: https://hl7.org/fhir/R4/graphql.html#references and #reverse."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, observation, patient
from tests.api.graphql.asking import data, refusal

Record = dict[str, str]


@pytest.fixture
def record(client: httpx.Client) -> Record:
    clinic = created(client, {"resourceType": "Organization", "name": "Clinic"})
    subject = created(client, patient(managingOrganization={"reference": f"Organization/{clinic['id']}"}))
    about = f"Patient/{subject['id']}"
    made = [
        created(
            client,
            observation(
                about,
                effectiveDateTime=f"2020-01-0{day}",
                contained=[{"resourceType": "Practitioner", "id": "p", "name": [{"family": "Ortiz"}]}],
                performer=[{"reference": "#p"}, {"reference": about}, {"display": "somebody"}],
            ),
        )
        for day in (1, 2, 3)
    ]
    return {
        "clinic": f"Organization/{clinic['id']}",
        "patient": about,
        "first": f"Observation/{made[0]['id']}",
        "last": f"Observation/{made[2]['id']}",
        "last id": made[2]["id"],
    }


def test_references_are_followed_over_several_links(client: httpx.Client, record: Record) -> None:
    query = "{ subject { reference resource { name { family } managingOrganization { resource { name } } } } }"
    assert data(client, query, f"/{record['first']}") == {
        "subject": {
            "reference": record["patient"],
            "resource": {"name": [{"family": "Ekman"}], "managingOrganization": {"resource": {"name": "Clinic"}}},
        }
    }


def test_contained_resources_and_references_of_several_types(client: httpx.Client, record: Record) -> None:
    query = """{ performer { display resource {
        __typename ... on Practitioner { name { family } } ... on Patient { given: name { given } } } } }"""
    assert data(client, query, f"/{record['first']}")["performer"] == [
        {"resource": {"__typename": "Practitioner", "name": [{"family": "Ortiz"}]}},
        {"resource": {"__typename": "Patient", "given": [{"given": ["Ana"]}]}},
        {"display": "somebody"},
    ]
    only = "{ performer { resource(type: Patient) { name { family } } } contained { ... on Practitioner { id } } }"
    assert data(client, only, f"/{record['first']}") == {
        "performer": [{}, {"resource": {"name": [{"family": "Ekman"}]}}, {}],
        "contained": [{"id": "p"}],
    }


def test_versions_and_absolute_references_of_this_server(client: httpx.Client, record: Record) -> None:
    base = str(client.base_url).rstrip("/")
    for reference in (f"{record['patient']}/_history/1", f"{base}/{record['patient']}"):
        made = created(client, observation(reference))
        query = "{ subject { resource { meta { versionId } } } }"
        assert data(client, query, f"/Observation/{made['id']}") == {
            "subject": {"resource": {"meta": {"versionId": "1"}}}
        }


@pytest.mark.parametrize(
    "reference", ["Patient/none", "https://elsewhere.example/Patient/1", "urn:uuid:1", "Patient/1/_history/x"]
)
def test_a_reference_that_leads_nowhere(client: httpx.Client, reference: str) -> None:
    made = created(client, {"resourceType": "Basic", "code": {"text": "x"}, "author": {"reference": reference}})
    place = f"/Basic/{made['id']}"
    error = refusal(client, "{ author { resource { id } } }", place)
    assert (error["status"], error["code"], error["path"]) == (422, "not-found", ["author", "resource"])
    assert data(client, "{ author { reference resource(optional: true) { id } } }", place) == {
        "author": {"reference": reference}
    }


def test_a_deleted_resource_is_not_there(client: httpx.Client) -> None:
    gone = created(client, patient())
    made = created(client, observation(f"Patient/{gone['id']}"))
    assert client.delete(f"/Patient/{gone['id']}").status_code == 204
    assert data(client, "{ subject { resource(optional: true) { id } } }", f"/Observation/{made['id']}") == {
        "subject": {}
    }
    assert refusal(client, "{ id }", f"/Patient/{gone['id']}")["status"] == 404


def test_what_refers_to_a_resource(client: httpx.Client, record: Record) -> None:
    query = """{ ObservationList(_reference: patient, date: "ge2020-01-02", _sort: "date") { effectiveDateTime
        subject { resource { ObservationList(_reference: subject, _count: 1) { id } } } } }"""
    newest = {"subject": {"resource": {"ObservationList": [{"id": record["last id"]}]}}}
    assert data(client, query, f"/{record['patient']}")["ObservationList"] == [
        {"effectiveDateTime": "2020-01-02", **newest},
        {"effectiveDateTime": "2020-01-03", **newest},
    ]


def test_a_page_of_what_refers_goes_on_at_the_root(client: httpx.Client, record: Record) -> None:
    query = """{ ObservationConnection(_reference: patient, _count: 2, _sort: "date") {
        count offset pagesize next edges { mode resource { effectiveDateTime } } } }"""
    page = data(client, query, f"/{record['patient']}")["ObservationConnection"]
    assert (page["count"], page["offset"], page["pagesize"]) == (3, 0, 2)
    assert [edge["resource"]["effectiveDateTime"] for edge in page["edges"]] == ["2020-01-01", "2020-01-02"]
    again = """query ($c: String!) { ObservationConnection(_cursor: $c) {
        offset previous next edges { resource { effectiveDateTime } } } }"""
    second = data(client, again, c=page["next"])["ObservationConnection"]
    assert [edge["resource"]["effectiveDateTime"] for edge in second["edges"]] == ["2020-01-03"]
    assert second["offset"] == 2
    assert "next" not in second
    back = data(client, again, c=second["previous"])["ObservationConnection"]
    assert back["offset"] == 0
    assert [edge["resource"]["effectiveDateTime"] for edge in back["edges"]] == ["2020-01-01", "2020-01-02"]


def test_a_bundle_is_walked_like_any_other_resource(client: httpx.Client) -> None:
    inner: dict[str, Any] = {"resourceType": "Patient", "id": "inside", "name": [{"family": "Inner"}]}
    made = created(client, {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]})
    query = "{ entry { resource { ... on Patient { name { family } ObservationList(_reference: patient) { id } } } } }"
    assert data(client, query, f"/Bundle/{made['id']}") == {"entry": [{"resource": {"name": [{"family": "Inner"}]}}]}
