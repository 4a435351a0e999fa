"""`suture load --bulk`: an empty database is filled so that nobody can tell it from one that was loaded plainly."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

import suture.cli
from suture.search.prose import words
from tests import cluster, databases
from tests.cli.given import FAULTS, bundle, patient, post, refused, write_faulty
from tests.commands import suture as run
from tests.servers import Server, environment

Start = Callable[..., Server]

DEMO = Path(suture.cli.__file__).parent / "demo_data"
PART = 2_500
"""Lines of each demo file, the resources of some twenty patients."""
QUESTIONS = 60


def observation(subject: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        "subject": {"reference": subject},
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


@pytest.fixture
def other_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A second fresh database of the same engine."""
    place = tmp_path / "other"
    place.mkdir()
    with databases.for_test(database_url.partition(":")[0], place) as url:
        yield url


def bulk(
    folder: Path, url: str, cwd: Path, *more: str | Path, processes: int = 1
) -> "subprocess.CompletedProcess[str]":
    return run("load", "--bulk", "--processes", str(processes), folder, "--database", url, *more, cwd=cwd)


def sound(url: str, cwd: Path) -> str:
    checked = run("check", "--database", url, cwd=cwd)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return checked.stdout


def write_lines(path: Path, resources: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in resources))


def test_the_result_is_that_of_plain_loading(
    database_url: str, other_url: str, tmp_path: Path, start_server: Start
) -> None:
    (some := tmp_path / "some").mkdir()
    for file in DEMO.glob("*.zst"):
        lines = zstandard.open(file, "rt").read().splitlines(keepends=True)
        (some / file.stem).write_text("".join(lines[:PART]))
    filled = bulk(some, database_url, tmp_path, processes=2)
    assert filled.returncode == 0, filled.stdout + filled.stderr
    plain = run("load", some, "--database", other_url, cwd=tmp_path)
    assert plain.returncode == 0, plain.stdout + plain.stderr
    assert filled.stdout.split("\n", 1)[1].startswith(plain.stdout.split("\n", 1)[1].rstrip())

    sound(database_url, tmp_path)
    seed = random.randrange(10**6)
    queries = list(questions(random.Random(seed), some))
    with (
        httpx.Client(base_url=start_server(database_url).fhir, timeout=60) as one,
        httpx.Client(base_url=start_server(other_url).fhir, timeout=60) as two,
    ):
        for query in queries:
            assert found(one, query) == found(two, query), f"{query} (seed {seed})"


def questions(rng: random.Random, folder: Path) -> Iterator[str]:
    """Searches with values of the resources in `folder`."""
    resources = [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]
    patients = [one for one in resources if one["resourceType"] == "Patient"]
    clinical = [one for one in resources if "code" in one and "subject" in one]
    for _ in range(QUESTIONS):
        someone, thing = rng.choice(patients), rng.choice(clinical)
        coding = thing["code"]["coding"][0]
        token = rng.choice([coding["code"], f"{coding.get('system', '')}|{coding['code']}"])
        type, told = thing["resourceType"], words(coding["display"])
        yield rng.choice(
            [
                f"{type}?code={token}",
                f"{type}?code={token}&subject={thing['subject']['reference']}",
                f"{type}?subject={thing['subject']['reference']}&_sort=_id",
                f"Observation?date=ge{rng.randrange(1990, 2024)}-06-01&_sort=-date,_id&_count=50",
                f"Observation?value-quantity=gt{rng.randrange(200)}&patient={someone['id']}",
                f"Patient?name={someone['name'][0]['family'][: rng.randrange(2, 5)]}",
                f"Patient?birthdate=lt{someone['birthDate']}",
                f"Patient?identifier={someone['identifier'][0]['value']}",
                f"Patient?gender={someone['gender']}&_sort=birthdate,_id",
                f"Patient?_has:Observation:patient:code={coding['code']}",
                f"Observation?patient.identifier={someone['identifier'][0]['value']}&_count=30&_sort=date,_id",
                f"Patient/{someone['id']}/Encounter?_sort=_id",
                f"{type}?code:missing=true",
                f"{type}?_content={' '.join(told[: rng.randrange(1, 4)])}",
                f'{type}?_content="{" ".join(told)}"&_sort=-_score,_id',
                f"?_content={someone['address'][0]['city']} NOT married&_type=Patient,Encounter,Organization",
                f"Patient?_text={words(someone['name'][0]['family'])[0][:3]}*&_sort=_id",
            ]
        )


