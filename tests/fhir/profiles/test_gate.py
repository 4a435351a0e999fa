"""What writes must meet."""

import asyncio

import pytest

from suture.fhir.outcomes import InvalidStructure, Unprocessable
from suture.fhir.profiles import Gate, Policy, Waits
from suture.fhir.rules.questions import Subsumption
from tests.fhir.profiles.judging import HERE, Json, Oracle, coded, element, judge, observation, patient, profile

NAMED = profile("named", "Patient", element("Patient.name", min=1))
BOUND = profile(
    "bound",
    "Observation",
    element("Observation.method", binding={"strength": "required", "valueSet": "http://x.org/vs"}),
)


def gate(*definitions: Json, policy: Policy | None = None, oracle: Oracle | None = None, waits: bool = False) -> Gate:
    return Gate(judge(*definitions), policy, oracle, waits=waits)


def test_structure_comes_first_and_invariants_after_it() -> None:
    with pytest.raises(InvalidStructure):
        gate().check(patient(gender="x"))
    with pytest.raises(Unprocessable) as caught:
        gate().check(patient(contact=[{"gender": "male"}]))
    assert [issue.expression for issue in caught.value.issues] == ["Patient.contact[0]"]
    gate().check(patient(gender="male"))


def test_only_errors_count() -> None:
    assert gate().issues(patient(gender="male")) == []


def test_claimed_profiles_are_checked_where_the_policy_says_so() -> None:
    claiming = patient(meta={"profile": [NAMED["url"]]})
    assert not gate(NAMED).is_valid(claiming)
    assert gate(NAMED, policy=Policy(declared=False)).is_valid(claiming)
    assert gate(NAMED, policy=Policy(exceptions=frozenset(("Patient",)))).is_valid(claiming)
    assert not gate(NAMED, policy=Policy(declared=False, exceptions=frozenset(("Patient",)))).is_valid(claiming)
    assert gate().is_valid(claiming), "a profile that is not known cannot be checked"


def test_required_profiles_are_checked_whether_claimed_or_not() -> None:
    required = gate(NAMED, policy=Policy(required={"Patient": (NAMED["url"],)}))
    assert not required.is_valid(patient(gender="male"))
    assert required.is_valid(patient(name=[{"text": "x"}]))
    assert required.is_valid(observation())
    unknown = gate(policy=Policy(required={"Patient": (HERE + "nowhere",)}))
    assert not unknown.is_valid(patient(gender="male")), "what must be checked and cannot be is refused"


def test_who_can_wait_gets_the_answers_and_checks_again() -> None:
    oracle = Oracle({"http://x.org/vs": {"a"}})
    patient_one = gate(BOUND, oracle=oracle, waits=True)
    claiming = {"meta": {"profile": [BOUND["url"]]}}
    with pytest.raises(Waits) as caught:
        patient_one.check(observation(method=coded("b"), **claiming))
    asyncio.run(caught.value.answer())
    with pytest.raises(Unprocessable):
        patient_one.check(observation(method=coded("b"), **claiming))
    with pytest.raises(Waits):
        patient_one.check(observation(method=coded("a"), **claiming))


def test_who_cannot_wait_lets_pass_what_is_not_known_at_once() -> None:
    hurried = gate(BOUND, oracle=Oracle({"http://x.org/vs": {"a"}}))
    assert hurried.is_valid(observation(method=coded("b"), meta={"profile": [BOUND["url"]]}))


class Later(Oracle):
    """Knows which code subsumes which, but only after a while."""

    async def subsumes(self, question: Subsumption) -> bool | None:
        await asyncio.sleep(0)
        return (question.general, question.special) == ("animal", "dog")


def test_subsumption_is_waited_for_where_that_is_possible_and_passes_otherwise() -> None:
    rule = {"key": "own-1", "severity": "error", "human": "own", "expression": "method.subsumedBy(bodySite)"}
    own = profile("own", "Observation", element("Observation", constraint=[rule]))
    required = Policy(required={"Observation": (own["url"],)})
    dog, stone = (observation(method=coded(code), bodySite=coded("animal")) for code in ("dog", "stone"))
    patient_one = gate(own, policy=required, oracle=Later(), waits=True)
    for resource, valid in ((dog, True), (stone, False)):
        with pytest.raises(Waits) as caught:
            patient_one.check(resource)
        asyncio.run(caught.value.answer())
        assert patient_one.is_valid(resource) == valid
    hurried = gate(own, policy=required, oracle=Later())
    assert hurried.is_valid(stone), "nobody could be asked"
