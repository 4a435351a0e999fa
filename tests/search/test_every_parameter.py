"""Every search parameter of every R4 resource type finds what it must find, and not what is beside it.

The resources come from the definitions (`tests.search.generated`); each value that a parameter can reach, by each
branch of its expression and in each datatype, is found, and near misses are not. What is found among all resources of
the type is compared with the second opinion (`tests.search.oracle`) as well, also with modifiers and prefixes.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import databases
from tests.search.generated import Case, cases
from tests.search.live import BASE, Live
from tests.search.oracle import World
from tests.search.oracle.expressions import R4
from tests.search.refusals import EXCUSED, NOT_YET

TYPES = [type for type in R4.resource_types if (type, "*") not in EXCUSED]
SAMPLE = (
    "Bundle", "CapabilityStatement", "ChargeItem", "ConceptMap", "Condition", "DiagnosticReport", "DocumentReference",
    "Encounter", "Goal", "Group", "Immunization", "Invoice", "List", "Location", "Medication", "MolecularSequence",
    "Observation", "Patient", "Questionnaire", "RiskAssessment", "StructureDefinition", "Substance",
)  # fmt: skip
"""Types with parameters of every type and values of every datatype. What a parameter reaches does not depend on the
engine, so on PostgreSQL the other types wait for `make test-slow`."""
VARIANTS = {
    "string": (":exact", ":contains"),
    "token": (":not",),
    "reference": (":identifier",),
    "uri": (":below", ":above"),
    "date": ("ge", "lt"),
    "number": ("gt", "le"),
    "quantity": ("gt", "le"),
}
"""Modifiers of the name, or prefixes of the value, under which each case is asked again."""


@pytest.fixture(scope="module")
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with databases.for_test(request.param, tmp_path_factory.mktemp("parameters")) as url:
        one = Live(url, max_count=10_000)
        yield one
        one.close()


class Exercise:
    """All cases of one type on one server."""

    def __init__(self, live: Live, type: str) -> None:
        self._live, self._type = live, type
        self.wrong: list[str] = []
        self._cases: list[tuple[Case, str]] = []
        resources: list[dict[str, Any]] = []
        self._parameters = World([]).parameters(type)
        for code, parameter in self._parameters.items():
            if (type, code) in EXCUSED or ("*", code) in EXCUSED:
                continue
            made = list(cases(type, parameter))
            if not made:
                self.wrong.append(f"{type}.{code} is not exercised")
            for number, case in enumerate(made):
                name = f"{code.replace('_', '.')}.{number}"[:58]
                self._cases.append((case, name))
                resources += [{**one, "id": f"{name}.{n}"} for n, one in enumerate((case.hit, *case.misses))]
                if not case.misses:
                    self.wrong.append(f"{type}.{code} ({case.way}) has no near miss")
        live.keep(*resources)
        self._world = World(resources, BASE)

    def run(self) -> None:
        for case, name in self._cases:
            parameter = self._parameters[case.code]
            if parameter.type in NOT_YET:
                continue
            found = self._ask(case.code, case.value, case.way)
            if f"{name}.0" not in found:
                self.wrong.append(f"{self._type}?{case.code}={case.value} ({case.way}): not found: {case.hit}")
            for n, miss in enumerate(case.misses, 1):
                if f"{name}.{n}" in found:
                    self.wrong.append(f"{self._type}?{case.code}={case.value} ({case.way}): found: {miss}")
            if parameter.type not in ("composite", "special"):
                self._ask(case.code + ":missing", "true", case.way)
            for variant in VARIANTS.get(parameter.type, ()):
                if variant.startswith(":"):
                    self._ask(case.code + variant, case.value, case.way)
                else:
                    self._ask(case.code, variant + case.value, case.way)

    def _ask(self, name: str, value: str, way: str) -> set[str]:
        """The ids that are found, which must be those that the second opinion finds."""
        answer = self._live.get(self._type, [(name, value), ("_count", "10000"), ("_elements", "id")])
        text = f"{self._type}?{name}={value} ({way})"
        if answer.status_code != 200:
            self.wrong.append(f"{text}: {answer.status_code} {answer.text[:300]}")
            return set()
        found = {entry["resource"]["id"] for entry in answer.json().get("entry", ())}
        if name != "near":
            expected = {key.partition("/")[2] for key in self._world.ask(self._type, [(name, value)]).matches}
            if found != expected:
                more, missing = sorted(found - expected)[:5], sorted(expected - found)[:5]
                self.wrong.append(f"{text}: found wrongly: {more}, not found: {missing}")
        return found


COMBINATIONS = [
    pytest.param(engine, type, marks=[pytest.mark.slow] if engine != "sqlite" and type not in SAMPLE else [])
    for engine in databases.ENGINES
    for type in TYPES
]


@pytest.mark.parametrize(("live", "type"), COMBINATIONS, indirect=["live"])
def test_parameters_find_what_they_mean(live: Live, type: str) -> None:
    exercise = Exercise(live, type)
    exercise.run()
    assert not exercise.wrong, f"{len(exercise.wrong)}:\n" + "\n".join(exercise.wrong)
