"""`suture packages`: add, list, remove, and what is left out of exports and refused by loads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import suture
from tests.packages import files, guide, parameter, profile, written
from tests.servers import environment


def test_a_package_is_loaded_listed_and_removed(tmp_path: Path) -> None:
    def packages(*arguments: str | Path) -> tuple[int, str, str]:
        ran = suture("packages", *arguments, cwd=tmp_path, HOME=str(tmp_path))
        return ran.returncode, ran.stdout, ran.stderr

    content = files(
        profile("own", "1.0.0"), guide("1.0.0"), parameter("contact-family", "1.0.0"), parameter("given", "1.0.0"),
        dependencies={"example.other": "1.0.0"},
    )  # fmt: skip
    path = written(content, tmp_path / "guide.tgz")
    status, out, err = packages("add", path)
    assert status == 0
    assert "example.guide@1.0.0: 4 definitions (4 written)" in out
    assert "being built (contact-family)" in out
    assert "needs example.other@1.0.0, which is not at hand" in err
    assert "not used: Patient already has a search parameter 'given'" in err
    status, out, _ = packages("list", "--json")
    (held,) = json.loads(out)
    assert (held["name"], held["version"], held["definitions"]) == ("example.guide", "1.0.0", 4)
    exported = suture("export", tmp_path / "out", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert list((tmp_path / "out").glob("*.ndjson")) == []
    status, out, _ = packages("remove", "example.guide")
    assert (status, out) == (0, "example.guide@1.0.0 is removed, 4 resources.\n")
    assert packages("list")[1] == "No package is loaded. Load one with `suture packages add`.\n"


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.tgz").write_bytes(b"no archive")
    refused = suture("packages", "add", "bad.tgz", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("bad.tgz: A package archive is a tar file compressed by gzip")
    assert not (tmp_path / "suture.db").exists()
    unknown = suture("packages", "remove", "example.guide", cwd=tmp_path)
    assert unknown.returncode == 1
    assert unknown.stderr == "example.guide is not loaded. Loaded: none.\n"
    setting = suture("packages", "add", "x", "--package-server", "packages.example.org", cwd=tmp_path)
    assert setting.returncode == 2
    assert "http or https URL" in setting.stderr


def test_a_bulk_load_cannot_bring_a_definition_of_a_package(tmp_path: Path) -> None:
    (tmp_path / "one.ndjson").write_text(json.dumps(profile("package.abc.own", "1.0.0")) + "\n")
    loaded = suture("load", "one.ndjson", "--bulk", cwd=tmp_path)
    assert loaded.returncode == 1, loaded.stdout
    assert "read-only" in loaded.stdout + loaded.stderr


@pytest.mark.slow
def test_six_published_packages_fit_together(shared: Path, tmp_path: Path) -> None:
    """US Core in four versions, the International Patient Summary and the extensions, in at most 400 MB of memory."""
    archives = sorted((shared / "packages").glob("hl7.fhir.u*.tgz"))
    command = [sys.executable, "-m", "suture", "packages", "add", "--alone", *map(str, archives)]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    told = (tmp_path / "out").read_text()
    assert os.waitstatus_to_exitcode(status) == 0, told
    assert used.ru_maxrss < 400 * 1024, "in kB"
    assert used.ru_utime < 1.5 * len(archives) + 3
    assert told.count(" written") == 6
    reindexed = suture("reindex", cwd=tmp_path)
    assert reindexed.returncode == 0, reindexed.stdout + reindexed.stderr
    assert suture("check", cwd=tmp_path).returncode == 0
