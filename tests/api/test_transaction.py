"""Transactions: https://hl7.org/fhir/R4/http.html#transaction, #trules."""

import base64
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.given import SYSTEM, bundle, created, entry, issue, observation, patient, post, unique
from tests.servers import Server


def urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def done(client: httpx.Client, *entries: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    answer = post(client, "", bundle("transaction", *entries), **headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "transaction-response"
    return answer.json()["entry"]


def refused(client: httpx.Client, *entries: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = post(client, "", bundle("transaction", *entries))
    assert answer.status_code >= 400, answer.text
    return answer.status_code, issue(answer)


def resource_at(client: httpx.Client, entry: dict[str, Any]) -> dict[str, Any]:
    return client.get("/" + entry["response"]["location"]).json()


def total(client: httpx.Client, value: str) -> int:
    return client.get("/Patient", params={"identifier": f"{SYSTEM}|{value}"}).json()["total"]


def test_links_between_entries_become_references(client: httpx.Client) -> None:
    one, other = urn(), f"urn:oid:2.25.{uuid.uuid4().int}"
    first, second = done(
        client,
        entry("POST", "Observation", observation(other), one),
        entry("POST", "Patient", patient(link=[{"other": {"reference": other}, "type": "seealso"}]), other),
    )
    id = second["response"]["location"].split("/")[1]
    assert [e["response"]["status"] for e in (first, second)] == ["201 Created", "201 Created"]
    assert resource_at(client, first)["subject"]["reference"] == f"Patient/{id}"
    assert resource_at(client, second)["link"][0]["other"]["reference"] == f"Patient/{id}"
    assert client.get("/Observation", params={"subject": f"Patient/{id}"}).json()["total"] == 1


def test_links_are_resolved_in_uris_and_narratives_but_not_in_strings_and_canonicals(client: httpx.Client) -> None:
    link = urn()
    inside = f'<a href="{link}">a</a><img src=\'{link}\' alt="{link}"/> {link}'
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
    holder = {
        "resourceType": "Questionnaire",
        "status": "draft",
        "text": {"status": "generated", "div": div},
        "contained": [{"resourceType": "Basic", "id": "c", "code": {"text": "x"}, "subject": {"reference": link}}],
        "extension": [
            {"url": "http://example.org/x", "valueUri": link},
            {"url": "http://example.org/y", "valueString": link},
            {"url": "http://example.org/z", "valueReference": {"reference": "#c"}},
        ],
        "url": link,
        "derivedFrom": [link],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": link}],
    }
    first, second = done(client, entry("POST", "Patient", patient(), link), entry("POST", "Questionnaire", holder))
    real = "Patient/" + first["response"]["location"].split("/")[1]
    body = resource_at(client, second)
    assert body["url"] == real
    assert body["extension"][0]["valueUri"] == real
    assert body["extension"][1]["valueString"] == link
    assert body["derivedFrom"] == [link]
    assert body["identifier"][0]["value"] == link
    assert body["contained"][0]["subject"]["reference"] == real
    assert body["text"]["div"] == div.replace(f'href="{link}"', f'href="{real}"').replace(
        f"src='{link}'", f"src='{real}'"
    )


def test_relative_references_mean_entries_with_the_same_base(client: httpx.Client) -> None:
    base = "https://elsewhere.example.org/fhir"
    first, second, third = done(
        client,
        entry("POST", "Patient", patient(id="p1"), f"{base}/Patient/p1"),
        entry("POST", "Observation", observation("Patient/p1"), f"{base}/Observation/o1"),
        entry("POST", "Observation", observation(f"{base}/Patient/p1")),
    )
    real = "Patient/" + first["response"]["location"].split("/")[1]
    assert resource_at(client, second)["subject"]["reference"] == real
    assert resource_at(client, third)["subject"]["reference"] == real


def test_all_or_nothing(client: httpx.Client) -> None:
    value = unique()
    status, problem = refused(
        client,
        entry("POST", "Patient", patient(value)),
        entry("PUT", f"Patient/{unique()}", patient(id="another")),
    )
    assert status == 400
    assert "Entry 1" in problem["diagnostics"]
    assert total(client, value) == 0
    status, problem = refused(
        client, entry("POST", "Patient", patient(value)), entry("POST", "Patient", patient(gender="x", birthDate="y"))
    )
    assert status == 422
    assert problem["expression"] == ["Bundle.entry[1].resource.gender"]
    assert total(client, value) == 0


def test_a_failed_precondition_undoes_everything(client: httpx.Client) -> None:
    value, old = unique(), created(client, patient())
    url = f"Patient/{old['id']}"
    for bad in (
        entry("PUT", url, {**old, "gender": "male"}, ifMatch='W/"7"'),
        entry("DELETE", url, ifMatch='W/"7"'),
        entry("GET", f"Patient/{unique()}"),
        entry("PATCH", f"Patient/{unique()}", {"resourceType": "Parameters"}),
    ):
        status, _ = refused(client, entry("POST", "Patient", patient(value)), bad)
        assert status in (404, 412), bad
        assert total(client, value) == 0
        assert client.get(f"/{url}").headers["etag"] == 'W/"1"'


def test_steps_run_in_the_order_of_the_specification(client: httpx.Client) -> None:
    value, old = unique(), created(client, patient())
    doomed = created(client, patient(value))
    search, put, post, delete = done(
        client,
        entry("GET", f"Patient?identifier={SYSTEM}|{value}"),
        entry("PUT", f"Patient/{old['id']}", patient(value, id=old["id"])),
        entry("POST", "Patient", patient(value)),
        entry("DELETE", f"Patient/{doomed['id']}"),
    )
    assert [e["response"]["status"][:3] for e in (search, put, post, delete)] == ["200", "200", "201", "204"]
    found = {e["resource"]["id"] for e in search["resource"]["entry"]}
    assert found == {old["id"], post["response"]["location"].split("/")[1]}


def test_a_resource_is_written_only_once(client: httpx.Client) -> None:
    value = unique()
    old = created(client, patient(value))
    url, resource = f"Patient/{old['id']}", {**old, "gender": "male"}
    condition = f"Patient?identifier={SYSTEM}|{value}"
    for other in (
        entry("PUT", url, {**old, "gender": "female"}),
        entry("DELETE", url),
        entry("PUT", condition, patient(value)),
        entry("DELETE", condition),
        entry("PATCH", url, {"resourceType": "Parameters"}),
    ):
        status, problem = refused(client, entry("PUT", url, resource), other)
        assert (status, problem["code"]) == (400, "duplicate"), other
    link = urn()
    status, problem = refused(
        client, entry("POST", "Patient", patient(), link), entry("POST", "Patient", patient(), link)
    )
    assert (status, problem["code"]) == (400, "duplicate")


def test_if_none_exist_links_to_what_is_there(client: httpx.Client) -> None:
    value, link = unique(), urn()
    entries = (
        entry("POST", "Patient", patient(value), link, ifNoneExist=f"identifier={SYSTEM}|{value}"),
        entry("POST", "Observation", observation(link)),
    )
    first, observed = done(client, *entries)
    again, observed_again = done(client, *entries)
    assert first["response"]["status"] == "201 Created"
    assert again["response"]["status"] == "200 OK"
    assert again["response"]["location"] == first["response"]["location"]
    subject = "Patient/" + first["response"]["location"].split("/")[1]
    assert resource_at(client, observed)["subject"]["reference"] == subject
    assert resource_at(client, observed_again)["subject"]["reference"] == subject
    assert total(client, value) == 1


def test_the_same_condition_twice_means_one_resource(client: httpx.Client) -> None:
    value, one, other = unique(), urn(), urn()
    condition = f"identifier={SYSTEM}|{value}"
    first, second, observed = done(
        client,
        entry("POST", "Patient", patient(value), one, ifNoneExist=condition),
        entry("POST", "Patient", patient(value), other, ifNoneExist=condition),
        entry("POST", "Observation", observation(other)),
    )
    assert first["response"]["location"] == second["response"]["location"]
    assert total(client, value) == 1
    assert resource_at(client, observed)["subject"]["reference"] in "/" + first["response"]["location"]


def test_a_condition_is_decided_after_the_deletes(client: httpx.Client) -> None:
    value, link = unique(), urn()
    old = created(client, patient(value))
    first, _, observed = done(
        client,
        entry("POST", "Patient", patient(value), link, ifNoneExist=f"identifier={SYSTEM}|{value}"),
        entry("DELETE", f"Patient/{old['id']}"),
        entry("POST", "Observation", observation(link)),
    )
    assert first["response"]["status"] == "201 Created"
    id = first["response"]["location"].split("/")[1]
    assert id != old["id"]
    assert resource_at(client, observed)["subject"]["reference"] == f"Patient/{id}"


def test_conditional_updates_and_deletes(client: httpx.Client) -> None:
    known, fresh, doomed, link = unique(), unique(), unique(), urn()
    old, gone = created(client, patient(known)), created(client, patient(doomed))
    updated, made, _, deleted = done(
        client,
        entry("PUT", f"Patient?identifier={SYSTEM}|{known}", patient(known, gender="male"), link),
        entry("PUT", f"Patient?identifier={SYSTEM}|{fresh}", patient(fresh)),
        entry("POST", "Observation", observation(link)),
        entry("DELETE", f"Patient?identifier={SYSTEM}|{doomed}"),
    )
    assert updated["response"]["status"] == "200 OK"
    assert made["response"]["status"] == "201 Created"
    assert deleted["response"]["status"] == "204 No Content"
    assert client.get(f"/Patient/{old['id']}").json()["gender"] == "male"
    assert client.get("/Observation", params={"subject": old["id"]}).json()["total"] == 1
    assert client.get(f"/Patient/{gone['id']}").status_code == 410
    created(client, patient(known))
    assert refused(client, entry("PUT", f"Patient?identifier={SYSTEM}|{known}", patient(known)))[0] == 412


def test_conditional_references(client: httpx.Client) -> None:
    value = unique()
    old = created(client, patient(value))
    reference = f"Patient?identifier={SYSTEM}|{value}"
    (observed,) = done(client, entry("POST", "Observation", observation(reference)))
    assert resource_at(client, observed)["subject"]["reference"] == f"Patient/{old['id']}"
    created(client, patient(value))
    status, problem = refused(client, entry("POST", "Observation", observation(reference)))
    assert (status, problem["code"]) == (412, "multiple-matches")
    status, problem = refused(client, entry("POST", "Observation", observation(f"Patient?identifier={unique()}")))
    assert (status, problem["code"]) == (412, "not-found")


def test_a_conditional_reference_finds_what_the_transaction_itself_writes(client: httpx.Client) -> None:
    value, other = unique(), unique()
    observed, made, also, patched = done(
        client,
        entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|{value}")),
        entry("POST", "Patient", patient(value)),
        entry("POST", "Observation", observation(f"Patient?identifier={SYSTEM}|{other}")),
        entry("POST", "Patient", patient(other), ifNoneExist=f"identifier={SYSTEM}|{other}"),
    )
    assert resource_at(client, observed)["subject"]["reference"] == "/".join(
        made["response"]["location"].split("/")[:2]
    )
    assert resource_at(client, also)["subject"]["reference"] == "/".join(patched["response"]["location"].split("/")[:2])


def test_patches_are_entries_too(client: httpx.Client) -> None:
    old, other, link = created(client, patient()), created(client, patient()), urn()
    document = json.dumps([{"op": "add", "path": "/gender", "value": "female"}]).encode()
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(document).decode(),
    }
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "managingOrganization"},
        {"name": "value", "valueReference": {"reference": link}},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    first, second, organization = done(
        client,
        entry("PATCH", f"Patient/{old['id']}", binary),
        entry("PATCH", f"Patient/{other['id']}", parameters),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "Clinic"}, link),
    )
    assert first["response"]["etag"] == second["response"]["etag"] == 'W/"2"'
    assert client.get(f"/Patient/{old['id']}").json()["gender"] == "female"
    reference = client.get(f"/Patient/{other['id']}").json()["managingOrganization"]["reference"]
    assert reference == "/".join(organization["response"]["location"].split("/")[:2])


