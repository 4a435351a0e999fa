"""From a release to the rows of the database: numbers, concepts, search words, sets, and then it is shown.

The one thing to know: what is written follows from the release alone, in the order of the concepts' numbers. So a load
that was interrupted reads the release again, writes from where it stopped, and ends with the same rows.
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections.abc import Callable, Sequence

import msgspec
import zstandard
from pyroaring import BitMap

from suture.terminology.content.bodies import (
    ABSTRACT,
    INACTIVE,
    Body,
    Description,
    encode_body,
    encode_description,
)
from suture.terminology.content.buckets import Buckets
from suture.terminology.content.hierarchy import Hierarchy
from suture.terminology.content.kinds import Kind
from suture.terminology.content.outline import Outline
from suture.terminology.content.postings import Postings, written
from suture.terminology.content.relations import Relations, Value, packed_members, packed_values
from suture.terminology.content.release import Release
from suture.terminology.content.rows import VISIBLE, Loading
from suture.terminology.content.words import words

BATCH = 4_000
"""Rows of one transaction: half a second at most, so that servers that write meanwhile do not wait long."""

BREATH = 20_000
"""Records that are read without looking up."""

LONGEST_VALUE = 200
"""Characters of a property's value up to which concepts can be found by it."""

MANY = 2_000
"""Terms that begin alike from which the concepts that they belong to are kept ready as well."""

TEXT_DEFINITION = 900000000000550004
"""The type of SNOMED CT descriptions that define."""

Tell = Callable[[str, int, int], None]
"""Told of progress: (what is being done, how much of it is done, how much there is)."""


class Loaded(msgspec.Struct, frozen=True):
    """What a load did. `continued`: concepts that were there from an interrupted load. `replaced`: numbers to purge."""

    cs: int
    description: Description
    continued: int
    replaced: Sequence[int]


def fingerprint(release: Release) -> str:
    """Tells two sources apart, by what was chosen and by the names and sizes of their files."""
    digest = hashlib.blake2b(f"{release.kind}\0{release.choices}".encode(), digest_size=16)
    for file in sorted(release.files, key=lambda file: file.path):
        digest.update(f"{file.path}\0{file.size}\0".encode())
    return digest.hexdigest()


async def load(
    release: Release, loading: Loading, tell: Tell = lambda _, __, ___: None, *, again: bool = False
) -> Loaded | None:
    """Load a release; when it returns, everybody sees it. Raises ReleaseError and what `loading` raises.

    None: this version is loaded already; with `again` it is loaded once more, in the place of the other.
    """
    assembly = _Assembly(release, loading, tell)
    assembly.read_outline()
    head = release.describe().head
    if not again and any(
        one.state == VISIBLE and (one.url, one.version) == (head.url, head.version) for one in await loading.versions()
    ):
        return None
    return await assembly.run()


