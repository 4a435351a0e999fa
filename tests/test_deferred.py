"""Modules that are imported when they are first used (`suture.deferred`), and what that means for a start."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from suture.deferred import deferred
from tests.servers import environment

LATER = (
    "graphql", "httpx", "suture.api.graphql.answer", "suture.api.judging", "suture.fhir.fhirpath.engine",
    "suture.fhir.patch.json_patch", "suture.fhir.profiles", "suture.fhir.rules", "suture.fhir.xml",
)  # fmt: skip

PRELUDE = f"""
import asyncio, json, sys
from suture.settings import Settings
LATER = {LATER!r}
def there():
    return [name for name in LATER if name in sys.modules]
"""


def run(program: str, folder: Path) -> str:
    """What `program` prints in a new interpreter, which has imported nothing yet."""
    ran = subprocess.run(
        [sys.executable, "-c", PRELUDE + program], cwd=folder, env=environment(), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_deferred_module_is_imported_at_its_first_use(tmp_path: Path) -> None:
    (tmp_path / "late_one.py").write_text("print('imported')\nANSWER = 42\n")
    told = run(
        "sys.path.insert(0, '.')\n"
        "from suture.deferred import deferred\n"
        "late_one = deferred('late_one')\n"
        "print('before')\n"
        "print(late_one.ANSWER, late_one.ANSWER)",
        tmp_path,
    )
    assert told.split("\n") == ["before", "imported", "42 42", ""]


def test_what_a_deferred_module_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = deferred("textwrap").nothing_of_the_kind


def test_threads_that_use_a_deferred_module_at_once_all_get_it(tmp_path: Path) -> None:
    (tmp_path / "slow_one.py").write_text("import time\ntime.sleep(0.2)\nANSWER = 42\n")
    sys.path.insert(0, str(tmp_path))
    try:
        slow_one = deferred("slow_one")
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(slow_one.ANSWER)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.path.remove(str(tmp_path))
    assert found == [42] * 8


def test_a_server_starts_without_what_only_some_requests_need_and_answers_those_too(tmp_path: Path) -> None:
    told = run(
        """
from suture.cli import serve
from suture.cli.target import embedded
async def ask():
    async with embedded(Settings(database="sqlite:///a.db")) as server:
        print(there())
        await server.request("GET", "metadata")
        print(there())
        patient = {"resourceType": "Patient", "id": "a", "name": [{"family": "Chalmers"}], "gender": "male"}
        created = await server.request("PUT", "Patient/a", json.dumps(patient).encode())
        assert created.status == 201, created.body
        answer = await server.request("GET", "$graphql?query=%7BPatient(id:%22a%22)%7Bname%7Bfamily%7D%7D%7D")
        assert answer.status == 200, answer.body
        print(answer.body.decode())
        parameters = {"resourceType": "Parameters", "parameter": [
            {"name": "expression", "valueString": "name.family"}, {"name": "resource", "resource": patient}]}
        answer = await server.request("POST", "$fhirpath", json.dumps(parameters).encode())
        assert answer.status == 200 and b'"Chalmers"' in answer.body, answer.body
        answer = await server.request("GET", "Patient/a?_format=xml")
        assert b'<family value="Chalmers"/>' in answer.body, answer.body
        wrong = await server.request("PUT", "Patient/b", json.dumps(patient | {"id": "b", "contact": [{}]}).encode())
        assert wrong.status in (400, 422), wrong.body
asyncio.run(ask())
""",
        tmp_path,
    )
    at_start, at_metadata, graphql, _ = told.split("\n")
    assert at_start == at_metadata == "[]"
    assert graphql == '{"data":{"Patient":{"name":[{"family":"Chalmers"}]}}}'


def test_a_server_imports_the_rest_when_it_has_settled(tmp_path: Path) -> None:
    """And each of the names is that of a module."""
    told = run(
        """
from suture import app
from suture.cli import application, serve
from suture.cli.target import embedded
app.SETTLED = 0.01
async def wait():
    async with embedded(Settings(database="sqlite:///a.db")):
        for _ in range(1000):
            if len(there()) == len(LATER):
                break
            await asyncio.sleep(0.02)
        print(sorted(set(LATER) - set(there())))
asyncio.run(wait())
from suture.deferred import import_next
while import_next():
    pass
""",
        tmp_path,
    )
    assert told == "[]\n"
