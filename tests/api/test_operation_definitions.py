"""Every operation is declared by a valid OperationDefinition that promises no more than HL7's own."""

from pathlib import Path

import pytest

from suture.api.operations import REGISTRY, Operation
from suture.api.operations.operation import Definition
from suture.fhir import json
from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

DEFINITIONS = [
    pytest.param(operation, definition, id=definition["id"])
    for operation in REGISTRY
    for definition in operation.definitions
]

BEYOND = {"Resource-graphql": {"type"}, "ConceptMap-closure": {"type"}}
"""Levels that Suture offers beyond HL7's definition; the description of the operation says so."""

ECOSYSTEM = {
    "CodeSystem-lookup", "CodeSystem-validate-code", "ConceptMap-translate", "ValueSet-expand",
    "ValueSet-validate-code",
}  # fmt: skip
"""Operations that also know parameters of other FHIR versions and of HL7's terminology ecosystem."""

OWN = ("batch-validate-code", "fhirpath", "reindex")
"""Operations that HL7 does not define."""


@pytest.mark.parametrize(("operation", "definition"), DEFINITIONS)
def test_the_definition_is_valid(operation: Operation, definition: Definition) -> None:
    resource = json.decode(json.encode(definition))
    assert list(Validator(load(Version.R4)).issues(resource)) == []
    assert resource["code"] == operation.name


@pytest.mark.parametrize("version", list(Version))
def test_an_operation_of_its_own_has_a_name_and_a_url_of_its_own(version: Version) -> None:
    own = [operation.definitions[0] for operation in REGISTRY if operation.name in OWN]
    assert [definition["code"] for definition in own] == list(OWN)
    assert all(definition["url"].startswith("urn:suture:") for definition in own)
    assert not {official.code for official in load(version).operations.values()} & set(OWN)


@pytest.mark.parametrize(("operation", "definition"), [param for param in DEFINITIONS if param.id not in OWN])
@pytest.mark.parametrize("version", list(Version))
def test_it_is_within_the_specifications(version: Version, operation: Operation, definition: Definition) -> None:
    official = load(version).operations[definition["url"]]
    assert official.code == operation.name
    assert set(definition["resource"]) <= set(official.resources)
    allowed = {"system": official.system, "type": official.type, "instance": official.instance}
    offered = {level for level in allowed if definition[level]}
    assert offered <= {level for level in allowed if allowed[level]} | BEYOND.get(definition["id"], set())
    known = {(parameter.name, parameter.use): parameter for parameter in official.parameters}
    for parameter in definition["parameter"]:
        if definition["id"] in ECOSYSTEM and (parameter["name"], parameter["use"]) not in known:
            continue
        theirs = known[parameter["name"], parameter["use"]]
        assert parameter["type"] in (theirs.type or "Element", "uri", "Resource")
        assert parameter["min"] >= theirs.min


def test_names_are_called_once_and_definitions_agree_on_their_effect() -> None:
    names = [operation.name for operation in REGISTRY]
    assert sorted(set(names)) == sorted(names)
    for operation in REGISTRY:
        assert {definition["affectsState"] for definition in operation.definitions} == {operation.affects_state}


def test_every_operation_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    assert [operation.name for operation in REGISTRY if f"`${operation.name}`" not in page] == []


def test_a_definition_is_found_by_type() -> None:
    everything = next(operation for operation in REGISTRY if operation.name == "everything")
    found = everything.definition("Encounter")
    assert found is not None
    assert found["id"] == "Encounter-everything"
    assert everything.definition("Observation") is None
    assert everything.definition(None) is None
