"""Histories: https://hl7.org/fhir/R4/http.html#history."""

import time
from typing import Any

import httpx

from tests.api.given import created, patient, put, unique


def versions(bundle: dict[str, Any]) -> list[str]:
    return [entry["response"]["etag"] for entry in bundle.get("entry", [])]


def link(bundle: dict[str, Any], relation: str) -> str:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")


def test_an_instance_history_tells_every_version_newest_first(client: httpx.Client) -> None:
    first = created(client, patient())
    id = first["id"]
    put(client, {**first, "gender": "male"})
    client.delete(f"/Patient/{id}")
    bundle = client.get(f"/Patient/{id}/_history").json()
    assert bundle["type"] == "history"
    assert bundle["total"] == 3
    assert versions(bundle) == ['W/"3"', 'W/"2"', 'W/"1"']
    deleted, updated, original = bundle["entry"]
    assert "resource" not in deleted
    assert deleted["request"] == {"method": "DELETE", "url": f"Patient/{id}"}
    assert deleted["response"]["status"].startswith("204")
    assert updated["request"] == {"method": "PUT", "url": f"Patient/{id}"}
    assert updated["resource"]["gender"] == "male"
    assert updated["fullUrl"] == f"{client.base_url}Patient/{id}"
    assert original["request"] == {"method": "POST", "url": "Patient"}
    assert original["resource"] == first
    assert original["response"]["lastModified"] == first["meta"]["lastUpdated"]


def test_pages_of_an_instance_history_hold_each_version_once(client: httpx.Client) -> None:
    resource = created(client, patient())
    for number in range(6):
        put(client, {**resource, "name": [{"family": f"n{number}"}]})
    url, found = f"{client.base_url}Patient/{resource['id']}/_history?_count=3", list[str]()
    while url:
        page = client.get(url).json()
        found += versions(page)
        put(client, {**resource, "name": [{"family": unique()}]})
        url = link(page, "next")
    assert found == [f'W/"{number}"' for number in range(7, 0, -1)], "writes between the pages change nothing"


def test_a_type_history_pages_through_all_versions_of_the_type(client: httpx.Client) -> None:
    code = {"coding": [{"system": "http://example.org", "code": unique()}]}
    ids = [created(client, {"resourceType": "Basic", "code": code})["id"] for _ in range(5)]
    client.delete(f"/Basic/{ids[0]}")
    url, found = f"{client.base_url}Basic/_history?_count=2", list[tuple[str, str]]()
    while url:
        page = client.get(url).json()
        found += [(entry["fullUrl"].rpartition("/")[2], entry["response"]["etag"]) for entry in page["entry"]]
        url = link(page, "next")
    mine = [entry for entry in found if entry[0] in ids]
    assert mine == [(ids[0], 'W/"2"'), *((id, 'W/"1"') for id in reversed(ids))]
    assert len(set(found)) == len(found)


def test_the_system_history_holds_all_types(client: httpx.Client) -> None:
    one, other = created(client, patient()), created(client, {"resourceType": "Basic", "code": {"text": "x"}})
    page = client.get("/_history", params={"_count": "50"}).json()
    found = {entry["fullUrl"].rpartition("/")[2] for entry in page["entry"]}
    assert {one["id"], other["id"]} <= found


def test_since_and_at(client: httpx.Client) -> None:
    first = created(client, patient())
    time.sleep(0.05)
    second = put(client, {**first, "gender": "male"}).json()
    url = f"/Patient/{first['id']}/_history"

    def found(**parameters: str) -> list[str]:
        return versions(client.get(url, params={f"_{name}": value for name, value in parameters.items()}).json())

    early, late = first["meta"]["lastUpdated"], second["meta"]["lastUpdated"]
    assert found(since=late) == ['W/"2"']
    assert found(since=early) == ['W/"2"', 'W/"1"']
    assert found(since="2100-01-01") == []
    assert found(at=early) == ['W/"1"']
    assert found(at=late) == ['W/"2"']
    assert found(at=early[:4]) == ['W/"2"', 'W/"1"']


def test_counts_only(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    bundle = client.get(f"/Patient/{id}/_history", params={"_summary": "count"}).json()
    assert (bundle["total"], "entry" in bundle) == (1, False)
    assert client.get(f"/Patient/{id}/_history", params={"_count": "0"}).json()["total"] == 1
    assert client.get("/Patient/_history", params={"_summary": "count"}).json()["total"] >= 1


def test_what_cannot_be(client: httpx.Client) -> None:
    assert client.get(f"/Patient/{unique()}/_history").status_code == 404
    id = created(client, patient())["id"]
    for query in ("_since=yesterday", "_at=2020-13", "_count=-1", "_count=x", "_before=x", "name=x"):
        assert client.get(f"/Patient/{id}/_history?{query}").status_code == 400, query
    lenient = client.get(f"/Patient/{id}/_history?name=x", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200


def test_a_page_link_is_of_one_history_and_tells_no_numbers(client: httpx.Client) -> None:
    one, other = created(client, patient()), created(client, patient())
    for kept in (one, other):
        put(client, kept)
    page = client.get(f"/Patient/{one['id']}/_history?_count=1").json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    before = following.partition("_before=")[2]
    assert not before.isdigit()
    assert client.get(following).json()["entry"][0]["resource"]["meta"]["versionId"] == "1"
    assert client.get(f"/Patient/{other['id']}/_history?_count=1&_before={before}").status_code == 400
    assert client.get(f"/Patient/_history?_before={before}").status_code == 400
