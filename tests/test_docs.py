"""The documentation is complete, and what it says works."""

import inspect
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from suture import settings
from suture.api.operations import REGISTRY
from suture.fhir import outcomes
from suture.fhir.outcomes import FhirError
from tests.cli.demo_server import demo
from tests.servers import environment
from tools import build_docs

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", build_docs.pages())
def test_generated_pages_are_up_to_date(page: str) -> None:
    """`make docs` writes them anew."""
    assert (ROOT / "docs" / page).read_text("utf-8") == build_docs.pages()[page]


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert [field.name for field in settings.fields() if f"## {field.name}\n" not in text] == []


def test_every_command_and_each_of_its_options_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    for command in build_docs.commands():
        assert f"## suture {command.name}\n" in text
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{command.name} {parameter.name} has no help"


def test_every_operation_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert [operation.name for operation in REGISTRY if f"`${operation.name}`" not in text] == []


def test_every_way_to_refuse_a_request_is_documented() -> None:
    """Status and issue code of each error that can reach a client stand in one line of the table."""
    rows = [line for line in (ROOT / "docs" / "api.md").read_text("utf-8").splitlines() if re.match(r"\| \d{3}", line)]
    errors = [kind for _, kind in inspect.getmembers(outcomes, inspect.isclass) if issubclass(kind, FhirError)]
    assert len(errors) > 15
    missing = [
        (kind.status, kind.code)
        for kind in errors
        if not any(row.startswith(f"| {kind.status} ") and f"`{kind.code}`" in row for row in rows)
    ]
    assert missing == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page not in navigation and not page.startswith("decisions/")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not re.match(r"https?:|mailto:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    names = re.findall(r'^ +"([A-Za-z0-9-]+)[><=~]', project, re.MULTILINE)
    assert len(names) > 20
    assert [name for name in names if name not in text] == []


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo, for what pages show of it. They show it with curl."""
    if shutil.which("curl") is None:
        pytest.skip("the examples need curl")
    with demo(tmp_path_factory.mktemp("demo")) as (url, _):
        yield url


def test_the_tour_of_the_readme_works(demo_url: str) -> None:
    """Each command of its `bash` blocks and each `python` block, on the demo."""

    def here(text: str) -> str:
        assert "http://127.0.0.1:8000" in text
        return text.replace("http://127.0.0.1:8000", demo_url)

    commands = [
        command
        for block in blocks(ROOT / "README.md", "bash")
        for command in re.split(r"\n(?=curl )", "\n" + re.sub(r"^#.*\n|^\n", "", block, flags=re.MULTILINE))
        if command.strip()
    ]
    assert len(commands) >= 6
    for command in commands:
        ran = subprocess.run(["bash", "-c", here(command)], capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        assert '"resourceType"' in ran.stdout, command
        wrong = '"OperationOutcome"' in ran.stdout
        assert wrong == ("$validate" in command), f"{command}\n{ran.stdout}"
    (program,) = blocks(ROOT / "README.md", "python")
    ran = subprocess.run(
        [sys.executable, "-c", here(program)], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"created \S+\n(.*\n)*\S+ Rosa\n", ran.stdout), ran.stdout


def test_the_examples_of_added_search_parameters_work(demo_url: str, tmp_path: Path) -> None:
    """The commands that create one and ask for it, and the resource that is shown."""
    page = ROOT / "docs" / "search-parameters.md"
    commands = [*re.split(r"\n(?=curl )", blocks(page, "sh")[0].strip())]
    assert len(commands) == 3
    (resource,) = blocks(page, "json")
    (tmp_path / "shoe-size.json").write_text(resource)
    create = commands[0].partition(" -d ")[0]
    commands.insert(1, f"{create} -d @{tmp_path}/shoe-size.json")
    for command in commands:
        ran = ""
        for _ in range(100):
            text = command.replace("http://127.0.0.1:8000", demo_url)
            ran = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60).stdout
            if '"transient"' not in ran:
                break
            time.sleep(0.1)
        assert '"resourceType"' in ran and '"OperationOutcome"' not in ran, f"{command}\n{ran}"
