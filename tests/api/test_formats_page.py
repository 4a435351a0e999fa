"""What docs/formats.md shows works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suture.fhir import json
from tests.servers import Server, environment

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
SCRIPTS = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def ran(command: str, folder: Path, server: Server) -> str:
    """What a shell says to `command`; its errors fail the test."""
    text = command.replace("http://127.0.0.1:8000", server.url)
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", text],
        cwd=folder,
        env=environment() | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_the_commands_of_the_page_work(server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None or not (SCRIPTS / "suture").exists():
        pytest.skip("the examples need curl and the installed command")
    asking, broken, sending, faulty, patching, files = blocks("sh")
    broken_told, faulty_told = blocks("json")
    assert "<Bundle" in ran(asking, tmp_path, server) and "OperationOutcome" in ran(asking, tmp_path, server)
    assert json.decode(ran(broken, tmp_path, server).encode()) == json.decode(broken_told.encode())
    assert '"family":"Abara"' in ran(sending, tmp_path, server)
    assert json.decode(ran(faulty, tmp_path, server).encode()) == json.decode(faulty_told.encode())
    patched = ran(patching, tmp_path, server)
    assert '"family":"Kaya"' in patched and '"gender":"female"' in patched
    shown = ran(files, tmp_path, server)
    assert '"family": "Abara"' in shown
    assert (tmp_path / "again" / "abara.xml").read_text().endswith('<family value="Abara"/></name></Patient>\n')


def test_the_program_of_the_page_works(tmp_path: Path) -> None:
    [program] = blocks("python")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert '"active":true' in done.stdout and '<active value="true"/>' in done.stdout
