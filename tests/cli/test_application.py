"""The command line imports only what the command that was called needs, and yet lists and explains all of them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suture.cli.application import app
from tests.servers import environment

COMMANDS: list[Any] = list(app.commands.values())

HEAVY = ("apsw", "asyncio", "asyncpg", "graphql", "httpx", "lxml", "starlette", "uvicorn")
ROOMS = ("access", "api", "app", "observability", "search", "store", "terminology", "fhir.definitions", "fhir.fhirpath")


def imported(*arguments: str, cwd: Path) -> tuple[str, set[str]]:
    """What `suture` with `arguments` prints, and what a new interpreter has imported when it ends."""
    program = (
        "import atexit, sys\n"
        "from suture.cli import main\n"
        "atexit.register(lambda: print('\\0' + ' '.join(sys.modules)))\n"
        "main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd, env=environment() | {"COLUMNS": "160"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told, _, modules = ran.stdout.partition("\0")
    return told, set(modules.split())


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["settings", "--json"]])
def test_a_command_that_serves_nothing_imports_no_server(tmp_path: Path, arguments: list[str]) -> None:
    told, modules = imported(*arguments, cwd=tmp_path)
    assert told
    expected = {"apsw"} if arguments == ["version"] else set[str]()
    assert modules & {*HEAVY, *(f"suture.{room}" for room in ROOMS)} == expected


def test_the_help_lists_every_command_with_what_it_does(tmp_path: Path) -> None:
    told, _ = imported("--help", cwd=tmp_path)
    for command in COMMANDS:
        assert f"│ {command.name} " in told
        assert command.help.partition(":")[0][:60] in told


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_what_the_list_says_of_a_command_begins_its_own_help(command: Any) -> None:
    whole = command.whole()
    assert whole.name == command.name
    assert " ".join(whole.help.split("\n\n")[0].split()) == command.help


def test_a_group_of_commands_explains_itself_and_its_commands(tmp_path: Path) -> None:
    told, _ = imported("cluster", "--help", cwd=tmp_path)
    assert "Distribute the database over several machines." in told
    assert "│ init " in told
    told, _ = imported("cluster", "init", "--help", cwd=tmp_path)
    assert "--dry-run" in told


def test_a_command_that_does_not_exist_is_told_without_importing_the_others(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "suture", "sreve"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "Did you mean 'serve'?" in ran.stderr
    assert "suture.cli.application" in ran.stderr
    assert "suture.cli.serve" not in ran.stderr
