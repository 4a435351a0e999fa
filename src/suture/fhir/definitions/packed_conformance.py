"""The conformance resources that ship with Suture, as FHIR resources without their texts, read on first use.

What validation against profiles and the operations need beyond the compact `Definitions`: every StructureDefinition
of the core packages with its snapshot (base types, extension definitions, core profiles), and their ConceptMaps,
NamingSystems and CompartmentDefinitions. Two files answer for a FHIR version: its own, then that of HL7's terminology
package. A file stays packed bytes but for an index; only the resources asked for are decoded.
`tools/build_definitions.py` builds the files.

Specification: https://hl7.org/fhir/R4/structuredefinition.html
"""

from functools import cache, lru_cache
from typing import Any

import msgspec

from suture.fhir.definitions.data_file import read_data
from suture.fhir.versions import Version

CONFORMANCE_FORMAT = 1
"""Number of the file format. Raise it with every change of the records below or of what the resources keep."""

SHARED_CONFORMANCE = "conformance.json.zst"
"""The file of HL7's terminology package, for all versions."""

KEPT_DECODED = 256
"""Resources kept decoded: a snapshot takes about 200 kB in memory."""

Json = dict[str, Any]


class ConformanceFile(msgspec.Struct, frozen=True, array_like=True):
    """One file: type -> canonical URL without version -> the resource."""

    format: int
    resources: dict[str, dict[str, msgspec.Raw]]


def conformance_file(version: Version) -> str:
    """The name of the file of a version's core package."""
    return f"{version.value}-conformance.json.zst"


def packed_conformance(version: Version, type: str, url: str) -> Json | None:
    """The packaged StructureDefinition, ConceptMap, NamingSystem or CompartmentDefinition of this URL, or None.

    A StructureDefinition has `snapshot.element` with everything that decides on data: cardinality, types, slicing,
    fixed and pattern values, bindings, constraints, flags and `base`; no `differential`, no texts for readers, no
    mappings. NamingSystems that have no `url` are known as `http://hl7.org/fhir/NamingSystem/<id>`. None for every
    other type. Not to be changed. Raises DefinitionsMissing when the files are absent or of another build.
    """
    for name in (conformance_file(version), SHARED_CONFORMANCE):
        if url in _file(name).resources.get(type, ()):
            return _decoded(name, type, url)
    return None


def packed_conformance_urls(version: Version, type: str) -> frozenset[str]:
    """The URLs of all packaged resources of a type; empty for a type that is not packaged here."""
    names = (conformance_file(version), SHARED_CONFORMANCE)
    return frozenset(url for name in names for url in _file(name).resources.get(type, ()))


@lru_cache(maxsize=KEPT_DECODED)
def _decoded(name: str, type: str, url: str) -> Json:
    return msgspec.json.decode(_file(name).resources[type][url])


@cache
def _file(name: str) -> ConformanceFile:
    return read_data(name, ConformanceFile, CONFORMANCE_FORMAT)
