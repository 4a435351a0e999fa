"""$preferred-id and $find-matches: https://hl7.org/fhir/R4/namingsystem-operation-preferred-id.html and
https://hl7.org/fhir/R4/codesystem-operation-find-matches.html."""

import uuid
from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, post, put, unique
from tests.terminology.asking import code_system

UCUM = "http://unitsofmeasure.org"


def preferred(client: httpx.Client, id: str, type: str) -> str:
    answer = client.get("/NamingSystem/$preferred-id", params={"id": id, "type": type})
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["parameter"]
    assert result["name"] == "result"
    return result["valueString"]


@pytest.mark.parametrize("id", ["2.16.840.1.113883.6.8", "urn:oid:2.16.840.1.113883.6.8", UCUM])
def test_a_code_system_has_one_identifier_of_each_type(client: httpx.Client, id: str) -> None:
    assert preferred(client, id, "uri") == UCUM
    assert preferred(client, id, "oid") == "2.16.840.1.113883.6.8"


def naming(*ids: tuple[str, str, bool], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "NamingSystem", "name": "Own", "status": "active", "kind": "identifier", "date": "2024-01-01",
        "uniqueId": [{"type": type, "value": value, "preferred": preferred} for type, value, preferred in ids],
    } | more  # fmt: skip


def test_the_naming_systems_of_users_count_as_they_are_now(client: httpx.Client) -> None:
    oid, one = f"1.2.3.{uuid.uuid4().int}", str(uuid.uuid4())
    url, other = (f"http://example.org/ids/{unique()}" for _ in range(2))
    sent = naming(("oid", oid, False), ("uri", other, False), ("uri", url, True), ("uuid", one, False))
    stored = created(client, sent)
    assert preferred(client, oid, "uri") == url
    assert preferred(client, f"urn:uuid:{one}", "oid") == oid
    assert preferred(client, url, "uuid") == one
    stored["uniqueId"][1]["preferred"], stored["uniqueId"][2]["preferred"] = True, False
    assert put(client, stored).status_code == 200
    assert preferred(client, oid, "uri") == other


def test_lookup_knows_a_code_system_by_the_identifier_that_a_user_gave_it(client: httpx.Client) -> None:
    oid, url = f"1.2.3.{uuid.uuid4().int}", f"urn:codes:{unique()}"
    created(client, code_system(url, {"code": "a", "display": "Alpha"}))
    created(client, naming(("oid", oid, True), ("uri", url, True), kind="codesystem"))
    found = client.get("/CodeSystem/$lookup", params={"system": f"urn:oid:{oid}", "code": "a"})
    assert found.status_code == 200, found.text
    assert {"name": "display", "valueString": "Alpha"} in found.json()["parameter"]


def test_what_no_naming_system_knows_is_not_found(client: httpx.Client) -> None:
    for id, type, complaint in (
        ("1.2.3.4.5.6", "uri", "No NamingSystem has the identifier '1.2.3.4.5.6'"),
        (UCUM, "uuid", "has no identifier of the type 'uuid'"),
    ):
        answer = client.get("/NamingSystem/$preferred-id", params={"id": id, "type": type})
        assert answer.status_code == 404
        assert complaint in issue(answer)["diagnostics"]
    assert client.get("/NamingSystem/$preferred-id", params={"id": UCUM}).status_code == 400


def test_naming_systems_that_contradict_each_other_are_told(client: httpx.Client) -> None:
    oid = f"1.2.3.{uuid.uuid4().int}"
    for _ in range(2):
        created(client, naming(("oid", oid, True), ("uri", f"http://example.org/ids/{unique()}", True)))
    answer = client.get("/NamingSystem/$preferred-id", params={"id": oid, "type": "uri"})
    assert answer.status_code == 409


