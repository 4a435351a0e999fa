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


def test_a_valid_resource_has_no_errors(client: httpx.Client) -> None:
    issues = outcome(post(client, "/Patient/$validate", patient()))
    assert not [issue for issue in issues if issue["severity"] in ("error", "fatal")]
    assert issues[-1]["diagnostics"] == "No error was found."


def test_an_invariant_is_told_by_its_key_and_words(client: httpx.Client) -> None:
    found = errors(post(client, "/Patient/$validate", patient(contact=[{"gender": "male"}])))
    assert found[0]["code"] == "invariant"
    assert found[0]["expression"] == ["Patient.contact[0]"]
    assert "pat-1" in found[0]["diagnostics"]


def test_what_breaks_an_invariant_is_not_stored(client: httpx.Client) -> None:
    answer = post(client, "/Patient", patient(contact=[{"gender": "male"}]))
    assert answer.status_code == 422
    assert issue(answer)["expression"] == ["Patient.contact[0]"]


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


def test_a_profile_that_is_not_known_is_never_approved_silently(client: httpx.Client) -> None:
    profile = "http://example.org/StructureDefinition/nowhere"
    found = errors(post(client, "/Patient/$validate", parameters(resource=patient(), profile=profile)))
    assert found[0]["code"] == "not-found"
    assert profile in found[0]["diagnostics"]
    claiming = outcome(post(client, "/Patient/$validate", patient(meta={"profile": [profile]})))
    told = [issue for issue in claiming if issue.get("expression") == ["Patient.meta.profile[0]"]]
    assert told[0]["severity"] == "warning"


def stored_profile(client: httpx.Client, **name: Any) -> str:
    """A profile on Patient whose name has the elements `name`, such as `family=1`."""
    url = f"http://example.org/StructureDefinition/{unique()}"
    profile = {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Named",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {
            "element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]
            + [
                {"id": f"Patient.name.{element}", "path": f"Patient.name.{element}", "min": least}
                for element, least in name.items()
            ]
        },
    }
    created(client, profile)
    return url


def test_a_stored_profile_is_checked_as_soon_as_it_is_there(client: httpx.Client) -> None:
    url = stored_profile(client, family=1)
    named = patient(name=[{"given": ["Ada"]}])
    found = errors(post(client, "/Patient/$validate", parameters(resource=named, profile=url)))
    assert found[0]["expression"] == ["Patient.name[0]"]
    assert url in found[0]["diagnostics"]
    claiming = named | {"meta": {"profile": [url]}}
    assert errors(post(client, "/Patient/$validate", claiming))
    refused = post(client, "/Patient", claiming)
    assert refused.status_code == 422
    assert issue(refused)["expression"] == ["Patient.name[0]"]
    assert post(client, "/Patient", patient(name=[{"family": "L"}], meta={"profile": [url]})).status_code == 201
    assert post(client, "/Patient", named).status_code == 201


def test_several_profiles_may_be_named(client: httpx.Client) -> None:
    family, given = stored_profile(client, family=1), stored_profile(client, given=1)
    call = parameters(resource=patient(name=[{"text": "Ada"}]), profile=family)
    call["parameter"].append({"name": "profile", "valueUri": given})
    told = " ".join(issue["diagnostics"] for issue in errors(post(client, "/Patient/$validate", call)))
    assert family in told
    assert given in told


def test_references_are_followed_to_what_is_stored(client: httpx.Client) -> None:
    url = stored_profile(client, family=1)
    nameless, named = created(client, patient(name=[{"text": "?"}])), created(client, patient(name=[{"family": "L"}]))
    profile = {
        "resourceType": "StructureDefinition",
        "url": f"http://example.org/StructureDefinition/{unique()}",
        "name": "Referring",
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": "Observation",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
        "derivation": "constraint",
        "differential": {
            "element": [
                {
                    "id": "Observation.subject",
                    "path": "Observation.subject",
                    "type": [{"code": "Reference", "targetProfile": [url]}],
                }
            ]
        },
    }
    created(client, profile)

    def judged(target: dict[str, Any]) -> list[dict[str, Any]]:
        sent = {**observation(f"Patient/{target['id']}"), "code": {"text": "x"}}
        call = parameters(resource=sent, profile=profile["url"])
        return errors(post(client, "/Observation/$validate", call))

    assert not judged(named)
    assert judged(nameless)[0]["expression"] == ["Observation.subject"]


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
