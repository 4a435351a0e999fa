"""`suture fhirpath`: expressions on files and on standard input."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from suture.cli.application import run
from tests.commands import suture

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "Ekman", "given": ["Ada", "Maria"]}],
    "active": True,
    "birthDate": "1974-12-25",
}
XML = '<Patient xmlns="http://hl7.org/fhir"><name><family value="Ekman"/></name></Patient>'


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def fhirpath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs the command in this process, in a folder with some resources."""
    (tmp_path / "p.json").write_text(json.dumps(PATIENT))
    (tmp_path / "p.xml").write_text(XML)
    (tmp_path / "e.json").write_text(json.dumps({"resourceType": "Encounter", "actualPeriod": {"start": "2020"}}))
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "no.json").write_text("[]")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, given: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["suture", "fhirpath", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        status = run()
        return Ran(status, *capsys.readouterr())

    return command


def test_each_item_is_a_line(fhirpath: Command) -> None:
    there = fhirpath("name.given | active | name.first() | 1.50", "p.json")
    name = json.dumps(PATIENT["name"][0], separators=(",", ":"))
    assert there == Ran(0, f"Ada\nMaria\ntrue\n{name}\n1.50\n", "")
    assert fhirpath("contact", "p.json") == Ran(0, "", "")


def test_xml_is_read_as_well_and_json_tells_types_and_places(fhirpath: Command) -> None:
    there = fhirpath("name.family", "p.xml", "--json")
    assert json.loads(there.out) == [{"type": "string", "path": "Patient.name[0].family", "value": "Ekman"}]
    assert json.loads(fhirpath("1.10", "p.xml", "--json").out) == [{"type": "decimal", "path": None, "value": 1.1}]


def test_standard_input_and_traces(fhirpath: Command) -> None:
    there = fhirpath("name.trace('n', family).given.count() > 1", given=json.dumps(PATIENT))
    assert there == Ran(0, "true\n", "trace n: Ekman\n")
    assert fhirpath("name.family", "-", given=XML).out == "Ekman\n"


def test_versions_and_variables(fhirpath: Command) -> None:
    expression = "actualPeriod.start.toString() = %year"
    assert fhirpath(expression, "e.json", "--version", "r5", "--variable", "year=2020").out == "true\n"
    assert fhirpath("%a", "p.json", "--variable", "a").status == 2


def test_mistakes_end_with_a_sentence(fhirpath: Command) -> None:
    wrong = fhirpath("name.givn", "p.json")
    assert (wrong.status, wrong.out) == (1, "")
    assert wrong.err.startswith("The expression is wrong: A FHIR HumanName has no element 'givn', at column 6")
    failed = fhirpath("name.given + 'x'", "p.json")
    assert failed.status == 1 and failed.err.startswith("The expression cannot be evaluated: ")
    assert fhirpath("name", "none.json").status == 2
    bad = fhirpath("name", "bad.json")
    assert bad.status == 2 and "bad.json" in bad.err
    assert "no FHIR resource" in fhirpath("name", "no.json").err


def test_the_help_teaches(tmp_path: Path) -> None:
    text = suture("fhirpath", "--help", cwd=tmp_path).stdout
    assert "Examples" in text and "trace(" in text and "--variable" in text
