"""$validate: https://hl7.org/fhir/R4/resource-operation-validate.html."""

from typing import Any

import httpx
import pytest

from tests.api.given import JSON, created, issue, observation, patient, post, unique


def parameters(**named: Any) -> dict[str, Any]:
    entries = [
        {"name": name, "resource" if name == "resource" else "valueCode" if name == "mode" else "valueUri": value}
        for name, value in named.items()
    ]
    return {"resourceType": "Parameters", "parameter": entries}


def outcome(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    return answer.json()["issue"]


def errors(answer: httpx.Response) -> list[dict[str, Any]]:
    return [issue for issue in outcome(answer) if issue["severity"] in ("error", "fatal")]


def test_a_valid_resource_has_no_errors_and_the_answer_says_what_was_not_checked(client: httpx.Client) -> None:
    issues = outcome(post(client, "/Patient/$validate", patient()))
    assert {issue["severity"] for issue in issues} == {"information"}
    assert "Not checked: invariants" in issues[-1]["diagnostics"]


def test_every_problem_is_told_with_its_place_and_nothing_is_stored(client: httpx.Client) -> None:
    wrong = patient(birthDate="2020-02-31", gender="x", nonsense=1, id=unique())
    found = errors(post(client, "/Patient/$validate", wrong))
    assert {place for issue in found for place in issue["expression"]} >= {"Patient.birthDate", "Patient.gender"}
    assert len(found) >= 3
    assert client.get(f"/Patient/{wrong['id']}").status_code == 404


def test_the_resource_may_come_in_parameters(client: httpx.Client) -> None:
    assert not errors(post(client, "/Patient/$validate", parameters(resource=patient(), mode="create")))
    assert errors(post(client, "/Patient/$validate", parameters(resource=patient(gender="x"))))


def test_an_instance_is_validated_as_it_is_stored(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert not errors(client.get(f"/Patient/{id}/$validate"))
    assert not errors(client.post(f"/Patient/{id}/$validate"))
    assert client.get(f"/Patient/{unique()}/$validate").status_code == 404


def test_an_update_must_carry_the_id_of_the_url(client: httpx.Client) -> None:
    sent = created(client, patient())
    url = f"/Patient/{sent['id']}/$validate"
    assert not errors(post(client, url, parameters(resource=sent, mode="update")))
    found = errors(post(client, url, parameters(resource=patient(), mode="update")))
    assert found[0]["expression"] == ["Patient.id"]


def test_delete_asks_whether_the_resource_could_be_deleted(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert not errors(client.post(f"/Patient/{id}/$validate?mode=delete"))
    assert client.get(f"/Patient/{id}").status_code == 200
    assert client.post(f"/Patient/{unique()}/$validate?mode=delete").status_code == 404
    assert client.post("/Patient/$validate?mode=delete").status_code == 400


def test_a_profile_that_cannot_be_checked_is_never_approved_silently(client: httpx.Client) -> None:
    profile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
    issues = outcome(post(client, "/Patient/$validate", parameters(resource=patient(), profile=profile)))
    told = [issue for issue in issues if issue["severity"] == "warning"]
    assert told[0]["code"] == "not-supported"
    assert profile in told[0]["diagnostics"]
    claiming = outcome(post(client, "/Patient/$validate", patient(meta={"profile": [profile]})))
    assert any(issue.get("expression") == ["Patient.meta.profile"] for issue in claiming)


def test_a_base_definition_is_met_by_structure(client: httpx.Client) -> None:
    base = "http://hl7.org/fhir/StructureDefinition/"
    for name in ("Patient", "DomainResource", "Resource|4.0.1"):
        assert not errors(post(client, "/Patient/$validate", parameters(resource=patient(), profile=base + name)))
    assert errors(post(client, "/Patient/$validate", parameters(resource=patient(), profile=base + "Observation")))


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/Patient/$validate", observation("Patient/1"), 400),
        ("/Patient/$validate", parameters(mode="create"), 400),
        ("/Patient/$validate", parameters(resource=patient(), mode="sideways"), 400),
        ("/Patient/$validate", parameters(resource=patient(), mode="profile"), 400),
        ("/Patient/$validate", parameters(resource=patient(), resourse=patient()), 400),
        ("/Patient/$validate", {"resourceType": "Parameters", "parameter": [{"name": "resource"}]}, 400),
        ("/Nonsense/$validate", patient(), 404),
        ("/$validate", patient(), 404),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(client: httpx.Client, path: str, sent: Any, status: int) -> None:
    answer = post(client, path, sent)
    assert answer.status_code == status, answer.text
    assert issue(answer)["severity"] == "error"


def test_malformed_json_is_a_bad_request(client: httpx.Client) -> None:
    assert client.post("/Patient/$validate", content=b'{"resourceType":', headers=JSON).status_code == 400
