"""How searches are asked and answered over HTTP: https://hl7.org/fhir/R4/http.html#search, search.html.

What matches is the matter of tests/search; here it is about GET and POST, links, pages, and parts of resources.
"""

from typing import Any

import httpx
import pytest

from tests.api.given import SYSTEM, created, issue, observation, patient, put, unique

FORM = {"content-type": "application/x-www-form-urlencoded"}


def link(bundle: dict[str, Any], relation: str) -> str:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def test_a_searchset_holds_the_stored_resources(client: httpx.Client) -> None:
    value = unique()
    kept = created(client, patient(value))
    answer = client.get("/Patient", params={"identifier": f"{SYSTEM}|{value}"})
    bundle = answer.json()
    assert bundle["type"] == "searchset"
    assert bundle["total"] == 1
    assert bundle["entry"] == [
        {"fullUrl": f"{client.base_url}Patient/{kept['id']}", "resource": kept, "search": {"mode": "match"}}
    ]
    assert link(bundle, "self") == f"{client.base_url}Patient?identifier={SYSTEM}%7C{value}"
    assert client.get(link(bundle, "self")).json()["entry"] == bundle["entry"]


def test_post_search_is_the_same_and_joins_the_query(client: httpx.Client) -> None:
    value = unique()
    kept = created(client, patient(value, gender="female"))
    answer = client.post("/Patient/_search?gender=female", content=f"identifier={value}", headers=FORM)
    assert ids(answer.json()) == [kept["id"]]
    assert client.post("/Patient/_search?gender=male", content=f"identifier={value}", headers=FORM).json()["total"] == 0
    pretty = client.post("/Patient/_search", content=f"identifier={value}&_pretty=true", headers=FORM)
    assert "\n" in pretty.text
    assert (
        client.post("/Patient/_search", content="{}", headers={"content-type": "application/json"}).status_code == 415
    )
    system = client.post("/_search", content=f"_type=Patient&_id={kept['id']}", headers=FORM)
    assert ids(system.json()) == [kept["id"]]


def test_system_search(client: httpx.Client) -> None:
    one, other = created(client, patient()), created(client, {"resourceType": "Basic", "code": {"text": "x"}})
    found = client.get("", params={"_type": "Patient,Basic", "_id": f"{one['id']},{other['id']}"}).json()
    assert set(ids(found)) == {one["id"], other["id"]}
    found = client.get("", params={"_type": "Basic", "_id": f"{one['id']},{other['id']}"}).json()
    assert ids(found) == [other["id"]]


def test_compartment_search(client: httpx.Client) -> None:
    one, other = created(client, patient())["id"], created(client, patient())["id"]
    mine = created(client, observation(f"Patient/{one}"))
    created(client, observation(f"Patient/{other}"))
    found = client.get(f"/Patient/{one}/Observation").json()
    assert ids(found) == [mine["id"]]
    assert link(found, "self").startswith(f"{client.base_url}Patient/{one}/Observation")
    assert set(ids(client.get(f"/Patient/{one}/*").json())) >= {mine["id"]}
    assert client.get(f"/Patient/{one}/Observation", params={"code": "x"}).json()["total"] == 0
    assert ids(client.post(f"/Patient/{one}/Observation/_search", content="status=final", headers=FORM).json()) == [
        mine["id"]
    ]
    assert client.get(f"/Observation/{mine['id']}/Patient").status_code == 404


def test_pages_show_every_match_once_while_others_write(client: httpx.Client) -> None:
    tag = unique()
    meta = {"tag": [{"system": SYSTEM, "code": tag}]}
    wanted = [created(client, patient(meta=meta))["id"] for _ in range(7)]
    url, found, pages = f"{client.base_url}Patient?_tag={tag}&_count=3", list[str](), 0
    while url:
        page = client.get(url).json()
        found += ids(page)
        pages += 1
        created(client, patient(meta=meta))
        url = link(page, "next")
    assert set(wanted) <= set(found)
    assert len(found) == len(set(found))
    assert pages == 3


def test_a_changed_cursor_is_refused(client: httpx.Client) -> None:
    tag = unique()
    for _ in range(3):
        created(client, patient(meta={"tag": [{"system": SYSTEM, "code": tag}]}))
    next = link(client.get("/Patient", params={"_tag": tag, "_count": "1"}).json(), "next")
    assert client.get(next).status_code == 200
    assert client.get(next.replace(tag, unique())).status_code == 400
    assert client.get(next[:-3] + "AAA").status_code == 400


