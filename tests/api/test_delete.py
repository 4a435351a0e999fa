"""Deleting: https://hl7.org/fhir/R4/http.html#delete and conditional delete (3.1.0.7.1)."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.given import SYSTEM, created, issue, patient, unique
from tests.servers import Server


def test_a_deleted_resource_is_gone_and_found_no_more(client: httpx.Client) -> None:
    value = unique()
    id = created(client, patient(value))["id"]
    answer = client.delete(f"/Patient/{id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"] == 'W/"2"'
    assert client.get(f"/Patient/{id}").status_code == 410
    assert client.get("/Patient", params={"identifier": value}).json()["total"] == 0


def test_deleting_what_is_not_there_succeeds_and_makes_no_version(client: httpx.Client) -> None:
    assert client.delete(f"/Patient/{unique()}").status_code == 204
    id = created(client, patient())["id"]
    client.delete(f"/Patient/{id}")
    assert client.delete(f"/Patient/{id}").status_code == 204
    assert client.get(f"/Patient/{id}/_history").json()["total"] == 2


def test_if_match_guards_a_delete(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert client.delete(f"/Patient/{id}", headers={"if-match": 'W/"2"'}).status_code == 412
    assert client.delete(f"/Patient/{id}", headers={"if-match": 'W/"1"'}).status_code == 204
    assert client.delete(f"/Patient/{id}", headers={"if-match": 'W/"1"'}).status_code == 412


def test_an_outcome_can_be_asked_for(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = client.delete(f"/Patient/{id}", headers={"prefer": "return=OperationOutcome"})
    assert answer.status_code == 200
    assert issue(answer)["severity"] == "information"


def test_a_conditional_delete_removes_the_one_match(client: httpx.Client) -> None:
    value = unique()
    id = created(client, patient(value))["id"]
    condition = {"identifier": f"{SYSTEM}|{value}"}
    assert client.delete("/Patient", params=condition).status_code == 204
    assert client.get(f"/Patient/{id}").status_code == 410
    assert client.delete("/Patient", params=condition).status_code == 204


def test_a_conditional_delete_of_several_is_refused_by_default(client: httpx.Client) -> None:
    value = unique()
    ids = [created(client, patient(value))["id"] for _ in range(2)]
    assert client.delete("/Patient", params={"identifier": value}).status_code == 412
    assert [client.get(f"/Patient/{id}").status_code for id in ids] == [200, 200]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_conditional_delete_of_several_can_be_allowed(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(database_url, SUTURE_CONDITIONAL_DELETE="multiple")
    with httpx.Client(base_url=server.fhir) as client:
        value = unique()
        ids = [created(client, patient(value))["id"] for _ in range(3)]
        assert client.delete("/Patient", params={"identifier": value}).status_code == 204
        assert [client.get(f"/Patient/{id}").status_code for id in ids] == [410] * 3


@pytest.mark.parametrize("query", ["", "?_count=1", "?identifier=", "?_summary=true"])
def test_a_conditional_delete_without_criteria_deletes_nothing(client: httpx.Client, query: str) -> None:
    assert client.delete(f"/Basic{query}").status_code == 400
