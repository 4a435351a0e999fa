"""`suture serve`: where it listens, what it refuses, how it stops."""

import concurrent.futures
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.commands import suture
from tests.servers import Server

Start = Callable[..., Server]


def test_it_says_where_it_listens_and_from_where_it_serves(database_url: str, start_server: Start) -> None:
    server = start_server(database_url)
    assert httpx.get(f"{server.fhir}/metadata").json()["resourceType"] == "CapabilityStatement"
    assert f"serves {server.fhir} from {database_url}" in server.log.read_text()


def test_it_answers_within_a_few_seconds_of_its_start(tmp_path: Path, start_server: Start) -> None:
    started = time.monotonic()
    server = start_server(f"sqlite:///{tmp_path}/x.db")
    assert httpx.get(f"{server.fhir}/Patient/none").status_code == 404
    assert time.monotonic() - started < 10


def test_several_workers_share_the_port_and_the_data(database_url: str, start_server: Start) -> None:
    server = start_server(database_url, "--workers", "2")

    def create(number: int) -> str:
        with httpx.Client(timeout=30) as client:  # a connection each, so that both workers get some
            answer = client.post(
                f"{server.fhir}/Patient", json={"resourceType": "Patient", "multipleBirthInteger": number}
            )
            assert answer.status_code == 201
            return answer.json()["id"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(create, range(40)))
    for id in ids:
        assert httpx.get(f"{server.fhir}/Patient/{id}").status_code == 200
    assert server.stop() == 0


def test_sigterm_finishes_what_was_accepted(database_url: str, start_server: Start) -> None:
    """Every create that was answered is there after the restart, and the server ends with status 0."""
    server = start_server(database_url)
    answered: list[str] = []

    def write() -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                try:
                    answer = client.post(f"{server.fhir}/Patient", json={"resourceType": "Patient"})
                except httpx.HTTPError:
                    return
                if answer.status_code == 201:
                    answered.append(answer.json()["id"])

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(write)
        while len(answered) < 20:
            time.sleep(0.01)
        assert server.stop() == 0
    again = start_server(database_url)
    with httpx.Client(base_url=again.fhir) as client:
        assert [id for id in answered if client.get(f"Patient/{id}").status_code != 200] == []


def test_an_interrupt_stops_it_too(tmp_path: Path, start_server: Start) -> None:
    server = start_server(f"sqlite:///{tmp_path}/x.db")
    os.kill(server.process.pid, signal.SIGINT)
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_does_not_listen_to_the_network_by_itself(tmp_path: Path, host: str) -> None:
    refused = suture("serve", "--host", host, "--port", "0", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"does not listen on {host}" in refused.stderr
    assert "--insecure-open" in refused.stderr


def test_it_does_when_it_is_told_to_and_warns(tmp_path: Path, start_server: Start) -> None:
    server = start_server(f"sqlite:///{tmp_path}/x.db", "--host", "0.0.0.0", "--insecure-open")
    assert "open to the network without sign-in" in server.log.read_text()


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = suture("serve", "--port", str(port), cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == f"Suture cannot listen on 127.0.0.1 port {port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SUTURE_PORT": "http"}, "SUTURE_PORT: port must be a whole number from 0 to 65535, not 'http'.\n"),
        ({"SUTURE_PROT": "80"}, "There is no setting SUTURE_PROT; the nearest is SUTURE_PORT.\n"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    refused = suture("serve", cwd=tmp_path, **settings)
    assert (refused.returncode, refused.stderr) == (2, sentence)


@pytest.mark.parametrize(
    "database", ["sqlite:////proc/none/x.db", "postgresql://nobody@127.0.0.1:9/none"], ids=["sqlite", "postgresql"]
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path, database: str, workers: str) -> None:
    refused = suture("serve", "--port", "0", "--database", database, "--workers", workers, cwd=tmp_path)
    assert refused.returncode == 1
    assert "annot" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "serves" not in refused.stdout


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"this is a letter, not a database" * 100)
    refused = suture("serve", "--port", "0", "--database", "sqlite:///x.db", cwd=tmp_path)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
