"""The fast half never says yes where the slow half finds a problem, and another validator finds no more than ours.

Resources with every element are damaged at random; fhirkit-rs, which shares no code with us, is the second opinion
on structure (it looks at neither codes, calendar, references nor narratives).
"""

import copy
import json
import random
from decimal import Decimal
from typing import Any

import fhirkit
import pytest

from suture.fhir.definitions import load
from suture.fhir.structure.accept import Acceptor
from suture.fhir.structure.explain import Explainer
from suture.fhir.structure.schema import Schema
from suture.fhir.versions import Version
from tests.fhir.samples import Samples

STRANGE: list[Any] = [
    None, True, 0, -1, Decimal("1.50"), 2**31, 10**20, "", " ", "x", "foo bar", "2020-02-30", "2020",
    "2020-01-01T00:00:00", "#x",
    "Patient/1", "Foo/1", "a\u0000b", [], {}, [None], [{}], ["x"], {"id": "x"},
    {"extension": [{"url": "urn:x:1", "valueString": "y"}]},
    {"coding": [{"code": "x"}]}, {"reference": "Patient/1"}, {"resourceType": "Patient"},
]  # fmt: skip


def damage(resource: dict[str, Any], chance: random.Random) -> None:
    holder, key = chance.choice(list(_spots(resource)))
    strange = copy.deepcopy(chance.choice(STRANGE))
    action = chance.randrange(8)
    if action == 0:
        del holder[key]
    elif action == 1:
        holder[key] = strange
    elif action == 2 and isinstance(holder, dict):
        holder[
            chance.choice(["foo", f"_{key}", "extension", "id", "contained", "valueString", "valueCode", "text"])
        ] = strange
    elif action == 3:
        holder[key] = [holder[key]]
    elif action == 4 and isinstance(holder[key], list) and holder[key]:
        holder[key] = holder[key][0]
    elif action == 5 and isinstance(holder[key], list):
        holder[key].append(strange)
    elif action == 6 and isinstance(holder, dict):
        extension = {"extension": [{"url": "urn:x:1", "valueString": "y"}]}
        holder[f"_{key}"] = [extension] * len(holder[key]) if isinstance(holder[key], list) else extension
    elif isinstance(holder, dict):
        holder[chance.choice([f"{key}x", f"{key}"[:-1], f"{key}".upper()])] = holder.pop(key)


def _spots(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _spots(item)


@pytest.mark.parametrize("version", list(Version))
def test_the_two_halves_agree_on_damaged_resources(version: Version) -> None:
    definitions = load(version)
    schema = Schema(definitions)
    accepts = Acceptor(schema).accepts
    issues = Explainer(schema, accepts).issues
    chance = random.Random(7)
    valid = 0
    for round in range(1500):
        samples = Samples(definitions, full=chance.random() < 0.3, choice=round)
        resource = samples.resource(chance.choice(definitions.resource_types))
        for _ in range(chance.randrange(1, 3)):
            if resource:
                damage(resource, chance)
        found = issues(resource)
        assert not (accepts(resource) and found), (resource, found[:3])
        valid += not found
        if version is Version.R4 and not found:
            others = _second_opinion(resource)
            assert others == [], (resource, others)
    assert 50 < valid < 1450


def _second_opinion(resource: dict[str, Any]) -> list[str]:
    text = json.dumps(resource, default=float)
    return [str(issue) for issue in fhirkit.validate(text) if issue.severity == "error"]
