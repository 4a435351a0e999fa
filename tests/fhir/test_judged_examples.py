"""Published examples: the full judge refuses those that docs/validation-examples.md lists, and no others.

Each error of each of them is of a kind that judged_reasons.toml argues to be a fault of the example.
"""

from pathlib import Path

import pytest

from suture.fhir.outcomes import Issue
from tests.fhir.judged_examples import SOURCES, Source, errors, reasons_for

PAGE = Path(__file__).parent.parent.parent / "docs" / "validation-examples.md"
QUICK = 151
"""The quick run looks at every 151st example of some of the sources."""

SOME = tuple(source for source in SOURCES if source.title in ("R4 4.0.1", "R5 5.0.0", "US Core 6.1.0"))


def listed(source: Source) -> set[str]:
    section = PAGE.read_text("utf-8").split(f"\n## {source.title}\n")[1].split("\n## ")[0]
    return {line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")} - {"file"}


def each_error_has_its_reason(found: dict[str, list[Issue]]) -> None:
    for name, issues in found.items():
        for issue in issues:
            assert len(reasons_for(issue)) == 1, (name, issue)


@pytest.mark.parametrize("source", SOME, ids=lambda source: source.title)
def test_a_sample_of_published_examples_is_judged_as_listed(source: Source, shared: Path) -> None:
    count, found = errors(shared, source, lambda number: number % QUICK == 0)
    assert count > 0
    assert set(found) <= listed(source)
    each_error_has_its_reason(found)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.title)
def test_all_published_examples_are_judged_as_listed(source: Source, shared: Path) -> None:
    _, found = errors(shared, source)
    assert set(found) == listed(source)
    each_error_has_its_reason(found)
