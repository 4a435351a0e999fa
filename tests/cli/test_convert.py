"""`suture convert`: JSON to XML and back from the command line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suture.cli.converting import Conversion, convert, converted, prepared
from suture.cli.options import Misuse
from suture.fhir.outcomes import FhirError
from suture.fhir.versions import Version
from tests.commands import suture

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "name": [{"family": "Ekman"}]}
XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Patient xmlns="http://hl7.org/fhir">\n  <id value="p"/>\n  <name>\n'
    '    <family value="Ekman"/>\n  </name>\n</Patient>'
)


def test_one_file_goes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    there = suture("convert", "p.json", cwd=tmp_path)
    assert (there.returncode, there.stdout, there.stderr) == (0, XML + "\n", "")
    (tmp_path / "p.xml").write_text(there.stdout)
    back = suture("convert", "p.xml", "--compact", cwd=tmp_path)
    assert (back.returncode, json.loads(back.stdout)) == (0, PATIENT)
    assert back.stdout.count("\n") == 1


def test_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "suture", "convert", "--to", "xml"]
    ran = subprocess.run(command, input=json.dumps(PATIENT).encode(), capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout.decode()) == (0, XML + "\n")


def test_many_files_go_to_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    for number in range(40):
        (source / f"p{number}.json").write_text(json.dumps(PATIENT | {"id": f"p{number}"}))
    (source / "deep" / "x.xml").write_text(XML)
    (source / "notes.txt").write_text("not a resource")
    (source / "bad.xml").write_text('<Patient xmlns="http://hl7.org/fhir">\n<foo/></Patient>')
    ran = suture("convert", "in", "--out", "out", cwd=tmp_path)
    assert ran.returncode == 1
    assert ran.stdout == "41 of 42 files converted.\n"
    assert ran.stderr == "in/bad.xml: Line 2: Patient has no element <foo>. [Patient]\n"
    assert '<id value="p7"/>' in (tmp_path / "out" / "p7.xml").read_text()
    assert json.loads((tmp_path / "out" / "deep" / "x.json").read_text()) == PATIENT
    assert not (tmp_path / "out" / "bad.json").exists()


def test_what_is_misused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(PATIENT))
    (tmp_path / "b.json").write_text(json.dumps(PATIENT))
    ran = suture("convert", "a.json", "b.json", cwd=tmp_path)
    assert ran.returncode == 2
    assert "2 files need a folder for the results: --out DIR." in ran.stderr
    assert suture("convert", "none.json", cwd=tmp_path).returncode == 2
    conversion = Conversion("", Version.R4, pretty=True)
    (tmp_path / "a.xml").write_text(XML)
    with pytest.raises(Misuse, match="would both become"):
        prepared([str(tmp_path / "a.json"), str(tmp_path / "a.xml")], tmp_path / "out", conversion)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Misuse, match="There is no"):
        prepared([str(tmp_path / "empty")], None, conversion)


def test_a_result_is_never_written_over_its_source(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(PATIENT))
    [job] = prepared([str(path)], tmp_path, Conversion("json", Version.R4, pretty=True))
    assert "written over the file itself" in convert(job)[0]
    assert json.loads(path.read_text()) == PATIENT


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a JSON document is expected"),
        (b'{"resourceType":"Patient",\n"active":tru}', "line 2"),
        (b'{"resourceType":"Patient","name":[{"famly":"x"}]}', "HumanName has no element 'famly'"),
        (b'{"resourceType":"Foo"}', "'Foo' is not a resource type of FHIR 4.0.1"),
        (b"[]", "An array stands where a resource"),
        (b"<Patient/>", 'Line 1: The root element <Patient> is in no namespace'),
        (b'<Patient xmlns="http://hl7.org/fhir">\n\n<active value="1"/></Patient>', "Line 3: '1' is not a valid"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(FhirError) as caught:
        converted(data, Conversion("", Version.R4, pretty=True))
    assert said in caught.value.issues[0].diagnostics


def test_versions_and_forms() -> None:
    actor = b'{"resourceType":"ActorDefinition","status":"draft","type":"system"}'
    assert converted(actor, Conversion("", Version.R5, pretty=False))[0] == "xml"
    with pytest.raises(FhirError):
        converted(actor, Conversion("", Version.R4B, pretty=False))
    assert converted(actor, Conversion("json", Version.R5, pretty=False)) == ("json", actor)
    bom = b"\xef\xbb\xbf\n" + b'<Patient xmlns="http://hl7.org/fhir"><id value="p"/></Patient>'
    assert converted(bom, Conversion("", Version.R4, pretty=False)) == ("json", b'{"resourceType":"Patient","id":"p"}')
