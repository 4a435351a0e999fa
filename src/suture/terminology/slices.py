"""The concepts of a value set, code system by code system, in order and as bitmaps: what an expansion is made of.

Specification: https://hl7.org/fhir/R4/valueset.html#expansion. The one thing to know: a concept appears once, where an
include names it first, and no concept is read before somebody wants to show it.
"""

from collections.abc import Mapping, Sequence

import msgspec
from pyroaring import BitMap

from suture.terminology.composing import Composed, Part, takes_off
from suture.terminology.library import Library
from suture.terminology.problems import Problem, Refused
from suture.terminology.remote import Remote
from suture.terminology.supplements import canonical
from suture.terminology.systems import Concept, Json, Provider
from suture.terminology.versions import listed


class Slice(msgspec.Struct, frozen=True):
    """Concepts of one code system that one include brings in.

    `numbers`: which; `order`: in which order, None for that of the system. `entries`: what the value set says of listed
    ones, by number. `concepts`: of a grammar, which has no numbers, in order. `whole`: all of the system; `tree`: they
    may be shown as a tree. `language`: of the value set that lists them. `open`: they are only the usual codes of a
    grammar, which has more.
    """

    provider: Provider
    numbers: BitMap
    order: Sequence[int] | None
    entries: Mapping[int, Json]
    concepts: Sequence[tuple[Concept, Json]] = ()
    whole: bool = False
    tree: bool = False
    language: str = ""
    open: bool = False

    def only(self, numbers: BitMap) -> "Slice":
        """The same with only those of its numbers that are in `numbers`."""
        return msgspec.structs.replace(self, numbers=self.numbers & numbers)

    def but(self, numbers: BitMap) -> "Slice":
        """The same without `numbers`."""
        return msgspec.structs.replace(self, numbers=self.numbers - numbers)

    def page(self, offset: int, most: int) -> list[int]:
        """Its numbers in order: at most `most`, without the first `offset`."""
        if self.order is None:
            return list(self.numbers[offset : offset + most])
        return [number for number in self.order if number in self.numbers][offset : offset + most]

    def __len__(self) -> int:
        return len(self.numbers) + len(self.concepts)


class Slicing:
    """Makes the slices of value sets for one request. `incomplete`: fragments of code systems will do."""

    def __init__(self, library: Library, *, incomplete: bool) -> None:
        self._library = library
        self._incomplete = incomplete
        self._done: dict[int, list[Slice]] = {}

    async def of(self, composed: Composed) -> list[Slice]:
        """What the value set holds. Raises Refused for a code system that is not here or cannot be listed."""
        found = self._done.get(id(composed))
        if found is None:
            found = await self._of(composed)
            self._done[id(composed)] = found
        return found

    async def _of(self, composed: Composed) -> list[Slice]:
        included = [one for part in composed.includes for one in await self._part(part, composed)]
        gone = await self._excluded(composed, included) if composed.excludes else {}
        seen: dict[str, BitMap] = {}
        result: list[Slice] = []
        for one in included:
            key = canonical(one.provider.head)
            left = one.but(seen.get(key, _NONE) | gone.get(key, _NONE))
            if composed.active_only and one.provider.enumerable:
                left = left.but(await one.provider.inactive())
            seen[key] = seen.get(key, BitMap()) | left.numbers
            result.append(_without_codes(left, composed))
        return [one for one in result if len(one)]

    async def _excluded(self, composed: Composed, included: Sequence[Slice]) -> dict[str, BitMap]:
        """The numbers to take off, by code system and version."""
        gone: dict[str, BitMap] = {}
        providers = {canonical(one.provider.head): one.provider for one in included}
        versions: dict[str, list[str]] = {}
        for key, provider in providers.items():
            versions.setdefault(provider.head.url, []).append(key)
        several = frozenset(url for url, keys in versions.items() if len(keys) > 1)
        for part in composed.excludes:
            for one in await self._part(part, composed):
                head = one.provider.head
                for key in versions.get(head.url, ()):
                    if key == canonical(head):
                        gone[key] = gone.get(key, BitMap()) | one.numbers
                    elif takes_off(part, providers[key].head.version, several) and providers[key].enumerable:
                        gone[key] = gone.get(key, BitMap()) | await _in_other_version(one, providers[key])
        return gone

    async def _part(self, part: Part, composed: Composed) -> list[Slice]:
        if not part.system:
            first, *others = part.imports
            found = [msgspec.structs.replace(one, tree=False, whole=False) for one in await self.of(first)]
        else:
            found, others = [await self._of_system(part, composed)], list(part.imports)
        for other in others:
            found = _common(found, await self.of(other))
        if others or part in composed.excludes:
            for one in found:
                if one.open:
                    raise _endless(one.provider)
        return found

    async def _of_system(self, part: Part, composed: Composed) -> Slice:
        provider = part.provider
        if provider is None:
            raise await self._unknown(part)
        language = composed.resource.get("language", "")
        if not provider.enumerable:
            listed = part.listed if part.listed is not None else await self._usual(part, provider)
            concepts = await self._grammar(part, provider, listed)
            open = part.listed is None and not isinstance(provider, Remote)
            return Slice(provider, BitMap(), None, {}, concepts=concepts, language=language, open=open)
        if provider.head.content == "fragment" and part.listed is None and not self._incomplete:
            raise _fragment(provider)
        chosen = part.numbers
        if part.listed is None:
            numbers = chosen if chosen is not None else await provider.all()
            tree = not part.imports and len(part.filters) < 2
            return Slice(provider, numbers, None, {}, whole=chosen is None, tree=tree, language=language)
        known = await provider.numbers(part.listed)
        entries = {known[code]: entry for code, entry in part.listed.items() if code in known}
        numbers = BitMap(entries) if chosen is None else BitMap(entries) & chosen
        return Slice(provider, numbers, list(entries), entries, language=language)

    async def _usual(self, part: Part, provider: Provider) -> Mapping[str, Json] | None:
        """The codes of a grammar that FHIR lists as its usual ones. Raises Refused where there is no such list."""
        url = _USUAL.get(part.system, "")
        if isinstance(provider, Remote):
            return None
        if not url or (part.filters and part.system not in _FILTERED):
            raise _endless(provider)
        try:
            found = await self._library.value_set(url)
        except Refused as error:
            raise _endless(provider) from error
        includes: list[Json] = found.resource.get("compose", {}).get("include", [])
        return {
            concept["code"]: {}
            for include in includes
            if include.get("system") == part.system
            for concept in include.get("concept", ())
        }

    async def _grammar(
        self, part: Part, provider: Provider, listed: Mapping[str, Json] | None
    ) -> list[tuple[Concept, Json]]:
        if isinstance(provider, Remote):
            concepts = await provider.listing(part.listed, part.filters)
            return [(concept, (part.listed or {}).get(concept.code, {})) for concept in concepts]
        found = [(await provider.concept(code), entry) for code, entry in (listed or {}).items()]
        kept = [(concept, entry) for concept, entry in found if concept is not None]
        for rule in part.filters:
            kept = [(concept, entry) for concept, entry in kept if await provider.satisfies(concept, *rule)]
        return kept

    async def _unknown(self, part: Part) -> Refused:
        text = f"A definition for CodeSystem '{part.system}'"
        id = "UNKNOWN_CODESYSTEM_EXP"
        end = ""
        if part.version:
            versions = await self._library.code_system_versions(part.system)
            text += f" version '{part.version}'"
            id = "UNKNOWN_CODESYSTEM_VERSION_EXP" if versions else "UNKNOWN_CODESYSTEM_VERSION_EXP_NONE"
            end = f". Valid versions: {listed(versions)}" if versions else ". No versions of this code system are known"
        text += f" could not be found, so the value set cannot be expanded{end}"
        unknown = f"{part.system}|{part.version}" if part.version else part.system
        return Refused(Problem("error", "not-found", "not-found", id, text), status=404, unknown=(unknown,))


