"""Creating: https://hl7.org/fhir/R4/http.html#create and #ccreate."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.given import JSON, SYSTEM, created, issue, patient, post, unique
from tests.servers import Server


def test_the_server_chooses_the_id_and_says_where_the_resource_is(client: httpx.Client) -> None:
    answer = post(
        client,
        "/Patient",
        {**patient(), "id": "mine", "meta": {"versionId": "9", "lastUpdated": "1999-01-01T00:00:00Z"}},
    )
    body = answer.json()
    assert answer.status_code == 201
    assert body["id"] != "mine"
    assert body["meta"]["versionId"] == "1"
    assert not body["meta"]["lastUpdated"].startswith("1999")
    assert answer.headers["location"] == f"{client.base_url}Patient/{body['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert "last-modified" in answer.headers


def test_the_rest_of_meta_is_kept(client: httpx.Client) -> None:
    meta = {"profile": ["http://example.org/p"], "tag": [{"system": "http://example.org/t", "code": "a"}]}
    body = created(client, patient(meta=meta))
    assert {key: body["meta"][key] for key in meta} == meta


def test_prefer_shapes_the_answer(client: httpx.Client) -> None:
    minimal = post(client, "/Patient", patient(), prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert "location" in minimal.headers
    outcome = post(client, "/Patient", patient(), prefer="return=OperationOutcome")
    assert issue(outcome)["severity"] == "information"
    whole = post(client, "/Patient", patient(), prefer="return=representation")
    assert whole.json()["resourceType"] == "Patient"


def test_a_resource_that_breaks_the_structure_is_422_with_every_problem(client: httpx.Client) -> None:
    answer = post(client, "/Patient", {"resourceType": "Patient", "gender": "x", "birthDate": "2001-02-30", "wrong": 1})
    assert answer.status_code == 422
    places = {issue["expression"][0] for issue in answer.json()["issue"]}
    assert {"Patient.gender", "Patient.birthDate", "Patient"} <= places


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"{", "broken"),
        (b"[]", "no object"),
        (b'{"a":1}', "no resourceType"),
        (b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}', "another type"),
        (b'{"resourceType":"Nonsense"}', "unknown type"),
        (b'{"resourceType":"Patient","resourceType":"Patient"}', "duplicate key"),
        (b'\xef\xbb\xbf{"resourceType":"Patient"}', "byte order mark"),
        (b'{"resourceType":"Patient","name":[{"family":"a\\u0001b"}]}', "control character"),
        (b'{"resourceType":"Patient","gender":"\xff"}', "bad UTF-8"),
    ],
)
def test_bodies_that_cannot_be_understood_are_400(client: httpx.Client, body: bytes, reason: str) -> None:
    answer = client.post("/Patient", content=body, headers=JSON)
    assert answer.status_code == 400, reason
    assert issue(answer)["diagnostics"]


def test_references_to_the_server_itself_become_relative(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"{client.base_url}Patient/{id}"},
        "performer": [{"reference": "https://elsewhere.example.org/fhir/Patient/1"}],
    }
    body = created(client, observation)
    assert body["subject"]["reference"] == f"Patient/{id}"
    assert body["performer"][0]["reference"] == "https://elsewhere.example.org/fhir/Patient/1"
    assert client.get("/Observation", params={"subject": f"Patient/{id}"}).json()["total"] == 1


def test_a_conditional_create_makes_one_and_then_finds_it(client: httpx.Client) -> None:
    value = unique()
    condition = f"identifier={SYSTEM}|{value}"
    first = post(client, "/Patient", patient(value), if_none_exist=condition)
    again = post(client, "/Patient", patient(value), if_none_exist=condition)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == 'W/"1"'
    created(client, patient(value))
    several = post(client, "/Patient", patient(value), if_none_exist=condition)
    assert several.status_code == 412
    assert issue(several)["code"] == "multiple-matches"


@pytest.mark.parametrize("condition", ["?", "_count=5", "identifier=", "nonsense=1", "Observation?code=1"])
def test_a_condition_needs_a_criterion_of_the_type(client: httpx.Client, condition: str) -> None:
    assert post(client, "/Patient", patient(), if_none_exist=condition).status_code == 400


def test_parallel_conditional_creates_make_exactly_one(server: Server) -> None:
    value = unique()

    def create(_: int) -> tuple[int, str]:
        with httpx.Client(base_url=server.fhir, timeout=30) as client:
            answer = post(client, "/Patient", patient(value), if_none_exist=f"identifier={SYSTEM}|{value}")
            return answer.status_code, answer.headers.get("location", "")

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(create, range(36)))
    assert sorted(status for status, _ in answers) == [200] * 35 + [201]
    assert len({location for _, location in answers}) == 1
    with httpx.Client(base_url=server.fhir) as client:
        assert client.get("/Patient", params={"identifier": f"{SYSTEM}|{value}"}).json()["total"] == 1


def test_one_is_made_even_by_several_processes(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(database_url, "--workers", "2")
    values = [unique() for _ in range(6)]

    def create(number: int) -> tuple[str, int, str]:
        value = values[number % len(values)]
        with httpx.Client(base_url=server.fhir, timeout=30) as client:
            answer = post(client, "/Patient", patient(value), if_none_exist=f"identifier={SYSTEM}|{value}")
            return value, answer.status_code, answer.headers.get("location", "")

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(create, range(60)))
    assert {status for _, status, _ in answers} == {200, 201}
    assert len({(value, location) for value, _, location in answers}) == len(values)
    assert sum(status == 201 for _, status, _ in answers) == len(values)


def test_a_conditional_reference_outside_a_transaction_is_refused(client: httpx.Client) -> None:
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient?identifier=a|b"},
    }
    answer = client.post("/Observation", json=body)
    assert answer.status_code == 422
    assert "only a transaction resolves" in answer.json()["issue"][0]["diagnostics"]
