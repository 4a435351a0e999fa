"""Whether one coding is in a value set: part by part, with the version of the code system that counts for it.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions and, on versions,
https://hl7.org/fhir/R4/valueset-operation-validate-code.html. The one thing to know: the answer has three values. None
means that it cannot be told, because a code system is not here.
"""

from collections.abc import Sequence
from copy import copy

from suture.terminology import texts
from suture.terminology.asked import Asked, Coded
from suture.terminology.composing import Composed, Composer, Part, selected, takes_off, version_check
from suture.terminology.displays import Name, names_of
from suture.terminology.problems import Problem
from suture.terminology.properties import standing_of
from suture.terminology.systems import Concept, Head, Json, Provider
from suture.terminology.versions import Rules, matches, more_detailed, newest

_DEPRECATED = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"


class Verdict:
    """What was found out about one coding. `names`: of its concept, where that is known."""

    __slots__ = ("concept", "inactive", "names", "normal", "provider", "status", "version")

    def __init__(self) -> None:
        self.provider: Provider | None = None
        self.concept: Concept | None = None
        self.names: list[Name] = []
        self.version = ""
        self.normal = ""
        self.status = ""
        self.inactive = False

    def saw(self, provider: Provider, concept: Concept, names: list[Name]) -> None:
        """Take note of the concept."""
        self.provider, self.concept, self.names = provider, concept, names

    def become(self, other: "Verdict") -> None:
        """Be what another one is."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))


class Membership:
    """Judges codings for one request. `problems`: all issues so far; `unknown`: canonicals that are not here.

    `lists_suffice`: where a value set lists its codes one by one, it is judged by that list even when their code system
    is not here.
    """

    def __init__(self, composer: Composer, asked: Asked, *, lists_suffice: bool = False) -> None:
        self.composer = composer
        self.library = composer.library
        self.problems: dict[Problem, None] = {}
        self.unknown: dict[str, None] = {}
        self.rules: Rules = asked.rules
        self.supplements = asked.supplements
        self.only_membership = asked.truth("valueset-membership-only")
        self.lists_suffice = lists_suffice
        self._active_only = asked.truth("activeOnly")
        self._abstract = asked.truth("abstract", default=True)

    def say(self, problem: Problem) -> None:
        """Add an issue, once."""
        self.problems[problem] = None

    async def judge(self, composed: Composed, coded: Coded, verdict: Verdict) -> bool | None:
        """Whether the coding, which has a system, is in the value set."""
        if composed.contains is not None:
            return await self._in_expansion(composed, coded, verdict)
        if coded.system in composed.several:
            return await self._in_versions(composed, coded, verdict)
        return await self._composed_of(composed, composed.includes, coded, verdict)

    async def _in_versions(self, composed: Composed, coded: Coded, verdict: Verdict) -> bool | None:
        """The same where several versions of the code system are included: the newest in which all is right counts."""
        versions = newest(
            part.provider.head.version
            for part in composed.includes
            if part.provider is not None and part.system == coded.system
        )
        if coded.version:
            meant = [one for one in versions if matches(coded.version, one)]
            includes = _of_version(composed, coded.system, meant[0]) if meant else composed.includes
            return await self._composed_of(composed, includes, coded, verdict)
        attempts: list[tuple[bool | None, Membership, Verdict]] = []
        for version in versions:
            quiet, found = self._quiet(), Verdict()
            includes = _of_version(composed, coded.system, version)
            attempts.append((await quiet._composed_of(composed, includes, coded, found), quiet, found))
        inside, quiet, found = min(attempts, key=lambda one: _rank(one[0], coded, one[2]))
        self.problems |= quiet.problems
        self.unknown |= quiet.unknown
        verdict.become(found)
        return inside

    async def _composed_of(
        self, composed: Composed, includes: Sequence[Part], coded: Coded, verdict: Verdict
    ) -> bool | None:
        unsure = inside = False
        for part in includes:
            found: bool | None = True
            if part.system:
                found = await self._included(composed, part, coded, verdict) if part.system == coded.system else False
                if found is None and not self.lists_suffice:
                    return None
            found = await self._in_imports(composed, part, coded, verdict) if found else found
            unsure = unsure or found is None
            if found:
                inside = True
                break
        if not inside:
            return None if unsure else False
        for part in composed.excludes:
            if takes_off(part, verdict.version, composed.several) and await self._excluded(composed, part, coded):
                return False
        return True

    async def _in_imports(self, composed: Composed, part: Part, coded: Coded, verdict: Verdict) -> bool | None:
        inside: bool | None = True
        for one in part.imports:
            head = one.resource
            self.say_standing("ValueSet", one.name, head.get("status", ""), standing_of(head), head, composed.resource)
            if inside:
                inside = await self.judge(one, coded, verdict)
        return inside

    def say_standing(self, type: str, name: str, status: str, standards: str, head: Json, used_by: Json) -> None:
        """Say when a definition that is used is deprecated, withdrawn, retired, experimental or a draft."""
        experimental = head.get("experimental") is True
        word = texts.standing(status, standards, experimental=experimental, used_by=used_by)
        if word:
            self.say(texts.referred(type, name, word))

    def say_standing_of(self, head: Head, used_by: Json) -> None:
        """The same for a code system."""
        name = f"{head.url}|{head.version}" if head.version else head.url
        experimental = {"experimental": head.experimental}
        self.say_standing("CodeSystem", name, head.status, head.standards_status, experimental, used_by)

    async def _included(self, composed: Composed, part: Part, coded: Coded, verdict: Verdict) -> bool | None:
        provider, version = await self._provider(composed, part, coded)
        if provider is None:
            if self.only_membership:
                return False
            if self.lists_suffice and part.listed is not None and not part.filters:
                return coded.code in part.listed
            await self.say_unknown(coded.system, version, coded.at("system"))
            return None
        head = provider.head
        failing = self.rules.failing(coded.system, head.version)
        if failing is not None:
            self.say(version_check(failing, head.version, coded.at("version")))
        self.say_standing_of(head, composed.resource)
        verdict.version, verdict.provider = head.version, provider
        return await self._in_part(composed, part, provider, coded, verdict)

    async def say_unknown(self, system: str, version: str, place: str) -> None:
        """Say once that a code system, or its version, is not here."""
        versions = await self.library.code_system_versions(system) if version else []
        name = f"{system}|{version}" if version and versions else system
        if name not in self.unknown:
            self.unknown[name] = None
            self.say(texts.unknown_system(system, version, versions, place))

    async def _provider(self, composed: Composed, part: Part, coded: Coded) -> tuple[Provider | None, str]:
        """The code system in the version that counts, and that version, "" for any."""
        version = await self._version(composed, part, coded) if coded.version else part.version
        if version == part.version:
            return part.provider, version
        found = await self.composer.provider(part.system, version, self.supplements, lenient=composed.packaged)
        return found, version

    async def _version(self, composed: Composed, part: Part, coded: Coded) -> str:
        """The version that counts where the coding says one; says so where that is another."""
        chosen, asked = part.version, coded.version
        versions = await self.library.code_system_versions(coded.system)
        if (chosen and more_detailed(chosen, asked)) or (
            not chosen and any(one == asked or more_detailed(asked, one) for one in versions)
        ):
            chosen = asked
        used = await self.composer.provider(coded.system, chosen, lenient=composed.packaged)
        if used is None:
            if chosen != asked:
                self.say(texts.other_version(coded.system, chosen, chosen, "", coded, needed=True))
            return chosen
        head = used.head
        if head.version not in ("", asked) and not more_detailed(asked, head.version) and not composed.packaged:
            needed = head.version_needed
            self.say(texts.other_version(coded.system, part.wanted, chosen, head.version, coded, needed=needed))
            if await self.library.code_system(coded.system, asked) is None:
                await self.say_unknown(coded.system, asked, coded.at("system"))
        return chosen

    async def _in_part(
        self, composed: Composed, part: Part, provider: Provider, coded: Coded, verdict: Verdict
    ) -> bool:
        head = provider.head
        concept = await provider.concept(coded.code)
        if part.listed is not None:
            entry = part.listed.get(coded.code) or (part.listed.get(concept.code) if concept else None)
            if entry is None or concept is None:
                return False
        elif concept is None:
            if not part.filters and not self.only_membership:
                self.say(texts.unknown_code(head, coded))
            return not part.filters and head.content == "fragment"
        else:
            entry = None
        if part.filters and not await self._selected(composed, part, provider, concept):
            return False
        verdict.saw(provider, concept, names_of(concept, head, entry, composed.resource.get("language", "")))
        return self._usable(composed, part, head, concept, entry, coded, verdict)

    async def _selected(self, composed: Composed, part: Part, provider: Provider, concept: Concept) -> bool:
        if not provider.enumerable:
            return all([await provider.satisfies(concept, *rule) for rule in part.filters])
        numbers = part.numbers
        if provider is not part.provider:
            numbers = await selected(provider, part.filters, part.place, composed.name)
        return numbers is not None and concept.number in numbers

    def _usable(
        self,
        composed: Composed,
        part: Part,
        head: Head,
        concept: Concept,
        entry: Json | None,
        coded: Coded,
        verdict: Verdict,
    ) -> bool:
        """Whether a concept that is in the part may be used: not when it is abstract or inactive and that counts."""
        if concept.abstract and not self._abstract:
            if not self.only_membership:
                self.say(texts.abstract(coded))
            return False
        if concept.inactive and (composed.active_only or self._active_only):
            self.say(texts.not_active(coded))
            if not self.only_membership:
                verdict.inactive, verdict.status = True, concept.status
            return False
        if entry is not None:
            standing = standing_of(entry)
            if standing in ("withdrawn", "deprecated"):
                self.say(texts.deprecated_in(composed.name, standing, coded))
            elif any(one.get("url") == _DEPRECATED for one in entry.get("extension", ())):
                self.say(texts.deprecated_in(composed.name, "deprecated", coded))
        if concept.code != coded.code:
            self.say(texts.other_case(head, concept, coded))
            verdict.normal = concept.code
        verdict.inactive, verdict.status = concept.inactive, concept.status
        return True

    async def _excluded(self, composed: Composed, part: Part, coded: Coded) -> bool:
        """Whether an exclude takes the coding off, without a word."""
        if part.system:
            if part.system != coded.system:
                return False
            if part.provider is None:
                return self.lists_suffice and part.listed is not None and coded.code in part.listed
            concept = await part.provider.concept(coded.code)
            if concept is None:
                return False
            if part.listed is not None and coded.code not in part.listed and concept.code not in part.listed:
                return False
            if part.filters and not await self._selected(composed, part, part.provider, concept):
                return False
        quiet = self._quiet()
        return all([await quiet.judge(one, coded, Verdict()) for one in part.imports])

    def _quiet(self) -> "Membership":
        """The same, with its own problems."""
        other = copy(self)
        other.problems, other.unknown = {}, {}
        return other

    async def _in_expansion(self, composed: Composed, coded: Coded, verdict: Verdict) -> bool:
        entry = next(
            (
                one
                for one in composed.contains or ()
                if one["code"] == coded.code
                and one.get("system", "") == coded.system
                and (not coded.version or one.get("version", coded.version) == coded.version)
            ),
            None,
        )
        if entry is None:
            return False
        version = coded.version or entry.get("version", "")
        provider = await self.composer.provider(coded.system, version, self.supplements, lenient=True)
        concept = await provider.concept(coded.code) if provider is not None else None
        if provider is not None and concept is not None:
            verdict.version = provider.head.version
            verdict.saw(provider, concept, names_of(concept, provider.head, entry))
            verdict.inactive, verdict.status = concept.inactive, concept.status
        elif entry.get("display"):
            verdict.names = [Name(entry["display"], main=True)]
        return True

    async def systems_of(self, composed: Composed, code: str) -> tuple[Sequence[str], bool]:
        """The code systems in which `code` could be meant, by what the value set includes, and whether that is certain.

        It is not where a code system is not here; with `lists_suffice` that is said if there is no other.
        """
        if composed.contains is not None:
            return sorted({one.get("system", "") for one in composed.contains if one["code"] == code}), True
        found: list[str] = []
        unasked: list[Membership] = []
        for system in dict.fromkeys(systems_in(composed)):
            quiet = self._quiet()
            inside = await quiet.judge(composed, Coded(system, "", code, "", ""), Verdict())
            if inside is None:
                unasked.append(quiet)
            elif inside:
                provider = await self.library.code_system(system)
                if self.lists_suffice if provider is None else await provider.concept(code) is not None:
                    found.append(system)
        if self.lists_suffice and not found:
            for quiet in unasked:
                self.problems |= quiet.problems
                self.unknown |= quiet.unknown
        return found, not unasked


def _of_version(composed: Composed, system: str, version: str) -> list[Part]:
    """The includes without those of other versions of a code system."""
    return [
        part
        for part in composed.includes
        if part.system != system or part.provider is None or part.provider.head.version == version
    ]


def _rank(inside: bool | None, coded: Coded, verdict: Verdict) -> int:
    """How much less an answer is wanted than the best one: in the value set, with the display that was sent."""
    if not inside:
        return 2
    display = coded.display.casefold()
    return 0 if not display or any(name.value.casefold() == display for name in verdict.names) else 1


def systems_in(composed: Composed) -> list[str]:
    """The code systems of which a value set may hold codes."""
    found: list[str] = []
    for part in composed.includes:
        if part.system:
            found.append(part.system)
        else:
            for one in part.imports:
                found += systems_in(one)
    if composed.contains is not None:
        found += [one.get("system", "") for one in composed.contains]
    return found
