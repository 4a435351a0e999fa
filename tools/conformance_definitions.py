"""Pack the conformance resources of a FHIR package into the compact file of `packed_conformance`."""

from typing import Any

import msgspec
import zstandard

from suture.fhir.definitions.packed_conformance import CONFORMANCE_FORMAT, ConformanceFile
from suture.fhir.packages.lean import lean

Json = dict[str, Any]

TYPES = ("StructureDefinition", "ConceptMap", "NamingSystem", "CompartmentDefinition")

_KEPT = {
    "NamingSystem": ("resourceType", "id", "url", "version", "name", "status", "kind", "uniqueId"),
    "CompartmentDefinition": ("resourceType", "id", "url", "version", "name", "status", "code", "search", "resource"),
}


def pack_conformance(resources: list[Json]) -> bytes:
    """The zstd-compressed file for the conformance resources among `resources`."""
    content = ConformanceFile(
        format=CONFORMANCE_FORMAT,
        resources={type_: _of_type(resources, type_) for type_ in TYPES},
    )
    return zstandard.ZstdCompressor(level=19).compress(msgspec.json.encode(content))


def _of_type(resources: list[Json], type_: str) -> dict[str, msgspec.Raw]:
    found = {_url(r): r for r in resources if r["resourceType"] == type_}
    return {url: msgspec.Raw(msgspec.json.encode(_resource(found[url]))) for url in sorted(found)}


def _url(resource: Json) -> str:
    return resource.get("url") or f"http://hl7.org/fhir/{resource['resourceType']}/{resource['id']}"


def _resource(source: Json) -> Json:
    names = _KEPT.get(source["resourceType"])
    if names is not None:
        return {name: source[name] for name in names if name in source}
    dropped = ("meta", "contact", "publisher", "description")
    return {name: value for name, value in lean(source).items() if name not in dropped}
