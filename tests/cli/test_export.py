"""`suture export`: every current resource, once, in files that `suture load` takes back."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.commands import suture
from tests.servers import Server


def fill(folder: Path, database: str, count: int = 1203) -> None:
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{n}", "multipleBirthInteger": n}) for n in range(count)]
    (folder / "patients.ndjson").write_text("\n".join(lines))
    (folder / "group.json").write_text('{"resourceType":"Group","id":"g","type":"person","actual":true}')
    assert suture("load", folder / "patients.ndjson", folder / "group.json", "-d", database, cwd=folder).returncode == 0


def test_everything_is_written_once_and_can_be_loaded_elsewhere(
    database_url: str, tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    fill(tmp_path, database_url)
    exported = suture("export", "out", "-d", database_url, cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert "1,204 resources written to out" in exported.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Group.ndjson", "Patient.ndjson"]
    patients = [json.loads(line) for line in (tmp_path / "out" / "Patient.ndjson").read_text().splitlines()]
    assert sorted(one["multipleBirthInteger"] for one in patients) == list(range(1203))

    assert suture("load", "out", "-d", "sqlite:///copy.db", cwd=tmp_path).returncode == 0
    with httpx.Client(base_url=start_server(f"sqlite:///{tmp_path}/copy.db").fhir) as client:
        assert client.get("Patient?_summary=count").json()["total"] == 1203
        assert client.get("Group/g").json()["meta"]["versionId"] == "1"


def test_types_can_be_chosen_and_files_compressed(tmp_path: Path) -> None:
    fill(tmp_path, "sqlite:///x.db", 3)
    exported = suture("export", "out", "-d", "sqlite:///x.db", "--type", "Patient", "--gzip", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == "Patient.ndjson.gz"
    assert len(gzip.decompress(file.read_bytes()).splitlines()) == 3


def test_an_export_does_not_mix_with_older_files(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Patient.ndjson").write_text("old")
    exported = suture("export", "out", "-d", "sqlite:///x.db", cwd=tmp_path)
    assert exported.returncode == 2
    assert exported.stderr == "out is not an empty folder; an export does not mix with older files.\n"


def test_a_running_server_can_be_exported(server: Server, tmp_path: Path) -> None:
    assert httpx.put(f"{server.fhir}/Basic/exported", json={
        "resourceType": "Basic", "id": "exported", "code": {"text": "x"},
    }).is_success  # fmt: skip
    exported = suture("export", "out", "--server", server.fhir, "--type", "Basic", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert '"id":"exported"' in (tmp_path / "out" / "Basic.ndjson").read_text()


def test_an_unknown_type_is_told(tmp_path: Path) -> None:
    exported = suture("export", "out", "-d", "sqlite:///x.db", "--type", "Patent", cwd=tmp_path)
    assert (exported.returncode, exported.stderr) == (2, "The server has no resource type Patent.\n")
