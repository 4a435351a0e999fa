"""The packaged conformance resources: what they hold, and that one is decoded at a time."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from suture.fhir.definitions import DefinitionsMissing, data_file, load, packed_conformance
from suture.fhir.definitions.packed_conformance import (
    CONFORMANCE_FORMAT,
    ConformanceFile,
    packed_conformance_urls,
)
from suture.fhir.versions import Version

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tools"))

from conformance_definitions import pack_conformance

BASE = "http://hl7.org/fhir/StructureDefinition/"


def structure(version: Version, url: str) -> dict[str, Any] | None:
    return packed_conformance.packed_conformance(version, "StructureDefinition", url)


@pytest.mark.parametrize("version", Version)
def test_every_type_has_its_structure_definition_with_the_facts(version: Version) -> None:
    definitions = load(version)
    for name in ("Patient", "Observation", "HumanName", "boolean"):
        found = structure(version, BASE + name)
        assert found is not None
        assert found["snapshot"]["element"][0]["path"] == name
    assert {BASE + name for name in definitions.resource_types} <= packed_conformance_urls(
        version, "StructureDefinition"
    )
    observation = structure(version, f"{BASE}Observation")
    assert observation is not None
    status = next(e for e in observation["snapshot"]["element"] if e["path"] == "Observation.status")
    assert (status["min"], status["max"], status["isModifier"]) == (1, "1", True)
    assert status["binding"]["strength"] == "required"
    assert status["base"] == {"path": "Observation.status", "min": 1, "max": "1"}
    keys = {c["key"] for e in observation["snapshot"]["element"] for c in e.get("constraint", ())}
    assert {"obs-6", "obs-7", "dom-3"} <= keys
    assert not {"short", "definition", "mapping"} & {name for e in observation["snapshot"]["element"] for name in e}


@pytest.mark.parametrize("version", [Version.R4, Version.R4B])
def test_extension_definitions_and_profiles_are_there(version: Version) -> None:
    extension = structure(version, f"{BASE}patient-birthPlace")
    assert extension is not None
    assert extension["context"] == [{"type": "element", "expression": "Patient"}]
    pressure = structure(version, f"{BASE}bp")
    assert pressure is not None
    sliced = next(e for e in pressure["snapshot"]["element"] if e["path"] == "Observation.component" and "slicing" in e)
    assert sliced["slicing"]["discriminator"]


def test_other_types_and_unknown_urls() -> None:
    assert packed_conformance_urls(Version.R4, "Patient") == frozenset()
    assert structure(Version.R4, "https://example.org/nowhere") is None
    found = packed_conformance.packed_conformance
    urls = packed_conformance_urls(Version.R4, "NamingSystem")
    systems = {each["name"] for url in urls if (each := found(Version.R4, "NamingSystem", url)) is not None}
    assert len(systems) > 500
    maps = packed_conformance_urls(Version.R5, "ConceptMap")
    assert len(maps) > 50
    assert structure(Version.R4, f"{BASE}Patient") is structure(Version.R4, f"{BASE}Patient")


def test_a_missing_or_foreign_file_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(data_file, "files", lambda package: tmp_path)
    packed_conformance._file.cache_clear()
    try:
        with pytest.raises(DefinitionsMissing, match=r"r4-conformance\.json\.zst is not there.*build_definitions"):
            structure(Version.R4, "urn:v")
        foreign = msgspec.json.encode(ConformanceFile(CONFORMANCE_FORMAT + 1, {}))
        (tmp_path / "data" / "r4-conformance.json.zst").write_bytes(zstandard.compress(foreign))
        with pytest.raises(DefinitionsMissing, match="of another release"):
            structure(Version.R4, "urn:v")
    finally:
        packed_conformance._file.cache_clear()


def test_a_structure_definition_without_a_snapshot_keeps_its_differential() -> None:
    source = {
        "resourceType": "StructureDefinition", "id": "x", "url": "urn:x", "kind": "complex-type", "type": "Extension",
        "differential": {"element": [{"path": "Extension", "short": "text"}]},
    }  # fmt: skip
    content = msgspec.json.decode(zstandard.decompress(pack_conformance([source])), type=ConformanceFile)
    kept = msgspec.json.decode(content.resources["StructureDefinition"]["urn:x"])
    assert kept["differential"] == {"element": [{"path": "Extension"}]}
