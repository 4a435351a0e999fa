"""Definitions that come from outside may be wrong in any way: they are not used, and nothing else suffers."""

import random
from typing import Any

import pytest

from tests.fhir.profiles.judging import BASE, HERE, Json, element, issues, patient, profile


def usable(definition: Json, *others: Json) -> list[str]:
    """What is said of a profile that cannot be used."""
    found = issues(patient(gender="male"), definition, *others)
    return [issue.diagnostics for issue in found if issue.code == "processing"]


@pytest.mark.parametrize(
    "elements",
    [
        [{"path": "Patient.name", "type": "HumanName"}],
        [{"path": "Patient.name", "type": [{"code": "HumanName", "profile": 7}]}],
        [{"path": "Patient.name", "binding": []}, {"path": 3}],
        [{"path": "Patient.name", "constraint": ["x"]}],
        [{"path": "Patient.name", "slicing": {"discriminator": [3]}}, {"path": "Patient.name", "sliceName": "a"}],
        [{"path": "Patient.name", "slicing": {"discriminator": [{"type": "value", "path": "where(use='x')"}]}},
         {"path": "Patient.name", "sliceName": "a"}],
        [{"path": "Patient.nothing.at.all"}],
    ],
)  # fmt: skip
def test_a_malformed_profile_is_not_used(elements: list[Any]) -> None:
    good = patient(name=[{"text": "x"}])
    found = issues(good, profile("m", "Patient", *elements))
    assert {issue.code for issue in found if issue.severity == "error"} <= {"processing"}


def test_nobody_redefines_a_type() -> None:
    never = {"key": "never", "severity": "error", "human": "never", "expression": "false"}
    other = profile("x", "Patient", element("Patient", constraint=[never]), url=BASE + "Patient")
    assert not [issue for issue in issues(patient(gender="male"), other) if issue.severity == "error"]


def test_profiles_that_are_made_from_each_other_come_to_an_end() -> None:
    one = {**profile("one", "Patient"), "baseDefinition": HERE + "two"}
    two = {**profile("two", "Patient"), "baseDefinition": HERE + "one"}
    assert "circle" in usable(one, two)[0]
    inward = profile(
        "in",
        "Extension",
        element("Extension.extension", type=[{"code": "Extension", "profile": [HERE + "in"]}]),
        element("Extension.extension.extension.extension.url", min=1),
    )
    types = [{"code": "Extension", "profile": [HERE + "in"]}]
    outer = profile(
        "p", "Patient", element("Patient.extension", type=types), element("Patient.extension.extension.url", min=1)
    )
    assert usable(outer, inward)


def test_a_snapshot_does_not_grow_without_end() -> None:
    slices = [element("Patient.contact", slice=f"s{n}") for n in range(3000)]
    wide = profile("wide", "Patient", element("Patient.contact.name.period.start", min=0), *slices)
    assert "more than" in usable(wide)[0]


def test_much_work_for_one_resource_is_refused() -> None:
    slicing = {"discriminator": [{"type": "value", "path": "value"}], "rules": "open"}
    slices = [
        part
        for n in range(1000)
        for part in (
            element("Patient.identifier", slice=f"s{n}"),
            element("Patient.identifier.value", fixedString=str(n)),
        )
    ]
    wide = profile("wide", "Patient", element("Patient.identifier", slicing=slicing), *slices)
    many = patient(identifier=[{"value": "x"}] * 4000)
    assert any(issue.code in ("too-costly", "incomplete") for issue in issues(many, wide))


@pytest.mark.parametrize("seed", range(30))
def test_no_definition_makes_the_judge_fail(seed: int) -> None:
    """A sound profile with random parts replaced by nonsense."""
    rng = random.Random(seed)
    sound = profile(
        "sound",
        "Patient",
        element("Patient.name", min=1, slicing={"discriminator": [{"type": "value", "path": "use"}], "rules": "open"}),
        element("Patient.name", slice="usual", type=[{"code": "HumanName", "profile": [BASE + "HumanName"]}]),
        element("Patient.name.use", fixedCode="usual", binding={"strength": "required", "valueSet": "http://x.org/vs"}),
        element("Patient.birthDate", minValueDate="2000", constraint=[{"key": "k", "expression": "true"}]),
    )
    for _ in range(3):
        _spoil(rng, sound["differential"]["element"])
    issues(patient(name=[{"use": "usual", "family": "x"}, {"text": "y"}], birthDate="1999"), sound)


def _spoil(rng: random.Random, node: Any) -> None:
    while isinstance(node, dict | list) and node:
        key: Any = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        if rng.random() < 0.4 or not isinstance(node[key], dict | list):
            node[key] = rng.choice([None, 3, "x", [], {}, ["x"], [3], {"x": 1}, [{"code": 3}], True, -1.5])
            return
        node = node[key]
