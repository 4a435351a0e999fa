"""Invariants that the specification publishes wrongly, judged as their own texts and later versions mean them."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

from suture.fhir.definitions import Element, load
from suture.fhir.profiles import Answer, Library
from suture.fhir.profiles.errata import CORRECTED
from suture.fhir.rules import Coded
from suture.fhir.versions import Version
from tests.fhir.profiles.judging import BASE, Json, Oracle, errors, issues


def broken(key: str, type: str, version: Version = Version.R4, **elements: Any) -> bool:
    """Whether a resource breaks the rule `key`."""
    found = errors({"resourceType": type, **elements}, version=version)
    return any(sentence.startswith(f"The rule {key} ") for _, sentence in found)


def expressions(elements: Iterable[Element]) -> Iterable[str]:
    for element in elements:
        yield from (constraint.expression for constraint in element.constraints)
        yield from expressions(element.children)


def test_each_corrected_expression_is_one_that_a_version_has_published() -> None:
    published: set[str] = set()
    for version in Version:
        for structure in load(version).structures.values():
            published.update(constraint.expression for constraint in structure.constraints)
            published.update(expressions(structure.elements))
        for branch in Library(version).tree(BASE + "vitalsigns").walk():
            published.update(str(constraint.get("expression")) for constraint in branch.constraints)
    assert set(CORRECTED) <= published


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("start", "end", "wrong"),
    [
        ("2012-02-03T10:00:00Z", "2012-02-03", False),
        ("2012-05-10", "2012-05", False),
        ("2012-05-10", "2012", False),
        ("2012", "2011-05", True),
        ("2012-05-10", "2012-05-01", True),
    ],
)
def test_a_period_ends_with_the_last_moment_of_its_end(version: Version, start: str, end: str, wrong: bool) -> None:
    assert broken("per-1", "Patient", version, name=[{"period": {"start": start, "end": end}}]) == wrong


def test_a_period_of_r4_that_starts_at_an_unknown_time_of_its_last_day_is_refused() -> None:
    period = {"start": "2023-06-21", "end": "2023-06-21T06:20:00Z"}
    assert broken("per-1", "Patient", name=[{"period": period}])
    assert not broken("per-1", "Patient", Version.R5, name=[{"period": period}])


@pytest.mark.parametrize("version", Version)
def test_a_range_in_units_that_cannot_be_compared_is_not_in_the_wrong_order(version: Version) -> None:
    def ranged(low: Json, high: Json) -> bool:
        status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
        onset = {"low": low, "high": high}
        elements = {"clinicalStatus": status, "subject": {"display": "x"}, "onsetRange": onset}
        return broken("rng-2", "Condition", version, **elements)

    assert not ranged({"value": 3, "unit": "weeks"}, {"value": 2, "unit": "months"})
    assert not ranged({"unit": "weeks"}, {"value": 2, "unit": "weeks"})
    assert ranged({"value": 5}, {"value": 2})


@pytest.mark.parametrize(("status", "wrong"), [("noshow", False), ("cancelled", False), ("booked", True)])
def test_a_cancellation_has_a_reason_and_so_has_a_patient_who_does_not_show(status: str, wrong: bool) -> None:
    reason, participants = {"text": "x"}, [{"status": "accepted", "actor": {"display": "x"}}]
    found = broken("app-4", "Appointment", status=status, cancelationReason=reason, participant=participants)
    assert found == wrong


def test_targets_that_are_not_at_hand_are_not_of_a_wrong_type() -> None:
    def on_behalf(member: str) -> bool:
        contained = [{"resourceType": "Practitioner", "id": "a"}, {"resourceType": "Patient", "id": "b"}]
        participant = {"member": {"reference": member}, "onBehalfOf": {"reference": "Organization/1"}}
        return broken("ctm-1", "CareTeam", Version.R5, contained=contained, participant=[participant])

    assert [on_behalf(member) for member in ("Practitioner/1", "#a", "#b")] == [False, False, True]


@pytest.mark.parametrize(("results", "wrong"), [(["#a"], True), (["#a", "#b"], False)])
def test_a_report_names_the_observations_of_its_composition(results: list[str], wrong: bool) -> None:
    code = {"text": "x"}
    section = {"title": "x", "entry": [{"reference": "#a"}, {"reference": "#b"}]}
    about = {"status": "final", "type": code, "date": "2020", "title": "x", "author": [{"display": "x"}]}
    composition = {"resourceType": "Composition", "id": "c", **about, "section": [section]}
    observations = [{"resourceType": "Observation", "id": id, "status": "final", "code": code} for id in "ab"]
    report: Json = {"status": "final", "code": code, "result": [{"reference": one} for one in results]}
    contained = [composition, *observations]
    held = {**report, "contained": contained, "composition": {"reference": "#c"}}
    assert broken("dgr-1", "DiagnosticReport", Version.R5, **held) == wrong
    away = {**report, "composition": {"reference": "Composition/1"}}
    assert not broken("dgr-1", "DiagnosticReport", Version.R5, **away)


class NamesOfResources(Oracle):
    async def member(self, question: Coded) -> Answer:
        return Answer(question.code in load(Version.R4).resource_types)


@pytest.mark.parametrize("version", [Version.R4, Version.R4B])
@pytest.mark.parametrize(("type", "wrong"), [("Reference", False), ("Patient", False), ("string", True)])
def test_a_parameter_that_is_a_resource_may_have_a_target_profile(version: Version, type: str, wrong: bool) -> None:
    parameter = {"name": "a", "use": "in", "min": 0, "max": "1", "type": type}
    profiles = ["http://hl7.org/fhir/StructureDefinition/Patient"]
    operation = {"resourceType": "OperationDefinition", "parameter": [{**parameter, "targetProfile": profiles}]}
    found = errors(operation, version=version, oracle=NamesOfResources())
    assert any(sentence.startswith("The rule opd-3 ") for _, sentence in found) == wrong


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("focus", "wrong"), [({}, False), ({"max": "*"}, False), ({"max": "2"}, False), ({"max": "0"}, True)]
)
def test_a_message_may_leave_open_how_often_its_focus_is_there(version: Version, focus: Json, wrong: bool) -> None:
    assert broken("md-1", "MessageDefinition", version, focus=[{"code": "Patient", "min": 0, **focus}]) == wrong


@pytest.mark.parametrize("version", Version)
def test_a_value_set_needs_no_name_but_one_that_programs_can_use(version: Version) -> None:
    def warned(**members: Any) -> bool:
        found = issues({"resourceType": "ValueSet", "status": "active", **members}, version=version)
        return any(re.match(r"The rule (vsd|cnl)-0 ", issue.diagnostics) for issue in found)

    assert [warned(), warned(name="Colours"), warned(name="my Colours")] == [False, False, True]


def test_a_vital_sign_over_a_period_needs_no_day() -> None:
    reading = {
        "status": "final",
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "9279-1"}]},
        "subject": {"reference": "Patient/1"},
        "valueQuantity": {"value": 12, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    }
    assert not broken("vs-1", "Observation", effectivePeriod={"start": "2024-05-01", "end": "2024-05-01"}, **reading)
    assert broken("vs-1", "Observation", effectiveDateTime="2024-05", **reading)