def found(client: httpx.Client, query: str) -> Any:
    """The ids that a search finds, in their order where one was asked for, else sorted."""
    answer = client.get(query if "_count" in query else f"{query}&_count=1000")
    assert answer.status_code == 200, f"{query}: {answer.text}"
    ids = [entry["resource"]["id"] for entry in answer.json().get("entry", [])]
    return ids if "_sort" in query else sorted(ids)


def test_every_kind_of_file_is_loaded(database_url: str, folder: Path, tmp_path: Path, start_server: Start) -> None:
    (folder / "one.json").write_text(json.dumps(patient("one", name=[{"family": "Ammann"}])))
    (folder / "new.json").write_text(json.dumps(patient()))
    write_lines(folder / "lines.ndjson", [patient(f"line-{n}") for n in range(450)])
    transaction = bundle("transaction", post(observation("urn:uuid:1")), post(patient(), "urn:uuid:1"))
    (folder / "transaction.json.zst").write_bytes(zstandard.compress(json.dumps(transaction).encode()))
    collection = bundle(
        "collection",
        {"fullUrl": "urn:uuid:2f6d6a0e-6f0c-4c5b-9a4f-2b6f0d8c7e11", "resource": patient()},
        {"resource": {**observation("urn:uuid:2f6d6a0e-6f0c-4c5b-9a4f-2b6f0d8c7e11"), "id": "c-obs"}},
    )
    (folder / "collection.json").write_text(json.dumps(collection))
    (folder / "batch.json").write_text(json.dumps(bundle("batch", post(patient()))))

    loaded = bulk(folder, database_url, tmp_path, processes=2)

    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert "457 resources loaded" in loaded.stdout
    sound(database_url, tmp_path)
    with httpx.Client(base_url=start_server(database_url).fhir) as client:
        assert client.get("Patient?_summary=count").json()["total"] == 455
        assert client.get("Patient/one").json()["name"] == [{"family": "Ammann"}]
        for entry in client.get("Observation?code=http://loinc.org|29463-7").json()["entry"]:
            assert client.get(entry["resource"]["subject"]["reference"]).status_code == 200


def test_what_is_refused_is_told_with_its_place_and_reason(database_url: str, folder: Path, tmp_path: Path) -> None:
    write_faulty(folder)
    (folder / "broken.ndjson.gz").write_bytes(b"not gzip")

    loaded = bulk(folder, database_url, tmp_path, "--refused", tmp_path / "refused")

    assert loaded.returncode == 1
    assert "2 resources loaded" in loaded.stdout
    assert refused(tmp_path / "refused") == FAULTS | {("broken.ndjson.gz", "", 0)}
    assert "2 resources checked" in sound(database_url, tmp_path)


def test_a_database_that_is_not_empty_is_left_alone(database_url: str, folder: Path, tmp_path: Path) -> None:
    write_lines(folder / "lines.ndjson", [patient("a")])
    assert bulk(folder, database_url, tmp_path).returncode == 0

    for more in ((), ("--restart",)):
        again = bulk(folder, database_url, tmp_path, *more)
        assert again.returncode == 1
        assert "empty database" in again.stderr and "suture load without --bulk" in again.stderr
    assert "1 resources checked" in sound(database_url, tmp_path)


