"""Binary, as a resource and as plain content: https://hl7.org/fhir/R4/binary.html#rest."""

import base64

import httpx

from tests.api.given import created, post, unique

CONTENT = b"%PDF-1.7 \x00\xff not really"


def test_plain_content_goes_in_and_comes_out(client: httpx.Client) -> None:
    made = client.post("/Binary", content=CONTENT, headers={"content-type": "application/pdf"})
    assert made.status_code == 201
    assert made.headers["content-type"].startswith("application/fhir+json")
    assert made.json()["data"] == base64.b64encode(CONTENT).decode()
    url = f"/Binary/{made.json()['id']}"
    plain = client.get(url)
    assert (plain.content, plain.headers["content-type"]) == (CONTENT, "application/pdf")
    assert plain.headers["etag"] == 'W/"1"'
    assert "sandbox" in plain.headers["content-security-policy"]
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert client.get(url, headers={"accept": "application/pdf"}).content == CONTENT
    assert client.get(f"{url}/_history/1", headers={"accept": "*/*"}).content == CONTENT
    resource = client.get(url, headers={"accept": "application/fhir+json"})
    assert resource.json() == made.json()
    assert client.get(url, params={"_format": "json"}).json() == made.json()


def test_a_binary_resource_is_taken_as_such(client: httpx.Client) -> None:
    sent = {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(b"hello").decode()}
    made = created(client, sent)
    assert client.get(f"/Binary/{made['id']}").text == "hello"


def test_other_json_sent_to_binary_is_content(client: httpx.Client) -> None:
    body = b'{"resourceType":"Patient","note":"Binary"}'
    made = client.post("/Binary", content=body, headers={"content-type": "application/fhir+json"})
    assert made.status_code == 201
    assert made.json()["contentType"] == "application/fhir+json"
    assert client.get(f"/Binary/{made.json()['id']}").content == body


def test_updates_in_plain_form_and_the_security_context(client: httpx.Client) -> None:
    url = f"/Binary/{unique()}"
    headers = {"content-type": "text/plain", "x-security-context": f"{client.base_url}Patient/p1"}
    assert client.put(url, content=b"one", headers=headers).status_code == 201
    assert client.put(url, content=b"two", headers=headers).status_code == 200
    answer = client.get(url)
    assert answer.text == "two"
    assert answer.headers["x-security-context"] == "Patient/p1"
    assert answer.headers["etag"] == 'W/"2"'
    assert client.get(url, headers={"if-none-match": 'W/"2"'}).status_code == 304


def test_content_needs_a_media_type(client: httpx.Client) -> None:
    assert client.post("/Binary", content=b"\x00\x01").status_code == 400
    assert client.post("/Binary", content=b"x", headers={"content-type": "nonsense"}).status_code == 400


def test_a_search_gives_resources(client: httpx.Client) -> None:
    id = post(client, "/Binary", {"resourceType": "Binary", "contentType": "text/plain"}).json()["id"]
    found = client.get("/Binary", params={"_id": id}).json()
    assert found["entry"][0]["resource"]["resourceType"] == "Binary"
    assert client.get(f"/Binary/{id}").content == b""
