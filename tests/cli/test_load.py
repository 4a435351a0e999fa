"""`suture load`: everything that can go in goes in, what cannot is told, and an interrupted load goes on."""

import gzip
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.given import FAULTS, bundle, patient, post, refused, write_faulty
from tests.commands import suture
from tests.servers import Server, environment

Start = Callable[..., Server]


def observation(subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": subject},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def test_every_kind_of_file_is_loaded(database_url: str, folder: Path, tmp_path: Path, start_server: Start) -> None:
    (folder / "one.json").write_text(json.dumps(patient("one", name=[{"family": "Ammann"}])))
    (folder / "new.json").write_text(json.dumps(patient()))
    (folder / "lines.ndjson").write_text("".join(json.dumps(patient(f"line-{n}")) + "\n" for n in range(450)))
    transaction = bundle("transaction", post(patient(), "urn:uuid:1"), post(observation("urn:uuid:1")))
    (folder / "transaction.json.gz").write_bytes(gzip.compress(json.dumps(transaction).encode()))
    collection = bundle(
        "collection",
        {"fullUrl": "urn:uuid:2f6d6a0e-6f0c-4c5b-9a4f-2b6f0d8c7e11", "resource": patient()},
        {"resource": {**observation("urn:uuid:2f6d6a0e-6f0c-4c5b-9a4f-2b6f0d8c7e11"), "id": "c-obs"}},
    )
    (folder / "collection.json").write_text(json.dumps(collection))

    loaded = suture("load", folder, "--database", database_url, cwd=tmp_path)

    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert "456 resources loaded" in loaded.stdout
    with httpx.Client(base_url=start_server(database_url).fhir) as client:
        assert client.get("Patient?_summary=count").json()["total"] == 454
        assert client.get("Patient/one").json()["name"] == [{"family": "Ammann"}]
        subject = client.get("Observation/c-obs").json()["subject"]["reference"]
        assert client.get(subject).status_code == 200


def test_what_is_refused_is_told_with_its_place_and_reason(database_url: str, folder: Path, tmp_path: Path) -> None:
    write_faulty(folder)

    loaded = suture("load", folder, "-d", database_url, "--refused", tmp_path / "refused", cwd=tmp_path)

    assert loaded.returncode == 1
    assert "2 resources loaded" in loaded.stdout
    assert "5 refused" in loaded.stdout
    assert refused(tmp_path / "refused") == FAULTS


def test_files_that_refer_to_each_other_may_come_in_any_order(database_url: str, folder: Path, tmp_path: Path) -> None:
    known = {"system": "urn:example:patients", "value": "7"}
    later = bundle("transaction", post(observation("Patient?identifier=urn:example:patients|7")))
    (folder / "1.json").write_text(json.dumps(later))
    (folder / "2.json").write_text(json.dumps(bundle("transaction", post(patient(identifier=[known])))))

    loaded = suture("load", folder, "-d", database_url, cwd=tmp_path)

    assert loaded.returncode == 0, loaded.stdout
    assert "2 resources loaded" in loaded.stdout


def test_a_finished_file_is_not_loaded_twice(database_url: str, folder: Path, tmp_path: Path) -> None:
    (folder / "lines.ndjson").write_text("".join(json.dumps(patient()) + "\n" for _ in range(3)))
    arguments = ("load", folder, "-d", database_url)
    assert "3 resources loaded" in suture(*arguments, cwd=tmp_path).stdout

    again = suture(*arguments, cwd=tmp_path)
    assert again.returncode == 0
    assert "0 resources loaded" in again.stdout
    assert "1 file had been loaded before" in again.stdout
    assert "3 resources loaded" in suture(*arguments, "--again", cwd=tmp_path).stdout


def test_the_memory_of_a_load_is_not_believed_when_the_data_are_gone(folder: Path, tmp_path: Path) -> None:
    (folder / "a.json").write_text(json.dumps(patient("a")))
    arguments = ("load", folder, "-d", "sqlite:///x.db")
    suture(*arguments, cwd=tmp_path)
    for file in tmp_path.glob("x.db*"):
        if not file.name.endswith(".jsonl"):
            file.unlink()
    assert "1 resource loaded" in suture(*arguments, cwd=tmp_path).stdout


def test_an_interrupted_load_goes_on_after_the_parts_that_were_answered(folder: Path, tmp_path: Path) -> None:
    (folder / "lines.ndjson").write_text("".join(json.dumps(patient(f"p{n}")) + "\n" for n in range(600)))
    arguments = ("load", folder, "-d", "sqlite:///x.db")
    suture(*arguments, cwd=tmp_path)
    record = tmp_path / "x.db-loads.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    assert len(lines) == 4
    record.write_text(lines[0] + lines[1] + '{"file": "cut o')

    again = suture(*arguments, cwd=tmp_path)

    assert again.returncode == 0
    assert "200 resources loaded" in again.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_load_that_is_stopped_repeats_nothing(folder: Path, tmp_path: Path, number: int) -> None:
    """What was on its way is finished and remembered: afterwards no resource is there twice."""
    for index in range(120):
        entries = [post(patient(multipleBirthInteger=index)) for _ in range(40)]
        (folder / f"{index:03}.json").write_text(json.dumps(bundle("transaction", *entries)))
    process = subprocess.Popen(
        [sys.executable, "-m", "suture", "load", folder, "-d", "sqlite:///x.db"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    record = tmp_path / "x.db-loads.jsonl"
    while not record.exists() or record.read_bytes().count(b"\n") < 10:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    told, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (130, "Interrupted.\n")
    before = int(re.findall(r"([\d,]+) resources loaded", told)[0].replace(",", ""))
    assert 0 < before < 4800

    again = suture("load", folder, "-d", "sqlite:///x.db", cwd=tmp_path)
    assert f"{4800 - before:,} resources loaded" in again.stdout


def test_a_running_server_can_be_loaded(server: Server, folder: Path, tmp_path: Path) -> None:
    (folder / "a.json").write_text(json.dumps(patient("load-by-server")))
    loaded = suture("load", folder, "--server", server.fhir, cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert httpx.get(f"{server.fhir}/Patient/load-by-server").status_code == 200


def test_a_server_that_is_not_there_is_told_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    (folder / "a.json").write_text(json.dumps(patient("a")))
    loaded = suture("load", folder, "--server", "http://127.0.0.1:9/fhir/r4", cwd=tmp_path)
    assert loaded.returncode == 1
    assert "http://127.0.0.1:9/fhir/r4 does not answer" in loaded.stderr
    assert "Traceback" not in loaded.stderr


def test_decimals_keep_their_digits(database_url: str, folder: Path, tmp_path: Path, start_server: Start) -> None:
    text = (
        '{"resourceType":"Observation","id":"exact","status":"final","code":{"text":"x"},'
        '"valueQuantity":{"value":1.00}}'
    )
    (folder / "o.ndjson").write_text(text)
    (folder / "c.json").write_text(
        '{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + text.replace("exact", "exact2") + "}]}"
    )
    assert suture("load", folder, "-d", database_url, cwd=tmp_path).returncode == 0
    server = start_server(database_url)
    for id in ("exact", "exact2"):
        assert b'"value":1.00}' in httpx.get(f"{server.fhir}/Observation/{id}").content
