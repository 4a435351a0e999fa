"""HL7's own tests of FHIRPath: for R4 beside the checkout, for R4B and R5 where the archive of all its cases is."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from suture.fhir.versions import Version
from tests.fhir.fhirpath.suite import Suite

SHARED = Path(__file__).parents[4] / "shared" / "suites"
CASES = SHARED / "fhir-test-cases"
REASONS = tomllib.loads((Path(__file__).parent / "disagreements.toml").read_text("utf-8"))

R4 = Suite(SHARED / "fhirpath-r4" / "tests-fhir-r4.xml", Version.R4, [SHARED / "fhirpath-r4"])


def of_cases(version: Version, cases: Path = CASES) -> Suite:
    """The suite of another version, in the unpacked folder of all official test cases."""
    folder = cases / version.value
    file = folder / "fhirpath" / f"tests-fhir-{version.value}.xml"
    return Suite(file, version, [folder, folder / "examples", cases / "r4", cases / "r4" / "examples", cases / "r5"])


OTHERS = [of_cases(Version.R4B), of_cases(Version.R5)]


@pytest.mark.skipif(not R4.groups, reason="the official FHIRPath tests are not beside the checkout")
@pytest.mark.parametrize("group", R4.groups, ids=lambda group: group.get("name"))
def test_the_answers_are_those_of_the_suite(group: Any) -> None:
    faults = [f"{test.get('name')}: {wrong}" for test in group.iter("{*}test") if (wrong := R4.fault(test))]
    assert faults == []


@pytest.mark.skipif(not R4.groups, reason="the official FHIRPath tests are not beside the checkout")
def test_the_suite_is_complete() -> None:
    assert len(list(R4.tests())) == 935


@pytest.mark.parametrize("suite", OTHERS, ids=[suite.version.value for suite in OTHERS])
def test_only_listed_answers_for_other_versions_are_different(suite: Suite) -> None:
    if not suite.groups:
        pytest.skip("the folder of all official test cases is not beside the checkout")
    wrong = {test.get("name") for test in suite.tests() if not suite.missing(test) and suite.fault(test)}
    assert wrong <= REASONS.keys()
