"""$snapshot: https://hl7.org/fhir/R4/structuredefinition-operation-snapshot.html."""

from typing import Any

import httpx

from tests.api.given import created, issue, post, unique

Json = dict[str, Any]

BASE = "http://hl7.org/fhir/StructureDefinition/"


def definition(*elements: Json, **more: Any) -> Json:
    return {
        "resourceType": "StructureDefinition",
        "url": f"http://example.org/StructureDefinition/{unique()}",
        "name": "Own",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": BASE + "Patient",
        "derivation": "constraint",
        "differential": {"element": list(elements)},
        **more,
    }


NAMED: Json = {"id": "Patient.name", "path": "Patient.name", "min": 1, "short": "How to call"}


def elements(answer: httpx.Response) -> dict[str, Json]:
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["snapshot"]["element"]}


def test_a_definition_that_is_sent_gets_its_snapshot(client: httpx.Client) -> None:
    sent = definition(NAMED)
    answer = post(client, "/StructureDefinition/$snapshot", sent)
    made = elements(answer)
    assert (made["Patient.name"]["min"], made["Patient.name"]["short"]) == (1, "How to call")
    assert made["Patient.name"]["base"] == {"path": "Patient.name", "min": 0, "max": "*"}
    assert next(iter(made)) == "Patient"
    assert answer.json()["differential"] == sent["differential"]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "definition", "resource": sent}]}
    assert elements(post(client, "/StructureDefinition/$snapshot", parameters)) == made
    assert not client.get("/StructureDefinition", params={"url": sent["url"]}).json().get("entry")


def test_the_snapshot_of_a_stored_definition(client: httpx.Client) -> None:
    stored = created(client, definition(NAMED))
    by_id = elements(client.get(f"/StructureDefinition/{stored['id']}/$snapshot"))
    by_url = elements(client.get("/StructureDefinition/$snapshot", params={"url": stored["url"]}))
    assert by_id == by_url
    assert by_url["Patient.name"]["short"] == "How to call"
    derived = definition({"path": "Patient.name.family", "min": 1}, baseDefinition=stored["url"])
    made = elements(post(client, "/StructureDefinition/$snapshot", derived))
    assert (made["Patient.name"]["min"], made["Patient.name.family"]["min"]) == (1, 1)


def test_a_definition_that_comes_with_its_snapshot_only(client: httpx.Client) -> None:
    made = elements(client.get("/StructureDefinition/$snapshot", params={"url": BASE + "Patient"}))
    assert made["Patient.contact.gender"]["max"] == "1"


def test_what_the_base_does_not_allow_is_refused_element_by_element(client: httpx.Client) -> None:
    wrong = definition(
        NAMED,
        {"path": "Patient.gender", "max": "2"},
        {"path": "Patient.birthDate", "type": [{"code": "instant"}]},
    )
    answer = post(client, "/StructureDefinition/$snapshot", wrong)
    assert answer.status_code == 422
    issues = answer.json()["issue"]
    assert [one["expression"] for one in issues] == [
        ["StructureDefinition.differential.element[1]"],
        ["StructureDefinition.differential.element[2]"],
    ]
    assert issues[0]["diagnostics"].startswith("Patient.gender: It may occur 2 times at most")
    assert "(date)" in issues[1]["diagnostics"]


def test_what_cannot_be_made_is_told(client: httpx.Client) -> None:
    cases: list[tuple[Json, int, str]] = [
        (definition({"path": "Patient.nome"}), 422, "'Patient.nome', which is not an element of its base"),
        (definition(NAMED, baseDefinition="http://example.org/nobody"), 422, "http://example.org/nobody is not known"),
        ({"resourceType": "Patient"}, 400, "is for StructureDefinition"),
        ({**definition(NAMED), "kind": "thing"}, 422, "thing"),
        ({"resourceType": "Parameters", "parameter": []}, 400, "is for one definition"),
    ]
    for sent, status, complaint in cases:
        answer = post(client, "/StructureDefinition/$snapshot", sent)
        assert answer.status_code == status, answer.text
        assert complaint in issue(answer)["diagnostics"]
    assert client.get("/StructureDefinition/$snapshot", params={"url": "http://example.org/no"}).status_code == 404
    assert client.get("/StructureDefinition/nobody/$snapshot").status_code == 404
