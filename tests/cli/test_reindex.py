"""`suture reindex`: finishes what is waiting, builds types anew, goes on after it was killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.added_parameter import CONTACT_FAMILY
from tests.commands import suture
from tests.servers import Server, environment

PEOPLE = 2000
WAIT = 60


def parameter(expression: str = CONTACT_FAMILY["expression"]) -> dict[str, object]:
    return {**CONTACT_FAMILY, "id": "added", "expression": expression}


def fill(server: Server, number: int) -> None:
    people = [
        {"resourceType": "Patient", "name": [{"family": f"F{n}"}], "contact": [{"name": {"family": "Zumthor"}}]}
        for n in range(number)
    ]
    with httpx.Client(base_url=server.fhir, timeout=60) as client:
        for start in range(0, number, 500):
            entries = [
                {"resource": each, "request": {"method": "POST", "url": "Patient"}}
                for each in people[start : start + 500]
            ]
            answer = client.post("/", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert answer.status_code == 200, answer.text


def add(server: Server) -> None:
    assert httpx.put(f"{server.fhir}/SearchParameter/added", json=parameter()).is_success


def total(server: Server) -> int:
    return httpx.get(f"{server.fhir}/Patient?contact-family=zumthor&_summary=count").json()["total"]


def reindex(server: Server, folder: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    return suture("reindex", "--database", server.database, *flags, cwd=folder)


def test_it_builds_what_is_asked_for(fresh_server: Server, tmp_path: Path) -> None:
    fill(fresh_server, 20)
    nothing = reindex(fresh_server, tmp_path)
    assert (nothing.returncode, nothing.stdout) == (0, "0 resources of 0 types looked at: the index is whole.\n")
    one = reindex(fresh_server, tmp_path, "--type", "Patient")
    # The server builds what is ordered as well, so the command may find it done.
    assert one.returncode == 0 and one.stdout.endswith("looked at: the index is whole.\n"), one.stderr
    everything = reindex(fresh_server, tmp_path, "--all")
    assert everything.returncode == 0 and "the index is whole" in everything.stdout, everything.stderr
    assert reindex(fresh_server, tmp_path, "--status").stdout == ""
    unknown = reindex(fresh_server, tmp_path, "--type", "Nonsense")
    assert unknown.returncode == 2 and "Nonsense is not a resource type" in unknown.stderr


def test_the_help_has_examples(tmp_path: Path) -> None:
    shown = suture("reindex", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    for flag in ("--type", "--all", "--status", "suture reindex --type Observation"):
        assert flag in shown.stdout


def test_a_database_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    shown = suture("reindex", "--database", "sqlite:///none.db", cwd=tmp_path)
    assert shown.returncode == 2 and "no such file" in shown.stderr
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("who", ["server", "command"])
def test_what_was_killed_in_the_middle_goes_on(
    database_url: str, start_server: Callable[..., Server], tmp_path: Path, who: str
) -> None:
    server = start_server(database_url)
    fill(server, PEOPLE)
    add(server)
    server.kill()
    seen: list[int] = []
    for _ in range(3):
        if who == "command":
            command = [sys.executable, "-m", "suture", "reindex", "--database", database_url]
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(0.9)
            process.send_signal(signal.SIGKILL)
            process.wait()
        else:
            again = start_server(database_url)
            time.sleep(0.15)
            again.kill()
        status = suture("reindex", "--database", database_url, "--status", cwd=tmp_path).stdout
        if not status:
            break
        assert "not searchable: contact-family" in status
        seen.append(int(status.split()[1].replace(",", "")))
    assert seen == sorted(seen), "it never begins anew"
    last = start_server(database_url)
    if who == "command":
        assert suture("reindex", "--database", database_url, cwd=tmp_path).returncode == 0
    deadline = time.monotonic() + WAIT
    while httpx.get(f"{last.fhir}/Patient?contact-family=zumthor&_summary=count").status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert total(last) == PEOPLE
    assert last.stop() == 0
    checked = suture("check", "--database", database_url, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
