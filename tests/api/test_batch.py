"""Batches: https://hl7.org/fhir/R4/http.html#transaction."""

import base64
import json

import httpx
import pytest

from tests.api.given import SYSTEM, bundle, created, entry, issue, patient, post, unique


def statuses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["response"]["status"][:3] for entry in answer.json()["entry"]]


def test_each_entry_is_answered_in_its_place(client: httpx.Client) -> None:
    old = created(client, patient())
    doomed = created(client, patient())
    value = unique()
    answer = post(
        client,
        "",
        bundle(
            "batch",
            entry("GET", f"Patient/{old['id']}"),
            entry("POST", "Patient", patient(value)),
            entry("PUT", f"Patient/{old['id']}", {**old, "gender": "male"}),
            entry("DELETE", f"Patient/{doomed['id']}"),
            entry("GET", f"Patient?identifier={SYSTEM}|{value}"),
            entry("GET", "Patient/" + unique()),
            entry("HEAD", f"Patient/{old['id']}"),
        ),
    )
    assert answer.json()["type"] == "batch-response"
    assert statuses(answer) == ["200", "201", "200", "204", "200", "404", "200"]
    read, create, update, delete, search, missing, _ = answer.json()["entry"]
    assert read["resource"]["gender"] == "male", "reads come after writes"
    assert read["response"]["etag"] == 'W/"2"'
    assert create["response"]["location"].startswith("Patient/")
    assert create["response"]["lastModified"].endswith("Z")
    assert "resource" not in create
    assert update["response"]["etag"] == 'W/"2"'
    assert delete["response"]["etag"] == 'W/"2"'
    assert search["resource"]["total"] == 1
    assert missing["response"]["outcome"]["issue"][0]["code"] == "not-found"


def test_a_bad_entry_does_not_harm_the_others(client: httpx.Client) -> None:
    value = unique()
    answer = post(
        client,
        "",
        bundle(
            "batch",
            entry("POST", "Patient", {"resourceType": "Patient", "gender": "x"}),
            entry("POST", "Patient", patient(value)),
            entry("POST", "Nonsense", patient()),
            entry("PUT", "metadata", patient()),
            entry("POST", "/"),
            entry("GET", "https://elsewhere.example.org/Patient/1"),
            entry("POST", "Patient"),
            entry("GET", "../../etc/passwd"),
            entry("JUMP", "Patient"),
            entry("GET", ""),
            entry("GET", "Patient", ifModifiedSince="never"),
            {},
        ),
    )
    assert statuses(answer) == ["422", "201", "404", "405", "400", "400", "400", "404", "422", "422", "422", "400"]
    places = [entry["response"]["outcome"]["issue"][0].get("expression") for entry in answer.json()["entry"][8:]]
    assert places[0] == ["Bundle.entry[8].request.method"]
    assert client.get("/Patient", params={"identifier": value}).json()["total"] == 1


def test_conditions_of_entries(client: httpx.Client) -> None:
    value = unique()
    first = created(client, patient(value))
    condition = f"identifier={SYSTEM}|{value}"
    patch = json.dumps([{"op": "add", "path": "/gender", "value": "female"}]).encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(patch).decode(),
    }
    url = f"Patient/{first['id']}"
    answer = post(
        client,
        "",
        bundle(
            "batch",
            entry("POST", "Patient", patient(value), ifNoneExist=condition),
            entry("PUT", url, {**first, "gender": "male"}, ifMatch='W/"9"'),
            entry("PATCH", url, binary, ifMatch='W/"1"'),
            entry("GET", url, ifNoneMatch='W/"2"'),
            entry("GET", url, ifModifiedSince="2100-01-01T00:00:00Z"),
        ),
    )
    assert statuses(answer) == ["200", "412", "200", "304", "304"]
    assert client.get(f"/{url}").json()["gender"] == "female"


def test_prefer_of_the_batch_counts_for_its_entries(client: httpx.Client) -> None:
    answer = post(client, "", bundle("batch", entry("POST", "Patient", patient())), prefer="return=representation")
    assert answer.json()["entry"][0]["resource"]["resourceType"] == "Patient"
    answer = post(client, "", bundle("batch", entry("POST", "Patient", patient())), prefer="return=OperationOutcome")
    assert answer.json()["entry"][0]["response"]["outcome"]["issue"][0]["severity"] == "information"


def test_urls_below_the_own_base_may_be_absolute(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = post(
        client, "", bundle("batch", entry("GET", f"{client.base_url}Patient/{id}"), entry("GET", f"/Patient/{id}"))
    )
    assert statuses(answer) == ["200", "200"]


def test_operations_can_be_called(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = post(client, "", bundle("batch", entry("GET", f"Patient/{id}/$everything"), entry("GET", "metadata")))
    assert statuses(answer) == ["200", "200"]
    assert answer.json()["entry"][0]["resource"]["type"] == "searchset"


@pytest.mark.parametrize("type", ["collection", "history", "document"])
def test_other_bundles_are_not_processed(client: httpx.Client, type: str) -> None:
    answer = post(client, "", {"resourceType": "Bundle", "type": type})
    assert answer.status_code == 400
    assert "/Bundle" in issue(answer)["diagnostics"]


def test_what_is_no_batch_at_all(client: httpx.Client) -> None:
    assert post(client, "", patient()).status_code == 400
    assert post(client, "", {"resourceType": "Bundle"}).status_code == 400
    assert post(client, "", {"resourceType": "Bundle", "type": "batch", "entry": {}}).status_code == 400
    assert statuses(post(client, "", {"resourceType": "Bundle", "type": "batch", "entry": [1]})) == ["422"]
    assert post(client, "", {"resourceType": "Bundle", "type": "batch", "wrong": 1}).status_code == 422


def test_an_empty_batch_has_an_empty_answer(client: httpx.Client) -> None:
    answer = post(client, "", {"resourceType": "Bundle", "type": "batch"})
    assert answer.json() == {"resourceType": "Bundle", "type": "batch-response"}


def test_a_bundle_posted_to_its_own_type_is_kept(client: httpx.Client) -> None:
    kept = created(client, bundle("batch", entry("DELETE", "Patient/1")))
    assert client.get(f"/Bundle/{kept['id']}").json()["entry"][0]["request"]["method"] == "DELETE"
