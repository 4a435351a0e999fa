"""What a CodeSystem resource says of itself, as a `Head`."""

from collections.abc import Iterator
from typing import cast

from suture.terminology.properties import standing_of
from suture.terminology.systems import Declared, Head, Json

_ALGORITHMS = "versionAlgorithmCoding", "versionAlgorithmString"
_BACKPORT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-CodeSystem.versionAlgorithm"


def head_of(resource: Json) -> Head:
    """The head of a CodeSystem resource. A code system that says nothing of case has none."""
    return Head(
        url=resource.get("url", ""),
        version=resource.get("version", ""),
        name=resource.get("name", ""),
        title=resource.get("title", ""),
        content=resource.get("content", ""),
        case_sensitive=resource.get("caseSensitive") is True,
        value_set=resource.get("valueSet", ""),
        hierarchy_meaning=resource.get("hierarchyMeaning", ""),
        properties=[
            Declared(one["code"], one.get("type", "string"), one.get("uri", ""), one.get("description", ""))
            for one in resource.get("property", ())
            if "code" in one
        ],
        language=resource.get("language", ""),
        languages=sorted(set(_languages(resource.get("concept", ())))),
        status=resource.get("status", ""),
        experimental=resource.get("experimental") is True,
        standards_status=standing_of(resource),
        version_needed=resource.get("versionNeeded") is True,
        versions_by=algorithm_of(resource),
        extension=resource.get("extension", ()),
    )


def algorithm_of(resource: Json) -> str:
    """How versions of a canonical resource compare: a code such as `semver`, or ""."""
    carriers = [resource, *(one for one in resource.get("extension", ()) if one.get("url") == _BACKPORT)]
    for carrier in carriers:
        for name in (*_ALGORITHMS, "valueCoding", "valueString"):
            found = carrier.get(name)
            if isinstance(found, dict):
                return str(cast(Json, found).get("code", ""))
            if isinstance(found, str):
                return found
    return ""


def _languages(concepts: "list[Json] | tuple[()]") -> Iterator[str]:
    waiting = list(concepts)
    while waiting:
        concept = waiting.pop()
        waiting.extend(concept.get("concept", ()))
        for one in concept.get("designation", ()):
            if one.get("language"):
                yield one["language"]
