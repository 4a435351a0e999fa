"""How a concept is shown in an expansion: its display, designations, properties and extensions.

Specification: https://hl7.org/fhir/R5/valueset-definitions.html#ValueSet.expansion.contains; where the FHIR version has
no element for a property, the cross-version extension of R5 carries it. The one thing to know: what a value set says of
a concept goes before what the code system says.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from suture.fhir.versions import Version
from suture.terminology.asked import Asked
from suture.terminology.displays import Name, Names, names_of, own_name, preferred
from suture.terminology.languages import Languages, same
from suture.terminology.systems import Concept, Head, Json

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_CONCEPT = "http://hl7.org/fhir/concept-properties#"
_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."

_ASKED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.property"

_NUMBERED = (
    ("label", "label", "valueString", (_CORE + "codesystem-label", _CORE + "valueset-label")),
    ("order", "order", "valueDecimal", (_CORE + "codesystem-conceptOrder", _CORE + "valueset-conceptOrder")),
    ("weight", "itemWeight", "valueDecimal", (_CORE + "itemWeight",)),
)
"""Properties that extensions carry: name, name in the URI, type, extensions."""

_FROM_SYSTEM = frozenset(
    _CORE + name for name in ("coding-sctdescid", "rendering-style", "rendering-xhtml", "codesystem-alternate")
)
_FROM_VALUE_SET = frozenset(
    _CORE + name
    for name in (
        "valueset-supplement", "valueset-deprecated", "structuredefinition-standards-status",
        "valueset-concept-definition", "coding-sctdescid", "rendering-style", "rendering-xhtml",
    )
)  # fmt: skip
_OF_DESIGNATION = frozenset(
    _CORE + name
    for name in (
        "coding-sctdescid", "rendering-style", "rendering-xhtml", "structuredefinition-standards-status",
        "codesystem-alternate",
    )
)  # fmt: skip


class Style(msgspec.Struct, frozen=True):
    """What a request wants to see of each concept. `wanted`: properties; `uses`: designations, () for all."""

    languages: Languages | None
    designations: bool
    uses: tuple[tuple[str, str], ...]
    wanted: tuple[str, ...]
    native: bool

    @classmethod
    def of(cls, asked: Asked, version: Version, value_set: Json) -> "Style":
        """What the parameters say, and the value set of its properties."""
        uses = tuple((text.partition("|")[0], text.partition("|")[2]) for text in asked.texts("designation"))
        wanted = [name for text in asked.texts("property") for name in text.split(",")]
        wanted += _properties_of(value_set.get("compose") or {})
        designations = asked.truth("includeDesignations")
        return cls(asked.languages, designations, uses, tuple(wanted), version is Version.R5)


class Entries:
    """Makes the entries of one expansion. `properties`: those that entries have, by name, with their URI."""

    def __init__(self, style: Style, *, versions: bool) -> None:
        self._style = style
        self._versions = versions
        self.properties: dict[str, str] = {}

    def entry(self, concept: Concept, head: Head, listed: Json | None, language: str) -> Json:
        """One `expansion.contains`. `listed`: what the value set says of the concept."""
        found: Json = {"system": head.url, "code": concept.code}
        extension = _extension(concept, listed)
        if extension:
            found["extension"] = extension
        if concept.abstract:
            found["abstract"] = True
        if concept.inactive:
            found["inactive"] = True
        if self._versions and head.version:
            found["version"] = head.version
        names = names_of(concept, head, listed, language)
        if listed is not None and listed.get("display"):
            names.insert(0, own_name(listed, language))
        shown = preferred(names, self._style.languages)
        if shown is None and (self._style.languages is None or self._style.languages.any_other):
            shown = preferred(names, None)
        if shown is not None:
            found["display"] = shown.value
        if self._style.designations:
            designations = [_designation(name) for name in self._designations(names, shown)]
            if designations:
                found["designation"] = designations
        properties = self.properties_of(concept, head, listed)
        if properties:
            self._put(found, properties)
        return found

    def _designations(self, names: Names, shown: Name | None) -> list[Name]:
        found: list[Name] = []
        for name in names:
            if name is shown or (shown is not None and name.main and name.value == shown.value):
                continue
            if self._style.uses and not any(_used(name, system, code) for system, code in self._style.uses):
                continue
            found.append(name)
        return found

    def properties_of(self, concept: Concept, head: Head, listed: Json | None) -> list[Json]:
        """The properties of a concept that are shown; from now on `properties` has them."""
        found: list[Json] = []
        status = concept.status if concept.status not in ("", "active") else "inactive" if concept.inactive else ""
        asked_for = "status" in self._style.wanted or "*" in self._style.wanted
        if status or (asked_for and concept.status):
            found.append(self._property("status", _CONCEPT + "status", {"valueCode": status or concept.status}))
        extensions = [*concept.extension, *(listed or {}).get("extension", ())]
        for name, uri, type, urls in _NUMBERED if extensions else ():
            given = [value for one in extensions if one.get("url") in urls and (value := _value(one)) is not None]
            if given:
                found.append(self._property(name, _CONCEPT + uri, {type: given[-1]}))
        wanted = self._style.wanted
        if not wanted:
            return found
        if "definition" in wanted and concept.definition:
            uri = _CONCEPT + "definition"
            found.append(self._property("definition", uri, {"valueString": concept.definition}))
        uris = {one.code: one.uri for one in head.properties}
        return found + [
            self._property(one.code, uris.get(one.code, ""), {f"value{one.type}": one.value})
            for one in concept.properties
            if one.code != "status" and (one.code in wanted or "*" in wanted)
        ]

    def _property(self, code: str, uri: str, value: Json) -> Json:
        self.properties.setdefault(code, uri)
        return {"code": code} | value

    def _put(self, entry: Json, properties: list[Json]) -> None:
        if self._style.native:
            entry["property"] = properties
            return
        for one in properties:
            name = next(name for name in one if name.startswith("value"))
            parts = [{"url": "code", "valueCode": one["code"]}, {"url": "value", name: one[name]}]
            extension = {"url": _R5 + "contains.property", "extension": parts}
            entry.setdefault("extension", []).append(extension)

    def declared(self, expansion: Json) -> None:
        """Put the properties that entries have into the expansion."""
        listed = [{"code": code} | ({"uri": uri} if uri else {}) for code, uri in self.properties.items()]
        if not listed:
            return
        if self._style.native:
            expansion["property"] = listed
            return
        for one in listed:
            parts: list[Json] = [{"url": "code", "valueCode": one["code"]}]
            if "uri" in one:
                parts.append({"url": "uri", "valueUri": one["uri"]})
            expansion.setdefault("extension", []).append({"url": _R5 + "property", "extension": parts})


def _properties_of(compose: Json) -> list[str]:
    """The properties that a value set asks for: an element of R5, before that an extension of it."""
    found = [one for one in compose.get("property", ()) if isinstance(one, str)]
    extensions: Sequence[Json] = compose.get("extension", ())
    return found + [one["valueString"] for one in extensions if one.get("url") == _ASKED and "valueString" in one]


def _extension(concept: Concept, listed: Json | None) -> list[Json]:
    found = [one for one in concept.extension if one.get("url") in _FROM_SYSTEM]
    own: Sequence[Json] = (listed or {}).get("extension", ())
    return found + [one for one in own if one.get("url") in _FROM_VALUE_SET]


def _designation(name: Name) -> Json:
    found: Json = {}
    kept = [one for one in name.extension if one.get("url") in _OF_DESIGNATION]
    if kept:
        found["extension"] = kept
    if name.language:
        found["language"] = name.language
    if name.use is not None:
        found["use"] = name.use
    return found | {"value": name.value}


def _used(name: Name, system: str, code: str) -> bool:
    if system == "urn:ietf:bcp:47" and code:
        return same(code, name.language)
    return name.use is not None and (name.use.get("system"), name.use.get("code")) == (system, code)


def _value(extension: Json) -> Any:
    return next((value for name, value in extension.items() if name.startswith("value")), None)
