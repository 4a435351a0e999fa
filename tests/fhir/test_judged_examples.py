"""Published examples: the full judge refuses those that docs/validation-examples.md lists, and no others."""

from pathlib import Path

import pytest

from tests.fhir.judged_examples import SOURCES, Source, refused

PAGE = Path(__file__).parent.parent.parent / "docs" / "validation-examples.md"
QUICK = 151
"""The quick run looks at every 151st example of some of the sources."""

SOME = tuple(source for source in SOURCES if source.title in ("R4 4.0.1", "R5 5.0.0", "US Core 6.1.0"))


def listed(source: Source) -> set[str]:
    section = PAGE.read_text("utf-8").split(f"\n## {source.title}\n")[1].split("\n## ")[0]
    return {line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")} - {"file"}


@pytest.mark.parametrize("source", SOME, ids=lambda source: source.title)
def test_a_sample_of_published_examples_is_judged_as_listed(source: Source, shared: Path) -> None:
    count, errors = refused(shared, source, lambda number: number % QUICK == 0)
    assert count > 0
    assert set(errors) <= listed(source)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.title)
def test_all_published_examples_are_judged_as_listed(source: Source, shared: Path) -> None:
    _, errors = refused(shared, source)
    assert set(errors) == listed(source)
