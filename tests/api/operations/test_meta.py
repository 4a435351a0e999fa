"""$meta, $meta-add and $meta-delete: https://hl7.org/fhir/R4/resource-operation-meta.html and its two companions."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, patient, post, unique

SYSTEM = "https://example.org/tags"


def tag(code: str) -> dict[str, str]:
    return {"system": SYSTEM, "code": code}


def parameters(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def meta(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["resourceType"] == "Parameters"
    assert [entry["name"] for entry in body["parameter"]] == ["return"]
    return body["parameter"][0]["valueMeta"]


def test_meta_of_a_resource_is_its_meta_element(client: httpx.Client) -> None:
    sent = created(client, patient(meta={"tag": [tag("a")], "profile": ["https://example.org/p"]}))
    assert meta(client.get(f"/Patient/{sent['id']}/$meta")) == sent["meta"]


def test_meta_add_makes_a_new_version_with_the_union_of_labels(client: httpx.Client) -> None:
    sent = created(client, patient(meta={"tag": [tag("a")]}))
    answer = post(
        client,
        f"/Patient/{sent['id']}/$meta-add",
        parameters(tag=[tag("b"), tag("a"), tag("b")], profile=["https://example.org/p"], security=[tag("s")]),
    )
    assert answer.headers["etag"] == 'W/"2"'
    returned = meta(answer)
    assert returned["tag"] == [tag("a"), tag("b")]
    assert returned["profile"] == ["https://example.org/p"]
    assert returned["security"] == [tag("s")]
    assert returned["versionId"] == "2"
    now = client.get(f"/Patient/{sent['id']}").json()
    assert now["meta"] == returned
    assert {**now, "meta": None} == {**sent, "meta": None}
    assert "b" not in client.get(f"/Patient/{sent['id']}/_history/1").text.partition("tag")[2][:60]


def test_labels_that_are_added_can_be_searched(client: httpx.Client) -> None:
    code = unique()
    sent = created(client, patient())
    post(client, f"/Patient/{sent['id']}/$meta-add", parameters(tag=[tag(code)]))
    found = client.get("/Patient", params={"_tag": f"{SYSTEM}|{code}"}).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [sent["id"]]
    post(client, f"/Patient/{sent['id']}/$meta-delete", parameters(tag=[tag(code)]))
    assert "entry" not in client.get("/Patient", params={"_tag": f"{SYSTEM}|{code}"}).json()


def test_meta_delete_takes_labels_away_and_ignores_those_that_are_not_there(client: httpx.Client) -> None:
    sent = created(client, patient(meta={"tag": [tag("a"), tag("b")], "profile": ["https://example.org/p"]}))
    answer = post(
        client,
        f"/Patient/{sent['id']}/$meta-delete",
        parameters(tag=[{**tag("a"), "display": "A"}, tag("zzz")], profile=["https://example.org/p"]),
    )
    returned = meta(answer)
    assert returned["tag"] == [tag("b")]
    assert "profile" not in returned
    assert returned["versionId"] == "2"


def test_labels_that_are_there_already_are_not_doubled(client: httpx.Client) -> None:
    sent = created(client, patient(meta={"tag": [tag("a")]}))
    assert meta(post(client, f"/Patient/{sent['id']}/$meta-add", parameters(tag=[tag("a")])))["tag"] == [tag("a")]
    assert meta(post(client, f"/Patient/{sent['id']}/$meta-delete", parameters(tag=[tag("x")])))["tag"] == [tag("a")]


def test_meta_of_a_type_and_of_the_server_gathers_all_labels(client: httpx.Client) -> None:
    code, other = unique(), unique()
    created(client, patient(meta={"tag": [tag(code)], "security": [tag("s-" + code)]}))
    created(client, {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"tag": [tag(other)]}})
    of_type = meta(client.get("/Patient/$meta"))
    assert tag(code) in of_type["tag"]
    assert tag("s-" + code) in of_type["security"]
    assert tag(other) not in of_type["tag"]
    assert "versionId" not in of_type
    of_all = meta(client.get("/$meta"))
    assert tag(code) in of_all["tag"]
    assert tag(other) in of_all["tag"]


def test_if_match_protects_against_a_version_that_was_not_seen(client: httpx.Client) -> None:
    sent = created(client, patient())
    url = f"/Patient/{sent['id']}/$meta-add"
    assert post(client, url, parameters(tag=[tag("a")]), if_match='W/"7"').status_code == 412
    assert post(client, url, parameters(tag=[tag("a")]), if_match='W/"1"').status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"resourceType": "Parameters"},
        parameters(),
        parameters(versionId="1"),
        parameters(source="https://example.org"),
        parameters(tag="a"),
        {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueString": "a"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "mета", "valueMeta": {"tag": [tag("a")]}}]},
        {"resourceType": "Parameters", "parameter": 3},
        {"resourceType": "Parameters", "parameter": ["a"]},
    ],
)
def test_a_call_without_labels_is_refused(client: httpx.Client, sent: dict[str, Any]) -> None:
    id = created(client, patient())["id"]
    for name in ("$meta-add", "$meta-delete"):
        answer = post(client, f"/Patient/{id}/{name}", sent)
        assert answer.status_code == 400, answer.text
        assert issue(answer)["diagnostics"]


def test_a_label_that_breaks_the_structure_is_refused(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    answer = post(client, f"/Patient/{id}/$meta-add", parameters(tag=[{"system": SYSTEM, "kode": "a"}]))
    assert answer.status_code == 422
    assert client.get(f"/Patient/{id}").headers["etag"] == 'W/"1"'


def test_only_a_resource_that_is_there_has_labels(client: httpx.Client) -> None:
    assert client.get(f"/Patient/{unique()}/$meta").status_code == 404
    assert post(client, f"/Patient/{unique()}/$meta-add", parameters(tag=[tag("a")])).status_code == 404
    id = created(client, patient())["id"]
    client.delete(f"/Patient/{id}")
    assert client.get(f"/Patient/{id}/$meta").status_code == 410
    assert post(client, f"/Patient/{id}/$meta-add", parameters(tag=[tag("a")])).status_code == 410
    assert client.get(f"/Patient/{id}/$meta-add").status_code == 405
