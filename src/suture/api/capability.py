"""The CapabilityStatement and the TerminologyCapabilities: what this server does, told from what is registered.

Specification: https://hl7.org/fhir/R4/http.html#capabilities and capabilitystatement.html. The one thing to know:
nothing is listed by hand. Interactions come from the router's tables, search parameters from those that have an
index, operations from the registry, conditional features from the settings, guides and profiles from the packages that
were loaded. A statement is built once for a set of search parameters and packages; the base URL, which follows the Host
header, is put in afterwards, so that many host names cost no more than one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import suture
from suture.api.knowledge import Knowledge
from suture.api.negotiation import JSON_PATCH, XML_PATCH
from suture.api.operations import Operation
from suture.api.services import Model
from suture.fhir import json
from suture.fhir.outcomes import Invalid
from suture.search.parameters import Parameter, SearchParameters
from suture.settings import Settings
from suture.terminology.desk import Systems

MODES = ("full", "normative", "terminology")
REMEMBERED = 16
"""Statements that are kept: one for each base URL and mode that clients use."""

_BASE = "urn:suture:base"

TYPE_INTERACTIONS = (
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type",
)  # fmt: skip
SYSTEM_INTERACTIONS = ("transaction", "batch", "search-system", "history-system")

RESULT_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "_sort": ("string", "Codes of search parameters, `-` before one for descending order."),
    "_count": ("number", "Entries per page; 0 asks for the number of matches only."),
    "_total": ("token", "none, estimate or accurate."),
    "_summary": ("token", "true, text, data, count or false."),
    "_elements": ("string", "Elements to return; the result is tagged SUBSETTED."),
    "_include": ("special", "Also return resources that the matches refer to; `:iterate` is supported."),
    "_revinclude": ("special", "Also return resources that refer to the matches; `:iterate` is supported."),
    "_contained": ("token", "true finds contained resources, both also stored ones; false, the default, only these."),
    "_containedType": ("token", "container (the default) or contained: what to return for a contained resource."),
    "_type": ("token", "Resource types of a search over the whole server."),
}
"""Parameters that shape the result of every search: type and documentation."""

_TRIAL_USE = (
    "versioning", "readHistory", "updateCreate", "conditionalCreate", "conditionalRead", "conditionalUpdate",
    "conditionalDelete", "referencePolicy", "searchInclude", "searchRevInclude",
)  # fmt: skip
FEATURE = "http://hl7.org/fhir/uv/application-feature/StructureDefinition/feature"
TESTS = "http://hl7.org/fhir/uv/tx-tests/FeatureDefinition/test-version"
TESTED = "1.7.0"
"""The version of the tests of HL7's terminology ecosystem that Suture follows."""
CODE_SYSTEMS_SENT = "http://hl7.org/fhir/uv/tx-ecosystem/FeatureDefinition/CodeSystemAsParameter"
TERMINOLOGY_SERVER = "http://hl7.org/fhir/CapabilityStatement/terminology-server"
EXPANSION_PARAMETERS = (
    "activeOnly", "cache-id", "check-system-version", "context", "contextDirection", "count", "date",
    "default-valueset-version", "designation", "displayLanguage", "excludeNested", "excludeNotForUI", "filter",
    "force-system-version", "includeDefinition", "includeDesignations", "incomplete-ok", "offset", "property",
    "system-version", "tx-resource", "useSupplement",
)  # fmt: skip
"""What $expand knows, in the order of the names."""

_PROFILE = "http://hl7.org/fhir/StructureDefinition/"
_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/"


class Surface:
    """What the router offers. `methods_on_type`: HTTP methods of `[base]/[type]`, which tell of conditional writes."""

    __slots__ = ("interactions", "methods_on_type")

    def __init__(self, interactions: Iterable[str], methods_on_type: Iterable[str]) -> None:
        self.interactions = frozenset(interactions)
        self.methods_on_type = frozenset(methods_on_type)


