"""`_contained` and `_containedType` over HTTP: what the entries of the Bundle look like.

Specification: https://hl7.org/fhir/R4/search.html#contained.
"""

import time
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


def usable(client: httpx.Client, code: str) -> bool:
    """Whether an added parameter can be searched."""
    states = [
        parts["state"]
        for entry in client.get("/$reindex").json().get("parameter", [])
        if (parts := {part["name"]: part.get("valueCode") for part in entry["part"]}).get("code") == code
    ]
    return states == ["usable"]


def test_an_added_parameter_finds_contained_resources_that_were_there_before_and_come_after(
    client: httpx.Client, code: str
) -> None:
    def request(lot: str) -> str:
        inside = [medication(code, id="m1", batch={"lotNumber": lot}), medication(code, id="m2")]
        return created(client, {
            "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"display": "x"},
            "medicationReference": {"reference": "#m1"}, "supportingInformation": [{"reference": "#m2"}],
            "contained": inside,
        })["id"]  # fmt: skip

    before = request(f"A{code}")
    added = f"lot{code[1:9]}"
    parameter = created(client, {
        "resourceType": "SearchParameter", "url": f"https://example.org/SearchParameter/{added}", "name": added,
        "status": "active", "description": "For a test.", "code": added, "base": ["Medication"], "type": "string",
        "expression": "Medication.batch.lotNumber",
    })  # fmt: skip
    deadline = time.monotonic() + 20
    while not usable(client, added):
        assert time.monotonic() < deadline, client.get("/$reindex").text
        time.sleep(0.02)

    def found(**query: str) -> list[str]:
        entries_found = entries(client, code=code, _contained="true", _containedType="contained", **query)
        return sorted(entry["fullUrl"].rpartition("/")[2] for entry in entries_found)

    assert found(**{added: f"A{code}"}) == [f"{before}#m1"]
    after = request(f"A{code}")
    assert found(**{added: f"A{code}"}) == sorted([f"{before}#m1", f"{after}#m1"])
    assert found(**{f"{added}:missing": "true"}) == sorted([f"{before}#m2", f"{after}#m2"])
    chained = client.get("/MedicationRequest", params={f"medication.{added}": f"A{code}"}).json()
    assert {entry["resource"]["id"] for entry in chained["entry"]} == {before, after}
    client.delete(f"/SearchParameter/{parameter['id']}")
    assert client.get("/Medication", params={added: "x", "_contained": "true"}).status_code == 400


def test_a_contained_resource_is_found_by_what_refers_to_it(client: httpx.Client, code: str, request_id: str) -> None:
    asked = {"_has:MedicationRequest:medication:status": "active", "code": code, "_contained": "true"}
    (entry,) = entries(client, **asked, _containedType="contained")
    assert entry["fullUrl"].endswith(f"/MedicationRequest/{request_id}#m1")
    assert entries(client, **{**asked, "_has:MedicationRequest:medication:status": "draft"}) == []


def test_words_are_those_of_the_contained_resource(client: httpx.Client, code: str) -> None:
    def drug(id: str, text: str, told: str) -> dict[str, Any]:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'
        return {
            "resourceType": "Medication", "id": id, "code": {"text": f"{code} {text}"},
            "text": {"status": "generated", "div": div},
        }  # fmt: skip

    container = created(client, {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "subject": {"display": "outer"}, "medicationReference": {"reference": "#a"},
        "supportingInformation": [{"reference": "#b"}],
        "contained": [drug("a", "Müller's white ointment", "For the skin"), drug("b", "cough syrup", "To drink")],
    })["id"]  # fmt: skip

    def found(asked: str, name: str = "_content") -> list[str]:
        query = {name: asked, "_contained": "true", "_containedType": "contained"}
        return sorted(entry["fullUrl"].rpartition("#")[2] for entry in entries(client, **query))

    assert found(code) == ["a", "b"]
    assert found(f"{code} MULLER ointment") == ["a"]
    assert found(f'{code} "white ointment"') == ["a"]
    assert found(f'{code} "ointment white"') == []
    assert found(f"{code} oint*") == ["a"]
    assert found(f"{code} oint") == []
    assert found(f"{code} NOT (syrup OR drops)") == ["a"]
    assert found(f"{code} (skin OR drink)") == ["a", "b"]
    assert found(f"{code} outer") == []
    assert found(f"{code} skin,{code} syrup") == ["a", "b"]
    assert found(code, "_text") == []
    assert "a" in found("skin", "_text") and "b" not in found("skin", "_text")
    chained = client.get("/MedicationRequest", params={"medication._content": f"{code} ointment"}).json()
    assert [entry["resource"]["id"] for entry in chained["entry"]] == [container]
    assert client.get("/MedicationRequest", params={"medication._content": f"{code} syrup"}).json()["total"] == 0


def test_the_statement_names_the_parameters(client: httpx.Client) -> None:
    statement = client.get("/metadata").json()
    assert {"_contained", "_containedType"} <= {one["name"] for one in statement["rest"][0]["searchParam"]}
