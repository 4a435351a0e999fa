"""A stored version of a code system at work: the `Provider` protocol on rows of the database.

The one thing to know: codes become numbers once, and from there on everything is set arithmetic on numbers; concepts
are read again only to be shown.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Mapping, Sequence

import zstandard
from pyroaring import BitMap

from suture.terminology.content.bodies import Description, Reader, decode_body
from suture.terminology.content.hierarchy import Hierarchy
from suture.terminology.content.kept_rows import KeptRows
from suture.terminology.content.kinds import Kind
from suture.terminology.content.postings import read
from suture.terminology.content.relations import TARGET, Relations, unpacked_members
from suture.terminology.content.selection import Selection
from suture.terminology.content.words import SHORT, words
from suture.terminology.kept import Kept
from suture.terminology.refusals import shown, too_large, unknown
from suture.terminology.systems import Concept, Head, ImplicitMap, Json

MAX_WORDS = 20
"""Words of one text search."""

MAX_FORMS = 20_000
"""Different words that the beginning of a word may stand for."""

MAX_CODES_FOUND = 10_000
"""Concepts that a text search finds by the beginning of their code."""

RELATION_BYTES = 32 << 20
"""Bytes of relationships of one version that are kept."""

MAX_ASKED = 50_000
"""Codes of one version whose numbers are at hand for subsumption."""

_SEARCHED = -101
"""Kind of the kept answers of text searches."""

_FILTERED = -102
"""Kind of the kept answers of filters."""


class StoredSystem:
    """One version. `cs`: its number in the database. `kept`: shared by all versions."""

    enumerable = True

    def __init__(self, kept: KeptRows, cs: int, description: Description) -> None:
        self.kept = kept
        self.cs = cs
        self.description = description
        self.reader = Reader(description)
        self._lock = asyncio.Lock()
        self._hierarchy: Hierarchy | None = None
        self._terms: array[int] | None = None
        self._flags: dict[str, BitMap] = {}
        self._asked: dict[str, int] = {}
        self._columns: dict[int, tuple[str, ...]] = {}
        self._relations: Kept[int, Relations] = Kept(RELATION_BYTES)

    @property
    def head(self) -> Head:
        return self.description.head

    @property
    def size(self) -> int:
        return self.description.size

    def key(self, code: str) -> str:
        """The code as the database finds it."""
        return code if self.head.case_sensitive else code.casefold()

    async def concept(self, code: str) -> Concept | None:
        """The concept of a code."""
        number = await self.kept.number(self.cs, self.key(code))
        if number is None:
            return None
        body = await self.kept.body(self.cs, number)
        return None if body is None else self.shown(number, body)

    def shown(self, number: int, body: bytes) -> Concept:
        """The concept that a body describes."""
        return self.reader.concept(number, decode_body(body))

    async def numbers(self, codes: Iterable[str]) -> Mapping[str, int]:
        """The numbers of those of `codes` that exist."""
        keys = {code: self.key(code) for code in codes}
        found = await self.kept.numbers(self.cs, list(dict.fromkeys(keys.values())))
        return {code: found[key] for code, key in keys.items() if key in found}

    async def number(self, code: str) -> int:
        """The number of a code. Raises Invalid (not-found)."""
        number = await self.kept.number(self.cs, self.key(code))
        if number is None:
            raise unknown(f"The code system {shown(self.head.url)} has no code {shown(code)!r}.")
        return number

    async def concepts(self, numbers: Sequence[int]) -> Sequence[Concept]:
        """The concepts of these numbers, in the same order."""
        found = await self.kept.bodies(self.cs, list(numbers))
        return [self.shown(number, found[number]) for number in numbers]

    async def all(self) -> BitMap:
        """The numbers of all concepts."""
        if "all" not in self._flags:
            self._flags["all"] = BitMap(range(self.size))
        return self._flags["all"]

    async def inactive(self) -> BitMap:
        """The numbers of the inactive concepts."""
        return await self._flag("inactive")

    async def abstract(self) -> BitMap:
        """The numbers of the concepts that may not be selected."""
        return await self._flag("abstract")

    async def _flag(self, name: str) -> BitMap:
        held = self._flags.get(name)
        if held is None:
            held = self._flags[name] = await self.kept.set(self.cs, Kind.FLAG, name) or BitMap()
        return held

    async def filter(self, property: str, op: str, value: str) -> BitMap:
        """The concepts whose `property` stands in the relation `op` to `value`. A new set."""
        name = f"{property}\0{op}\0{value}"
        found = self.kept.kept_set(self.cs, _FILTERED, name)
        if found is None:
            found = await self.selected(property, op, value)
            self.kept.keep_set(self.cs, _FILTERED, name, found)
        return found.copy()

    async def selected(self, property: str, op: str, value: str) -> BitMap:
        """What `filter` gives, worked out."""
        return await Selection(self).by(property, op, value)

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """The same question for one concept."""
        return concept.number in await self.filter(property, op, value)

    async def search(self, text: str) -> BitMap:
        """The concepts of which every word of `text` begins a word of one term, or whose code begins with `text`."""
        found = self.kept.kept_set(self.cs, _SEARCHED, text)
        if found is None:
            found = await self._search(text)
            self.kept.keep_set(self.cs, _SEARCHED, text, found)
        return found.copy()

    async def _search(self, text: str) -> BitMap:
        wanted = list(dict.fromkeys(words(text)))
        # a word that begins another one asks for nothing more
        wanted = [word for word in wanted if not any(other != word and other.startswith(word) for other in wanted)]
        if len(wanted) > MAX_WORDS:
            raise too_large("The text filter has too many words", MAX_WORDS)
        by_code = (
            await self.kept.rows.beginning(self.cs, self.key(text.strip()), MAX_CODES_FOUND) if text.strip() else []
        )
        if not wanted:
            return BitMap(by_code) if text.strip() else (await self.all()).copy()
        if len(wanted) == 1 and len(wanted[0]) <= SHORT:
            ready = await self.kept.set(self.cs, Kind.STARTING, wanted[0])
            if ready is not None:
                return ready | BitMap(by_code)
        terms: BitMap | None = None
        for word in sorted(wanted, key=len, reverse=True):
            having = await self.terms_beginning(word)
            terms = having.copy() if terms is None else terms & having
            if not terms:
                break
        found = await self.of_terms(terms or BitMap())
        found.update(by_code)
        return found

    async def terms_beginning(self, word: str) -> BitMap:
        """The numbers of the terms with a word that begins so; the caller must not change the set."""
        if len(word) <= SHORT:
            return await self.kept.set(self.cs, Kind.BEGINNING, word) or BitMap()
        held = self.kept.kept_set(self.cs, -Kind.WORD, word)
        if held is None:
            rows = await self.kept.rows.sets_beginning(self.cs, Kind.WORD, word, MAX_FORMS)
            held = BitMap.union(*(read(data) for _, data in rows)) if rows else BitMap()
            self.kept.keep_set(self.cs, -Kind.WORD, word, held)
        return held

    async def of_terms(self, terms: BitMap) -> BitMap:
        """The concepts that these terms belong to. A new set."""
        if self._terms is None:
            async with self._lock:
                if self._terms is None:
                    parts = await self.kept.rows.blocks(self.cs, Kind.TERMS, 0)
                    self._terms = array("I", b"".join(zstandard.decompress(part) for part in parts))
        owners = self._terms
        return BitMap(array("I", [owners[term] for term in terms]))

    async def hierarchy(self) -> Hierarchy:
        """Who is above and below whom."""
        if self._hierarchy is None:
            async with self._lock:
                if self._hierarchy is None:
                    (part,) = await self.kept.rows.blocks(self.cs, Kind.SUBTYPES, 0)
                    self._hierarchy = await asyncio.to_thread(Hierarchy.unpacked, part)
        return self._hierarchy

    async def parents(self, number: int) -> Sequence[int]:
        """The concepts directly above."""
        return (await self.hierarchy()).parents(number)

    async def children(self, number: int) -> Sequence[int]:
        """The concepts directly below."""
        return (await self.hierarchy()).children(number)

    async def roots(self) -> Sequence[int]:
        """The concepts with nothing above them."""
        return (await self.hierarchy()).roots()

    async def descendants(self, number: int) -> BitMap:
        """Everything below; the caller must not change the set."""
        hierarchy = await self.hierarchy()
        if number not in hierarchy.large:
            return hierarchy.few_descendants(number)
        return await self.kept.set(self.cs, Kind.BELOW, str(number)) or BitMap()

    async def relations(self, attribute: int) -> Relations:
        """The relationships of an attribute's concept."""
        held = self._relations.get(attribute)
        if held is None:
            parts = await self.kept.rows.blocks(self.cs, Kind.RELATIONS, attribute)
            held = await asyncio.to_thread(Relations.unpacked, parts)
            self._relations.keep(attribute, held, 100 + 12 * len(held))
        return held

    async def columns(self, reference_set: int) -> Sequence[str]:
        """The columns of a reference set's rows after those that all have; none for what is no reference set."""
        held = self._columns.get(reference_set)
        if held is None:
            parts = await self.kept.rows.blocks(self.cs, Kind.ROWS, reference_set)
            if not parts:
                return ()
            held = self._columns[reference_set] = tuple(unpacked_members(parts[0]).names)
        return held

    async def associations(self, reference_set: int) -> Relations:
        """The active rows of an association reference set, from concepts to the concepts in their target field."""
        held = self._relations.get(-1 - reference_set)
        if held is None:
            held = Relations.empty()
            for part in await self.kept.rows.blocks(self.cs, Kind.ROWS, reference_set):
                members = unpacked_members(part)
                if TARGET in members.names:
                    at = members.names.index(TARGET)
                    pairs = [(row.component, row.fields[at]) for row in members.rows if row.active]
                    numbers = await self.numbers({code for pair in pairs for code in pair})
                    for source, target in pairs:
                        if source in numbers and target in numbers:
                            held.add(numbers[source], numbers[target], 0)
            self._relations.keep(-1 - reference_set, held, 100 + 12 * len(held))
        return held

    async def subsumes(self, a: str, b: str) -> str:
        """How `a` stands to `b`."""
        first, second = self._asked.get(a), self._asked.get(b)
        if first is None:
            first = await self._number_asked(a)
        if second is None:
            second = await self._number_asked(b)
        if first == second:
            return "equivalent"
        # what is above has the lower number
        upper, lower = (first, second) if first < second else (second, first)
        hierarchy = self._hierarchy or await self.hierarchy()
        if lower > hierarchy.last[upper]:
            return "not-subsumed"
        if upper in hierarchy.large:
            related = lower in await self.descendants(upper)
        else:
            related = hierarchy.is_above(upper, lower)
        if not related:
            return "not-subsumed"
        return "subsumes" if upper == first else "subsumed-by"

    async def _number_asked(self, code: str) -> int:
        """The number of a code, which is then at hand. Raises Invalid (not-found)."""
        number = await self.number(code)
        if len(self._asked) >= MAX_ASKED:
            self._asked.clear()
        self._asked[code] = number
        return number

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The concept map that the system defines by its URL."""
        return None

    async def implicit(self, url: str) -> Json | None:
        """The value set that the system defines by its URL."""
        if url == self.head.value_set:
            return {
                "resourceType": "ValueSet",
                "url": url,
                "status": "active",
                "compose": {"include": [{"system": self.head.url, "version": self.head.version}]},
            }
        return None
