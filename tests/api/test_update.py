"""Updating: https://hl7.org/fhir/R4/http.html#update, #upsert, #cond-update and #concurrency."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.given import JSON, SYSTEM, created, issue, patient, put, unique
from tests.servers import Server


def test_an_update_makes_the_next_version(client: httpx.Client) -> None:
    first = created(client, patient())
    answer = put(client, {**first, "gender": "female"})
    assert answer.status_code == 200
    assert answer.json()["gender"] == "female"
    assert answer.json()["meta"]["versionId"] == "2"
    assert answer.headers["etag"] == 'W/"2"'
    assert answer.json()["meta"]["lastUpdated"] > first["meta"]["lastUpdated"]


def test_an_update_that_changes_nothing_makes_a_version_too(client: httpx.Client) -> None:
    first = created(client, patient())
    answer = put(client, first)
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert {**answer.json(), "meta": first["meta"]} == first


def test_an_update_of_an_unknown_id_creates_it(client: httpx.Client) -> None:
    id = unique()
    answer = put(client, patient(id=id))
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{client.base_url}Patient/{id}/_history/1"


def test_an_update_brings_a_deleted_resource_back(client: httpx.Client) -> None:
    first = created(client, patient())
    client.delete(f"/Patient/{first['id']}")
    answer = put(client, first)
    assert answer.status_code == 201
    assert answer.json()["meta"]["versionId"] == "3"
    assert client.get(f"/Patient/{first['id']}").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_update_as_create_an_unknown_id_is_405(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(database_url, SUTURE_UPDATE_AS_CREATE="false")
    with httpx.Client(base_url=server.fhir) as client:
        answer = put(client, patient(id=unique()))
        assert answer.status_code == 405
        assert "PUT" not in answer.headers["allow"]
        first = created(client, patient())
        assert put(client, {**first, "gender": "male"}).status_code == 200


def test_the_id_in_the_body_must_be_the_one_in_the_url(client: httpx.Client) -> None:
    assert client.put("/Patient/a1", json=patient(), headers=JSON).status_code == 400
    assert client.put("/Patient/a1", json=patient(id="a2"), headers=JSON).status_code == 400
    assert client.put("/Patient/a1", json={"resourceType": "Basic", "id": "a1"}, headers=JSON).status_code == 400


def test_a_part_of_a_resource_cannot_be_saved_over_the_whole(client: httpx.Client) -> None:
    first = created(client, patient())
    part = client.get(f"/Patient/{first['id']}", params={"_elements": "gender"}).json()
    answer = put(client, part)
    assert answer.status_code == 422
    assert issue(answer)["code"] == "business-rule"


def test_if_match(client: httpx.Client) -> None:
    first = created(client, patient())
    assert put(client, {**first, "gender": "male"}, if_match='W/"1"').status_code == 200
    late = put(client, {**first, "gender": "female"}, if_match='W/"1"')
    assert late.status_code == 412
    assert issue(late)["code"] == "conflict"
    assert put(client, patient(id=unique()), if_match='W/"1"').status_code == 412
    assert put(client, {**first, "gender": "other"}, if_match="*").status_code == 200


def test_if_none_match_star_only_creates(client: httpx.Client) -> None:
    resource = patient(id=unique())
    assert put(client, resource, if_none_match="*").status_code == 201
    assert put(client, {**resource, "gender": "male"}, if_none_match="*").status_code == 412
    assert put(client, {**resource, "gender": "male"}, if_none_match='W/"1"').status_code == 412
    assert put(client, {**resource, "gender": "male"}, if_none_match='W/"2"').status_code == 200


def test_of_many_writers_with_if_match_exactly_one_wins_each_version(server: Server) -> None:
    with httpx.Client(base_url=server.fhir) as client:
        first = created(client, patient())

    def write(writer: int) -> int:
        with httpx.Client(base_url=server.fhir, timeout=30) as client:
            won = 0
            for round in range(6):
                current = client.get(f"/Patient/{first['id']}")
                body = current.json() | {"name": [{"family": f"w{writer}-{round}"}]}
                answer = put(client, body, if_match=current.headers["etag"])
                assert answer.status_code in (200, 412)
                won += answer.status_code == 200
            return won

    with ThreadPoolExecutor(8) as threads:
        won = sum(threads.map(write, range(8)))
    with httpx.Client(base_url=server.fhir) as client:
        history = client.get(f"/Patient/{first['id']}/_history", params={"_count": "1000"}).json()
    versions = [int(entry["resource"]["meta"]["versionId"]) for entry in history["entry"]]
    assert versions == list(range(won + 1, 0, -1))


def conditional(client: httpx.Client, value: str, resource: dict[str, object]) -> httpx.Response:
    return client.put("/Patient", params={"identifier": f"{SYSTEM}|{value}"}, json=resource, headers=JSON)


def test_a_conditional_update_creates_updates_or_refuses(client: httpx.Client) -> None:
    value = unique()
    first = conditional(client, value, patient(value))
    assert first.status_code == 201
    second = conditional(client, value, patient(value, gender="male"))
    assert second.status_code == 200
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["meta"]["versionId"] == "2"
    assert conditional(client, value, patient(value, id="other")).status_code == 400
    created(client, patient(value))
    assert conditional(client, value, patient(value)).status_code == 412


def test_a_conditional_update_without_a_match_takes_the_given_id(client: httpx.Client) -> None:
    value, id = unique(), unique()
    answer = conditional(client, value, patient(value, id=id))
    assert answer.status_code == 201
    assert answer.json()["id"] == id
    other = unique()
    taken = conditional(client, other, patient(other, id=id))
    assert taken.status_code == 409


def test_a_conditional_update_needs_a_criterion(client: httpx.Client) -> None:
    assert client.put("/Patient", json=patient(), headers=JSON).status_code == 400


def test_parallel_conditional_updates_make_one_resource(server: Server) -> None:
    value = unique()

    def update(writer: int) -> int:
        with httpx.Client(base_url=server.fhir, timeout=30) as client:
            return conditional(client, value, patient(value, name=[{"family": f"w{writer}"}])).status_code

    with ThreadPoolExecutor(12) as threads:
        statuses = sorted(threads.map(update, range(24)))
    assert statuses == [200] * 23 + [201]
    with httpx.Client(base_url=server.fhir) as client:
        found = client.get("/Patient", params={"identifier": f"{SYSTEM}|{value}"}).json()
        assert found["total"] == 1
        assert found["entry"][0]["resource"]["meta"]["versionId"] == "24"
