"""`suture settings`, `suture version` and the help."""

import json
from pathlib import Path

import pytest

from suture import __version__
from suture.settings import fields
from tests.commands import suture


def test_settings_shows_every_setting_with_its_value_and_source(tmp_path: Path) -> None:
    (tmp_path / "suture.toml").write_text("max_count = 77\n")
    shown = suture(
        "settings", "--json", "--set", "workers=2", cwd=tmp_path, SUTURE_DATABASE="postgresql://me:secret@localhost/x"
    )
    rows = {row["setting"]: (row["value"], row["source"]) for row in json.loads(shown.stdout)}
    assert set(rows) == {field.name for field in fields()}
    assert rows["max_count"] == ("77", "suture.toml")
    assert rows["workers"] == ("2", "--set workers")
    assert rows["database"] == ("postgresql://me:***@localhost/x", "SUTURE_DATABASE")
    assert rows["port"] == ("8000", "default")


def test_settings_are_readable_as_a_table_too(tmp_path: Path) -> None:
    shown = suture("settings", cwd=tmp_path)
    assert shown.returncode == 0
    for field in fields():
        assert field.name in shown.stdout


def test_version_names_what_matters(tmp_path: Path) -> None:
    shown = suture("version", cwd=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"Suture {__version__}\n")
    assert "FHIR R4 (4.0.1)" in shown.stdout


@pytest.mark.parametrize("command", ["demo", "serve", "load", "export", "check", "settings"])
def test_help_teaches_by_example(tmp_path: Path, command: str) -> None:
    shown = suture(command, "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "Example" in shown.stdout
    assert f"suture {command}" in shown.stdout


@pytest.mark.parametrize("arguments", [["sreve"], ["load"], ["serve", "--prot", "1"], ["serve", "--port", "x"]])
def test_a_wrong_command_line_is_told_without_a_traceback(tmp_path: Path, arguments: list[str]) -> None:
    refused = suture(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr
    assert "Traceback" not in refused.stderr
