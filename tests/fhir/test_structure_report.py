"""The report on a resource: complete, bounded, quick, and the same from every thread."""

import threading
import time
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.outcomes import InvalidStructure
from suture.fhir.structure import Validator
from suture.fhir.structure.explain import MAX_ISSUES
from suture.fhir.versions import Version
from tests.fhir.verdicts import R4, observation, patient


def test_every_problem_is_reported_with_severity_code_place_and_words() -> None:
    resource = patient(
        active="yes",
        birthDate="2023-02-30",
        gender="x",
        nme=[],
        deceasedBoolean=False,
        deceasedDateTime="2020",
        name=[{"given": []}],
        managingOrganization={"reference": "Patient/1"},
    )
    with pytest.raises(InvalidStructure) as caught:
        R4.check(resource)
    assert caught.value.status == 422
    outcome = caught.value.outcome()
    assert outcome["resourceType"] == "OperationOutcome"
    assert len(outcome["issue"]) == 7
    assert {issue["severity"] for issue in outcome["issue"]} == {"error"}
    assert all(issue["expression"] and issue["diagnostics"].endswith((".", "?")) for issue in outcome["issue"])
    assert R4.issues(outcome) == []


def test_a_valid_resource_passes_without_a_word() -> None:
    R4.check(patient())
    assert R4.issues(patient()) == []


def test_the_number_of_reported_problems_is_limited() -> None:
    found = R4.issues(patient(name=[{"x": 1}] * (MAX_ISSUES * 3)))
    assert len(found) == MAX_ISSUES + 1
    assert found[-1].severity == "information"


def test_reporting_many_problems_stays_quick() -> None:
    resource = patient(**{f"unknown{number}": 1 for number in range(5000)}, name=[{"use": "x"}] * 5000)
    started = time.perf_counter()
    R4.issues(resource)
    assert time.perf_counter() - started < 2


def test_the_valid_entries_of_a_large_bundle_are_passed_over_quickly() -> None:
    entries = [{"resource": observation(valueQuantity={"value": 1, "unit": "mg"})} for _ in range(3000)]
    entries.append({"resource": patient(gender="x")})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    started = time.perf_counter()
    assert [issue.expression for issue in R4.issues(bundle)] == ["Bundle.entry[3000].resource.gender"]
    assert time.perf_counter() - started < 2


def test_endless_nesting_ends() -> None:
    extension: dict[str, Any] = {"url": "urn:x:1"}
    for _ in range(5000):
        extension = {"url": "urn:x:1", "extension": [extension]}
    assert "too-costly" in [issue.code for issue in R4.issues(patient(extension=[extension]))]
    assert not R4.is_valid(patient(extension=[extension]))


def test_messages_show_little_of_a_long_value() -> None:
    assert all(len(issue.diagnostics) < 400 for issue in R4.issues(patient(birthDate="x" * 10**6, gender="y" * 10**6)))


def test_validators_may_be_shared_between_threads() -> None:
    validator = Validator(load(Version.R4))
    contained = [{"resourceType": "Organization", "id": "o", "name": "x"}]
    fine = patient(contained=contained, managingOrganization={"reference": "#o"})
    lost = patient(managingOrganization={"reference": "#o"})
    wrong: list[str] = []

    def judge(resource: Any, expected: bool) -> None:
        for _ in range(300):
            if validator.is_valid(resource) is not expected:
                wrong.append(str(resource))

    threads = [threading.Thread(target=judge, args=pair) for pair in ((fine, True), (lost, False)) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
