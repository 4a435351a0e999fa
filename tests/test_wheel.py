"""The wheel has everything in it: alone with the dependencies, it works; installed where nothing is, it serves."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.cli.demo_server import demo
from tests.servers import environment

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment())
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = folder.glob("suture-*.whl")
    return file


def test_the_wheel_holds_what_the_package_needs_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("definitions/data/r4.json.zst", "cli/demo_data/2-patients.ndjson.zst", "licenses/LICENSE"):
        assert any(name.endswith(part) for name in names), part
    assert [name for name in names if not name.startswith(("suture/", "suture-"))] == []
    assert wheel.stat().st_size < 8_000_000


def test_unpacked_it_works_without_the_sources(wheel: Path, tmp_path: Path) -> None:
    place, patient = tmp_path / "unpacked", tmp_path / "patient.json"
    zipfile.ZipFile(wheel).extractall(place)
    patient.write_text('{"resourceType": "Patient", "gender": "x"}')
    env = environment() | {"PYTHONPATH": str(place)}
    where = [sys.executable, "-c", "import suture; print(suture.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, env=env).stdout
    assert Path(found.strip()).is_relative_to(place)
    command = [sys.executable, "-m", "suture", "validate", patient]
    judged = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert judged.returncode == 1, judged.stderr
    assert "Patient.gender" in judged.stdout


@pytest.mark.slow
def test_installed_in_an_empty_environment_it_serves_the_demo(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    locked = subprocess.run(
        [*pip, "--require-hashes", "-r", ROOT / "requirements.lock"], env=clean, capture_output=True, text=True
    )
    assert locked.returncode == 0, locked.stderr
    subprocess.run([*pip, "--no-deps", wheel], check=True, env=clean)
    check = subprocess.run([place / "bin" / "python", "-m", "pip", "check"], env=clean, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout
    with demo(tmp_path, place / "bin" / "suture") as (url, _):
        patient = httpx.get(f"{url}/fhir/r4/Patient/patient-1").json()
    assert patient["resourceType"] == "Patient"
