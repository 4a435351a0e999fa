"""$translate: the codes of another code system for a code, by the concept maps that are here.

Specification: https://hl7.org/fhir/R4/conceptmap-operation-translate.html and, for the names of R5,
https://hl7.org/fhir/R5/conceptmap-operation-translate.html. The one thing to know: without a map named, every map that
speaks of the code system is asked, but for those that others send codes to; in reverse, the codes are given that map to
the code. `unmapped` is only for codes of the value set that a map is for.
"""

from collections.abc import Iterable, Sequence

import msgspec

from suture.fhir.outcomes import FhirError
from suture.terminology.asked import Asked, Coded
from suture.terminology.concept_maps import ConceptMap, Dependency, Group, Mapping, concept_map
from suture.terminology.desk import Question
from suture.terminology.library import Library
from suture.terminology.membership import Membership, Verdict
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
    `origin`: what the answer calls the map of a match: `originMap` in R5, `source` in R4.
    """

    codings: tuple[Json, ...]
    reverse: bool = False
    system: str = ""
    source_scope: str = ""
    target_scope: str = ""
    dependencies: tuple[Dependency, ...] = ()
    native: bool = False
    in_place: bool = False
    origin: str = "originMap"


class Translation:
    """One call. `maps`: those that are asked, in order. `named`: the call names its map, which counts in any case."""

    def __init__(self, question: Question, maps: Sequence[ConceptMap], wanted: Wanted, *, named: bool = True) -> None:
        self._question = question
        self._maps = maps
        self._wanted = wanted
        self._named = named
        self._matches: list[list[Json]] = []
        self._used: dict[str, None] = {}
        self._done = False

    async def answer(self) -> Json:
        """The Parameters of the operation."""
        maps = [one for one in self._maps if _in_scope(one, self._wanted)]
        for one in maps if self._named else _entered(maps):
            for coding in self._wanted.codings:
                await self._by_map(one, coding, (one,))
        found: list[Json] = [{"name": "result", "valueBoolean": self._done}]
        if not self._matches:
            codes = ", ".join(f"{one.get('system', '')}#{one.get('code', '')}" for one in self._wanted.codings)
            found.append({"name": "message", "valueString": f"No translation was found for {codes}"})
        found += [{"name": "match", "part": parts} for parts in self._matches]
        found += [{"name": "used-conceptmap", "valueCanonical": name} for name in self._used]
        return {"resourceType": "Parameters", "parameter": found}

    async def _by_map(self, one: ConceptMap, coding: Json, way: tuple[ConceptMap, ...]) -> None:
        """`way`: the maps that led here, the one that was asked first, this one last."""
        code: str = coding.get("code", "")
        for group in await one.groups_for(code, reverse=self._wanted.reverse):
            if not _of_system(group, coding, self._wanted):
                continue
            mappings = (group.by_target if self._wanted.reverse else group.by_source).get(code, ())
            for mapping in mappings:
                if _depends(mapping, self._wanted.dependencies):
                    self._add(way, group, mapping)
            if not mappings and not self._wanted.reverse and group.unmapped is not None:
                await self._unmapped(one, group, coding, way)

    async def _unmapped(self, one: ConceptMap, group: Group, coding: Json, way: tuple[ConceptMap, ...]) -> None:
        """What the map says of codes that it does not name, as far as they are in its scope."""
        if not await self._covers(one, coding):
            return
        rule = group.unmapped or {}
        code: str = coding.get("code", "")
        match rule.get("mode"):
            case "provided" | "use-source-code":
                relationship = rule.get("relationship", "equivalent")
                self._add(way, group, Mapping(code, code, "", "", "equal", relationship))
            case "fixed" if rule.get("code"):
                relationship = rule.get("relationship", "related-to")
                display = rule.get("display", "")
                self._add(way, group, Mapping(code, rule["code"], display, "", "relatedto", relationship))
            case "other-map" if len(way) <= MAX_FOLLOWED:
                other = await self._question.library.resource("ConceptMap", _other_map(rule))
                if other is not None:
                    next = concept_map(other)
                    if next.name not in [each.name for each in way]:
                        await self._by_map(next, coding, (*way, next))
            case _:
                pass

    async def _covers(self, one: ConceptMap, coding: Json) -> bool:
        """Whether a code is in the value set that a map is for; also true when that cannot be told."""
        if not one.source or not coding.get("system"):
            return True
        try:
            composed = await self._question.value_set(one.source)
            coded = Coded(coding["system"], coding.get("version", ""), coding.get("code", ""), "", "")
            judge = Membership(self._question.composer, Asked({}), lists_suffice=True)
            return await judge.judge(composed, coded, Verdict()) is not False
        except FhirError:
            return True

    def _add(self, way: tuple[ConceptMap, ...], group: Group, mapping: Mapping) -> None:
        wanted = self._wanted
        if mapping.equivalence not in _NOT_TRANSLATED:
            self._done = True
        source = _coding(group.source, mapping.source, mapping.source_display)
        target = _coding(group.target, mapping.target, mapping.display)
        parts: list[Json] = []
        if not mapping.target and wanted.origin == "originMap":
            parts.append({"name": "noMap", "valueBoolean": True})
        elif wanted.native:
            parts.append({"name": "relationship", "valueCode": mapping.relationship})
        else:
            parts.append({"name": "equivalence", "valueCode": mapping.equivalence})
        if mapping.target:
            shown = source if wanted.reverse and not wanted.in_place else target
            parts.append({"name": "concept", "valueCoding": shown})
        if wanted.reverse and wanted.in_place:
            parts.append({"name": "source", "valueCoding": source})
        if way[0].url:
            type = "Canonical" if wanted.origin == "originMap" else "Uri"
            parts.append({"name": wanted.origin, f"value{type}": way[0].name})
        if mapping.comment and wanted.native:
            parts.append({"name": "comment", "valueString": mapping.comment})
        parts += [_product(each, native=wanted.native) for each in mapping.product]
        if parts not in self._matches:
            self._matches.append(parts)
        self._used |= {each.name: None for each in way[1:]}


def _other_map(rule: Json) -> str:
    return rule.get("otherMap") or rule.get("url") or ""


def _entered(maps: Sequence[ConceptMap]) -> list[ConceptMap]:
    """The maps without those that others send codes to; of maps that do so in a circle the first."""
    all = {one.url: {_other_map(each.unmapped or {}).partition("|")[0] for each in one.groups} - {""} for one in maps}
    leads = {url: others for url, others in all.items() if others}
    reach = {url: _reached(url, leads) for url in leads}
    before: set[str] = set()
    found: list[ConceptMap] = []
    for one in maps:
        back = reach.get(one.url, before)
        if not any(one.url in far and (url not in back or url in before) for url, far in reach.items()):
            found.append(one)
        before.add(one.url)
    return found


def _reached(start: str, leads: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for url in leads.get(waiting.pop(), ()):
            if url not in found:
                found.add(url)
                waiting.append(url)
    return found


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
    if found is None and (implicit := await library.implicit_map(reference)) is not None:
        return concept_map(implicit.resource, implicit)
    if found is None:
        text = f"A definition for the concept map '{reference}' could not be found"
        raise Refused(Problem("error", "not-found", "not-found", "", text), status=404, unknown=(reference,))
    return concept_map(found)