def test_unknown_parameters_are_refused_unless_the_client_is_lenient(client: httpx.Client) -> None:
    strict = client.get("/Patient", params={"famly": "x"})
    assert strict.status_code == 400
    assert "family" in issue(strict)["diagnostics"]
    lenient = client.get("/Patient", params={"famly": "x", "_count": "1"}, headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200
    outcome = [entry for entry in lenient.json()["entry"] if entry["search"]["mode"] == "outcome"]
    assert outcome[0]["resource"]["issue"][0]["severity"] == "warning"
    assert "famly" not in link(lenient.json(), "self")


def test_includes_are_marked(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    created(client, observation(f"Patient/{id}"))
    found = client.get("/Observation", params={"subject": f"Patient/{id}", "_include": "Observation:subject"}).json()
    assert [entry["search"]["mode"] for entry in found["entry"]] == ["match", "include"]
    assert found["total"] == 1


def detailed() -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "identifier": [{"system": SYSTEM, "value": unique()}],
        "birthDate": "1990-01-01",
        "_birthDate": {"extension": [{"url": "http://example.org/x", "valueString": "y"}]},
        "deceasedBoolean": False,
        "maritalStatus": {"text": "single"},
        "contact": [{"name": {"family": "Kin"}}],
        "link": [{"other": {"reference": "Patient/x"}, "type": "refer"}],
    }


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({"_summary": "true"}, {"identifier", "birthDate", "_birthDate", "deceasedBoolean", "link"}),
        ({"_summary": "text"}, {"text"}),
        (
            {"_summary": "data"},
            {"identifier", "birthDate", "_birthDate", "deceasedBoolean", "maritalStatus", "contact", "link"},
        ),
        (
            {"_elements": "birthDate,maritalStatus"},
            {"birthDate", "_birthDate", "maritalStatus", "deceasedBoolean", "link"},
        ),
        ({"_elements": "deceased"}, {"deceasedBoolean", "link"}),
    ],
)
def test_parts_of_resources(client: httpx.Client, parameters: dict[str, str], kept: set[str]) -> None:
    whole = created(client, detailed())
    read = client.get(f"/Patient/{whole['id']}", params=parameters).json()
    found = client.get("/Patient", params={"_id": whole["id"], **parameters}).json()["entry"][0]["resource"]
    history = client.get(f"/Patient/{whole['id']}/_history", params=parameters).json()["entry"][0]["resource"]
    assert read == found == history
    assert read.keys() - {"resourceType", "id", "meta"} == kept
    assert all(read[name] == whole[name] for name in kept)
    assert [tag["code"] for tag in read["meta"]["tag"]] == ["SUBSETTED"]
    assert read["meta"]["versionId"] == "1"


def test_whole_resources_are_not_tagged(client: httpx.Client) -> None:
    whole = created(client, detailed())
    assert client.get(f"/Patient/{whole['id']}", params={"_summary": "false"}).json() == whole


def test_counts(client: httpx.Client) -> None:
    tag = unique()
    for _ in range(3):
        created(client, patient(meta={"tag": [{"system": SYSTEM, "code": tag}]}))
    for parameters in ({"_summary": "count"}, {"_count": "0"}):
        bundle = client.get("/Patient", params={"_tag": tag, **parameters}).json()
        assert (bundle["total"], "entry" in bundle) == (3, False)
    first = client.get("/Patient", params={"_tag": tag, "_count": "1"}).json()
    assert "total" not in first
    assert client.get("/Patient", params={"_tag": tag, "_count": "1", "_total": "accurate"}).json()["total"] == 3


def test_wrong_parts_are_refused(client: httpx.Client) -> None:
    assert client.get("/Patient", params={"_summary": "some"}).status_code == 400
    assert client.get("/Patient", params={"_elements": "nme"}).status_code == 400
    assert client.get("/Patient", params={"_elements": "name", "_summary": "text"}).status_code == 400


