"""The conformance resources that ship with Suture, as FHIR resources without their texts, read on first use.

What validation against profiles and the operations need beyond the compact `Definitions`: every StructureDefinition
of the core packages with its snapshot (base types, extension definitions, core profiles), and their ConceptMaps,
NamingSystems and CompartmentDefinitions. Two files answer for a FHIR version: its own, then that of HL7's terminology
package. A file stays packed bytes but for an index; only the resources asked for are decoded.
`tools/build_definitions.py` builds the files.

Specification: https://hl7.org/fhir/R4/structuredefinition.html
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec
import zstandard

from suture.fhir.definitions.loading import DefinitionsMissing
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


def packed_structure(version: Version, url: str) -> Json | None:
    """The packaged StructureDefinition of this URL (without version), or None. Not to be changed.

    It has `snapshot.element` with everything that decides on data: cardinality, types, slicing, fixed and pattern
    values, bindings, constraints, flags and `base`. No `differential`, no texts for readers, no mappings.
    Raises DefinitionsMissing when the files are absent or of another build.
    """
    return packed_conformance(version, "StructureDefinition", url)


def packed_conformance(version: Version, type: str, url: str) -> Json | None:
    """The packaged StructureDefinition, ConceptMap, NamingSystem or CompartmentDefinition of this URL, or None.

    NamingSystems that have no `url` are known as `http://hl7.org/fhir/NamingSystem/<id>`. None for every other type.
    The answer is not to be changed. Raises DefinitionsMissing.
    """
    for name in (conformance_file(version), SHARED_CONFORMANCE):
        if url in _file(name).resources.get(type, ()):
            return _decoded(name, type, url)
    return None


def packed_conformance_urls(version: Version, type: str) -> frozenset[str]:
    """The URLs of all packaged resources of a type; empty for a type that is not packaged here."""
    names = (conformance_file(version), SHARED_CONFORMANCE)
    return frozenset(url for name in names for url in _file(name).resources.get(type, ()))


def packed_conformance_all(version: Version, type: str) -> Iterator[Json]:
    """All packaged resources of a type, ordered by URL, each decoded when it is its turn and not kept."""
    for url in sorted(packed_conformance_urls(version, type)):
        for name in (conformance_file(version), SHARED_CONFORMANCE):
            found = _file(name).resources.get(type, {}).get(url)
            if found is not None:
                yield _decode(found)
                break


@lru_cache(maxsize=KEPT_DECODED)
def _decoded(name: str, type: str, url: str) -> Json:
    return _decode(_file(name).resources[type][url])


def _decode(raw: msgspec.Raw) -> Json:
    return msgspec.json.decode(raw)


@cache
def _file(name: str) -> ConformanceFile:
    path = files("suture.fhir.definitions").joinpath("data", name)
    advice = "Run `python tools/build_definitions.py`."
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        raise DefinitionsMissing(f"The conformance file {name} is not there. {advice}") from None
    try:
        content = msgspec.json.decode(zstandard.ZstdDecompressor().decompress(packed), type=ConformanceFile)
    except msgspec.ValidationError as error:
        raise DefinitionsMissing(f"The conformance file {name} is of another release. {advice}") from error
    if content.format != CONFORMANCE_FORMAT:
        raise DefinitionsMissing(f"The conformance file {name} is of another release. {advice}")
    return content
