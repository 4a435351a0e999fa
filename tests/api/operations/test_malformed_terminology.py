"""Resources and values of the wrong form in terminology requests: an error of the request that says where."""

from typing import Any

import httpx
import pytest

from tests.api.given import issue, post, unique

Json = dict[str, Any]


def code_system(**more: Any) -> Json:
    return {"resourceType": "CodeSystem", "url": "urn:broken", "status": "active", "content": "complete"} | more


def value_set(compose: Any) -> Json:
    return {"resourceType": "ValueSet", "url": "urn:broken:vs", "status": "active", "compose": compose}


def called(client: httpx.Client, operation: str, *resources: Json, **parameters: Any) -> httpx.Response:
    sent: list[Json] = [{"name": name.partition("_")[0], f"value{name.partition('_')[2]}": value}
                        for name, value in parameters.items()]  # fmt: skip
    sent += [{"name": "tx-resource", "resource": resource} for resource in resources]
    return post(client, operation, {"resourceType": "Parameters", "parameter": sent})


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (code_system(concept=5), "concept"),
        (code_system(concept=[{"code": "a", "designation": ["x"]}]), "designation[0]"),
        (code_system(concept=[{"code": "a", "property": [{"code": 7}]}], property={"code": "a"}), "property"),
        (code_system(concept=[{"code": ["a"]}]), "code"),
    ],
)
def test_a_code_system_of_the_wrong_form(client: httpx.Client, resource: Json, place: str) -> None:
    answer = called(client, "/CodeSystem/$lookup", resource, system_Uri="urn:broken", code_Code="a")
    assert answer.status_code == 400, answer.text
    assert any(place in where for one in answer.json()["issue"] for where in one.get("expression", ()))
    assert issue(answer)["details"]["text"]


@pytest.mark.parametrize("compose", [5, {"include": 5}, {"include": [{"system": ["urn:x"]}]}, {"include": [None]}])
def test_a_value_set_of_the_wrong_form(client: httpx.Client, compose: Any) -> None:
    answer = called(client, "/ValueSet/$expand", value_set(compose), url_Uri="urn:broken:vs")
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("coding", [{"system": "urn:x", "code": 5}, {"system": ["urn:x"], "code": "a"}])
def test_a_coding_of_the_wrong_form(client: httpx.Client, coding: Json) -> None:
    for operation in ("/CodeSystem/$lookup", "/CodeSystem/$validate-code"):
        assert called(client, operation, coding_Coding=coding).status_code == 400


def test_a_resource_of_the_wrong_form_does_not_stay_in_a_cache(client: httpx.Client) -> None:
    cache = unique()

    def lookup(*resources: Json, system: str) -> httpx.Response:
        given = {"system_Uri": system, "code_Code": "a", "cache-id_Id": cache}
        return called(client, "/CodeSystem/$lookup", *resources, **given)

    assert lookup(code_system(concept=5), system="urn:elsewhere").status_code == 404
    assert lookup(system="urn:broken").status_code == 400
    assert lookup(system="urn:broken").status_code == 404


def test_a_code_system_without_url_has_no_codes_of_its_own(client: httpx.Client) -> None:
    nameless = code_system(concept=[{"code": "a"}])
    del nameless["url"]
    sent = {"resourceType": "Parameters", "parameter": [
        {"name": "codeSystem", "resource": nameless}, {"name": "code", "valueCode": "a"},
    ]}  # fmt: skip
    assert post(client, "/CodeSystem/$validate-code", sent).status_code == 400


def test_one_wrong_validation_leaves_the_others(client: httpx.Client) -> None:
    good = {"url": "http://hl7.org/fhir/ValueSet/administrative-gender", "code": "male",
            "system": "http://hl7.org/fhir/administrative-gender"}  # fmt: skip
    asked = [
        [{"name": name, "valueString": value} for name, value in good.items()],
        [{"name": "coding", "valueCoding": {"system": 5, "code": "a"}}],
    ]
    sent = [{"name": "validation", "resource": {"resourceType": "Parameters", "parameter": one}} for one in asked]
    answer = post(client, "/ValueSet/$batch-validate-code", {"resourceType": "Parameters", "parameter": sent})
    kinds = [one["resource"]["resourceType"] for one in answer.json()["parameter"]]
    assert kinds == ["Parameters", "OperationOutcome"]


def test_a_concept_without_codings_is_valid_nowhere(client: httpx.Client) -> None:
    genders = "http://hl7.org/fhir/administrative-gender"
    text = {"codeableConcept_CodeableConcept": {"text": "male"}}
    in_set = called(client, "/ValueSet/$validate-code", url_Uri=genders.replace("fhir/", "fhir/ValueSet/"), **text)
    assert in_set.json()["parameter"][0] == {"name": "result", "valueBoolean": False}
    for url in (genders, "urn:unknown"):
        in_system = called(client, "/CodeSystem/$validate-code", url_Uri=url, **text)
        assert in_system.json()["parameter"][0] == {"name": "result", "valueBoolean": False}
    assert client.get("/CodeSystem/$validate-code", params={"url": genders, "codeableConcept": "x"}).status_code == 400
