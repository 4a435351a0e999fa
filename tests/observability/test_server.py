"""What an operator sees of a real server: metrics of several workers, and logs that name no patient."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import Server

Start = Callable[..., Server]
JSON = {"content-type": "application/fhir+json"}
SECRET = "Zqxsecretfamily"


def counted(url: str) -> tuple[float, set[str]]:
    """Requests that all workers have answered, and the workers that a fresh connection hears of."""
    total, workers = 0.0, set[str]()
    for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text):
        for sample in family.samples:
            if sample.name == "suture_request_duration_seconds_count" and sample.labels["interaction"] == "search-type":
                total += sample.value
            if sample.name == "suture_process_cpu_seconds_total":
                workers.add(sample.labels["worker"])
    return total, workers


def test_any_worker_tells_the_numbers_of_all(postgresql_url: str, start_server: Start) -> None:
    server = start_server(postgresql_url, "--workers", "2")
    for _ in range(60):
        assert httpx.get(f"{server.fhir}/Patient?_count=1").status_code == 200
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (counted(server.url)[0] < 60 or len(counted(server.url)[1]) < 2):
        time.sleep(0.1)
    for _ in range(10):
        total, workers = counted(server.url)
        assert total == 60
        assert len(workers) == 2


def test_the_log_is_json_and_holds_nothing_of_what_clients_send(database_url: str, start_server: Start) -> None:
    server = start_server(database_url, SUTURE_LOG_FORMAT="json", SUTURE_LOG_LEVEL="debug")
    patient = {"resourceType": "Patient", "name": [{"family": SECRET}]}
    with httpx.Client(base_url=server.fhir) as client:
        id = client.post("/Patient", json=patient, headers=JSON).json()["id"]
        client.get(f"/Patient/{id}")
        client.get("/Patient", params={"family": SECRET})
        client.get("/Patient", params={"unknown": SECRET})
        client.post("/Patient", content=f'{{"resourceType":"Patient","{SECRET}'.encode(), headers=JSON)
        client.post("/Patient", json={**patient, SECRET: 1}, headers=JSON)
        client.patch(f"/Patient/{id}", json=[{"op": "add", "path": f"/{SECRET}/x", "value": 1}], headers=JSON)
        client.get(f"/{SECRET}/1")
    httpx.request("GET", f"{server.url}/{SECRET}")
    assert server.stop() == 0
    written = server.log.read_text()
    assert SECRET not in written
    assert id not in written
    for line in written.splitlines():
        if line.startswith("{"):
            entry: dict[str, Any] = json.loads(line)
            assert {"time", "level", "logger", "message"} <= entry.keys()


def test_each_request_has_a_line_with_its_id(database_url: str, start_server: Start) -> None:
    server = start_server(database_url, SUTURE_LOG_FORMAT="json")
    patient = {"resourceType": "Patient", "name": [{"family": SECRET}]}
    with httpx.Client(base_url=server.fhir) as client:
        answers = [
            client.post("/Patient", json=patient, headers=JSON | {"x-request-id": "mine-1"}),
            client.get("/Patient", params={"family": SECRET}),
            client.get("/Patient/none"),
        ]
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    said = [
        (line["request_id"], line["method"], line["interaction"], line["resource_type"], line["status"])
        for line in lines
        if line["message"] == "answered"
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] == "mine-1"
    assert said == [
        (ids[0], "POST", "create", "Patient", 201),
        (ids[1], "GET", "search-type", "Patient", 200),
        (ids[2], "GET", "read", "Patient", 404),
    ]


def test_request_lines_can_be_left_out(database_url: str, start_server: Start) -> None:
    server = start_server(database_url, SUTURE_LOG_FORMAT="json", SUTURE_LOG_LEVEL="warning")
    assert httpx.get(f"{server.fhir}/metadata").status_code == 200
    assert server.stop() == 0
    assert "answered" not in server.log.read_text()


def test_a_stopping_server_says_so_in_its_exit_status(database_url: str, start_server: Start) -> None:
    server = start_server(database_url)
    assert httpx.get(f"{server.url}/health/ready").status_code == 200
    assert server.stop() == 0
