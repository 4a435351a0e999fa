"""A ConceptMap, of whatever FHIR version, as a list of mappings that can be asked in both directions.

Specification: https://hl7.org/fhir/R4/conceptmap.html and https://hl7.org/fhir/R5/conceptmap.html. The one thing to
know: R4 says how the target stands to the source (`equivalence`), R5 how the source stands to the target
(`relationship`); both are read, and each version of FHIR is answered in its own words.
"""

from collections.abc import Iterator

import msgspec

from suture.terminology.library import named
from suture.terminology.systems import ImplicitMap, Json

RELATIONSHIPS = {
    "related-to": "relatedto",
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
"""Relationships of R5 with the equivalence of R4 that says the same."""

_EQUIVALENCES = {
    "relatedto": "related-to",
    "equivalent": "equivalent",
    "equal": "equivalent",
    "wider": "source-is-narrower-than-target",
    "subsumes": "source-is-narrower-than-target",
    "narrower": "source-is-broader-than-target",
    "specializes": "source-is-broader-than-target",
    "inexact": "related-to",
    "unmatched": "not-related-to",
    "disjoint": "not-related-to",
}

MAX_GROUPS = 1000
"""Groups of one map that are looked at."""


class Dependency(msgspec.Struct, frozen=True):
    """Another element that a mapping depends on, or that it yields. `name`: of R4's property or R5's attribute."""

    name: str
    system: str
    value: str
    display: str = ""


class Mapping(msgspec.Struct, frozen=True):
    """One mapping. `equivalence`: in the words of R4, `relationship`: of R5. `target` "": there is none, expressly."""

    source: str
    target: str
    display: str
    source_display: str
    equivalence: str
    relationship: str
    comment: str = ""
    depends: tuple[Dependency, ...] = ()
    product: tuple[Dependency, ...] = ()


class Group(msgspec.Struct, frozen=True):
    """Mappings from one code system to another. `unmapped`: what happens to other codes, as in FHIR, or None."""

    source: str
    source_version: str
    target: str
    target_version: str
    by_source: dict[str, list[Mapping]]
    by_target: dict[str, list[Mapping]]
    unmapped: Json | None


class ConceptMap(msgspec.Struct, frozen=True):
    """A map. `name`: `url|version`. `source`, `target`: the value sets that it is for, or ""."""

    url: str
    name: str
    source: str
    target: str
    groups: tuple[Group, ...]
    implicit: ImplicitMap | None = None

    async def groups_for(self, code: str, *, reverse: bool) -> tuple[Group, ...]:
        """The groups, of an implicit map those of one code."""
        if self.implicit is None:
            return self.groups
        return tuple(_group(one) for one in await self.implicit.groups(code, reverse))


def concept_map(resource: Json, implicit: ImplicitMap | None = None) -> ConceptMap:
    """The map of a resource. `implicit`: where its groups come from, when they are not in it."""
    return ConceptMap(
        resource.get("url", ""),
        named(resource),
        _scope(resource, "source"),
        _scope(resource, "target"),
        tuple(_group(one) for one in resource.get("group", ())[:MAX_GROUPS]),
        implicit,
    )


def _scope(resource: Json, end: str) -> str:
    for name in (f"{end}ScopeCanonical", f"{end}ScopeUri", f"{end}Canonical", f"{end}Uri"):
        if name in resource:
            return resource[name]
    return ""


def _group(raw: Json) -> Group:
    by_source: dict[str, list[Mapping]] = {}
    by_target: dict[str, list[Mapping]] = {}
    for one in _mappings(raw):
        by_source.setdefault(one.source, []).append(one)
        if one.target:
            by_target.setdefault(one.target, []).append(one)
    source, target = raw.get("source", ""), raw.get("target", "")
    return Group(
        source.partition("|")[0],
        raw.get("sourceVersion", "") or source.partition("|")[2],
        target.partition("|")[0],
        raw.get("targetVersion", "") or target.partition("|")[2],
        by_source,
        by_target,
        raw.get("unmapped"),
    )


def _mappings(raw: Json) -> Iterator[Mapping]:
    for element in raw.get("element", ()):
        code: str = element.get("code", "")
        if not code:
            continue
        display = element.get("display", "")
        if element.get("noMap"):
            yield Mapping(code, "", "", display, "unmatched", "not-related-to")
        for target in element.get("target", ()):
            relationship: str = target.get("relationship", "")
            equivalence: str = target.get("equivalence", "") or RELATIONSHIPS.get(relationship, "relatedto")
            yield Mapping(
                code,
                target.get("code", ""),
                target.get("display", ""),
                display,
                equivalence,
                relationship or _EQUIVALENCES.get(equivalence, "related-to"),
                target.get("comment", ""),
                tuple(_dependency(one) for one in target.get("dependsOn", ())),
                tuple(_dependency(one) for one in target.get("product", ())),
            )


def _dependency(raw: Json) -> Dependency:
    coding: Json = raw.get("valueCoding", {})
    value = next((one for name, one in raw.items() if name.startswith("value") and name != "valueCoding"), "")
    return Dependency(
        raw.get("property", "") or raw.get("attribute", ""),
        coding.get("system", "") or raw.get("system", ""),
        coding.get("code", "") or str(value),
        coding.get("display", "") or raw.get("display", ""),
    )
