"""$expand: the codes of a value set, filtered, in pages, in the languages and with the details that are asked for.

Specification: https://hl7.org/fhir/R4/valueset-operation-expand.html. The one thing to know: which codes there are is
set arithmetic; only the concepts of the page that is answered are read.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from suture.fhir.outcomes import Invalid
from suture.fhir.versions import Version
from suture.terminology import texts
from suture.terminology.asked import Asked
from suture.terminology.composing import Composed, Composer, missing_supplements, version_check
from suture.terminology.entries import Entries, Style
from suture.terminology.listed import words
from suture.terminology.problems import Problem, Refused
from suture.terminology.properties import standing_of
from suture.terminology.slices import Slice, Slicing
from suture.terminology.supplements import Supplemented, canonical
from suture.terminology.systems import Concept, Json

MAX_UNPAGED = 1000
"""Codes of an expansion for which no `count` is given."""

MAX_PAGE = 10_000
"""Codes of one page of an expansion."""

_UNCLOSED = "http://hl7.org/fhir/StructureDefinition/valueset-unclosed"
"""The extension of an expansion that does not have all codes, and not because it is a page of them."""

_DEFINITION = (
    "text", "contained", "extension", "publisher", "contact", "description", "useContext", "jurisdiction", "purpose",
    "copyright", "copyrightLabel", "compose", "approvalDate", "lastReviewDate", "effectivePeriod", "topic", "author",
    "editor", "reviewer", "endorser", "relatedArtifact", "scope", "meta",
)  # fmt: skip
"""Elements that an expansion leaves out unless the definition is asked for."""


async def expand(composer: Composer, composed: Composed, asked: Asked, version: Version) -> Json:
    """The value set with its expansion. Raises Refused, Invalid, TooCostly."""
    asked = asked.see(composed.resource)
    if composed.contains is not None:
        return _stored(composed, asked)
    return await _Expansion(composer, composed, asked, version).answer()


class _Expansion:
    def __init__(self, composer: Composer, composed: Composed, asked: Asked, version: Version) -> None:
        if composed.missing:
            raise missing_supplements(composed.missing)
        self._slicing = Slicing(composer.library, incomplete=asked.truth("incomplete-ok"))
        self._composed = composed
        self._asked = asked
        self._style = Style.of(asked, version, composed.resource)
        self._parameters: dict[str, Json] = {}
        self._partial = False

    async def answer(self) -> Json:
        count, offset = self._asked.number("count"), self._asked.number("offset")
        if (count is not None and count < 0) or (offset is not None and offset < 0):
            raise Invalid("The parameters 'count' and 'offset' must be whole numbers of at least 0.")
        for parameter in self._asked.echo():
            self._parameters[repr(parameter)] = parameter
        unwanted = self._asked.texts("exclude-system")
        for text in unwanted:
            self._parameters[f"exclude-system {text}"] = {"name": "exclude-system", "valueCanonical": text}
        slices = [
            await self._restricted(one)
            for one in await self._slicing.of(self._composed)
            if one.provider.head.url not in unwanted and canonical(one.provider.head) not in unwanted
        ]
        self._partial = any(one.open for one in slices)
        slices = [one for one in slices if len(one)]
        self._say_used()
        total = sum(len(one) for one in slices)
        if count is None and total > MAX_UNPAGED and not self._asked.truth("limitedExpansion"):
            raise _too_many(self._composed.name, MAX_UNPAGED)
        most = min(MAX_PAGE if count is None else count, MAX_PAGE)
        entries = Entries(self._style, versions=_several_versions(slices))
        tree = (
            not self._asked.truth("excludeNested")
            and not offset
            and total <= most
            and all(one.tree for one in slices)
            and not (words(self._asked.text("filter")) and any(one.whole for one in slices))
        )
        contains = await self._contains(slices, entries, offset or 0, most, tree=tree)
        if len(contains) < total <= MAX_UNPAGED and not tree:
            await self._declare(slices, entries)
        expansion: Json = {
            "identifier": f"urn:uuid:{uuid.uuid4()}",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "total": total,
        }
        if offset is not None:
            expansion["offset"] = offset
        if self._partial or (count is None and total > MAX_UNPAGED):
            expansion["extension"] = [{"url": _UNCLOSED, "valueBoolean": True}]
        expansion["parameter"] = list(self._parameters.values())
        entries.declared(expansion)
        if contains:
            expansion["contains"] = contains
        return _shown(self._composed.resource, self._asked) | {"expansion": expansion}

    async def _restricted(self, one: Slice) -> Slice:
        """A slice with what the request leaves of it."""
        provider = one.provider
        if self._asked.truth("activeOnly"):
            kept = [each for each in one.concepts if not each[0].inactive]
            one = msgspec.structs.replace(one, concepts=kept)
            one = one.but(await provider.inactive()) if provider.enumerable else one
        if self._asked.truth("excludeNotForUI") and provider.enumerable:
            one = one.but(await provider.abstract())
        text = self._asked.text("filter")
        wanted = words(text)
        if wanted:
            kept = [each for each in one.concepts if _named(wanted, each[0].display, each[1])]
            one = msgspec.structs.replace(one, concepts=kept)
            if provider.enumerable:
                found = await provider.search(text)
                found.update(number for number, entry in one.entries.items() if _named(wanted, "", entry))
                one = one.only(found)
        return one

    async def _contains(
        self, slices: Sequence[Slice], entries: Entries, offset: int, most: int, *, tree: bool
    ) -> list[Json]:
        found: list[Json] = []
        for one in slices:
            size = len(one)
            if offset >= size:
                offset -= size
                continue
            room = most - len(found)
            if room <= 0:
                break
            numbers, concepts = await _page(one, offset, room)
            offset = 0
            made = [entries.entry(concept, one.provider.head, entry, one.language) for concept, entry in concepts]
            found += await _tree(one, numbers, made) if tree else made
        return found

    async def _declare(self, slices: Sequence[Slice], entries: Entries) -> None:
        """Take note of the properties that concepts beyond the page have."""
        for one in slices:
            _, concepts = await _page(one, 0, len(one))
            for concept, entry in concepts:
                entries.properties_of(concept, one.provider.head, entry)

    def _say(self, name: str, canonical: str) -> None:
        parameter = {"name": name, "valueUri": canonical}
        self._parameters[repr(parameter)] = parameter

    def _say_used(self) -> None:
        """Say which definitions the expansion is made of, and of what standing they are."""
        head = self._composed.resource
        self._warn(self._composed.name, head.get("status", ""), standing_of(head), head)
        self._say_used_by(self._composed)

    def _say_used_by(self, composed: Composed) -> None:
        for rule in composed.pinned:
            self._say(rule.name, f"{rule.url}|{rule.version}")
        for part in (*composed.includes, *composed.excludes):
            provider = part.provider
            if provider is not None:
                name = canonical(provider.head)
                self._say("used-codesystem", name)
                if isinstance(provider, Supplemented):
                    for one in provider.supplements:
                        self._say("used-supplement", canonical(one.head))
                failing = self._asked.rules.failing(part.system, provider.head.version)
                if failing is not None:
                    raise Refused(version_check(failing, provider.head.version))
                if provider.head.content == "fragment" and self._asked.truth("incomplete-ok"):
                    self._say("fragment", name)
                    self._partial = True
                standing = provider.head.standards_status
                self._warn(name, provider.head.status, standing, {"experimental": provider.head.experimental})
            for one in part.imports:
                if one.resource.get("url") and not one.inner:
                    self._say("used-valueset", one.name)
                    self._warn(one.name, one.resource.get("status", ""), standing_of(one.resource), one.resource)
                self._say_used_by(one)

    def _warn(self, name: str, status: str, standing: str, head: Json) -> None:
        experimental = head.get("experimental") is True
        word = texts.standing(status, standing, experimental=experimental, used_by=self._composed.resource)
        if word:
            self._say(f"warning-{word}", name)


async def _page(one: Slice, offset: int, room: int) -> tuple[list[int], list[tuple[Concept, Json | None]]]:
    """At most `room` concepts of a slice with what the value set says of them, and the numbers of the first of them."""
    numbers = one.page(offset, room)
    read = await one.provider.concepts(numbers) if numbers else ()
    concepts: list[tuple[Concept, Json | None]] = [(each, one.entries.get(each.number)) for each in read]
    concepts += list(one.concepts[max(offset - len(one.numbers), 0) :][: room - len(numbers)])
    return numbers, concepts


async def _tree(one: Slice, numbers: Sequence[int], made: Sequence[Json]) -> list[Json]:
    """The entries nested as the concepts are: under the nearest concept above that is there."""
    places = dict(zip(numbers, made, strict=False))
    roots: list[Json] = []
    for number, entry in places.items():
        above = await _nearest(one, number, places)
        if above is None:
            roots.append(entry)
        else:
            places[above].setdefault("contains", []).append(entry)
    return roots + list(made[len(numbers) :])


async def _nearest(one: Slice, number: int, places: dict[int, Json]) -> int | None:
    """The nearest concept above, but for a filter only the one directly above. None in a circle as well."""
    seen = {number}
    level = list(await one.provider.parents(number))
    while level:
        found = next((parent for parent in level if parent in places), None)
        if found is not None:
            return None if found in seen or await _below(one, found, number, places) else found
        if not one.whole:
            return None
        seen.update(level)
        level = [up for parent in level for up in await one.provider.parents(parent) if up not in seen]
    return None


async def _below(one: Slice, number: int, top: int, places: dict[int, Json]) -> bool:
    """Whether `number` lies below `top`, as in a circle."""
    seen: set[int] = set()
    level = [number]
    while level:
        level = [up for each in level for up in await one.provider.parents(each) if up not in seen]
        if top in level:
            return True
        seen.update(level)
    return False


def _several_versions(slices: Sequence[Slice]) -> bool:
    systems: dict[str, str] = {}
    for one in slices:
        head = one.provider.head
        if systems.setdefault(head.url, head.version) != head.version:
            return True
    return False


def _named(wanted: frozenset[str], display: str, entry: Json) -> bool:
    """Whether the words that are searched begin words of one of the names that a value set gives."""
    names = [display, entry.get("display", ""), *(one.get("value", "") for one in entry.get("designation", ()))]
    return any(name and all(any(word.startswith(one) for word in words(name)) for one in wanted) for name in names)


def _shown(resource: Json, asked: Asked) -> Json:
    """The value set as it comes with an expansion."""
    left_out = ("expansion",) if asked.truth("includeDefinition") else ("expansion", *_DEFINITION)
    return {name: value for name, value in resource.items() if name not in left_out}


def _stored(composed: Composed, asked: Asked) -> Json:
    """The expansion that the value set brings along, which stands for a compose that is not there or not possible."""
    count, offset = asked.number("count"), asked.number("offset") or 0
    wanted = words(asked.text("filter"))
    entries = [one for one in composed.contains or () if not wanted or _named(wanted, one.get("display", ""), one)]
    if asked.truth("activeOnly"):
        entries = [one for one in entries if one.get("inactive") is not True]
    expansion: Json = dict(composed.resource["expansion"])
    parameters = list(asked.echo())
    if parameters:
        expansion["parameter"] = [*expansion.get("parameter", ()), *parameters]
    if wanted or count is not None or offset or asked.truth("activeOnly") or asked.truth("excludeNested"):
        flat = [{name: value for name, value in one.items() if name != "contains"} for one in entries]
        expansion |= {"total": len(flat), "offset": offset}
        expansion["contains"] = flat[offset : offset + count] if count is not None else flat[offset:]
        if not expansion["contains"]:
            del expansion["contains"]
    return _shown(composed.resource, asked) | {"expansion": expansion}


def _too_many(name: str, most: int) -> Refused:
    text = f"The value set '{name}' expansion has too many codes to produce (>{most})"
    return Refused(Problem("error", "too-costly", "too-costly", "VALUESET_TOO_COSTLY", text))