class Capabilities:
    """Builds the statements of one FHIR version, as bytes with their ETag.

    `systems`: the code systems that the next TerminologyCapabilities is to name.
    """

    def __init__(self, model: Model, settings: Settings, operations: Sequence[Operation], surface: Surface) -> None:
        self._model = model
        self._settings = settings
        self._operations = operations
        self._surface = surface
        self._date = _installed()
        self._descriptions: dict[str, str] = {}
        self._told: tuple[SearchParameters, Knowledge, Systems] | None = None
        self.systems: Systems = {}
        self._template = lru_cache(maxsize=len(MODES))(self._build)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._statement)

    def statement(self, base: str, mode: str) -> tuple[bytes, bytes]:
        """The statement for a base URL as (JSON bytes, ETag). `mode`: one of MODES, "" for full. Raises Invalid."""
        parameters = self._model.parameters
        told = parameters, self._model.knowledge, self.systems
        if self._told is None or any(now is not before for now, before in zip(told, self._told, strict=True)):
            known = (*parameters.definitions.search_parameters, *parameters.custom)
            self._descriptions = {parameter.url: parameter.description for parameter in known}
            self._template.cache_clear()
            self._remembered.cache_clear()
            self._told = told
        return self._remembered(base, mode)

    def _statement(self, base: str, mode: str) -> tuple[bytes, bytes]:
        mode = mode or "full"
        if mode not in MODES:
            raise Invalid(f"The mode is one of {', '.join(MODES)}, not {mode[:40]!r}.")
        body = self._template(mode).replace(_BASE.encode("ascii"), json.encode(base)[1:-1])
        return body, b'W/"%b"' % blake2b(body, digest_size=8).hexdigest().encode("ascii")

    def _build(self, mode: str) -> bytes:
        return json.encode(self.terminology(_BASE) if mode == "terminology" else self.resource(_BASE, mode))

    def resource(self, base: str, mode: str = "full") -> dict[str, Any]:
        """The CapabilityStatement; with mode `normative` without the elements that are for trial use."""
        normative = mode == "normative"
        types = sorted(self._model.types)
        including, included = self._references(types)
        resources = [self._of_type(type, including[type], included[type], normative=normative) for type in types]
        rest: dict[str, Any] = {
            "mode": "server",
            "documentation": "Every resource type; all versions are kept, and a delete is a version too.",
            "security": {
                "cors": bool(self._settings.cors_origins),
                "description": "Nobody has to sign in yet, so by default only the machine itself is served.",
            },
            "resource": resources,
            "interaction": [{"code": code} for code in SYSTEM_INTERACTIONS if self._offers(code)],
            "searchParam": self._for_every_type(),
            "operation": _operations(self._operations, None),
            "compartment": [_COMPARTMENT + owner.lower() for owner in sorted(self._model.definitions.compartments)],
        }
        if normative:
            del rest["security"]
        return {
            **self._head("CapabilityStatement", base, "What this server can do, generated from what it offers."),
            "extension": [_feature(TESTS, "valueCode", TESTED), _feature(CODE_SYSTEMS_SENT, "valueBoolean", True)],
            "instantiates": [TERMINOLOGY_SERVER],
            **({"implementationGuide": guides} if (guides := list(self._model.knowledge.guides)) else {}),
            "fhirVersion": self._model.version.number,
            "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
            **(
                {"patchFormat": [JSON_PATCH, XML_PATCH, "application/fhir+json", "application/fhir+xml"]}
                if self._offers("patch")
                else {}
            ),
            "rest": [{name: value for name, value in rest.items() if value != []}],
        }

    def terminology(self, base: str) -> dict[str, Any]:
        """The TerminologyCapabilities: the code systems that are here, and what $expand and $validate-code know."""
        description = (
            "Code systems and value sets of the specification, of HL7's terminology package, of loaded packages and "
            "releases, and those that are stored here."
        )
        systems = [
            {"uri": url} | ({"version": [{"code": version} for version in versions]} if versions else {})
            for url, versions in self.systems.items()
        ]
        return {
            **self._head("TerminologyCapabilities", base, description),
            **({"codeSystem": systems} if systems else {}),
            "expansion": {
                "hierarchical": True,
                "paging": True,
                "incomplete": True,
                "parameter": [{"name": name} for name in EXPANSION_PARAMETERS],
                "textFilter": "Words with which words of a display or designation begin, or the beginning of a code.",
            },
            "codeSearch": "all",
            "validateCode": {"translations": True},
            "translation": {"needsMap": False},
            "closure": {"translation": False},
        }

    def _head(self, type: str, base: str, description: str) -> dict[str, Any]:
        return {
            "resourceType": type,
            "url": f"{base}/metadata" + ("?mode=terminology" if type.startswith("Term") else ""),
            "version": suture.__version__,
            "name": f"Suture{type}",
            "title": f"Suture {type}",
            "status": "active",
            "experimental": False,
            "date": self._date,
            "description": description,
            "kind": "instance",
            "software": {
                "name": "Suture",
                "version": suture.__version__,
                **({"releaseDate": self._date} if type == "CapabilityStatement" else {}),
            },
            "implementation": {"description": "Suture FHIR server", "url": base},
        }

    def _offers(self, code: str) -> bool:
        offered = self._surface.interactions
        return code in offered or (code == "transaction" and "batch" in offered)

    def _of_type(
        self, type: str, including: Sequence[str], included: Sequence[str], *, normative: bool
    ) -> dict[str, Any]:
        conditional = self._surface.methods_on_type
        several = self._settings.conditional_delete == "multiple"
        found: dict[str, Any] = {
            "type": type,
            "profile": _PROFILE + type,
            "supportedProfile": list(self._model.knowledge.profiles.get(type, ())),
            "interaction": [{"code": code} for code in TYPE_INTERACTIONS if self._offers(code)],
            "versioning": "versioned-update",
            "readHistory": self._offers("vread"),
            "updateCreate": self._settings.update_as_create,
            "conditionalCreate": self._offers("create"),
            "conditionalRead": "full-support" if self._offers("read") else "not-supported",
            "conditionalUpdate": "PUT" in conditional,
            "conditionalDelete": ("multiple" if several else "single") if "DELETE" in conditional else "not-supported",
            "referencePolicy": ["literal", "logical", "local"],
            "searchInclude": ["*", *including],
            "searchRevInclude": ["*", *included],
            "searchParam": [self._parameter(p) for p in self._searchable(type)],
            "operation": _operations(self._operations, type),
        }
        if normative:
            for name in _TRIAL_USE:
                del found[name]
        return {name: value for name, value in found.items() if value != []}

    def _searchable(self, type: str) -> Iterable[Parameter]:
        return (
            p for p in self._model.parameters.for_type(type).values() if p.supported and not (p.custom and p.pending)
        )

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        found: dict[str, Any] = {"name": parameter.code, "definition": parameter.url, "type": parameter.type}
        documentation = self._descriptions.get(parameter.url, "") or _places(parameter)
        if documentation and not parameter.code.startswith("_"):
            found["documentation"] = documentation
        return found

    def _for_every_type(self) -> list[dict[str, Any]]:
        own = [
            {**self._parameter(p), "documentation": self._descriptions.get(p.url, "")}
            for p in self._searchable("Basic")
            if p.code.startswith("_")
        ]
        shaping = [
            {"name": name, "type": type, "documentation": text} for name, (type, text) in RESULT_PARAMETERS.items()
        ]
        return [*own, *shaping]

    def _references(self, types: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """By type: what `_include` follows from it, and what `_revinclude` follows to it."""
        including: dict[str, list[str]] = {type: [] for type in types}
        included: dict[str, list[str]] = {type: [] for type in types}
        for type in types:
            for parameter in self._searchable(type):
                if parameter.type == "reference" and not parameter.code.startswith("_"):
                    name = f"{type}:{parameter.code}"
                    including[type].append(name)
                    for target in parameter.targets or types:
                        if target in included:
                            included[target].append(name)
        return including, included


def _operations(operations: Iterable[Operation], type: str | None) -> list[dict[str, Any]]:
    """The operations of a type; for None those of the system and those of all types, with their documentation."""
    found: list[dict[str, Any]] = []
    for operation in operations:
        general = not operation.types
        definition = operation.definition(type) or (operation.definitions[0] if type is None and general else None)
        if definition is not None:
            entry = {"name": operation.name, "definition": definition["url"]}
            found.append(entry if type and general else {**entry, "documentation": definition["description"]})
    return found


def _places(parameter: Parameter) -> str:
    """Where a parameter of several types looks in its own: `Observation.effective`."""
    own = re.compile(rf"\(*{parameter.resource_type}\.")
    parts = [part.strip() for part in parameter.expression.split(" | ")]
    return ", ".join(part for part in parts if own.match(part))


def _feature(definition: str, type: str, value: Any) -> dict[str, Any]:
    parts = [{"url": "definition", "valueCanonical": definition}, {"url": "value", type: value}]
    return {"url": FEATURE, "extension": parts}


def _installed() -> str:
    """When this version was installed: the day of this file, so that every process says the same."""
    return datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC).strftime("%Y-%m-%d")