def test_a_patch_may_link_to_a_resource_that_a_condition_decides(client: httpx.Client) -> None:
    value, old, link = unique(), created(client, patient()), urn()
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "generalPractitioner"},
        {"name": "value", "valueReference": {"reference": link}},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    organization = {
        "resourceType": "Organization",
        "identifier": [{"system": SYSTEM, "value": value}],
        "name": "Clinic",
    }
    _, made = done(
        client,
        entry("PATCH", f"Patient/{old['id']}", parameters),
        entry("POST", "Organization", organization, link, ifNoneExist=f"identifier={SYSTEM}|{value}"),
    )
    reference = client.get(f"/Patient/{old['id']}").json()["generalPractitioner"][0]["reference"]
    assert reference == "/".join(made["response"]["location"].split("/")[:2])


def test_prefer_is_honoured(client: httpx.Client) -> None:
    (made,) = done(client, entry("POST", "Patient", patient()), prefer="return=representation")
    assert made["resource"]["resourceType"] == "Patient"
    (made,) = done(client, entry("POST", "Patient", patient()))
    assert "resource" not in made


@pytest.mark.parametrize(
    "bad",
    [
        {"request": {"method": "POST", "url": "Patient"}},
        {"resource": {"resourceType": "Patient"}},
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Observation"}},
        {"resource": {"resourceType": "Bundle", "type": "batch"}, "request": {"method": "POST", "url": ""}},
        {"request": {"method": "DELETE", "url": "Patient"}},
        {"request": {"method": "GET", "url": "Nonsense/1"}},
        {"resource": {"resourceType": "Parameters"}, "request": {"method": "POST", "url": "Patient/$validate"}},
        {"request": {"method": "PUT", "url": "Patient/1"}, "extra": 1},
    ],
)
def test_entries_that_cannot_be_done_are_refused(client: httpx.Client, bad: dict[str, Any]) -> None:
    value = unique()
    status, problem = refused(client, entry("POST", "Patient", patient(value)), bad)
    assert status in (400, 404, 422)
    assert problem["expression"][0].startswith("Bundle.entry[1]")
    assert total(client, value) == 0


def test_parallel_transactions_with_one_condition_agree_on_one_patient(server: Server) -> None:
    value = unique()

    def write(_: int) -> str:
        link = urn()
        with httpx.Client(base_url=server.fhir, timeout=60) as client:
            _, observed = done(
                client,
                entry("POST", "Patient", patient(value), link, ifNoneExist=f"identifier={SYSTEM}|{value}"),
                entry("POST", "Observation", observation(link)),
            )
            return resource_at(client, observed)["subject"]["reference"]

    with ThreadPoolExecutor(8) as threads:
        subjects = list(threads.map(write, range(16)))
    assert len(set(subjects)) == 1
    with httpx.Client(base_url=server.fhir) as client:
        assert total(client, value) == 1
        assert client.get(f"/{subjects[0]}").status_code == 200


def test_a_large_transaction(client: httpx.Client) -> None:
    link, count = urn(), 600
    entries = [entry("POST", "Observation", observation(link)) for _ in range(count)]
    answers = done(client, *entries, entry("POST", "Patient", patient(), link))
    id = answers[-1]["response"]["location"].split("/")[1]
    found = client.get("/Observation", params={"subject": id, "_summary": "count"}).json()
    assert found["total"] == count
