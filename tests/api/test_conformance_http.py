"""Corners of the REST API that a strict client asks about: https://hl7.org/fhir/R4/http.html."""

import httpx
import pytest

from tests.api.given import bundle, created, entry, issue, patient, post, put


def test_a_put_to_what_cannot_be_an_id_is_400(client: httpx.Client) -> None:
    answer = put(client, patient(id="a_b"))
    assert answer.status_code == 400
    assert "'a_b' cannot be an id" in issue(answer)["diagnostics"]
    answer = post(client, "/", bundle("transaction", entry("PUT", "Patient/a_b", patient(id="a_b"))))
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[0]"]


@pytest.mark.parametrize("version", ["01", "0", "+1", "1.0", "1" * 20, "\u0661"])
def test_a_version_is_named_in_one_way_only(client: httpx.Client, version: str) -> None:
    id = created(client, patient())["id"]
    assert client.get(f"/Patient/{id}/_history/{version}").status_code == 404


def test_a_type_without_a_url_says_so(client: httpx.Client) -> None:
    answer = post(client, "/Parameters", {"resourceType": "Parameters"})
    assert answer.status_code == 404
    assert "no URL" in issue(answer)["diagnostics"]


def test_uuid_and_oid_elements_of_a_transaction_stay_as_they_are(client: httpx.Client) -> None:
    """A relative URL is neither a uuid nor an oid, so a link in such an element cannot be replaced."""
    uuid, oid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:oid:1.2.3.4"
    extensions = [
        {"url": "http://example.org/u", "valueUuid": uuid},
        {"url": "http://example.org/o", "valueOid": oid},
        {"url": "http://example.org/r", "valueReference": {"reference": uuid}},
    ]
    answer = post(
        client,
        "/",
        bundle(
            "transaction",
            entry("POST", "Patient", patient(extension=extensions), oid),
            entry("POST", "Patient", patient(), uuid),
        ),
    )
    assert answer.status_code == 200, answer.text
    first, second = ("/".join(e["response"]["location"].split("/")[:2]) for e in answer.json()["entry"])
    kept = client.get(f"/{first}").json()["extension"]
    assert kept[:2] == extensions[:2]
    assert kept[2]["valueReference"] == {"reference": second}
