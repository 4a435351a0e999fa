"""How a query is sent and answered, and its limits: https://hl7.org/fhir/R4/graphql.html#invoking."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.given import bundle, created, entry, observation, patient, post
from tests.api.graphql.asking import data, refusal
from tests.servers import Server


@pytest.fixture
def place(client: httpx.Client) -> str:
    return f"/Patient/{created(client, patient())['id']}/$graphql"


QUERY = "query names($n: Int) { name(_count: $n) { family } } query ids { id }"
EXPECTED = {"data": {"name": [{"family": "Ekman"}]}}


def test_by_get(client: httpx.Client, place: str) -> None:
    parameters = {"query": QUERY, "operationName": "names", "variables": '{"n": 1}'}
    assert client.get(place, params=parameters).json() == EXPECTED
    assert client.get(place, params={**parameters, "_pretty": "true"}).text.startswith('{\n  "data"')


def test_by_post(client: httpx.Client, place: str) -> None:
    body = {"query": QUERY, "operationName": "names", "variables": {"n": 1}}
    assert client.post(place, json=body).json() == EXPECTED
    text = {"content-type": "application/graphql"}
    assert client.post(place, content="{name{family}}", headers=text).json() == EXPECTED
    assert client.post(f"{place}?operationName=names", content=QUERY, headers=text).json() == EXPECTED
    resource = {"resourceType": "Parameters", "parameter": [{"name": "query", "valueString": "{name{family}}"}]}
    assert post(client, place, resource).json() == EXPECTED


def test_in_a_batch_the_answer_is_a_binary(client: httpx.Client, place: str) -> None:
    wanted = entry("GET", f"{place[1:]}?query=%7Bname%7Bfamily%7D%7D")
    wrong = entry("GET", f"{place[1:]}?query=%7Bnames%7D")
    answer = post(client, "", bundle("batch", wanted, wrong)).json()["entry"]
    assert answer[0]["resource"]["resourceType"] == "Binary"
    assert json.loads(base64.b64decode(answer[0]["resource"]["data"])) == EXPECTED
    assert answer[1]["response"]["status"] == "400 Bad Request"
    assert answer[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("method", "arguments", "status"),
    [
        ("GET", {}, 400),
        ("GET", {"params": {"query": "{id}", "colour": "x"}}, 400),
        ("GET", {"params": {"query": "{id}", "variables": "[1]"}}, 400),
        ("GET", {"params": {"query": "{id}", "variables": "{"}}, 400),
        ("POST", {"json": {"query": 1}}, 400),
        ("POST", {"json": {"query": "{id}", "variables": []}}, 400),
        ("POST", {"json": {"query": "{id}", "colour": 1}}, 400),
        ("POST", {"json": ["{id}"]}, 400),
        ("POST", {"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ("POST", {"content": b"\xff", "headers": {"content-type": "application/graphql"}}, 400),
        ("POST", {"content": b"<a/>", "headers": {"content-type": "text/html"}}, 415),
        ("POST", {"content": b"<a/>", "headers": {"content-type": "text/xml"}}, 400),
        ("PUT", {"json": {"query": "{id}"}}, 405),
    ],
)
def test_what_cannot_be_understood(
    client: httpx.Client, place: str, method: str, arguments: dict[str, Any], status: int
) -> None:
    answer = client.request(method, place, **arguments)
    assert answer.status_code == status
    if status != 405:
        assert answer.json()["data"] is None
        assert answer.json()["errors"][0]["extensions"]["resource"]["resourceType"] == "OperationOutcome"


def test_an_instance_that_is_not_there(client: httpx.Client) -> None:
    assert refusal(client, "{ id }", "/Patient/none")["status"] == 404


def test_depth_fields_and_length_are_limited(client: httpx.Client, place: str) -> None:
    where = place.removesuffix("/$graphql")
    deep = "{ extension " * 21 + "{ url }" + " }" * 21
    assert (refusal(client, deep, where)["code"], refusal(client, deep, where)["status"]) == ("too-costly", 403)
    assert "nested too deeply" in refusal(client, "{extension" * 2500 + "{url" + "}" * 2501, where)["message"]
    wide = "{" + " ".join(f"f{n}: id" for n in range(1001)) + "}"
    assert "1000 fields" in refusal(client, wide, where)["message"]
    spread = "{ ...F0 } " + " ".join(f"fragment F{n} on Patient {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
    assert "1000 fields" in refusal(client, spread + " fragment F40 on Patient { id }", where)["message"]
    assert refusal(client, "#" + "x" * 70_000, where)["code"] == "too-long"
    assert "tokens" in refusal(client, "{" + "id " * 20_000 + "}", where)["message"]


def test_resources_and_cost_are_limited(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(
        database_url, SUTURE_GRAPHQL_RESOURCES="10", SUTURE_GRAPHQL_COST="1000", SUTURE_GRAPHQL_INTROSPECTION="false"
    )
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        about = f"Patient/{created(client, patient())['id']}"
        for _ in range(11):
            created(client, observation(about))
        assert len(data(client, "{ ObservationList(_count: 9) { id } }")["ObservationList"]) == 9
        error = refusal(client, "{ ObservationList { id } }")
        assert (error["status"], error["code"]) == (403, "too-costly")
        assert "graphql_resources" in error["message"]
        many = " ".join(f"f{n}: code {{ text coding {{ system code }} }}" for n in range(30))
        assert "graphql_cost" in refusal(client, f"{{ ObservationList(_count: 9) {{ {many} }} }}")["message"]
        assert refusal(client, "{ __schema { queryType { name } } }")["status"] == 403


def test_a_list_that_is_too_long_is_refused_not_cut(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(database_url, SUTURE_MAX_COUNT="3", SUTURE_DEFAULT_COUNT="2")
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        about = [f"Patient/{created(client, patient())['id']}" for _ in range(4)]
        error = refusal(client, "{ PatientList { id } }")
        assert (error["status"], error["code"]) == (403, "too-costly")
        assert len(data(client, "{ PatientList(_count: 2) { id } }")["PatientList"]) == 2
        members = [{"item": {"reference": one}} for one in about]
        made = created(client, {"resourceType": "List", "status": "current", "mode": "working", "entry": members})
        found = data(client, "{ entry { item { resource { id } } } }", f"/List/{made['id']}")["entry"]
        assert [f"Patient/{one['item']['resource']['id']}" for one in found] == about


def test_introspection_describes_what_is_offered(client: httpx.Client) -> None:
    query = """{ __schema { queryType { name } directives { name } }
        patient: __type(name: "Patient") { interfaces { name } fields { name type { name kind } args { name } } } }"""
    answer = data(client, query)
    assert answer["__schema"]["queryType"]["name"] == "Query"
    assert {"flatten", "first", "singleton", "slice"} <= {one["name"] for one in answer["__schema"]["directives"]}
    fields = {field["name"]: field for field in answer["patient"]["fields"]}
    assert fields["birthDate"]["type"] == {"name": "date", "kind": "SCALAR"}
    assert {"fhirpath", "_count", "_offset", "use"} <= {one["name"] for one in fields["name"]["args"]}
    assert {"_reference", "clinical_status"} <= {one["name"] for one in fields["ConditionList"]["args"]}
    started = time.perf_counter()
    assert data(client, query) == answer
    assert time.perf_counter() - started < 1
    bomb = '{ __type(name: "Patient") { fields { type { fields { type { fields { name } } } } } } }'
    assert refusal(client, bomb)["code"] == "too-costly"
    assert refusal(client, "{ __schema { colour } }")["status"] == 400
