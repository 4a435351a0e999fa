"""The code systems and value sets that ship with Suture, as FHIR resources without narrative, read on first use.

Two files answer for a FHIR version: what its own core package defines, then HL7's terminology package, which holds
the v2 and v3 tables and newer code systems. Only the resources asked for are decoded; the rest stay bytes.
`tools/build_definitions.py` builds the files.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Literal

import msgspec

from suture.fhir.definitions.data_file import read_data
from suture.fhir.versions import Version

TERMINOLOGY_FORMAT = 2
"""Number of the file format. Raise it with every change of the record below or of what the resources keep."""

SHARED = "terminology.json.zst"
"""The file of HL7's terminology package, for all versions."""

Json = dict[str, Any]
Type = Literal["CodeSystem", "ValueSet"]


class TerminologyFile(msgspec.Struct, frozen=True, array_like=True):
    """One file: resources by canonical URL without version."""

    format: int
    code_systems: dict[str, msgspec.Raw]
    value_sets: dict[str, msgspec.Raw]


def own_file(version: Version) -> str:
    """The name of the file of a version's core package."""
    return f"{version.value}-terminology.json.zst"


def packed_resource(version: Version, type: Type, url: str) -> Json | None:
    """The packaged CodeSystem or ValueSet of this URL (without version), or None. Not to be changed.

    CodeSystems have nested `concept` with displays, definitions, designations and properties; ValueSets have
    `compose`. Raises DefinitionsMissing when the files are absent or of another build.
    """
    for name in (own_file(version), SHARED):
        if url in _of_type(name, type):
            return _decoded(name, type, url)
    return None


class _OnlyVersion(msgspec.Struct):
    version: str = ""


class Layer(msgspec.Struct, frozen=True):
    """One of the files that answer for a FHIR version."""

    name: str

    @property
    def code_systems(self) -> Collection[str]:
        """The URLs of its code systems."""
        return _file(self.name).code_systems.keys()

    def versions(self) -> dict[str, str]:
        """The business versions of its code systems by URL, "" for one without."""
        found = _file(self.name).code_systems.items()
        return {url: msgspec.json.decode(raw, type=_OnlyVersion).version for url, raw in found}

    def resource(self, type: Type, url: str) -> Json | None:
        """The resource of this URL in this file, or None. Not to be changed."""
        return _decoded(self.name, type, url) if url in _of_type(self.name, type) else None


def packed_layers(version: Version) -> Sequence[Layer]:
    """The files that answer for a version, the one that goes first before the other."""
    return Layer(own_file(version)), Layer(SHARED)


def packed_urls(version: Version, type: Type) -> frozenset[str]:
    """The URLs of all packaged resources of a type."""
    return frozenset(_of_type(own_file(version), type)) | frozenset(_of_type(SHARED, type))


def _of_type(name: str, type: Type) -> dict[str, msgspec.Raw]:
    content = _file(name)
    return content.code_systems if type == "CodeSystem" else content.value_sets


@cache
def _decoded(name: str, type: Type, url: str) -> Json:
    return msgspec.json.decode(_of_type(name, type)[url])


@cache
def _file(name: str) -> TerminologyFile:
    return read_data(name, TerminologyFile, TERMINOLOGY_FORMAT)
