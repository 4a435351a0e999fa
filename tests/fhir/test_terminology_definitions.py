"""The packaged code systems and value sets: what the tool keeps, and what is done about missing files."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from suture.fhir.definitions import DefinitionsMissing, data_file, packed_resource, packed_terminology, packed_urls
from suture.fhir.definitions.packed_terminology import TERMINOLOGY_FORMAT, TerminologyFile
from suture.fhir.versions import Version

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tools"))

from terminology_definitions import pack_terminology

SYSTEM: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "urn:s",
    "version": "1",
    "content": "complete",
    "hierarchyMeaning": "is-a",
    "description": "for readers",
    "concept": [
        {
            "code": "a",
            "display": "A",
            "property": [{"code": "note", "valueString": "long"}, {"code": "old", "valueBoolean": True}],
            "concept": [{"code": "b", "designation": [{"value": "B"}]}],
        }
    ],
}
VALUE_SET: dict[str, Any] = {
    "resourceType": "ValueSet",
    "url": "urn:v",
    "compose": {
        "inactive": False,
        "lockedDate": "2020-01-01",
        "include": [{"system": "urn:s", "concept": [{"code": "a", "display": "A"}]}],
        "exclude": [{"system": "urn:s", "filter": [{"property": "concept", "op": "is-a", "value": "b", "id": "1"}]}],
    },
}


def unpacked(*resources: dict[str, Any]) -> TerminologyFile:
    plain = zstandard.ZstdDecompressor().decompress(pack_terminology(list(resources)))
    return msgspec.json.decode(plain, type=TerminologyFile)


def test_what_operations_answer_is_kept_and_narratives_are_not() -> None:
    content = unpacked(SYSTEM, VALUE_SET)
    assert content.format == TERMINOLOGY_FORMAT
    assert msgspec.json.decode(content.code_systems["urn:s"]) == {
        "resourceType": "CodeSystem",
        "url": "urn:s",
        "version": "1",
        "content": "complete",
        "hierarchyMeaning": "is-a",
        "concept": SYSTEM["concept"],
    }
    assert msgspec.json.decode(content.value_sets["urn:v"])["compose"] == {
        "inactive": False,
        "include": [{"system": "urn:s", "concept": [{"code": "a", "display": "A"}]}],
        "exclude": [{"system": "urn:s", "filter": [{"property": "concept", "op": "is-a", "value": "b"}]}],
    }


@pytest.mark.parametrize("content", ["not-present", "example", "supplement"])
def test_code_systems_without_their_codes_are_left_out(content: str) -> None:
    assert unpacked(SYSTEM | {"content": content}).code_systems == {}


@pytest.mark.parametrize("version", Version)
def test_each_version_has_its_own_definitions_and_the_shared_ones(version: Version) -> None:
    gender = packed_resource(version, "ValueSet", "http://hl7.org/fhir/ValueSet/administrative-gender")
    assert gender is not None
    assert gender["version"] == version.number
    assert packed_resource(version, "CodeSystem", "http://terminology.hl7.org/CodeSystem/v3-ActCode")
    assert packed_resource(version, "CodeSystem", "http://loinc.org") is None
    assert len(packed_urls(version, "CodeSystem")) > 1000


def test_a_missing_or_foreign_file_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(data_file, "files", lambda package: tmp_path)
    packed_terminology._file.cache_clear()
    try:
        with pytest.raises(DefinitionsMissing, match=r"r4-terminology\.json\.zst is not there.*build_definitions"):
            packed_resource(Version.R4, "ValueSet", "urn:v")
        foreign = msgspec.json.encode(TerminologyFile(TERMINOLOGY_FORMAT + 1, {}, {}))
        (tmp_path / "data" / "r4-terminology.json.zst").write_bytes(zstandard.compress(foreign))
        with pytest.raises(DefinitionsMissing, match="of another release"):
            packed_resource(Version.R4, "ValueSet", "urn:v")
    finally:
        packed_terminology._file.cache_clear()
