"""bench/scale: what it generates is the same every time, holds together, and differs from patient to patient."""

import json
import re
from pathlib import Path

import pytest

from bench.scale.generate import population
from bench.scale.templates import Person, Templates, shared_lines


@pytest.fixture(scope="module")
def templates(shared: Path) -> Templates:
    return Templates(shared / "data" / "synthea-r4")


def test_a_patient_follows_from_its_number(templates: Templates) -> None:
    assert Person(templates, 7).lines() == Person(templates, 7).lines()
    copies = [json.loads(Person(templates, 7 + n * len(templates.lives)).lines()[0]) for n in range(2)]
    assert copies[0]["id"] != copies[1]["id"]
    assert copies[0]["name"] != copies[1]["name"]
    assert copies[0]["birthDate"] != copies[1]["birthDate"]


def test_every_reference_leads_to_a_resource(templates: Templates) -> None:
    lines = [*shared_lines(templates, 0), *Person(templates, 0).lines(), *Person(templates, 1).lines()]
    resources = [json.loads(line) for line in lines]
    names = {f"{one['resourceType']}/{one['id']}" for one in resources}
    assert len(names) == len(resources)
    referred = {name for line in lines for name in re.findall(r'"reference":"([^"#]+)"', line)}
    assert referred and referred <= names
    assert not any("urn:uuid" in line or "\u2402" in line for line in lines)


def test_a_smaller_size_is_the_beginning_of_a_larger_one(templates: Templates) -> None:
    small, large = population(templates, 60_000), population(templates, 120_000)
    assert 60_000 <= small.resources < 60_000 + 3_000
    assert set(small.shards[:-1]) <= set(large.shards)
