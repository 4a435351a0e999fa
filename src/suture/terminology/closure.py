"""$closure: a table of which of a client's codes subsume which, kept up as the client meets new codes.

Specification: https://hl7.org/fhir/R4/terminology-service.html#closure and conceptmap-operation-closure.html. The one
thing to know: each call that adds codes makes a new version of the table and answers only with what is new, so a client
that adds up all answers holds the whole table.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from pyroaring import BitMap

from suture.terminology.desk import Question
from suture.terminology.problems import Problem, Refused
from suture.terminology.systems import Json, Provider

MAX_CONCEPTS = 20_000
"""Codes of one table."""

MAX_ENTRIES = 500_000
"""Pairs of one table."""


class Concept(msgspec.Struct, frozen=True, array_like=True):
    """A code of a table."""

    system: str
    version: str
    code: str


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """`above` subsumes `below`, as version `since` of the table says for the first time."""

    since: int
    system: str
    below: str
    above: str


class Table(msgspec.Struct):
    """A closure table."""

    name: str
    version: int = 0
    concepts: list[Concept] = []
    entries: list[Entry] = []


async def add(question: Question, table: Table, codings: Sequence[Json]) -> list[Entry]:
    """Add codes to a table; returns what is new. Raises Refused."""
    known = set(table.concepts)
    fresh: list[Concept] = []
    for coding in codings:
        one = Concept(coding.get("system", ""), coding.get("version", ""), coding.get("code", ""))
        if not one.system or not one.code:
            text = "Each concept added to a closure table must be a Coding with a system and a code"
            raise _wrong("CLOSURE_CONCEPT_INVALID", text)
        if one not in known:
            known.add(one)
            fresh.append(one)
    if len(known) > MAX_CONCEPTS:
        text = f"The closure table '{table.name}' can hold at most {MAX_CONCEPTS} concepts on this server"
        raise _wrong("CLOSURE_TOO_MANY_CONCEPTS", text, "too-costly")
    table.version += 1
    found: dict[Entry, None] = {}
    for system, version in dict.fromkeys((one.system, one.version) for one in fresh):
        provider = await question.library.code_system(system, version)
        if provider is None:
            text = f"A definition for the CodeSystem '{system}' could not be found, so the closure cannot be worked out"
            raise Refused(Problem("error", "not-found", "not-found", "UNKNOWN_CODESYSTEM", text), unknown=(system,))
        ours = [one.code for one in fresh if (one.system, one.version) == (system, version)]
        theirs = [one.code for one in known if one.system == system]
        for below, above in await _pairs(provider, ours, theirs):
            found[Entry(table.version, system, below, above)] = None
    told = {(one.system, one.below, one.above) for one in table.entries}
    new = [one for one in found if (one.system, one.below, one.above) not in told]
    if len(table.entries) + len(new) > MAX_ENTRIES:
        text = f"Adding these concepts would put more than {MAX_ENTRIES} entries into the closure table '{table.name}'"
        raise _wrong("CLOSURE_TOO_MANY_ENTRIES", text, "too-costly")
    table.concepts += fresh
    table.entries += new
    return new


async def _pairs(provider: Provider, ours: Iterable[str], theirs: Iterable[str]) -> list[tuple[str, str]]:
    """(below, above) for each of our codes and each of theirs."""
    every = list(theirs)
    found: list[tuple[str, str]] = []
    if not provider.enumerable:
        for one in ours:
            for other in every:
                how = await provider.subsumes(one, other) if one != other else "equivalent"
                found += [(other, one)] if how == "subsumes" else [(one, other)] if how == "subsumed-by" else []
        return found
    numbers = await provider.numbers(every)
    codes = {number: code for code, number in numbers.items()}
    here = BitMap(codes)
    for one in ours:
        number = numbers.get(one)
        if number is None:
            text = f"Unknown code '{one}' in the CodeSystem '{provider.head.url}'"
            raise Refused(Problem("error", "code-invalid", "invalid-code", "Unknown_Code_in", text))
        below = await provider.filter("concept", "descendent-of", one) & here
        above = await provider.filter("concept", "generalizes", one) & here
        found += [(codes[each], one) for each in below if each != number]
        found += [(one, codes[each]) for each in above if each != number]
    return found


def since(table: Table, version: str) -> list[Entry]:
    """The entries that are newer than a version of the table. Raises Refused."""
    if not (version.isascii() and version.isdecimal()) or int(version) > table.version:
        text = (
            f"The version '{version[:40]}' is not valid for the closure table '{table.name}': it must be a whole "
            f"number between 0 and the table's current version, {table.version}"
        )
        raise _wrong("CLOSURE_VERSION_INVALID", text)
    return [one for one in table.entries if one.since > int(version)]


def as_concept_map(table: Table, entries: Sequence[Entry], *, native: bool) -> Json:
    """The ConceptMap that tells of entries. `native`: in the words of R5."""
    groups: dict[str, dict[str, list[Json]]] = {}
    how = {"relationship": "source-is-narrower-than-target"} if native else {"equivalence": "subsumes"}
    for one in entries:
        groups.setdefault(one.system, {}).setdefault(one.below, []).append({"code": one.above} | how)
    found: Json = {
        "resourceType": "ConceptMap",
        "id": table.name,
        "version": str(table.version),
        "name": f"Closure Table {table.name}",
        "status": "active",
        "experimental": True,
        "date": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if groups:
        found["group"] = [
            {
                "source": system,
                "target": system,
                "element": [{"code": below, "target": above} for below, above in elements.items()],
            }
            for system, elements in groups.items()
        ]
    return found


def unknown_table(name: str) -> Refused:
    """A table that was never initialised."""
    text = (
        f"The closure table '{name}' does not exist on this server. Initialise it first, with a $closure request that "
        "names it and has no concepts"
    )
    problem = Problem("error", "not-found", "not-found", "CLOSURE_TABLE_UNKNOWN", text)
    return Refused(problem, status=404)


def _wrong(id: str, text: str, code: str = "invalid") -> Refused:
    kind = "too-costly" if code == "too-costly" else "invalid-data"
    return Refused(Problem("error", code, kind, id, text), status=422)
