"""SearchParameters that users add: checked, built while the server works, usable when complete, gone when deleted.

Specification: https://hl7.org/fhir/R4/searchparameter.html.
"""

import time
from typing import Any

import httpx
import pytest

from tests.api.given import created, issue, patient, post, put, unique

SECONDS = 20


def parameter(code: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter",
        "url": f"https://example.org/SearchParameter/{code}",
        "name": code.replace("-", ""),
        "status": "active",
        "description": "For a test.",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.contact.name.family",
        **elements,
    }


def state(client: httpx.Client, code: str) -> str:
    """What $reindex says of an added parameter; "" when it does not know it."""
    for entry in client.get("/$reindex").json().get("parameter", []):
        parts = {part["name"]: part.get("valueCode") for part in entry["part"]}
        if entry["name"] == "parameter" and parts["code"] == code:
            return parts["state"] or ""
    return ""


def wait_until_usable(client: httpx.Client, code: str) -> None:
    deadline = time.monotonic() + SECONDS
    while state(client, code) != "usable":
        assert time.monotonic() < deadline, client.get("/$reindex").text
        time.sleep(0.02)


def found(client: httpx.Client, query: str) -> list[str]:
    answer = client.get(f"/Patient?{query}")
    assert answer.status_code == 200, answer.text
    return sorted(entry["resource"]["id"] for entry in answer.json().get("entry", []))


def name() -> str:
    return f"p{unique()[:12]}"


def with_contact(family: str) -> dict[str, Any]:
    return patient(contact=[{"name": {"family": family}}])


def test_an_added_parameter_finds_what_was_there_before_and_what_comes_after(client: httpx.Client) -> None:
    code, family = name(), f"F{unique()}"
    before, other = created(client, with_contact(family)), created(client, with_contact("Somebody"))
    created(client, parameter(code))
    wait_until_usable(client, code)
    assert found(client, f"{code}={family}") == [before["id"]]
    after = created(client, with_contact(family))
    assert found(client, f"{code}={family}") == sorted([before["id"], after["id"]])
    put(client, {**with_contact("Nobody"), "id": after["id"]})
    assert found(client, f"{code}={family}") == [before["id"]]
    assert other["id"] in found(client, f"{code}:missing=false&_count=1000")
    assert before["id"] not in found(client, f"{code}:missing=true&_count=1000")


EXTENSION = "https://example.org/x"
IN_EXTENSION = f"Patient.extension.where(url = '{EXTENSION}').value"
UCUM = "http://unitsofmeasure.org"

CODED = {"maritalStatus": {"coding": [{"system": "urn:m", "code": "M"}]}}
DATED = {
    "contact": [{"period": {"start": "2020-05-01", "end": "2020-06-01"}, "gender": "female", "name": {"text": "x"}}]
}
REFERRING = {"contact": [{"organization": {"reference": "Organization/zz9"}}]}
EXTENDED = {"extension": [{"url": EXTENSION, "valueCode": "abc"}]}
MEASURED = {"extension": [{"url": EXTENSION, "valueQuantity": {"value": 5400, "system": UCUM, "code": "mg"}}]}


@pytest.mark.parametrize(
    ("type", "expression", "elements", "query", "near"),
    [
        ("token", "Patient.maritalStatus", CODED, "urn:m|M", "urn:m|S"),
        ("date", "Patient.contact.period", DATED, "2020", "2021"),
        ("number", "Patient.multipleBirth.as(integer)", {"multipleBirthInteger": 7}, "7", "8"),
        ("reference", "Patient.contact.organization", REFERRING, "Organization/zz9", "Organization/zz8"),
        ("uri", "Patient.implicitRules", {"implicitRules": "urn:rules:9"}, "urn:rules:9", "urn:rules:8"),
        ("token", IN_EXTENSION, EXTENDED, "abc", "abd"),
        ("quantity", IN_EXTENSION, MEASURED, f"5.4|{UCUM}|g", f"5.5|{UCUM}|g"),
    ],
    ids=["token", "date", "number", "reference", "uri", "extension", "quantity"],
)
def test_every_type_can_be_added(
    client: httpx.Client, type: str, expression: str, elements: dict[str, Any], query: str, near: str
) -> None:
    code = name()
    kept = created(client, patient(**elements))
    created(client, parameter(code, type=type, expression=expression))
    wait_until_usable(client, code)
    assert found(client, f"{code}={query}&_id={kept['id']}") == [kept["id"]]
    assert found(client, f"{code}={near}&_id={kept['id']}") == []


def test_a_changed_expression_is_built_anew_and_a_deleted_parameter_is_unknown(client: httpx.Client) -> None:
    code, family = name(), f"F{unique()}"
    kept = created(client, patient(name=[{"family": family}]))
    added = created(client, parameter(code))
    wait_until_usable(client, code)
    assert found(client, f"{code}={family}") == []
    put(client, {**added, "expression": "Patient.name.family"})
    wait_until_usable(client, code)
    assert found(client, f"{code}={family}") == [kept["id"]]
    client.delete(f"/SearchParameter/{added['id']}")
    answer = client.get(f"/Patient?{code}={family}")
    assert answer.status_code == 400
    assert code in issue(answer)["diagnostics"]
    assert state(client, code) == ""


def test_only_active_parameters_take_effect(client: httpx.Client) -> None:
    code = name()
    added = created(client, parameter(code, status="draft"))
    assert client.get(f"/Patient?{code}=x").status_code == 400
    put(client, {**added, "status": "active"})
    wait_until_usable(client, code)
    assert found(client, f"{code}=x") == []


@pytest.mark.parametrize(
    ("elements", "at", "says"),
    [
        ({"expression": "Patient.name.("}, "expression", "FHIRPath"),
        ({"expression": "Patient.nothing"}, "expression", "no element of Patient"),
        ({"expression": "Patient.name.repeat(x)"}, "expression", "repeat"),
        ({"expression": "Patient.photo"}, "expression", "Attachment"),
        ({"expression": None}, "expression", "needs an expression"),
        ({"base": ["Resource"]}, "base", "not a resource type"),
        ({"code": "birthdate"}, "code", "already has"),
        ({"code": "a.b"}, "code", "letters"),
        ({"type": "special"}, "type", "cannot be added"),
        ({"type": "composite", "expression": "Patient"}, "component", "two components"),
    ],
)
def test_a_parameter_that_cannot_be_built_is_refused(
    client: httpx.Client, elements: dict[str, Any], at: str, says: str
) -> None:
    resource = {key: value for key, value in ({**parameter(name()), **elements}).items() if value is not None}
    answer = post(client, "/SearchParameter", resource)
    assert answer.status_code == 422, answer.text
    assert issue(answer)["expression"] == [f"SearchParameter.{at}"]
    assert says in issue(answer)["diagnostics"]


def test_a_repetition_of_the_specification_is_kept_and_changes_nothing(client: httpx.Client) -> None:
    url = "http://hl7.org/fhir/SearchParameter/individual-family"
    created(client, parameter("family", url=url, expression="Patient.name.family"))
    assert state(client, "family") == ""


def test_rebuilding_a_type_is_ordered_and_reported(client: httpx.Client) -> None:
    answer = post(client, "/Patient/$reindex", {"resourceType": "Parameters"})
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + SECONDS
    while any(entry["name"] == "building" for entry in client.get("/$reindex").json().get("parameter", [])):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.get("/Nonsense/$reindex").status_code == 404
