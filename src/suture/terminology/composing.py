"""A value set taken apart: the parts of its `compose`, each with its code system found and its filters worked out.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions. Within one include everything must hold; several
includes add up; excludes are taken off at the end. The one thing to know: a part whose code system is not here stays in
the result with `provider` None; what follows from that depends on the question.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pyroaring import BitMap

from suture.fhir.outcomes import FhirError, Invalid, Issue
from suture.terminology.canonicals import split
from suture.terminology.library import Library, named
from suture.terminology.listed import Listed
from suture.terminology.problems import Problem, Refused
from suture.terminology.refusals import shown, too_large
from suture.terminology.supplements import Supplemented, canonical
from suture.terminology.systems import Json, Provider
from suture.terminology.versions import Rule, Rules

MAX_DEPTH = 10
"""How deep value sets may include each other."""
MAX_VALUE_SETS = 200
"""Value sets that one question may use."""
MAX_WORK = 2_000_000
"""Concepts in memory that one question may look at, each as often as an include or a filter does."""
LONG_WORK = 10_000
"""Concepts from which on a filter is worked out in a thread of its own."""

Filters = tuple[tuple[str, str, str], ...]
"""(property, op, value) of each filter."""

_OPERATOR = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.compose.include.filter.op"
_SUPPLEMENT = "http://hl7.org/fhir/StructureDefinition/valueset-supplement"


class Part(msgspec.Struct, frozen=True):
    """One include or exclude. `place`: `ValueSet.compose.include[0]`.

    `system`: "" where only value sets are named. `wanted`: the version that the value set says, `version`: the one that
    counts. `listed`: the concepts that are enumerated, by code. `numbers`: what the filters select, None without them
    and for what is no list. `imports`: value sets that a code must be in as well.
    """

    place: str
    system: str
    wanted: str
    version: str
    provider: Provider | None
    listed: Mapping[str, Json] | None
    filters: Filters
    numbers: BitMap | None
    imports: "tuple[Composed, ...]"


class Composed(msgspec.Struct, frozen=True):
    """A value set taken apart. `resource`: not to be changed. `name`: `url|version`.

    `active_only`: it leaves inactive codes out. `contains`: the entries of its own expansion where that stands for the
    compose, flat, else None. `missing`: supplements that it or the request needs and that are not here for its systems.
    `pinned`: the rules on versions that were used. `packaged`: see `library.Found`. `inner`: contained in another one.
    `several`: the code systems that its includes name in several versions.
    """

    resource: Json
    name: str
    includes: tuple[Part, ...]
    excludes: tuple[Part, ...]
    active_only: bool
    contains: tuple[Json, ...] | None
    missing: tuple[str, ...] = ()
    pinned: tuple[Rule, ...] = ()
    packaged: bool = False
    inner: bool = False
    several: frozenset[str] = frozenset()


class Composer:
    """Takes value sets apart for one question, each of them once.

    `rules`: on versions. `supplements`: canonicals that the request asks for.
    """

    def __init__(self, library: Library, rules: Rules | None = None, supplements: Sequence[str] = ()) -> None:
        self.library = library
        self._rules = rules or Rules()
        self._supplements = tuple(supplements)
        self._done: dict[str, Composed] = {}
        self._open: list[str] = []
        self._sent: set[str] = set()
        self._spent = 0

    async def of(self, reference: str, *, at: str = "") -> Composed:
        """The value set of a canonical or `ValueSet/id`. `at`: the value set that refers to it.

        Raises Refused for what is unknown, circular or cannot be worked out here, TooCostly for what is too large.
        """
        url, version = split(reference)
        pinned: list[Rule] = []
        chosen = self._rules.chosen(url, version, pinned)
        reference = f"{url}|{chosen}" if chosen else url
        if reference in self._done:
            return self._done[reference]
        if reference in self._open or reference in self._sent:
            raise self._circular(reference)
        if len(self._open) >= MAX_DEPTH:
            raise too_large(f"The value set {shown(self._open[0])} includes others too deeply", MAX_DEPTH)
        if len(self._done) + len(self._open) >= MAX_VALUE_SETS:
            raise too_large(f"The value set {shown(self._open[0])} includes too many others", MAX_VALUE_SETS)
        found = await self.library.value_set(reference, at=at)
        failing = self._rules.failing(url, found.resource.get("version", ""))
        if failing is not None:
            raise failing_check(failing, found.resource.get("version", ""))
        self._open.append(reference)
        try:
            composed = await self.take_apart(found.resource, packaged=found.packaged, pinned=pinned)
        finally:
            self._open.pop()
        self._done[reference] = composed
        return composed

    async def sent(self, resource: Json) -> Composed:
        """A value set that is given, not looked up: what refers to its URL leads in a circle. Raises as `of` does."""
        self._sent = {name for name in (resource.get("url"), named(resource)) if name}
        try:
            return await self.take_apart(resource)
        finally:
            self._sent = set()

    async def take_apart(self, resource: Json, *, packaged: bool = False, pinned: Sequence[Rule] = ()) -> Composed:
        """A ValueSet resource, which may hold others that it refers to by `#id`. Raises as `of` does."""
        name = named(resource)
        contained = {
            f"#{one.get('id')}": one for one in resource.get("contained", ()) if one.get("resourceType") == "ValueSet"
        }
        expansion: Json | None = resource.get("expansion")
        compose: Json | None = resource.get("compose")
        used = list(pinned)
        required = {*self._supplements, *supplements_of(resource)}
        includes: list[Part] = []
        excludes: list[Part] = []
        contains: tuple[Json, ...] | None = None
        if compose is None:
            if expansion is None:
                raise _nothing(name)
            contains = _whole(expansion, name)
        else:
            try:
                for role, parts in (("include", includes), ("exclude", excludes)):
                    for number, raw in enumerate(compose.get(role, [])):
                        place = f"ValueSet.compose.{role}[{number}]"
                        parts.append(await self._part(raw, place, name, contained, required, used, packaged=packaged))
                if expansion is not None and any(part.filters and part.provider is None for part in includes):
                    contains = _whole(expansion, name)
            except FhirError:
                if expansion is None:
                    raise
                contains = _whole(expansion, name)
        if contains is not None:
            required.clear()
        return Composed(
            resource,
            name,
            tuple(includes) if contains is None else (),
            tuple(excludes) if contains is None else (),
            active_only=compose is not None and compose.get("inactive") is False,
            contains=contains,
            missing=tuple(sorted(required)),
            pinned=tuple(used),
            packaged=packaged,
            several=_in_several_versions(includes),
        )

    async def _part(
        self,
        raw: Json,
        place: str,
        name: str,
        contained: Mapping[str, Json],
        required: set[str],
        used: list[Rule],
        *,
        packaged: bool,
    ) -> Part:
        imports: list[Composed] = []
        for url in raw.get("valueSet", ()):
            if url in contained:
                imports.append(await self._contained(contained[url], url, contained))
            elif url:
                imports.append(await self.of(url, at=name))
        for one in imports:
            required.difference_update(supplements_used(one))
        system: str = raw.get("system", "")
        if not system:
            if not imports:
                problem = Problem(
                    "error", "invalid", "vs-invalid", "", f"A part of the value set '{name}' has no system", place
                )
                text = f"A part of the value set {shown(name)} names neither a system nor a value set."
                raise Refused(problem, plain=Issue("error", "invalid", text))
            return Part(place, "", "", "", None, None, (), None, tuple(imports))
        wanted: str = raw.get("version", "")
        version = self._rules.chosen(system, wanted, used)
        provider = await self.provider(system, version, required | set(supplements_of(raw)), lenient=packaged)
        required.difference_update(supplements_in(provider))
        listed = {one["code"]: one for one in raw["concept"] if "code" in one} if "concept" in raw else None
        filters = tuple(
            (one.get("property", ""), one.get("op") or _newer(one), one.get("value", ""))
            for one in raw.get("filter", ())
        )
        self._spend(name, (1 + len(filters)) * (provider.size if isinstance(provider, Listed) else 1))
        numbers = await selected(provider, filters, place, name) if provider is not None else None
        return Part(place, system, wanted, version, provider, listed, filters, numbers, tuple(imports))

    async def _contained(self, resource: Json, key: str, siblings: Mapping[str, Json]) -> Composed:
        if key in self._open:
            raise self._circular(key)
        if len(self._open) >= MAX_DEPTH:
            raise too_large(f"The value set {shown(self._open[0])} includes others too deeply", MAX_DEPTH)
        self._open.append(key)
        try:
            found = await self.take_apart(resource | {"contained": list(siblings.values())})
            return msgspec.structs.replace(found, inner=True)
        finally:
            self._open.pop()

    async def provider(
        self, system: str, version: str, supplements: "set[str] | Sequence[str]" = (), *, lenient: bool = False
    ) -> Provider | None:
        """A code system with those of `supplements` that are for it; None when its codes are not here."""
        found = await self.library.code_system(system, version, lenient=lenient)
        if found is None or not supplements:
            return found
        fitting = [one for one in [await self.library.supplement(name) for name in sorted(supplements)] if one]
        fitting = [one for one in fitting if supplements_system(one, found)]
        return Supplemented(found, fitting) if fitting else found

    def _spend(self, name: str, concepts: int) -> None:
        """Count the concepts that are looked at. Raises TooCostly."""
        self._spent += concepts
        if self._spent > MAX_WORK:
            raise too_large(f"The value set {shown(name)} filters too many concepts", MAX_WORK)

    def _circular(self, reference: str) -> Refused:
        text = f"Found a circularity pointing to {reference} processing ValueSet with pathway [{', '.join(self._open)}]"
        problem = Problem("error", "processing", "vs-invalid", "VALUESET_CIRCULAR_REFERENCE", text)
        return Refused(problem, plain=Issue("error", "invalid", f"The value set {shown(reference)} includes itself."))


def _in_several_versions(includes: Sequence[Part]) -> frozenset[str]:
    versions: dict[str, set[str]] = {}
    for part in includes if len(includes) > 1 else ():
        if part.provider is not None:
            versions.setdefault(part.system, set()).add(part.provider.head.version)
    return frozenset(system for system, found in versions.items() if len(found) > 1)


def takes_off(exclude: Part, version: str, several: frozenset[str]) -> bool:
    """Whether an exclude counts for codes of its code system in `version`: where several versions are included, one for
    another version does not; else a code is the same in all of them.
    """
    provider = exclude.provider
    if exclude.system not in several or not exclude.wanted or provider is None:
        return True
    return provider.head.version == version


async def selected(provider: Provider, filters: Filters, place: str, name: str) -> BitMap | None:
    """The concepts that all filters select; None without filters and for a grammar. Raises Refused, Invalid."""
    found: BitMap | None = None
    for number, (property, op, value) in enumerate(filters):
        at = f"{place}.filter[{number}]"
        if not value:
            raise _no_value(provider, property, op, at)
        if not provider.enumerable:
            continue
        try:
            chosen = await _filtered(provider, property, op, value)
        except Invalid as error:
            raise _not_understood(error, provider, (property, op, value), at, name) from error
        found = chosen if found is None else found & chosen
    return found


async def _filtered(provider: Provider, property: str, op: str, value: str) -> BitMap:
    if isinstance(provider, Listed) and provider.size > LONG_WORK:
        return await asyncio.to_thread(provider.select, property, op, value)
    return await provider.filter(property, op, value)


def _newer(filter: Json) -> str:
    """The operator of a filter that the FHIR version of the value set does not have yet."""
    extensions: list[Json] = filter.get("_op", {}).get("extension", [])
    return next((one["valueCode"] for one in extensions if one.get("url") == _OPERATOR and "valueCode" in one), "")


def supplements_of(element: Json) -> list[str]:
    """The supplements that a value set or a part of one asks for."""
    found = [one.get("valueCanonical") for one in element.get("extension", ()) if one.get("url") == _SUPPLEMENT]
    return [one for one in found if one]


def supplements_in(provider: Provider | None) -> set[str]:
    """The supplements that a provider works with, with and without their version."""
    if not isinstance(provider, Supplemented):
        return set()
    heads = [one.head for one in provider.supplements]
    return {canonical(head) for head in heads} | {head.url for head in heads}


def supplements_used(composed: Composed) -> set[str]:
    """The supplements that a value set works with."""
    parts = (*composed.includes, *composed.excludes)
    found = {name for part in parts for name in supplements_in(part.provider)}
    return found.union(*(supplements_used(one) for part in parts for one in part.imports))


def supplements_system(supplement: Listed, provider: Provider) -> bool:
    """Whether a supplement is for this code system."""
    url, _, version = supplement.supplements.partition("|")
    return url == provider.head.url and version in ("", provider.head.version)


def missing_supplements(names: Sequence[str]) -> Refused:
    """Supplements that are needed and not here."""
    word = "supplement" if len(names) == 1 else "supplements"
    text = f"Required {word} not found: {', '.join(names)}"
    return Refused(Problem("error", "not-found", "not-found", "VALUESET_SUPPLEMENT_MISSING", text))


def failing_check(rule: Rule, version: str) -> Refused:
    """A version that a `check-system-version` does not allow."""
    return Refused(version_check(rule, version))


def version_check(rule: Rule, version: str, place: str = "") -> Problem:
    """The issue of a version that a check does not allow. `place`: of the version in the coded value."""
    text = (
        f"The version '{version}' is not allowed for system '{rule.url}': "
        f"required to be '{rule.version}' by a version-check parameter"
    )
    return Problem("error", "exception", "version-error", "VALUESET_VERSION_CHECK", text, place)


def _no_value(provider: Provider, property: str, op: str, place: str) -> Refused:
    text = f"The system {provider.head.url} filter with property = {property}, op = {op} has no value"
    problem = Problem("error", "invalid", "vs-invalid", "UNABLE_TO_HANDLE_SYSTEM_FILTER_WITH_NO_VALUE", text, place)
    plain = Issue("error", "not-supported", f"A filter {property} {op} on {shown(provider.head.url)} has no value.")
    return Refused(problem, plain=plain)


def _not_understood(error: Invalid, provider: Provider, rule: Sequence[str], place: str, name: str) -> Refused:
    plain = error.issues[0]
    if plain.code != "not-supported":
        return Refused(Problem("error", plain.code, "vs-invalid", "", plain.diagnostics, place), plain=plain)
    url = name.partition("|")[0]
    text = (
        f'The filter "{rule[0]} {rule[1]} {rule[2]}" from the value set {url} was not understood '
        f"in the context of {provider.head.url}"
    )
    return Refused(Problem("error", "not-supported", "vs-invalid", "FILTER_NOT_UNDERSTOOD", text, place), plain=plain)


def _nothing(name: str) -> Refused:
    text = f"The value set {name} has no compose and no expansion, so it cannot be expanded"
    problem = Problem("error", "not-found", "vs-invalid", "VALUESET_NO_COMPOSE", text)
    said = f"The value set {shown(name)} says nothing of its codes: it has no compose."
    return Refused(problem, plain=Issue("error", "not-found", said))


def _whole(expansion: Json, name: str) -> tuple[Json, ...]:
    """The codes of an expansion that is whole. Raises Refused for a page of one."""
    found: list[Json] = []
    waiting: list[Any] = list(reversed(expansion.get("contains", [])))
    count = 0
    while waiting:
        entry: Json = waiting.pop()
        count += 1
        waiting.extend(reversed(entry.get("contains", [])))
        if "code" in entry and not entry.get("abstract"):
            found.append(entry)
    if expansion.get("offset") or expansion.get("total", 0) > count:
        url = name.partition("|")[0]
        text = f"The value set {shown(url)} holds only a part of its expansion."
        problem = Problem("error", "not-supported", "vs-invalid", "", text)
        raise Refused(problem, plain=Issue("error", "not-supported", text))
    return tuple(found)
