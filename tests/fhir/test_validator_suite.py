"""HL7's official validator cases: we agree with the reference validator, but for what is listed with its reason."""

import tomllib
from pathlib import Path

import pytest

from tests.fhir.validator_suite import Run, Suite

DISAGREEMENTS = Path(__file__).parent / "validator_disagreements.toml"


QUICK = 6
"""The quick run looks at every sixth case."""


def runs(shared: Path, step: int = 1) -> list[Run]:
    suite = Suite(shared)
    return [run for case in suite.cases[::step] if not suite.missing(case) for run in suite.run(case)]


def share(part: int, whole: int) -> float:
    return part / whole


def only_listed_ones_disagree(found: list[Run]) -> None:
    listed = set(tomllib.loads(DISAGREEMENTS.read_text("utf-8")))
    assert {run.name for run in found if not run.agrees} <= listed


def test_we_agree_on_a_sample_of_the_cases_but_for_the_listed_ones(shared: Path) -> None:
    found = runs(shared, QUICK)
    assert len(found) > 40
    only_listed_ones_disagree(found)


@pytest.mark.slow
def test_we_agree_on_what_is_valid_and_where_the_errors_are(shared: Path) -> None:
    found = runs(shared)
    only_listed_ones_disagree(found)
    assert len(found) >= 300
    assert share(sum(run.agrees for run in found), len(found)) >= 0.97
    valid = [run for run in found if run.valid]
    assert share(sum(run.accepted for run in valid), len(valid)) >= 0.99
    invalid = [run for run in found if not run.valid and not run.accepted]
    assert share(sum(run.overlaps for run in invalid), len(invalid)) >= 0.90