_NONE = BitMap()

_USUAL = {
    "http://unitsofmeasure.org": "http://hl7.org/fhir/ValueSet/ucum-common",
    "urn:ietf:bcp:47": "http://hl7.org/fhir/ValueSet/languages",
}
"""Value sets with the usual codes of grammars."""

_FILTERED = ("http://unitsofmeasure.org",)
"""Those that are long enough for a part of them to be of use."""


def _endless(provider: Provider) -> Refused:
    text = f'The code System "{provider.head.url}" has a grammar, and cannot be enumerated directly'
    return Refused(Problem("error", "too-costly", "too-costly", "", text))


async def _in_other_version(one: Slice, provider: Provider) -> BitMap:
    """The numbers that the codes of a slice have in another version of its code system."""
    codes = [concept.code for concept in await one.provider.concepts(list(one.numbers))]
    return BitMap((await provider.numbers(codes)).values())


def _common(slices: list[Slice], others: list[Slice]) -> list[Slice]:
    """What both hold, in the order of the first."""
    numbers: dict[str, BitMap] = {}
    codes: dict[str, set[str]] = {}
    for one in others:
        key = canonical(one.provider.head)
        numbers[key] = numbers.get(key, BitMap()) | one.numbers
        codes.setdefault(key, set()).update(concept.code for concept, _ in one.concepts)
    result: list[Slice] = []
    for one in slices:
        key = canonical(one.provider.head)
        concepts = [each for each in one.concepts if each[0].code in codes.get(key, ())]
        result.append(msgspec.structs.replace(one.only(numbers.get(key, _NONE)), concepts=concepts, tree=False))
    return result


def _without_codes(one: Slice, composed: Composed) -> Slice:
    """A slice of a grammar without what is excluded by code."""
    if not one.concepts or not composed.excludes:
        return one
    listed = {
        code
        for part in composed.excludes
        if part.system == one.provider.head.url and part.listed is not None
        for code in part.listed
    }
    return msgspec.structs.replace(one, concepts=[each for each in one.concepts if each[0].code not in listed])


def _fragment(provider: Provider) -> Refused:
    text = (
        f"The code system definition for {provider.head.url} is a fragment, so this expansion is not permitted "
        'unless the expansion parameter "incomplete-ok" has a value of "true"'
    )
    return Refused(Problem("error", "business-rule", "invalid", "", text), status=422)
