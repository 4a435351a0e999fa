"""The codes of a value set, system by system, as searches need them: exact, or an error.

Specification: https://hl7.org/fhir/R4/valueset.html#compositions. The one thing to know: a system whose codes are not
here, or are too many to list, is the complement of what is left out, so the set operations stay exact.
"""

from pyroaring import BitMap

from suture.fhir.outcomes import Issue
from suture.terminology.codes import EVERY, Codes, Members, difference, intersection, size, union
from suture.terminology.composing import Composed, Part, takes_off
from suture.terminology.listed import Listed
from suture.terminology.problems import Problem, Refused
from suture.terminology.refusals import shown, too_large
from suture.terminology.remote import Remote
from suture.terminology.systems import Provider

MAX_CODES = 50_000
"""Codes that a value set may name."""
MAX_LISTED = 10_000
"""A whole code system of more codes is not listed: any code of it is in."""

_OPPOSITES = {"not-in": "in", "is-not-a": "is-a"}


async def members(composed: Composed) -> Members:
    """The codes of a value set by system. Raises Refused for what cannot be worked out, TooCostly."""
    return await _Counting().members(composed)


class _Counting:
    """Counts each value set once, however many include it."""

    def __init__(self) -> None:
        self._done: dict[int, Members] = {}

    async def members(self, composed: Composed) -> Members:
        found = self._done.get(id(composed))
        if found is None:
            if composed.contains is not None:
                found = _expanded(composed)
            else:
                found = await self._composed_of(composed)
            if size(found) > MAX_CODES:
                url = composed.name.partition("|")[0]
                raise too_large(f"The value set {shown(url)} has too many codes", MAX_CODES)
            self._done[id(composed)] = found
        return found

    async def _composed_of(self, composed: Composed) -> Members:
        active, several = composed.active_only, composed.several
        included = [await self._part(part, composed, active_only=active) for part in composed.includes]
        excluded = [await self._part(part, composed, active_only=False) for part in composed.excludes]
        if not several or not excluded:
            return difference(union(included), union(excluded))
        left: list[Members] = []
        for part, codes in zip(composed.includes, included, strict=True):
            version = part.provider.head.version if part.provider is not None else part.version
            pairs = zip(composed.excludes, excluded, strict=True)
            gone = [
                one for exclude, one in pairs if exclude.system != part.system or takes_off(exclude, version, several)
            ]
            left.append(difference(codes, union(gone)))
        return union(left)

    async def _part(self, part: Part, composed: Composed, *, active_only: bool) -> Members:
        every = [await self.members(one) for one in part.imports]
        if part.system:
            every.append({part.system: await _of_system(part, composed, active_only=active_only)})
        return intersection(every)


async def _of_system(part: Part, composed: Composed, *, active_only: bool) -> Codes:
    provider = part.provider
    if isinstance(provider, Remote) and part.filters:
        return Codes(frozenset(concept.code for concept in await provider.listing(part.listed, part.filters)))
    if part.listed is not None:
        codes = Codes(frozenset(part.listed))
    elif provider is not None and _can_be_listed(provider):
        codes = Codes(await _codes(provider, await provider.all()))
    else:
        codes = EVERY
    if part.filters and (provider is None or not provider.enumerable):
        url = composed.name.partition("|")[0]
        text = (
            f"The value set {shown(url)} filters the codes of {shown(part.system)}, which are not here. "
            "Store that code system as a CodeSystem with its concepts."
        )
        problem = Problem("error", "not-supported", "vs-invalid", "", text, part.place)
        raise Refused(problem, plain=Issue("error", "not-supported", text))
    if provider is not None and provider.enumerable:
        for property, op, value in part.filters:
            chosen = await provider.filter(property, _OPPOSITES.get(op, op), value)
            found = Codes(await _codes(provider, chosen))
            codes &= ~found if op in _OPPOSITES else found
        if active_only:
            codes -= Codes(await _codes(provider, await provider.inactive()))
    return codes


def _can_be_listed(provider: Provider) -> bool:
    return provider.enumerable and provider.head.content == "complete" and provider.size <= MAX_LISTED


async def _codes(provider: Provider, numbers: BitMap) -> frozenset[str]:
    if len(numbers) > MAX_CODES:
        raise too_large(f"A value set chooses too many codes of {shown(provider.head.url)}", MAX_CODES)
    if isinstance(provider, Listed):
        return frozenset(provider.raw(number)["code"] for number in numbers)
    return frozenset(concept.code for concept in await provider.concepts(list(numbers)))


def _expanded(composed: Composed) -> Members:
    found: dict[str, set[str]] = {}
    for entry in composed.contains or ():
        found.setdefault(entry.get("system", ""), set()).add(entry["code"])
    return {system: Codes(frozenset(codes)) for system, codes in found.items()}
