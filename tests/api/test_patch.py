"""Patching: https://hl7.org/fhir/R4/http.html#patch and fhirpatch.html."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.api.given import JSON, SYSTEM, created, issue, patient, unique
from tests.servers import Server

JSON_PATCH = {"content-type": "application/json-patch+json"}


def replace_family(family: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/name/0/family", "value": family}]


def fhirpath_patch(path: str, value: str) -> dict[str, Any]:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueString": value},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def test_json_patch_makes_the_next_version(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = client.patch(f"/Patient/{id}", json=replace_family("Abara"), headers=JSON_PATCH)
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"][0] == {"family": "Abara", "given": ["Ana"]}
    assert answer.headers["etag"] == 'W/"2"'
    history = client.get(f"/Patient/{id}/_history").json()
    assert history["entry"][0]["request"] == {"method": "PATCH", "url": f"Patient/{id}"}


def test_fhirpath_patch_makes_the_next_version(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = client.patch(f"/Patient/{id}", json=fhirpath_patch("Patient.name[0].family", "Kaya"), headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["name"][0]["family"] == "Kaya"


def test_a_patch_is_found_by_the_new_value_only(client: httpx.Client) -> None:
    old, new = f"a{unique()}", f"b{unique()}"
    id = created(client, patient(name=[{"family": old}]))["id"]
    client.patch(f"/Patient/{id}", json=replace_family(new), headers=JSON_PATCH)
    assert client.get("/Patient", params={"family": new}).json()["total"] == 1
    assert client.get("/Patient", params={"family": old}).json()["total"] == 0


def test_what_a_patch_may_not_do(client: httpx.Client) -> None:
    id = created(client, patient())["id"]

    def status(*operations: dict[str, Any]) -> int:
        return client.patch(f"/Patient/{id}", json=list(operations), headers=JSON_PATCH).status_code

    assert status({"op": "replace", "path": "/id", "value": "other"}) == 422
    assert status({"op": "replace", "path": "/resourceType", "value": "Basic"}) == 422
    assert status({"op": "test", "path": "/name/0/family", "value": "Other"}) == 422
    assert status({"op": "add", "path": "/gender", "value": "nonsense"}) == 422
    assert status({"op": "jump", "path": "/gender"}) == 400
    assert client.patch(f"/Patient/{id}", content=b"{}", headers=JSON_PATCH).status_code == 400
    assert client.patch(f"/Patient/{id}", content=b"", headers=JSON_PATCH).status_code == 400
    assert client.get(f"/Patient/{id}").headers["etag"] == 'W/"1"'


def test_unknown_and_deleted_resources_cannot_be_patched(client: httpx.Client) -> None:
    assert client.patch(f"/Patient/{unique()}", json=replace_family("x"), headers=JSON_PATCH).status_code == 404
    id = created(client, patient())["id"]
    client.delete(f"/Patient/{id}")
    assert client.patch(f"/Patient/{id}", json=replace_family("x"), headers=JSON_PATCH).status_code == 410


def test_formats_that_are_not_patches_are_415(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    for media in ("text/turtle", "text/plain", "application/merge-patch+json"):
        answer = client.patch(f"/Patient/{id}", content=b"[]", headers={"content-type": media})
        assert answer.status_code == 415
        assert "application/json-patch+json" in answer.headers["accept-patch"]


def test_if_match_guards_a_patch(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    late = client.patch(f"/Patient/{id}", json=replace_family("x"), headers=JSON_PATCH | {"if-match": 'W/"2"'})
    assert late.status_code == 412
    assert issue(late)["code"] == "conflict"
    good = client.patch(f"/Patient/{id}", json=replace_family("x"), headers=JSON_PATCH | {"if-match": 'W/"1"'})
    assert good.status_code == 200


def test_a_conditional_patch_needs_exactly_one_match(client: httpx.Client) -> None:
    value = unique()
    condition = {"identifier": f"{SYSTEM}|{value}"}

    def patch() -> int:
        return client.patch("/Patient", params=condition, json=replace_family(unique()), headers=JSON_PATCH).status_code

    assert patch() == 404
    created(client, patient(value))
    assert patch() == 200
    created(client, patient(value))
    assert patch() == 412


def test_parallel_patches_of_one_resource_all_arrive(server: Server) -> None:
    with httpx.Client(base_url=server.fhir) as client:
        id = created(client, patient())["id"]

    def patch(number: int) -> int:
        operation = {"op": "add", "path": "/name/-", "value": {"family": f"f{number}"}}
        with httpx.Client(base_url=server.fhir, timeout=30) as client:
            return client.patch(f"/Patient/{id}", json=[operation], headers=JSON_PATCH).status_code

    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(patch, range(30))) == {200}
    with httpx.Client(base_url=server.fhir) as client:
        body = client.get(f"/Patient/{id}").json()
    assert {name["family"] for name in body["name"][1:]} == {f"f{number}" for number in range(30)}
    assert body["meta"]["versionId"] == "31"
