"""docs/conformance.md says what the official suites say; the quick ones are run again here."""

import re
from pathlib import Path

import pytest

from tests.official_suites import SUITES, Official, Result
from tools import conformance

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "conformance.md").read_text("utf-8")
QUICK = [suite for suite in SUITES if suite.quick]


def test_the_page_has_a_line_for_every_suite_and_is_written_as_it_is_read() -> None:
    lines = conformance.read(PAGE)
    assert list(lines) == [suite.key for suite in SUITES]
    assert conformance.written(lines) == PAGE
    for suite in SUITES:
        line = lines[suite.key]
        cases, passed, not_run, others = map(int, line.cells[3:7])
        assert cases == passed + not_run + others
        assert 0 < passed <= cases
        assert bool(line.section) == (passed < cases or bool(suite.how))


def test_the_pages_and_tests_it_names_are_there() -> None:
    assert [suite.page for suite in SUITES if suite.page and not (DOCS / suite.page).exists()] == []
    assert [suite.test for suite in SUITES if not (DOCS.parent / suite.test).exists()] == []
    targets = re.findall(r"\]\(([^)\s]+)\)", PAGE)
    assert [target for target in targets if not (DOCS / target).exists()] == []


@pytest.mark.parametrize("suite", QUICK, ids=[suite.key for suite in QUICK])
def test_the_counts_of_the_quick_suites_are_as_it_says(suite: Official, shared: Path) -> None:
    assert conformance.line(suite, suite.run(shared)) == conformance.read(PAGE)[suite.key]


def test_fewer_passed_cases_are_told_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [{}, {"a": "it fell"}, {"a": "it fell"}]
    suite = Official("x", "X", "here", "cases", "tests", lambda _: Result(3, outcomes.pop(0)))
    (tmp_path / "README.md").touch()
    monkeypatch.setattr(conformance, "SUITES", (suite,))
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "page.md")
    arguments = ["--shared", str(tmp_path)]
    assert conformance.main(arguments) == 0
    page = conformance.PAGE.read_text("utf-8")
    assert conformance.main(arguments) == 1
    assert "x: 2 passed; the page says 3" in capsys.readouterr().err
    assert conformance.PAGE.read_text("utf-8") == page
    conformance.PAGE.unlink()
    assert conformance.main(arguments) == 0
    assert "| a | it fell |" in conformance.PAGE.read_text("utf-8")


def test_a_check_fails_on_any_difference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    results = [Result(3), Result(3), Result(4)]
    suite = Official("x", "X", "here", "cases", "tests", lambda _: results.pop(0))
    (tmp_path / "README.md").touch()
    monkeypatch.setattr(conformance, "SUITES", (suite,))
    monkeypatch.setattr(conformance, "PAGE", tmp_path / "page.md")
    arguments = ["--shared", str(tmp_path)]
    assert conformance.main(arguments) == 0
    assert conformance.main([*arguments, "--check"]) == 0
    assert conformance.main([*arguments, "--check"]) == 1
