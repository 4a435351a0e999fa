"""Pack the code systems and value sets of a FHIR package into the compact file that `suture.terminology` reads.

What terminology operations answer is kept: codes, displays, definitions, designations, hierarchy, properties and
`compose`; narratives, descriptions, contacts and copyrights are dropped. Code systems whose codes are not in the
package (`not-present`, `example`, `supplement`) are left out.
"""

from typing import Any

import msgspec
import zstandard

from suture.fhir.definitions.packed_terminology import TERMINOLOGY_FORMAT, TerminologyFile

Json = dict[str, Any]

_HEAD = ("resourceType", "url", "version", "name", "title", "status", "experimental", "language")
_STANDARDS_STATUS = "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"


def pack_terminology(resources: list[Json]) -> bytes:
    """The zstd-compressed file for the CodeSystem and ValueSet resources among `resources`."""
    content = TerminologyFile(
        format=TERMINOLOGY_FORMAT,
        code_systems={
            resource["url"]: msgspec.Raw(_encoded(_code_system(resource)))
            for resource in _of_type(resources, "CodeSystem")
            if resource["content"] in ("complete", "fragment")
        },
        value_sets={
            resource["url"]: msgspec.Raw(_encoded(_value_set(resource)))
            for resource in _of_type(resources, "ValueSet")
            if "compose" in resource
        },
    )
    return zstandard.ZstdCompressor(level=19).compress(_encoded(content))


def _of_type(resources: list[Json], type_: str) -> list[Json]:
    found = [r for r in resources if r["resourceType"] == type_ and r.get("url")]
    return sorted(found, key=lambda resource: resource["url"])


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _kept(source: Json, *names: str) -> Json:
    return {name: source[name] for name in names if name in source}


def _code_system(source: Json) -> Json:
    kept = _kept(source, *_HEAD, "content", "caseSensitive", "hierarchyMeaning", "valueSet", "versionNeeded")
    declared = [_kept(one, "code", "uri", "type") for one in source.get("property", [])]
    kept |= {"property": declared} if declared else {}
    return kept | _standing(source) | {"concept": [_concept(concept) for concept in source.get("concept", [])]}


def _standing(source: Json) -> Json:
    found = [one for one in source.get("extension", []) if one["url"] == _STANDARDS_STATUS]
    return {"extension": found} if found else {}


def _concept(source: Json) -> Json:
    kept = _kept(source, "code", "display")
    if source.get("definition") != source.get("display"):
        kept |= _kept(source, "definition")
    kept |= _kept(source, "designation") | _standing(source)
    properties = [
        {name: value for name, value in one.items() if name == "code" or name.startswith("value")}
        for one in source.get("property", [])
    ]
    if properties:
        kept["property"] = properties
    if "concept" in source:
        kept["concept"] = [_concept(concept) for concept in source["concept"]]
    return kept


def _value_set(source: Json) -> Json:
    compose = source["compose"]
    parts = {name: [_part(part) for part in compose[name]] for name in ("include", "exclude") if name in compose}
    return _kept(source, *_HEAD) | _standing(source) | {"compose": _kept(compose, "inactive") | parts}


def _part(source: Json) -> Json:
    kept = _kept(source, "system", "version", "valueSet")
    if "filter" in source:
        kept["filter"] = [_kept(one, "property", "op", "value") for one in source["filter"]]
    if "concept" in source:
        kept["concept"] = [_kept(concept, "code", "display", "designation") for concept in source["concept"]]
    return kept
