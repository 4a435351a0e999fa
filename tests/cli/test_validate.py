"""`suture validate`: files are judged without a server."""

import json
from pathlib import Path

import pytest

from tests.commands import suture
from tests.fhir.profiles.judging import Json, element, patient, profile

NAMED = profile("named", "Patient", element("Patient.name", min=1))
GOOD = patient(id="a", name=[{"text": "A"}])
NAMELESS = patient(id="b", gender="male")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "data" / "good.json", GOOD)
    write(tmp_path / "profiles" / "named.json", NAMED)
    return tmp_path


def write(path: Path, *resources: Json) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(json.dumps(resource) for resource in resources), "utf-8")
    return path


def test_a_valid_file_ends_with_0(folder: Path) -> None:
    done = suture("validate", "data", "--level", "error", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "1 resource: 1 valid, 0 not.\n"), done.stderr


def test_an_error_is_told_with_file_and_place(folder: Path) -> None:
    write(folder / "data" / "bad.json", patient(gender="x"))
    done = suture("validate", "data", cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "data/bad.json: error: Patient.gender: 'x'" in done.stdout
    assert "2 resources: 1 valid, 1 not." in done.stdout


def test_xml_and_lines_of_ndjson_are_read_as_well(folder: Path) -> None:
    (folder / "p.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><gender value="x"/></Patient>', "utf-8")
    write(folder / "many.ndjson", GOOD, NAMELESS, patient(gender="x"))
    done = suture("validate", "p.xml", "many.ndjson", "--level", "error", cwd=folder)
    assert "p.xml: error: Patient.gender" in done.stdout
    assert "many.ndjson:3: error: Patient.gender" in done.stdout
    assert "4 resources: 2 valid, 2 not." in done.stdout


def test_profiles_come_from_loose_files_and_are_named_or_claimed(folder: Path) -> None:
    write(folder / "nameless.json", NAMELESS)
    write(folder / "claiming.json", NAMELESS | {"meta": {"profile": [NAMED["url"]]}})
    assert suture("validate", "nameless.json", "--definitions", "profiles", cwd=folder).returncode == 0
    named = suture("validate", "nameless.json", "--definitions", "profiles", "--profile", NAMED["url"], cwd=folder)
    assert named.returncode == 1
    assert NAMED["url"] in named.stdout
    assert suture("validate", "claiming.json", "--definitions", "profiles", cwd=folder).returncode == 1


def test_json_is_one_line_for_each_resource(folder: Path) -> None:
    write(folder / "many.ndjson", GOOD, patient(id="c", gender="x"))
    done = suture("validate", "many.ndjson", "--json", "--level", "error", cwd=folder)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == {"file": "many.ndjson", "resource": "Patient/a", "valid": True, "line": 1}
    assert (second["resource"], second["valid"], second["line"]) == ("Patient/c", False, 2)
    assert second["outcome"]["issue"][0]["expression"] == ["Patient.gender"]


def test_many_files_are_shared_between_processes(folder: Path) -> None:
    for number in range(40):
        write(folder / "data" / f"{number}.json", patient(id=str(number), gender="x" if number % 10 == 0 else "male"))
    done = suture("validate", "data", "--processes", "2", "--level", "error", cwd=folder)
    assert "41 resources: 37 valid, 4 not." in done.stdout
    told = [line.partition(":")[0] for line in done.stdout.splitlines() if "error:" in line]
    assert told == [f"data/{number}.json" for number in (0, 10, 20, 30)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.json",), "there is no such file"),
        (("data", "--package", "no.such.package@1.0.0"), "no.such.package@1.0.0"),
        (("data", "--definitions", "nowhere"), "there is no such file"),
        (("data", "--entry", "Patient"), "WHICH=URL"),
        (("profiles/empty",), "there is no such file"),
    ],
)
def test_what_is_not_there_ends_with_2(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = suture("validate", *arguments, cwd=folder)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr


def test_unknown_extensions_are_fine_unless_they_may_not_be(folder: Path) -> None:
    write(folder / "x.json", GOOD | {"extension": [{"url": "http://x.org/unknown", "valueString": "y"}]})
    assert suture("validate", "x.json", cwd=folder).returncode == 0
    assert suture("validate", "x.json", "--extensions", "none", cwd=folder).returncode == 1
    assert suture("validate", "x.json", "--extensions", "http://x.org/", cwd=folder).returncode == 0


def test_what_cannot_be_read_is_not_valid(folder: Path) -> None:
    (folder / "broken.json").write_text('{"resourceType": "Patient",', "utf-8")
    done = suture("validate", "broken.json", cwd=folder)
    assert done.returncode == 1
    assert "broken.json: error" in done.stdout
