"""$translate: the codes of another code system for a code, by the concept maps that are here.

Specification: https://hl7.org/fhir/R4/conceptmap-operation-translate.html and, for the names of R5,
https://hl7.org/fhir/R5/conceptmap-operation-translate.html. The one thing to know: without a map named, every map that
speaks of the code system is asked; in reverse, the codes are given that map to the code.
"""

from collections.abc import Iterable, Sequence

import msgspec

from suture.terminology.concept_maps import ConceptMap, Dependency, Group, Mapping, concept_map
from suture.terminology.library import Library
from suture.terminology.problems import Problem, Refused
from suture.terminology.systems import Json
from suture.terminology.versions import matches

MAX_MAPS = 200
"""Maps that one call asks."""

MAX_FOLLOWED = 5
"""How often `unmapped` may lead to another map."""

_NOT_TRANSLATED = ("unmatched", "disjoint")


class Wanted(msgspec.Struct, frozen=True):
    """What is to be translated. `codings`: any of them will do. `reverse`: they are targets. `sources`, `targets`: the
    code system that the other end must be in, or "". `scopes`: the value sets that maps must be for, "" for any.
    `native`: answer in the words of R5. `in_place`: the answer names target and source of each mapping, as R5 does.
    """

    codings: tuple[Json, ...]
    reverse: bool = False
    system: str = ""
    source_scope: str = ""
    target_scope: str = ""
    dependencies: tuple[Dependency, ...] = ()
    native: bool = False
    in_place: bool = False


class Translation:
    """One call. `maps`: those that are asked, in order."""

    def __init__(self, library: Library, maps: Sequence[ConceptMap], wanted: Wanted) -> None:
        self._library = library
        self._maps = maps
        self._wanted = wanted
        self._matches: list[list[Json]] = []
        self._done = False

    async def answer(self) -> Json:
        """The Parameters of the operation."""
        for one in self._maps:
            if not _in_scope(one, self._wanted):
                continue
            for coding in self._wanted.codings:
                await self._by_map(one, coding, 0)
        found: list[Json] = [{"name": "result", "valueBoolean": self._done}]
        if not self._matches:
            codes = ", ".join(f"{one.get('system', '')}#{one.get('code', '')}" for one in self._wanted.codings)
            found.append({"name": "message", "valueString": f"No translation was found for {codes}"})
        found += [{"name": "match", "part": parts} for parts in self._matches]
        return {"resourceType": "Parameters", "parameter": found}

    async def _by_map(self, one: ConceptMap, coding: Json, followed: int) -> None:
        code: str = coding.get("code", "")
        for group in one.groups:
            if not _of_system(group, coding, self._wanted):
                continue
            mappings = (group.by_target if self._wanted.reverse else group.by_source).get(code, ())
            for mapping in mappings:
                if _depends(mapping, self._wanted.dependencies):
                    self._add(one, group, mapping)
            if not mappings and not self._wanted.reverse and group.unmapped is not None:
                await self._unmapped(one, group, coding, followed)

    async def _unmapped(self, one: ConceptMap, group: Group, coding: Json, followed: int) -> None:
        """What the map says of codes that it does not name."""
        rule = group.unmapped or {}
        code: str = coding.get("code", "")
        match rule.get("mode"):
            case "provided" | "use-source-code":
                self._add(one, group, Mapping(code, code, "", "", "equal", "equivalent"))
            case "fixed" if rule.get("code"):
                relationship = rule.get("relationship", "related-to")
                display = rule.get("display", "")
                self._add(one, group, Mapping(code, rule["code"], display, "", "relatedto", relationship))
            case "other-map" if followed < MAX_FOLLOWED:
                other = await self._library.resource("ConceptMap", rule.get("otherMap") or rule.get("url") or "")
                if other is not None:
                    await self._by_map(concept_map(other), coding, followed + 1)
            case _:
                pass

    def _add(self, one: ConceptMap, group: Group, mapping: Mapping) -> None:
        wanted = self._wanted
        if mapping.equivalence not in _NOT_TRANSLATED:
            self._done = True
        source = _coding(group.source, mapping.source, mapping.source_display)
        target = _coding(group.target, mapping.target, mapping.display)
        parts: list[Json] = [
            {"name": "relationship", "valueCode": mapping.relationship}
            if wanted.native
            else {"name": "equivalence", "valueCode": mapping.equivalence}
        ]
        if mapping.target:
            shown = source if wanted.reverse and not wanted.in_place else target
            parts.append({"name": "concept", "valueCoding": shown})
        if wanted.reverse and wanted.in_place:
            parts.append({"name": "source", "valueCoding": source})
        if one.url:
            parts.append({"name": "originMap", "valueCanonical": one.name})
        if mapping.comment and wanted.native:
            parts.append({"name": "comment", "valueString": mapping.comment})
        parts += [_product(each, native=wanted.native) for each in mapping.product]
        if parts not in self._matches:
            self._matches.append(parts)


def _coding(system: str, code: str, display: str) -> Json:
    found: Json = {"system": system} if system else {}
    return found | {"code": code} | ({"display": display} if display else {})


def _product(one: Dependency, *, native: bool) -> Json:
    name = "attribute" if native else "element"
    value: Json = {"name": "value" if native else "concept", "valueCoding": _coding(one.system, one.value, one.display)}
    return {"name": "product", "part": [{"name": name, "valueUri": one.name}, value]}


def _in_scope(one: ConceptMap, wanted: Wanted) -> bool:
    source, target = wanted.source_scope, wanted.target_scope
    if wanted.reverse and not wanted.in_place:
        source, target = target, source
    return (not source or _same(one.source, source)) and (not target or _same(one.target, target))


def _same(stated: str, asked: str) -> bool:
    """The same canonical, where one of them may leave the version open."""
    url, _, version = stated.partition("|")
    other, _, wanted = asked.partition("|")
    return url == other and (not version or not wanted or matches(wanted, version))


def _of_system(group: Group, coding: Json, wanted: Wanted) -> bool:
    near, version, far = group.source, group.source_version, group.target
    if wanted.reverse:
        near, version, far = group.target, group.target_version, group.source
    system = coding.get("system", "")
    if system and near != system:
        return False
    asked = coding.get("version", "")
    if asked and version and not (matches(version, asked) or matches(asked, version)):
        return False
    return not wanted.system or far == wanted.system


def _depends(mapping: Mapping, given: Iterable[Dependency]) -> bool:
    """Whether what the mapping depends on is as it must be."""
    values = {(one.name, one.value) for one in given}
    return all((one.name, one.value) in values for one in mapping.depends)


async def map_of(library: Library, reference: str) -> ConceptMap:
    """The map of a canonical. Raises Refused."""
    found = await library.resource("ConceptMap", reference)
    if found is None:
        text = f"A definition for the concept map '{reference}' could not be found"
        raise Refused(Problem("error", "not-found", "not-found", "", text), status=404, unknown=(reference,))
    return concept_map(found)