def test_conditions_are_decided_by_the_files_that_come_first(database_url: str, folder: Path, tmp_path: Path) -> None:
    known = {"system": "urn:example:hospitals", "value": "7"}
    hospital = {"resourceType": "Organization", "name": "General", "identifier": [known]}
    condition = {"ifNoneExist": "identifier=urn:example:hospitals|7"}
    first = bundle("transaction", post(hospital, **condition), post({**hospital, "name": "Again"}, **condition))
    (folder / "hospitalInformation1.json").write_text(json.dumps(first))
    reference = {"reference": "Organization?identifier=urn:example:hospitals|7"}
    later = bundle("transaction", post(patient(managingOrganization=reference)), post(hospital, **condition))
    (folder / "a.json").write_text(json.dumps(later))
    unknown = {"reference": "Organization?identifier=urn:example:hospitals|8"}
    (folder / "b.json").write_text(json.dumps(bundle("transaction", post(patient(managingOrganization=unknown)))))

    loaded = bulk(folder, database_url, tmp_path, processes=2)

    assert "2 resources loaded" in loaded.stdout, loaded.stdout
    assert "load this file by suture load without --bulk" in loaded.stdout
    sound(database_url, tmp_path)


def test_of_what_comes_more_than_once_the_last_stays(
    database_url: str, folder: Path, tmp_path: Path, start_server: Start
) -> None:
    twice = [patient("twice", birthDate=f"200{n}-01-01") for n in range(3)]
    write_lines(folder / "lines.ndjson", [twice[0], patient("a"), twice[1], patient("b"), twice[2]])

    loaded = bulk(folder, database_url, tmp_path, processes=2)

    assert loaded.returncode == 1
    assert "3 resources loaded" in loaded.stdout
    assert "2 refused" in loaded.stdout and "Patient/twice" in loaded.stdout
    assert "3 resources checked" in sound(database_url, tmp_path)
    with httpx.Client(base_url=start_server(database_url).fhir) as client:
        assert client.get("Patient/twice").json()["birthDate"] == "2002-01-01"
        assert client.get("Patient?birthdate=2000-01-01&_summary=count").json()["total"] == 0


def test_the_server_writes_on(database_url: str, folder: Path, tmp_path: Path, start_server: Start) -> None:
    write_lines(folder / "lines.ndjson", [patient(f"p{n}") for n in range(10)])
    assert bulk(folder, database_url, tmp_path).returncode == 0
    server = start_server(database_url)
    with httpx.Client(base_url=server.fhir) as client:
        assert client.put("Patient/p3", json=patient("p3", gender="female")).json()["meta"]["versionId"] == "2"
        assert client.post("Patient", json=patient(gender="female")).status_code == 201
        assert client.get("Patient?gender=female&_summary=count").json()["total"] == 2
        assert len(client.get("_history?_count=50").json()["entry"]) == 12
    server.stop()
    sound(database_url, tmp_path)


def test_a_killed_load_leaves_a_database_that_says_so(database_url: str, folder: Path, tmp_path: Path) -> None:
    write_lines(folder / "lines.ndjson", [patient(f"p{n}", name=[{"family": f"Name{n}"}]) for n in range(30_000)])
    command = [sys.executable, "-m", "suture", "load", "--bulk", str(folder), "--database", database_url]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 60
        while not marked(database_url, tmp_path):
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        process.send_signal(signal.SIGKILL)
        process.wait()

    for command in (("serve", "--port", "0"), ("check",)):
        refused = run(*command, "--database", database_url, cwd=tmp_path)
        assert refused.returncode != 0
        assert "suture load --bulk --restart" in refused.stderr
    assert "suture load --bulk --restart" in bulk(folder, database_url, tmp_path).stderr

    write_lines(folder / "lines.ndjson", [patient("a"), patient("b")])
    restarted = bulk(folder, database_url, tmp_path, "--restart", processes=2)
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    assert "2 resources checked" in sound(database_url, tmp_path)
    assert not list(tmp_path.glob("*-bulk*"))


def marked(url: str, cwd: Path) -> bool:
    """Whether the database says that it is being loaded."""
    if url.startswith("sqlite"):
        return any(cwd.glob("suture.db-bulk-*"))  # the file is locked while the load runs, and marked before
    ask = [cluster.programs() / "psql", url, "-qAtc", "select name from meta where name = 'bulk'"]
    return bool(subprocess.run(ask, capture_output=True).stdout)


def test_options_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in.ndjson").write_text("")
    for more in (("--bulk", "--again"), ("--bulk", "--server", "http://127.0.0.1:1"), ("--restart",)):
        assert run("load", "in.ndjson", *more, cwd=tmp_path).returncode == 2
