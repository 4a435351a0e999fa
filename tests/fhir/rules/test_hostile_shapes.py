"""Whatever JSON stands where: the judge answers with issues, and raises nothing."""

import copy
import random
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.rules import RULES
from suture.fhir.versions import Version
from tests.fhir.rules.judging import Json, judged
from tests.fhir.samples import Samples

ODDITIES: tuple[Any, ...] = (
    None,
    True,
    7,
    -1,
    "",
    "x",
    "#",
    "|",
    "urn:oid:",
    "%",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"x": {}},
)
NAMES = (
    "Bundle",
    "CapabilityStatement",
    "CodeSystem",
    "Composition",
    "ConceptMap",
    "Measure",
    "MeasureReport",
    "Observation",
    "OperationDefinition",
    "Patient",
    "Questionnaire",
    "QuestionnaireResponse",
    "SearchParameter",
    "StructureDefinition",
    "ValueSet",
)


def damage(value: Any, chance: random.Random) -> Any:
    """A copy in which some members are something else."""
    if chance.random() < 0.04:
        return copy.deepcopy(chance.choice(ODDITIES))
    if isinstance(value, dict):
        return {key: item if key == "resourceType" else damage(item, chance) for key, item in value.items()}
    return [damage(item, chance) for item in value] if isinstance(value, list) else value


def filled(name: str) -> Json:
    """A resource with every element, and with entries, items and concepts that are filled as well."""
    resource = Samples(load(Version.R4), full=True).resource(name)
    if name == "Bundle":
        resource |= {"type": "document", "link": [{"relation": "next", "url": "x"}]}
        resource["entry"] = [{"fullUrl": "http://a.org/Patient/1", "resource": filled(one)} for one in NAMES[1:]]
    if name == "QuestionnaireResponse":
        resource |= {
            "questionnaire": "#q",
            "status": "completed",
            "contained": [{**filled("Questionnaire"), "id": "q"}],
        }
    return resource


@pytest.mark.parametrize("name", NAMES)
def test_damaged_resources_are_judged(name: str) -> None:
    chance = random.Random(name)
    whole = filled(name)
    for _ in range(3):
        broken = {key: value if key == "resourceType" else damage(value, chance) for key, value in whole.items()}
        assert judged(broken)


def test_there_are_rules_for_types_that_exist() -> None:
    known = set(load(Version.R4).structures) | {"SimpleQuantity", "MoneyQuantity"}
    assert set(RULES) <= known
