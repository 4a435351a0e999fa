"""`_contained` and `_containedType` over HTTP: what the entries of the Bundle look like.

Specification: https://hl7.org/fhir/R4/search.html#contained.
"""

from typing import Any

import httpx
import pytest

from tests.api.given import created, unique


@pytest.fixture
def code() -> str:
    """A code that no other test uses."""
    return f"c{unique()}"


def medication(code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "code": {"coding": [{"system": "urn:m", "code": code}]}, **more}


@pytest.fixture
def request_id(client: httpx.Client, code: str) -> str:
    """A request that contains two medications with the code and one with another."""
    inside = [medication(code, id="m1"), medication("other", id="m2"), medication(code, id="m3")]
    request = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"display": "x"},
        "medicationReference": {"reference": "#m1"},
        "supportingInformation": [{"reference": "#m2"}, {"reference": "#m3"}],
        "contained": inside,
    }
    return created(client, request)["id"]


def entries(client: httpx.Client, **query: str) -> list[dict[str, Any]]:
    answer = client.get("/Medication", params=query)
    assert answer.status_code == 200, answer.text
    posted = client.post("/Medication/_search", data=query)
    assert posted.json().get("entry") == answer.json().get("entry")
    return answer.json().get("entry", [])


def test_the_container_is_the_match(client: httpx.Client, code: str, request_id: str) -> None:
    (entry,) = entries(client, code=code, _contained="true")
    assert entry["fullUrl"].endswith(f"/MedicationRequest/{request_id}")
    assert (entry["resource"]["resourceType"], entry["search"]) == ("MedicationRequest", {"mode": "match"})
    assert entries(client, code=code) == []


def test_a_contained_resource_has_the_url_of_its_place(client: httpx.Client, code: str, request_id: str) -> None:
    found = entries(client, code=code, _contained="true", _containedType="contained")
    place = f"/MedicationRequest/{request_id}"
    assert [entry["fullUrl"].rpartition("/MedicationRequest")[2] for entry in found] == [
        f"/{request_id}#m1", f"/{request_id}#m3"
    ]  # fmt: skip
    assert [entry["resource"] for entry in found] == [medication(code, id="m1"), medication(code, id="m3")]
    assert all(entry["search"] == {"mode": "match"} and place in entry["fullUrl"] for entry in found)


def test_stored_and_contained_ones_together(client: httpx.Client, code: str, request_id: str) -> None:
    stored = created(client, medication(code))["id"]
    answer = client.get("/Medication", params={"code": code, "_contained": "both", "_total": "accurate"}).json()
    assert answer["total"] == 2
    assert {entry["fullUrl"].rpartition("/")[2] for entry in answer["entry"]} == {stored, request_id}
    query = {"code": code, "_contained": "both", "_containedType": "contained", "_count": "2"}
    page = client.get("/Medication", params=query).json()
    (self,) = (link["url"] for link in page["link"] if link["relation"] == "self")
    assert "_contained=both" in self and "_containedType=contained" in self
    (rest,) = (link["url"] for link in page["link"] if link["relation"] == "next")
    last = client.get(rest).json()
    shown = [entry["fullUrl"].rpartition("/")[2] for entry in (*page["entry"], *last["entry"])]
    assert sorted(shown) == sorted([stored, f"{request_id}#m1", f"{request_id}#m3"])


def test_a_part_of_a_contained_resource(client: httpx.Client, code: str, request_id: str) -> None:
    found = entries(client, code=code, _contained="true", _containedType="contained", _elements="status")
    assert [set(entry["resource"]) for entry in found] == [{"resourceType", "id", "meta"}] * 2


def test_the_statement_names_the_parameters(client: httpx.Client) -> None:
    statement = client.get("/metadata").json()
    assert {"_contained", "_containedType"} <= {one["name"] for one in statement["rest"][0]["searchParam"]}
