"""Reading: https://hl7.org/fhir/R4/http.html#read, #vread and #cread."""

import httpx
import pytest

from tests.api.given import JSON, created, issue, patient, put, unique


def test_a_created_resource_reads_back_with_its_version_headers(client: httpx.Client) -> None:
    sent = created(client, patient(unique()))
    answer = client.get(f"/Patient/{sent['id']}")
    assert answer.status_code == 200
    assert answer.json() == sent
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["last-modified"].endswith("GMT")
    assert answer.headers["content-location"] == f"{client.base_url}Patient/{sent['id']}/_history/1"
    assert answer.headers["content-type"] == "application/fhir+json;charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_decimals_read_back_as_they_were_written(client: httpx.Client) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.10,"unit":"kg"},"component":[{"code":{"text":"y"},"valueQuantity":{"value":0.000000100}}]}'
    )
    answer = client.post("/Observation", content=body, headers=JSON)
    assert answer.status_code == 201, answer.text
    text = client.get(f"/Observation/{answer.json()['id']}").text
    assert '"value":1.10,' in text
    assert "1.00E-7" in text or "0.000000100" in text


def test_an_unknown_id_is_404_and_a_deleted_one_410(client: httpx.Client) -> None:
    assert client.get(f"/Patient/{unique()}").status_code == 404
    id = created(client, patient())["id"]
    client.delete(f"/Patient/{id}")
    gone = client.get(f"/Patient/{id}")
    assert gone.status_code == 410
    assert issue(gone)["code"] == "deleted"
    assert gone.headers["etag"] == 'W/"2"'


def test_head_answers_like_get_without_a_body(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    got, head = client.get(f"/Patient/{id}"), client.head(f"/Patient/{id}")
    assert head.status_code == 200
    assert head.content == b""
    same = ("etag", "last-modified", "content-type", "content-length")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
    assert client.head(f"/Patient/{unique()}").status_code == 404


def test_every_version_can_be_read(client: httpx.Client) -> None:
    first = created(client, patient())
    put(client, {**first, "gender": "female"})
    client.delete(f"/Patient/{first['id']}")
    url = f"/Patient/{first['id']}/_history"
    assert client.get(f"{url}/1").json() == first
    second = client.get(f"{url}/2")
    assert second.json()["gender"] == "female"
    assert second.headers["etag"] == 'W/"2"'
    assert client.get(f"{url}/3").status_code == 410
    assert client.get(f"{url}/4").status_code == 404
    assert client.get(f"{url}/none").status_code == 404
    assert client.get(f"{url}/99999999999999999999").status_code == 404


@pytest.mark.parametrize("tag", ['W/"1"', '"1"', "1", "*", 'W/"7", W/"1"'])
def test_if_none_match_with_the_present_version_is_304(client: httpx.Client, tag: str) -> None:
    id = created(client, patient())["id"]
    answer = client.get(f"/Patient/{id}", headers={"if-none-match": tag})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == 'W/"1"'


def test_if_none_match_with_another_version_sends_the_resource(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert client.get(f"/Patient/{id}", headers={"if-none-match": 'W/"2"'}).status_code == 200


def test_if_modified_since(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    modified = client.get(f"/Patient/{id}").headers["last-modified"]

    def status(since: str, **more: str) -> int:
        return client.get(f"/Patient/{id}", headers={"if-modified-since": since, **more}).status_code

    assert status(modified) == 304
    assert status("Sun, 06 Nov 1994 08:49:37 GMT") == 200
    assert status("yesterday") == 400
    assert status(modified, **{"if-none-match": 'W/"9"'}) == 200, "If-None-Match wins, RFC 9110 section 13.1.3"


def test_ids_that_cannot_be_are_404(client: httpx.Client) -> None:
    assert client.get("/Patient/" + "a" * 65).status_code == 404
    assert client.get("/Patient/a_b").status_code == 404
    assert client.get("/Patient/..%2F..%2Fetc").status_code == 404