class Paints:
    """A code system of its own on a server."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.url = f"urn:paints:{unique()}"
        declared = [{"code": "colour", "type": "code"}, {"code": "glossy", "type": "boolean"}]
        paints = (("r1", "Warm red", "red", True), ("r2", "Cold red", "red", False), ("b1", "Night blue", "blue", True))
        concepts = [
            {"code": code, "display": display,
             "property": [{"code": "colour", "valueCode": colour}, {"code": "glossy", "valueBoolean": glossy}]}
            for code, display, colour, glossy in paints
        ]  # fmt: skip
        self.id = created(client, code_system(self.url, *concepts, property=declared))["id"]

    def ask(self, *properties: dict[str, Any], exact: bool, path: str = "", **more: Any) -> httpx.Response:
        named = {} if path else {"system": self.url}
        return post(self.client, f"/CodeSystem{path}/$find-matches", {
            "resourceType": "Parameters", "parameter": [
                *({"name": name, "valueUri": value} for name, value in (named | more).items()),
                {"name": "exact", "valueBoolean": exact},
                *({"name": "property", "part": [
                    {"name": "code", "valueCode": code}, {"name": "value", key: value}]}
                  for one in properties for code, (key, value) in one.items()),
            ]})  # fmt: skip

    def found(self, *properties: dict[str, Any], exact: bool, path: str = "") -> dict[str, list[str]]:
        """The codes, each with the properties that it lacks."""
        answer = self.ask(*properties, exact=exact, path=path)
        assert answer.status_code == 200, answer.text
        matches = [one["part"] for one in answer.json().get("parameter", ())]
        assert all(parts[0]["valueCoding"]["system"] == self.url for parts in matches)
        return {
            parts[0]["valueCoding"]["code"]: [
                part["part"][0]["valueCode"] for part in parts if part["name"] == "unmatched"
            ]
            for parts in matches
        }


@pytest.fixture
def paints(client: httpx.Client) -> Paints:
    return Paints(client)


RED, GLOSSY = {"colour": ("valueCode", "red")}, {"glossy": ("valueBoolean", True)}


def test_codes_are_found_by_all_of_their_properties(paints: Paints) -> None:
    assert paints.found(RED, exact=True) == {"r1": [], "r2": []}
    assert paints.found(RED, GLOSSY, exact=True) == {"r1": []}
    assert paints.found(RED, GLOSSY, exact=True, path=f"/{paints.id}") == {"r1": []}
    assert paints.found({"colour": ("valueCode", "green")}, exact=True) == {}
    assert paints.found({"display": ("valueString", "Night blue")}, exact=True) == {"b1": []}
    assert paints.found({"display": ("valueString", "blue")}, exact=True) == {}


def test_a_person_is_shown_what_comes_near(paints: Paints) -> None:
    assert paints.found({"display": ("valueString", "blu")}, exact=False) == {"b1": []}
    blue = {"colour": ("valueCode", "blue")}
    dull = {"glossy": ("valueBoolean", False)}
    assert paints.found(blue, dull, exact=True) == {}
    assert paints.found(blue, dull, exact=False) == {"r2": ["colour"], "b1": ["glossy"]}
    assert paints.found(blue, GLOSSY, {"display": ("valueString", "red")}, exact=False) == {
        "r1": ["colour"], "b1": ["display"],
    }  # fmt: skip


def test_what_cannot_be_sought_is_refused(paints: Paints) -> None:
    assert paints.ask(exact=True).status_code == 400
    assert paints.ask({"weight": ("valueString", "1")}, exact=True).status_code == 400
    assert paints.ask({"colour": ("valueCode", "")}, exact=True).status_code == 400
    assert paints.ask(RED, exact=True, version="7").status_code == 404
    assert paints.ask(*[RED] * 60, exact=True).status_code == 403
    unknown = {"resourceType": "Parameters", "parameter": [{"name": "property", "part": "x"}]}
    assert post(paints.client, "/CodeSystem/$find-matches", unknown).status_code == 400


def test_the_server_says_that_it_has_them(client: httpx.Client) -> None:
    resources = client.get("/metadata").json()["rest"][0]["resource"]
    named = {(one["type"], each["definition"]) for one in resources for each in one.get("operation", ())}
    prefix = "http://hl7.org/fhir/OperationDefinition/"
    wanted = {"NamingSystem": "NamingSystem-preferred-id", "CodeSystem": "CodeSystem-find-matches"}
    assert {(type, prefix + id) for type, id in wanted.items()} <= named
