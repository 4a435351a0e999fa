"""Validators come about for every type of every version, and judge generated resources of each."""

from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version
from tests.fhir.samples import Samples

VALIDATORS = {version: Validator(load(version)) for version in Version}


@pytest.mark.parametrize("version", list(Version))
def test_the_smallest_resource_of_every_type_is_valid(version: Version) -> None:
    samples = Samples(load(version), full=False)
    for name in load(version).resource_types:
        resource = samples.resource(name)
        assert VALIDATORS[version].issues(resource) == []
        VALIDATORS[version].check(resource)


@pytest.mark.parametrize("choice", [0, 1, 2, 7])
@pytest.mark.parametrize("version", list(Version))
def test_a_resource_with_every_element_is_valid(version: Version, choice: int) -> None:
    samples = Samples(load(version), full=True, choice=choice)
    for name in load(version).resource_types:
        resource = samples.resource(name)
        assert VALIDATORS[version].issues(resource) == []
        assert VALIDATORS[version].is_valid(resource)


@pytest.mark.parametrize("version", list(Version))
def test_every_type_of_every_version_has_its_required_elements(version: Version) -> None:
    definitions = load(version)
    samples = Samples(definitions, full=False)
    for name in definitions.resource_types:
        resource = samples.resource(name)
        for element in definitions.structures[name].elements:
            if element.min:
                base = element.name.removesuffix("[x]")
                less = {k: v for k, v in resource.items() if not k.startswith(base)}
                codes = [(issue.code, issue.expression) for issue in VALIDATORS[version].issues(less)]
                assert ("required", name) in codes, f"{name}.{element.name}"
                assert not VALIDATORS[version].is_valid(less)


@pytest.mark.parametrize("version", list(Version))
def test_no_type_takes_an_unknown_element(version: Version) -> None:
    samples = Samples(load(version), full=False)
    for name in load(version).resource_types:
        resource = {**samples.resource(name), "unheardOf": 1}
        assert [(i.code, i.expression) for i in VALIDATORS[version].issues(resource)] == [("structure", name)]


@pytest.mark.parametrize("version", list(Version))
def test_no_value_of_a_full_resource_may_be_something_else(version: Version) -> None:
    validator = VALIDATORS[version]
    for name in ("Patient", "Observation", "Bundle"):
        resource = Samples(load(version), full=True).resource(name)
        for holder, key in _places(resource):
            original = holder[key]
            for wrong in ({"unheardOf": original}, [[original]], None, {}, [], ""):
                holder[key] = wrong
                assert validator.issues(resource), (name, key, wrong)
                assert not validator.is_valid(resource)
            holder[key] = original


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, item in items:
        found.append((value, key))
        found += _places(item)
    return found
