"""`suture terminology`: adds, lists and removes code systems; servers that run take it up."""

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from suture.cli.terminology_packs import PACKS, fetched
from suture.terminology.content.files import ReleaseError
from tests.commands import suture
from tests.servers import Server

WAIT = 30


def lookup(server: Server, code: str) -> httpx.Response:
    query = {"system": "http://hl7.org/fhir/sid/cvx", "code": code}
    return httpx.get(f"{server.fhir}/CodeSystem/$lookup", params=query)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_a_running_server_takes_up_what_is_added_and_lets_go_of_what_is_removed(
    fresh_server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "cvx.txt"
    file.write_text("01|DTP|diphtheria, tetanus toxoids and pertussis vaccine||Inactive|False|2010/09/30\n")
    database = ("--database", fresh_server.database)
    assert lookup(fresh_server, "01").status_code == 404

    added = suture("terminology", "add", file, *database, cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    assert "CVX 20100930: 1 concepts loaded" in added.stdout
    assert eventually(lambda: lookup(fresh_server, "01").status_code == 200)
    names = {one["name"]: one.get("valueString") for one in lookup(fresh_server, "01").json()["parameter"]}
    assert names["display"] == "DTP"

    listed = suture("terminology", "list", *database, cwd=tmp_path)
    assert "http://hl7.org/fhir/sid/cvx" in listed.stdout
    assert "20100930" in listed.stdout

    removed = suture("terminology", "remove", "cvx", *database, cwd=tmp_path)
    assert removed.returncode == 0, removed.stderr
    assert eventually(lambda: lookup(fresh_server, "01").status_code == 404)


def test_what_cannot_be_loaded_or_removed_is_one_sentence(tmp_path: Path) -> None:
    database = ("--database", f"sqlite:///{tmp_path / 'suture.db'}")
    (tmp_path / "cvx.txt").write_text("01|DTP|name||Inactive\n1|short\n")
    broken = suture("terminology", "add", tmp_path / "cvx.txt", *database, cwd=tmp_path)
    assert broken.returncode == 2
    assert "cvx.txt, line 2: code|short|full" in broken.stderr
    other = suture("terminology", "remove", "loinc", *database, cwd=tmp_path)
    assert other.returncode == 2
    assert "loinc is not loaded" in other.stderr


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("open(argv[0], 'w').write('another package')", "its digest is different"),
        ("sys.exit('ERROR: No matching distribution found')", "could not be fetched: ERROR: No matching distribution"),
    ],
)
def test_a_pack_that_is_not_what_was_tested_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str, said: str
) -> None:
    # another interpreter stands for the one that would run pip
    pip = tmp_path / "python"
    script = f"import sys; argv = [{str(tmp_path / PACKS[name].file)!r}]; {says}"
    pip.write_text(f"#!/bin/sh\nexec {sys.executable} -c {shlex.quote(script)}\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(ReleaseError, match=said) as refused:
        fetched(name, tmp_path)
    assert f"pip download --no-deps {PACKS[name].package}==" in str(refused.value)