def test_what_was_changed_is_found_by_its_present_values_only(client: httpx.Client) -> None:
    old, new = unique(), unique()
    kept = created(client, patient(old))
    put(client, patient(new, id=kept["id"]))
    assert client.get("/Patient", params={"identifier": old}).json()["total"] == 0
    assert client.get("/Patient", params={"identifier": new}).json()["total"] == 1


def test_head_of_a_search(client: httpx.Client) -> None:
    answer = client.head("/Patient", params={"_count": "1"})
    assert (answer.status_code, answer.content) == (200, b"")


def test_get_and_post_give_the_same_bundle(client: httpx.Client) -> None:
    tag = unique()
    for number in range(5):
        created(client, patient(meta={"tag": [{"system": SYSTEM, "code": tag}]}, gender="male" if number else "female"))
    query = f"_tag={SYSTEM}%7C{tag}&_count=2&_sort=-_lastUpdated&_elements=gender&_total=accurate&_pretty=true"
    asked = client.get(f"/Patient?{query}")
    sent = client.post("/Patient/_search", content=query, headers=FORM)
    split = client.post(
        f"/Patient/_search?{query[: query.index('&')]}", content=query[query.index("&") + 1 :], headers=FORM
    )
    assert asked.text == sent.text == split.text
    following = link(asked.json(), "next")
    assert (
        client.get(following).text
        == client.post("/Patient/_search", content=following.partition("?")[2], headers=FORM).text
    )


def test_links_lead_on_back_and_to_the_beginning(client: httpx.Client) -> None:
    tag = unique()
    for _ in range(5):
        created(client, patient(meta={"tag": [{"system": SYSTEM, "code": tag}]}))
    first = client.get("/Patient", params={"_tag": tag, "_count": "2"}).json()
    assert [one["relation"] for one in first["link"]] == ["self", "next"]
    second = client.get(link(first, "next")).json()
    assert [one["relation"] for one in second["link"]] == ["self", "first", "previous", "next"]
    assert link(second, "self") == link(first, "next")
    assert link(second, "first") == link(first, "self")
    assert ids(client.get(link(second, "previous")).json()) == ids(first)
    last = client.get(link(second, "next")).json()
    assert [one["relation"] for one in last["link"]] == ["self", "first", "previous"]


def test_a_hundred_thousand_ids_by_post(client: httpx.Client) -> None:
    wanted = [created(client, patient())["id"] for _ in range(3)]
    others = [unique() for _ in range(99_997)]
    form = "_count=2&_id=" + ",".join([*others[:50_000], *wanted, *others[50_000:]])
    answer = client.post("/Patient/_search", content=form, headers=FORM)
    assert answer.status_code == 200
    page = answer.json()
    assert page["entry"][-1]["search"]["mode"] == "outcome"
    assert "POST" in page["entry"][-1]["resource"]["issue"][0]["diagnostics"]
    assert len(link(page, "self")) > 3_000_000, "the self link says all that was applied"
    following = link(page, "next")
    assert following.startswith(f"{client.base_url}Patient/_search?_cursor=")
    rest = client.post(following, content=form, headers=FORM).json()
    matches = [
        entry["resource"]["id"]
        for part in (page, rest)
        for entry in part["entry"]
        if entry["search"]["mode"] == "match"
    ]
    assert sorted(matches) == sorted(wanted)


def test_parts_of_included_resources(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    created(client, observation(f"Patient/{id}"))
    asked = {"subject": f"Patient/{id}", "_include": "Observation:subject"}

    def shown(**parameters: str) -> list[set[str]]:
        bundle = client.get("/Observation", params=asked | parameters).json()
        found = [entry["resource"] for entry in bundle["entry"]]
        for resource in found:
            whole = "code" in resource and "name" in resource
            assert whole or ("tag" in resource["meta"]) == (
                resource["meta"].get("tag", [{}])[0].get("code") == "SUBSETTED"
            )
        return [resource.keys() - {"resourceType", "id", "meta"} for resource in found]

    assert shown(_elements="status") == [{"status", "code"}, {"name"}]
    assert shown(_elements="status,Patient.gender") == [{"status", "code"}, set()]
    assert shown(_summary="data") == [{"status", "code", "subject"}, {"name"}]
    refused = client.get("/Observation", params=asked | {"_summary": "text"})
    assert refused.status_code == 400
    assert "_include" in issue(refused)["diagnostics"]