class _Assembly:
    def __init__(self, release: Release, loading: Loading, tell: Tell) -> None:
        self._release = release
        self._loading = loading
        self._tell = tell
        self._read = 0
        self._outline = Outline()
        self._words = Postings()
        self._properties = Postings()
        self._having = Postings()
        self._flags = {"inactive": BitMap(), "abstract": BitMap()}
        self._terms = array("I")
        self._relations: dict[int, Relations] = {}
        self._values: dict[int, list[Value]] = {}

    def _told(self, read: int) -> None:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # interrupted: reading a file does not wait for anything that would tell
        self._read += read
        self._tell("Reading", self._read, max(self._release.effort, self._read))

    def read_outline(self) -> None:
        self._release.outline(self._outline, self._told)

    async def run(self) -> Loaded:
        release, loading = self._release, self._loading
        hierarchy = self._outline.settle()
        description = release.describe()
        head = description.head
        size = len(self._outline)
        source = fingerprint(release)
        place = await loading.begin(head.url, head.version, source, encode_description(description))
        with Buckets() as buckets:
            for count, (number, record) in enumerate(release.records(self._outline, self._told)):
                buckets.add(number, record)
                if count % BREATH == 0:
                    await asyncio.sleep(0)
            await self._concepts(place.cs, place.done, buckets, size)
        await self._sets(place.cs, hierarchy, size)
        await self._reference_sets(place.cs)
        # declared properties, languages and uses are known only now
        description = release.describe()
        description.size = size
        description.files = [file.name for file in release.files][:50]
        replaced = await loading.show(place.cs, encode_description(description))
        return Loaded(place.cs, description, min(place.done, size), replaced)

    async def _concepts(self, cs: int, done: int, buckets: Buckets, size: int) -> None:
        rows: list[tuple[int, str, bytes]] = []
        folded = not self._release.describe().head.case_sensitive
        for number, records in buckets.grouped():
            body = self._release.body(records)
            self._index(number, body)
            if number >= done:
                rows.append((number, body.code.casefold() if folded else body.code, encode_body(body)))
            if len(rows) >= BATCH:
                await self._loading.concepts(cs, rows)
                rows = []
                self._tell("Writing concepts", number, size)
        if rows:
            await self._loading.concepts(cs, rows)
        self._tell("Writing concepts", size, size)

    def _index(self, number: int, body: Body) -> None:
        if body.flags & INACTIVE:
            self._flags["inactive"].add(number)
        if body.flags & ABSTRACT:
            self._flags["abstract"].add(number)
        for term in _searched(body):
            for word in set(words(term)):
                self._words.add(word, len(self._terms))
            self._terms.append(number)
        for place, text in body.properties:
            self._having.add(str(place), number)
            # a part of LOINC is found by its code and by its name
            for value in text.split("\t")[1:] if "\t" in text else (text,):
                if 0 < len(value) <= LONGEST_VALUE:
                    self._properties.add(f"{place}:{value}", number)
        for attribute, target, group in body.relations:
            at = self._number(attribute)
            if at is None:
                continue
            if target.startswith(("#", '"')) or target in ("true", "false"):
                self._values.setdefault(at, []).append(Value(number, group, target))
                continue
            end = self._number(target)
            if end is not None:
                self._relations.setdefault(at, Relations.empty()).add(number, end, group)

    def _number(self, code: str) -> int | None:
        found = self._outline.number(code)
        return self._outline.number(int(code)) if found is None and code.isdigit() else found

    async def _sets(self, cs: int, hierarchy: Hierarchy, size: int) -> None:
        flags = [(name, written(members)) for name, members in self._flags.items()]
        below = [(str(number), written(members)) for number, members in hierarchy.large_sets().items()]
        valued = [(url, written(members)) for url, members in self._release.value_sets().items()]
        other = Postings()
        for name, number in self._release.alternates():
            other.add(name, number)
        beginnings = self._words.beginnings()
        terms = self._terms
        starting = [
            (text, written(BitMap(array("I", [terms[term] for term in members]))))
            for text, members in beginnings
            if len(members) > MANY
        ]
        every = {
            Kind.FLAG: flags,
            Kind.BELOW: below,
            Kind.VALUE_SET: valued,
            Kind.ALTERNATE: list(other.rows()),
            Kind.HAVING: list(self._having.rows()),
            Kind.BEGINNING: [(text, written(members)) for text, members in beginnings],
            Kind.STARTING: starting,
            Kind.WORD: self._words.rows(),
            Kind.PROPERTY: self._properties.rows(),
        }
        total = sum(len(rows) for rows in every.values() if isinstance(rows, list))
        total += len(self._words) + len(self._properties)
        done = 0
        for kind, rows in every.items():
            some: list[tuple[str, bytes]] = []
            for row in rows:
                some.append(row)
                if len(some) >= BATCH:
                    await self._loading.sets(cs, kind, some)
                    done += len(some)
                    some = []
                    self._tell("Writing sets", done, total)
            await self._loading.sets(cs, kind, some)
            done += len(some)
        await self._blocks(cs, hierarchy)
        self._tell("Writing sets", total, total)

    async def _blocks(self, cs: int, hierarchy: Hierarchy) -> None:
        terms = zstandard.compress(self._terms.tobytes(), 9)
        await self._loading.blocks(cs, Kind.SUBTYPES, [(0, 0, hierarchy.packed())])
        await self._loading.blocks(cs, Kind.TERMS, [(0, 0, terms)])
        for number, relations in self._relations.items():
            await self._loading.blocks(cs, Kind.RELATIONS, [(number, 0, relations.packed())])
        for number, values in self._values.items():
            await self._loading.blocks(cs, Kind.VALUES, [(number, 0, packed_values(values))])
        numbers = sorted({*self._relations, *self._values})
        counts = [(n, len(self._relations.get(n, ())), len(self._values.get(n, ()))) for n in numbers]
        await self._loading.blocks(cs, Kind.ATTRIBUTES, [(0, 0, msgspec.msgpack.encode(counts))])

    async def _reference_sets(self, cs: int) -> None:
        for done, (number, portions) in enumerate(self._release.reference_sets()):
            held = BitMap()
            for part, portion in enumerate(portions):
                await self._loading.blocks(cs, Kind.ROWS, [(number, part, packed_members(portion))])
                for row in portion.rows:
                    at = self._number(row.component) if row.active else None
                    if at is not None:
                        held.add(at)
            await self._loading.sets(cs, Kind.MEMBERS, [(str(number), written(held))])
            self._tell("Writing reference sets", done + 1, done + 1)


def _searched(body: Body) -> list[str]:
    """The terms of a concept that the text search looks at, each once."""
    if body.terms:
        found = [term.term for term in body.terms if term.active and term.type != TEXT_DEFINITION]
    else:
        found = [body.display, *(value for value, _, _ in body.designations)]
    return [term for term in dict.fromkeys(found) if term]
