"""HL7's official validator cases: we agree with the reference validator, but for what is listed with its reason."""

from pathlib import Path

import pytest

from suture.fhir.versions import Version
from tests.fhir.validator_suite import ALL_CASES, Run, Suite, reasons

QUICK = 6
"""The quick run looks at every sixth case."""


def runs(suite: Suite, step: int = 1) -> list[Run]:
    return [run for case in suite.cases[::step] if not suite.missing(case) for run in suite.run(case)]


def share(part: int, whole: int) -> float:
    return part / whole


def only_listed_ones_disagree(found: list[Run]) -> None:
    assert {run.name for run in found if not run.agrees} <= reasons().keys()


def test_we_agree_on_a_sample_of_the_cases_but_for_the_listed_ones(shared: Path) -> None:
    found = runs(Suite(shared), QUICK)
    assert len(found) > 40
    only_listed_ones_disagree(found)


@pytest.mark.slow
def test_we_agree_on_what_is_valid_and_where_the_errors_are(shared: Path) -> None:
    found = runs(Suite(shared))
    only_listed_ones_disagree(found)
    assert len(found) >= 300
    assert share(sum(run.agrees for run in found), len(found)) >= 0.97
    valid = [run for run in found if run.valid]
    assert share(sum(run.accepted for run in valid), len(valid)) >= 0.99
    invalid = [run for run in found if not run.valid and not run.accepted]
    assert share(sum(run.overlaps for run in invalid), len(invalid)) >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("version", Version, ids=lambda version: version.value)
def test_in_all_official_cases_only_listed_ones_disagree(shared: Path, version: Version) -> None:
    if not (shared / ALL_CASES).exists():
        pytest.skip("the folder of all official test cases is not beside the checkout")
    only_listed_ones_disagree(runs(Suite(shared, version, ALL_CASES)))
