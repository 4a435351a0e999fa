"""The newest observations of every code: what $lastn answers with.

Specification: https://hl7.org/fhir/R4/observation-operation-lastn.html. Observations whose codes share a coding are of
one group, also by way of a third that has codings of both; those without codings are grouped by their text, letter by
letter. The one thing to know: a group is known only when the last observation was seen, because that one may join two
groups; so all matches are read, newest first, and of each group only as many are kept as can be in the answer.
"""

from collections.abc import Iterable

import msgspec

from suture.fhir.dates import bounds
from suture.fhir.outcomes import TooCostly
from suture.search.execute import Search
from suture.search.query import Query
from suture.store.connection import Connection
from suture.store.predicate import Predicate
from suture.store.rows import Stored

Code = tuple[str, str, str]
"""(subject, system, code), or (subject, "", text) with a text in place of codings."""


class _Coding(msgspec.Struct, frozen=True):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct, frozen=True):
    coding: list[_Coding] = []
    text: str = ""


class _Reference(msgspec.Struct, frozen=True):
    reference: str = ""


class _Period(msgspec.Struct, frozen=True):
    start: str = ""
    end: str = ""


class _Observation(msgspec.Struct, frozen=True):
    """What decides about a group and a place in it. Everything else in the JSON is skipped."""

    code: _Concept = _Concept()
    subject: _Reference = _Reference()
    effectiveDateTime: str = ""
    effectiveInstant: str = ""
    effectivePeriod: _Period = _Period()


_read = msgspec.json.Decoder(_Observation).decode


class _Group:
    """Observations of one code, newest first, no more than can be in the answer. `codes`: all codings they have."""

    __slots__ = ("codes", "newest")

    def __init__(self, codes: Iterable[Code]) -> None:
        self.codes = set(codes)
        self.newest: list[tuple[int, int | None, Stored]] = []

    def cut(self, most: int) -> None:
        """Keep `most`, and those that have the same effective time as the last of them."""
        kept = self.newest[:most]
        for entry in self.newest[most:]:
            if entry[1] is None or entry[1] != kept[-1][1]:
                break
            kept.append(entry)
        self.newest = kept


class Groups:
    """The groups of the observations seen so far. They are added newest first. `most`: wanted of each group."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen = 0
        self._by_code: dict[Code, _Group] = {}

    def add(self, stored: Stored) -> None:
        """One more observation, no newer than those before."""
        observation = _read(stored.body)
        codes = _codes(observation)
        groups = list({id(g): g for code in codes if (g := self._by_code.get(code)) is not None}.values())
        group = max(groups, key=lambda one: len(one.codes)) if groups else _Group(())
        for other in groups:
            if other is not group:
                group.codes |= other.codes
                group.newest = sorted((*group.newest, *other.newest), key=lambda entry: entry[0])
                self._by_code.update(dict.fromkeys(other.codes, group))
        for code in codes:
            group.codes.add(code)
            self._by_code[code] = group
        self._seen += 1
        at = _effective(observation)
        if len(group.newest) < self._most or (at is not None and group.newest[-1][1] == at):
            group.newest.append((self._seen, at, stored))
        group.cut(self._most)

    def newest(self) -> list[Stored]:
        """The answer: group after group, the one with the newest observation first, and so within each group."""
        groups = {id(group): group for group in self._by_code.values()}.values()
        return [entry[2] for group in sorted(groups, key=lambda one: one.newest[0][0]) for entry in group.newest]


async def latest(
    search: Search, connection: Connection, query: Query, predicate: Predicate, *, most: int, budget: int
) -> list[Stored]:
    """The newest `most` observations of each code among the matches of `query`, and those as new as the last of them.

    `query`: a search of observations by the newest date. `budget`: matches that may be read. Raises TooCostly.
    """
    groups = Groups(most)
    seen = 0
    while True:
        page = await search.run(connection, query, predicate)
        seen += len(page.matches)
        if seen > budget:
            raise TooCostly(
                f"$lastn would look at more than {budget} observations; narrow them, for instance by category or code."
            )
        for stored in page.matches:
            groups.add(stored)
        if page.next is None:
            return groups.newest()
        query = msgspec.structs.replace(query, cursor=page.next)


def _codes(observation: _Observation) -> list[Code]:
    subject = observation.subject.reference
    codings = [(subject, coding.system, coding.code) for coding in observation.code.coding if coding.code]
    return codings or [(subject, "", f"\0{observation.code.text}")]


def _effective(observation: _Observation) -> int | None:
    """When the effective time begins, in microseconds since 1970 UTC; None where there is none to compare."""
    period = observation.effectivePeriod
    text = observation.effectiveDateTime or observation.effectiveInstant or period.start or period.end
    return bounds(text)[0] if text else None
