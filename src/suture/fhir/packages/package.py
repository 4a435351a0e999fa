"""What a FHIR package is: a name, a version, and the conformance resources that it defines.

Specification: https://hl7.org/fhir/packages.html. The one thing to know: only resources with a canonical URL, of the
types that define something, are definitions; examples are not.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import zstandard

from suture.fhir import json
from suture.fhir.versions import Version

DEFINING_TYPES = frozenset((
    "ActivityDefinition", "ActorDefinition", "CapabilityStatement", "ChargeItemDefinition", "CodeSystem",
    "CompartmentDefinition", "ConceptMap", "ConditionDefinition", "EventDefinition", "ExampleScenario",
    "GraphDefinition", "ImplementationGuide", "Library", "Measure", "MessageDefinition", "NamingSystem",
    "ObservationDefinition", "OperationDefinition", "PlanDefinition", "Questionnaire", "Requirements",
    "SearchParameter", "SpecimenDefinition", "StructureDefinition", "StructureMap", "SubscriptionTopic",
    "TerminologyCapabilities", "TestScript", "ValueSet",
))  # fmt: skip
"""The resource types that define something and are known by a canonical URL."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}", re.ASCII)

BUILT_IN = re.compile(
    r"hl7\.fhir\.(r4|r4b|r5)\.(core|corexml|expansions|examples|search|elements)|hl7\.terminology(\.r[45])?"
)
"""Packages whose content ships with Suture, so that nobody has to load them."""


class PackageRefused(Exception):
    """Something is not a FHIR package, or not one that may be read. The text is a sentence that says what and why."""


class Definition(msgspec.Struct, frozen=True):
    """One conformance resource of a package. `url`: canonical, without version. `packed`: its JSON, compressed."""

    type: str
    id: str
    url: str
    version: str
    packed: bytes

    @property
    def resource(self) -> dict[str, Any]:
        """The resource, decoded anew each time."""
        return json.reread(zstandard.decompress(self.packed))


class Package(msgspec.Struct, frozen=True):
    """A package as it was read.

    `fhir_versions`: as the package says, such as `4.0.1`; empty when it does not. `dependencies`: package name ->
    version. `remarks`: a sentence for each file that was passed over although it should have been a definition.
    """

    name: str
    version: str
    title: str
    canonical: str
    fhir_versions: tuple[str, ...]
    dependencies: dict[str, str]
    definitions: tuple[Definition, ...]
    remarks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Such as `hl7.fhir.us.core@6.1.0`."""
        return f"{self.name}@{self.version}"

    def fits(self, version: Version) -> bool:
        """Whether the package is for a FHIR version, or does not say for which."""
        return fits(self.fhir_versions, version)


def fits(fhir_versions: tuple[str, ...], version: Version) -> bool:
    """Whether the FHIR versions that a package names (none: any) have `version` among them, patches apart."""
    release = version.number.rpartition(".")[0]
    return not fhir_versions or any(f"{each}.".startswith(f"{release}.") for each in fhir_versions)


def is_name(text: str) -> bool:
    """Whether `text` can be the name of a package."""
    return _NAME.fullmatch(text) is not None and ".." not in text


def is_version(text: str) -> bool:
    """Whether `text` can be the version of a package."""
    return _VERSION.fullmatch(text) is not None and ".." not in text


def package(manifest: Mapping[str, Any], definitions: tuple[Definition, ...], remarks: tuple[str, ...]) -> Package:
    """A package from its package.json. Raises PackageRefused when that does not say which package it is."""
    name, version = manifest.get("name"), manifest.get("version")
    if not isinstance(name, str) or not is_name(name):
        raise PackageRefused(f"package.json needs the name of the package, not {str(name)[:80]!r}.")
    if not isinstance(version, str) or not is_version(version):
        raise PackageRefused(f"package.json needs the version of {name}, not {str(version)[:80]!r}.")
    dependencies = manifest.get("dependencies")
    return Package(
        name=name,
        version=version,
        title=_text(manifest.get("title")) or _text(manifest.get("description")).partition("\n")[0] or name,
        canonical=_text(manifest.get("canonical")),
        fhir_versions=_fhir_versions(manifest),
        dependencies=_dependencies(cast("dict[str, Any]", dependencies)) if isinstance(dependencies, dict) else {},
        definitions=definitions,
        remarks=remarks,
    )


def definition(resource: Mapping[str, Any], content: bytes, fallback_id: str) -> Definition | None:
    """The definition that a resource is, or None for one that defines nothing.

    `content`: its JSON. A NamingSystem of R4 has no URL: it gets one of the form `http://hl7.org/fhir/NamingSystem/id`.
    """
    type = resource.get("resourceType")
    if type not in DEFINING_TYPES:
        return None
    id = _text(resource.get("id")) or fallback_id
    url = _text(resource.get("url"))
    if not url and type == "NamingSystem":
        url = f"http://hl7.org/fhir/NamingSystem/{id}"
    if not url:
        return None
    return Definition(type, id, url, _text(resource.get("version")), zstandard.compress(content, 1))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _fhir_versions(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """`fhirVersions`, or `fhir-version-list` of older packages."""
    given = manifest.get("fhirVersions") or manifest.get("fhir-version-list") or manifest.get("fhirVersion")
    values = cast("list[Any]", given) if isinstance(given, list) else [given]
    return tuple(value for value in values if isinstance(value, str))


def _dependencies(given: Mapping[Any, Any]) -> dict[str, str]:
    return {
        name: version
        for name, version in given.items()
        if isinstance(name, str) and isinstance(version, str) and is_name(name)
    }
