"""$expand for an element and for a day: https://hl7.org/fhir/R4/valueset-operation-expand.html, context and date."""

from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, unique

CORE = "http://hl7.org/fhir/StructureDefinition/"


def expanded(client: httpx.Client, **parameters: str) -> dict[str, Any]:
    answer = client.get("/ValueSet/$expand", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(value_set: dict[str, Any]) -> list[str]:
    return [one["code"] for one in value_set["expansion"].get("contains", [])]


@pytest.mark.parametrize(
    ("context", "value_set"),
    [
        ("Patient.gender", "administrative-gender"),
        (f"{CORE}Patient#Patient.gender", "administrative-gender"),
        ("Patient.contact.gender", "administrative-gender"),
        ("Patient.name.use", "name-use"),
        (f"{CORE}Patient#Patient.telecom.system", "contact-point-system"),
        ("Questionnaire.item.item.type", "item-type"),
        (f"{CORE}patient-birthTime#Extension.url", ""),
    ],
)
def test_an_element_stands_for_the_value_set_that_it_is_bound_to(
    client: httpx.Client, context: str, value_set: str
) -> None:
    if not value_set:
        answer = client.get("/ValueSet/$expand", params={"context": context})
        assert answer.status_code == 404
        assert "is bound to no value set" in issue(answer)["diagnostics"]
        return
    found = expanded(client, context=context, contextDirection="incoming")
    assert found["url"] == f"http://hl7.org/fhir/ValueSet/{value_set}"
    assert found["expansion"]["contains"]


def test_the_profile_of_a_user_has_bindings_of_its_own(client: httpx.Client) -> None:
    url = f"http://example.org/StructureDefinition/{unique()}"
    bound = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/name-use"}
    slicing = {"discriminator": [{"type": "value", "path": "relationship"}], "rules": "open"}
    created(client, {
        "resourceType": "StructureDefinition", "url": url, "name": "Own", "status": "active", "kind": "resource",
        "abstract": False, "type": "Patient", "derivation": "constraint", "baseDefinition": f"{CORE}Patient",
        "differential": {"element": [
            {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "binding": bound},
            {"id": "Patient.contact", "path": "Patient.contact", "slicing": slicing},
            {"id": "Patient.contact:kin", "path": "Patient.contact", "sliceName": "kin"},
            {"id": "Patient.contact:kin.relationship", "path": "Patient.contact.relationship", "binding": bound},
        ]},
    })  # fmt: skip
    for place in ("Patient.maritalStatus", "Patient.contact:kin.relationship"):
        assert expanded(client, context=f"{url}#{place}")["url"] == bound["valueSet"]
    assert expanded(client, context=f"{url}#Patient.gender")["url"].endswith("administrative-gender")


@pytest.mark.parametrize(
    ("parameters", "status", "complaint"),
    [
        ({"context": "Patient.gander"}, 404, "has no element 'Patient.gander'"),
        ({"context": "http://example.org/nowhere#Patient.gender"}, 404, "is not known here"),
        ({"context": "Nobody.gender"}, 404, "is not known here"),
        ({"context": "http://hl7.org/fhir/StructureDefinition/Patient#"}, 400, "names no element"),
        ({"context": "Patient.gender", "contextDirection": "up"}, 400, "incoming or outgoing"),
        ({"context": "x" * 3000}, 400, "longer than 2000 characters"),
    ],
)
def test_what_is_no_element_is_refused(
    client: httpx.Client, parameters: dict[str, str], status: int, complaint: str
) -> None:
    answer = client.get("/ValueSet/$expand", params=parameters)
    assert answer.status_code == status
    assert complaint in issue(answer)["diagnostics"]


def published(client: httpx.Client) -> tuple[str, str]:
    """The URLs of a value set and a code system, each in the versions 1 of 2020 and 2 of 2022."""
    system, value_set = (f"http://example.org/{kind}/{unique()}" for kind in ("CodeSystem", "ValueSet"))
    for version, date, known in (("1", "2020-03-01", "ab"), ("2", "2022-03-01", "abc")):
        created(client, {
            "resourceType": "CodeSystem", "url": system, "version": version, "date": date, "status": "active",
            "content": "complete", "concept": [{"code": code} for code in known],
        })  # fmt: skip
        created(client, {
            "resourceType": "ValueSet", "url": value_set, "version": version, "date": date, "status": "active",
            "compose": {"include": [{"system": system}]},
        })  # fmt: skip
    return value_set, system


def test_the_definitions_of_a_day_count(client: httpx.Client) -> None:
    value_set, _ = published(client)
    now, then = expanded(client, url=value_set), expanded(client, url=value_set, date="2021-06-01")
    assert (now["version"], codes(now)) == ("2", ["a", "b", "c"])
    assert (then["version"], codes(then)) == ("1", ["a", "b"])
    assert codes(expanded(client, url=value_set, date="2022-03-01")) == ["a", "b", "c"], "the day itself counts"
    assert codes(expanded(client, url=value_set, date="2999-01-01")) == ["a", "b", "c"]
    assert codes(expanded(client, url=value_set)) == ["a", "b", "c"], "nothing is left of the day that was asked for"
    named = expanded(client, url=f"{value_set}|2", date="2021-06-01")
    assert (named["version"], codes(named)) == ("2", ["a", "b"]), "a version that is named counts, its codes do not"


def test_definitions_that_are_younger_or_have_no_date_are_an_error(client: httpx.Client) -> None:
    value_set, system = published(client)
    young = client.get("/ValueSet/$expand", params={"url": value_set, "date": "2019-12-31"})
    assert young.status_code == 400
    assert "as it was on 2019-12-31 is not here: what is here is younger" in young.json()["issue"][0]["details"]["text"]
    undated = created(client, {
        "resourceType": "ValueSet", "url": f"{value_set}/u", "status": "active",
        "compose": {"include": [{"system": system}]},
    })  # fmt: skip
    for path in ("/ValueSet/$expand", f"/ValueSet/{undated['id']}/$expand"):
        answer = client.get(path, params={"url": undated["url"], "date": "2021-06-01"})
        assert answer.status_code == 400
        assert "does not say of which date it is" in answer.json()["issue"][0]["details"]["text"]
    assert client.get("/ValueSet/$expand", params={"url": value_set, "date": "yesterday"}).status_code == 400
