"""/metadata: https://hl7.org/fhir/R4/http.html#capabilities. What it says is what the server does."""

from typing import Any

import httpx
import pytest

from suture.fhir import json
from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version
from suture.search.parameters import SearchParameters
from tests.api.given import issue


@pytest.fixture
def statement(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/metadata")
    assert answer.status_code == 200, answer.text
    return answer.json()


def of_type(statement: dict[str, Any], type: str) -> dict[str, Any]:
    return next(entry for entry in statement["rest"][0]["resource"] if entry["type"] == type)


@pytest.mark.parametrize("mode", ["full", "normative", "terminology"])
def test_it_is_valid_itself(client: httpx.Client, mode: str) -> None:
    answer = client.get(f"/metadata?mode={mode}")
    resource = json.decode(answer.content)
    assert resource["resourceType"] == ("TerminologyCapabilities" if mode == "terminology" else "CapabilityStatement")
    assert list(Validator(load(Version.R4)).issues(resource)) == []


def test_it_names_the_software_the_version_and_the_base(client: httpx.Client, statement: dict[str, Any]) -> None:
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["software"]["name"] == "Suture"
    assert statement["implementation"]["url"] == str(client.base_url).rstrip("/")
    assert statement["format"] == ["application/fhir+json", "application/fhir+xml", "json", "xml"]
    patches = {"application/json-patch+json", "application/xml-patch+xml"}
    assert set(statement["patchFormat"]) == {*patches, "application/fhir+json", "application/fhir+xml"}
    assert "urn:suture:base" not in str(statement)


def test_it_follows_the_host_that_the_client_used(client: httpx.Client) -> None:
    named = client.get("/metadata", headers={"host": "fhir.example.org:81"})
    assert named.json()["implementation"]["url"] == "http://fhir.example.org:81/fhir/r4"
    assert named.headers["etag"] != client.get("/metadata").headers["etag"]


def test_every_type_is_there_with_its_interactions(statement: dict[str, Any]) -> None:
    types = [entry["type"] for entry in statement["rest"][0]["resource"]]
    assert types == sorted(set(types))
    assert set(types) == set(load(Version.R4).resource_types) - {"Parameters"}
    found = of_type(statement, "Patient")
    assert {entry["code"] for entry in found["interaction"]} == {
        "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
    }  # fmt: skip
    assert found["versioning"] == "versioned-update"
    assert found["conditionalCreate"] is True
    assert found["conditionalUpdate"] is True
    assert found["conditionalDelete"] == "single"
    assert found["conditionalRead"] == "full-support"
    assert {entry["code"] for entry in statement["rest"][0]["interaction"]} == {
        "transaction", "batch", "search-system", "history-system",
    }  # fmt: skip


def test_search_parameters_are_told_with_type_and_meaning(statement: dict[str, Any]) -> None:
    parameters = {entry["name"]: entry for entry in of_type(statement, "Observation")["searchParam"]}
    assert parameters["date"]["type"] == "date"
    assert parameters["patient"]["type"] == "reference"
    assert parameters["value-quantity"]["definition"].startswith("http://hl7.org/fhir/SearchParameter/")
    assert parameters["date"]["documentation"] == "Observation.effective"
    assert parameters["category"]["documentation"] == "The classification of the type of observation"
    shared = {entry["name"] for entry in statement["rest"][0]["searchParam"]}
    assert {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_sort", "_count"} <= shared


@pytest.mark.parametrize("type", ["Patient", "Observation", "Location", "ValueSet", "MedicationRequest", "Bundle"])
def test_what_it_lists_can_be_searched_and_included(client: httpx.Client, statement: dict[str, Any], type: str) -> None:
    entry = of_type(statement, type)
    samples = {"date": "2020", "number": "1", "quantity": "1", "reference": "Patient/1", "uri": "urn:x"}
    known = SearchParameters(load(Version.R4)).for_type(type)
    for parameter in entry["searchParam"]:
        value = samples.get(parameter["type"], "1|1" if parameter["name"] == "near" else "x")
        if parameter["type"] == "composite":
            parts = known[parameter["name"]].composed[0].parts
            value = "$".join(samples.get(part.type, "x") for part in parts)
        answer = client.get(f"/{type}", params={parameter["name"]: value, "_count": "1"})
        assert answer.status_code == 200, f"{parameter['name']}: {answer.text}"
    for name, values in (("_include", entry.get("searchInclude", [])), ("_revinclude", entry["searchRevInclude"])):
        for value in values[:30]:
            answer = client.get(f"/{type}", params={name: value, "_count": "1"})
            assert answer.status_code == 200, f"{name}={value}: {answer.text}"


def test_what_it_does_not_list_cannot_be_searched(client: httpx.Client, statement: dict[str, Any]) -> None:
    definitions = load(Version.R4)
    parameters = SearchParameters(definitions, full_text=definitions.resource_types)
    unusable = [(type, p.code) for type in ("Location", "Patient", "Observation", "Bundle", "MolecularSequence")
                for p in parameters.for_type(type).values() if not p.supported]  # fmt: skip
    for type, code in unusable:
        assert code not in {entry["name"] for entry in of_type(statement, type)["searchParam"]}
        assert client.get(f"/{type}", params={code: "1"}).status_code == 400
    assert client.get("/Location?nowhere=1").status_code == 400


def test_operations_are_listed_where_they_can_be_called(statement: dict[str, Any]) -> None:
    def names(entries: list[dict[str, str]]) -> set[str]:
        return {entry["name"] for entry in entries}

    general = {"graphql", "meta", "meta-add", "meta-delete", "reindex", "validate"}
    assert names(statement["rest"][0]["operation"]) - {"fhirpath"} == {*general, "closure", "versions"}
    terminology = names(of_type(statement, "ValueSet")["operation"])
    assert {"expand", "validate-code", "batch-validate-code"} <= terminology
    assert {"lookup", "subsumes", "validate-code"} <= names(of_type(statement, "CodeSystem")["operation"])
    assert names(of_type(statement, "Patient")["operation"]) == {*general, "everything"}
    assert names(of_type(statement, "Observation")["operation"]) == {*general, "lastn"}
    assert names(of_type(statement, "Condition")["operation"]) == general
    everything = next(e for e in of_type(statement, "Encounter")["operation"] if e["name"] == "everything")
    assert everything["definition"] == "http://hl7.org/fhir/OperationDefinition/Encounter-everything"


def test_normative_leaves_out_what_is_for_trial_use(client: httpx.Client) -> None:
    rest = client.get("/metadata?mode=normative").json()["rest"][0]
    assert "security" not in rest
    assert not {"versioning", "conditionalCreate", "searchInclude"} & rest["resource"][0].keys()
    assert rest["resource"][0]["searchParam"]


def test_terminology_names_the_code_systems_that_are_here(client: httpx.Client) -> None:
    system = {"resourceType": "CodeSystem", "url": "urn:own", "version": "7", "status": "active", "content": "complete"}
    answer = client.post("/CodeSystem", json=system | {"concept": [{"code": "a"}]})
    assert answer.status_code == 201
    found = client.get("/metadata?mode=terminology").json()
    systems = {one["uri"]: one.get("version") for one in found["codeSystem"]}
    assert systems["urn:own"] == [{"code": "7"}]
    assert systems["http://hl7.org/fhir/administrative-gender"] == [{"code": "4.0.1"}]
    assert {"tx-resource", "count", "property"} <= {one["name"] for one in found["expansion"]["parameter"]}


def test_it_is_not_sent_again_when_it_did_not_change(client: httpx.Client) -> None:
    first = client.get("/metadata")
    again = client.get("/metadata", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_an_unknown_mode_is_refused(client: httpx.Client) -> None:
    answer = client.get("/metadata?mode=everything")
    assert answer.status_code == 400
    assert "terminology" in issue(answer)["diagnostics"]
