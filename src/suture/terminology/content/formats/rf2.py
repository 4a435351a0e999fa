"""SNOMED CT in its release format 2 (RF2): concepts, descriptions, relationships, reference sets of one edition.

Specification: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification. Loaded are all
concepts, descriptions and language reference sets, active inferred relationships and concrete values, alternate
identifiers, and every other reference set but OWL axioms. The one thing to know: a component may come in several states
(full files, an extension beside its edition); the one with the newest effective time counts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from suture.terminology.content.bodies import INACTIVE, Body, Description, Term
from suture.terminology.content.buckets import Buckets
from suture.terminology.content.dialects import US_ENGLISH
from suture.terminology.content.files import File, Told
from suture.terminology.content.formats.rf2_files import URL, Parts, number, rows
from suture.terminology.content.outline import Outline
from suture.terminology.content.relations import Member, Members
from suture.terminology.content.release import Record, Release
from suture.terminology.systems import Head

IS_A = b"116680003"
STATED = b"900000000000010007"
DEFINED = "900000000000073002"
FULLY_SPECIFIED, SYNONYM, TEXT_DEFINITION = 900000000000003001, 900000000000013009, 900000000000550004
PREFERRED = 900000000000548007

PORTION = 5_000
"""Rows of a reference set in one block."""

CONCEPT, TERM, DIALECT, RELATION, VALUE = range(5)


class SnomedRelease(Release):
    """A release of one edition. `dialects`: language reference sets for displays, in the order in which they count."""

    kind = "snomed"

    def __init__(self, files: Sequence[File], version: str = "", dialects: Sequence[int] = (US_ENGLISH,)) -> None:
        self._parts = Parts(files)
        super().__init__([part.file for part in self._parts.chosen])
        self._version = version or self._parts.edition()
        self._dialects = tuple(dialects)
        self.choices = ",".join(map(str, self._dialects))
        self._outline: Outline | None = None
        self._told: Told = lambda _: None
        self._module = self.declare("moduleId", "code", "The module that maintains the concept.")
        self._time = self.declare("effectiveTime", "dateTime", "When the concept got its present state.")
        self._defined = self.declare("sufficientlyDefined", "boolean", "Whether its relationships define it.")
        self._tag = self.declare("semanticTag", "code", "What stands between the last parentheses of its full name.")

    def check(self) -> None:
        super().check()
        self._parts.check()

    @property
    def effort(self) -> int:
        twice = self._parts.of("Concept", "Relationship")
        return sum(file.size for file in self.files) + sum(part.file.size for part in twice)

    def outline(self, outline: Outline, told: Told) -> None:
        for file, line, cells in rows(self._parts.of("Concept"), 5, told):
            outline.concept(_identifier(file, line, cells[0]))
        relationships = rows(self._parts.of("Relationship"), 10, told)
        if not self._parts.versioned:
            for file, line, cells in relationships:
                if cells[7] == IS_A and cells[2] == b"1" and cells[8] != STATED:
                    outline.edge(_identifier(file, line, cells[5]), _identifier(file, line, cells[4]))
            return
        newest: dict[int, tuple[int, bool, int, int]] = {}
        for file, line, cells in relationships:
            if cells[7] == IS_A and cells[8] != STATED:
                ends = _identifier(file, line, cells[5]), _identifier(file, line, cells[4])
                state = (number(cells[1]), cells[2] == b"1", *ends)
                key = _identifier(file, line, cells[0])
                newest[key] = max(state, newest.get(key, state))
        for _, active, above, below in newest.values():
            if active:
                outline.edge(above, below)

    def describe(self) -> Description:
        head = Head(
            URL,
            self._version,
            "SNOMED_CT",
            "SNOMED CT",
            case_sensitive=False,
            value_set=f"{URL}?fhir_vs",
            hierarchy_meaning="is-a",
            properties=tuple(self.properties),
            language="en",
            languages=tuple(self.languages[1:]),
            versions_by="natural",
            filters={"constraint": ("=",), "expression": ("=",), "expressions": ("=",), "concept": ("is-a", "in", "=")},
        )
        return Description(head, self.kind, values={"dialects": list(self._dialects)})

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        self._outline, self._told = outline, told
        keep_inactive = self._parts.versioned
        for file, line, cells in rows(self._parts.of("Concept"), 5, told):
            at = outline.number(_identifier(file, line, cells[0]))
            assert at is not None
            yield at, [CONCEPT, number(cells[1]), cells[2] == b"1", *map(_name, (cells[0], cells[3], cells[4]))]
        owners = yield from self._descriptions(outline, told)
        yield from self._language(owners, told)
        for file, line, cells in rows(self._parts.of("Relationship"), 10, told):
            if cells[8] == STATED or cells[7] == IS_A or not (keep_inactive or cells[2] == b"1"):
                continue
            at = outline.number(_identifier(file, line, cells[4]))
            if at is not None:
                ends = _name(cells[7]), _name(cells[5])
                yield at, [RELATION, *_state(file, line, cells), *ends, number(cells[6])]
        for file, line, cells in rows(self._parts.of("RelationshipConcreteValues"), 10, told):
            if cells[8] == STATED or not (keep_inactive or cells[2] == b"1"):
                continue
            at = outline.number(_identifier(file, line, cells[4]))
            if at is not None:
                value = cells[5].decode("utf-8", "replace")
                if not value.startswith(("#", '"')) and value not in ("true", "false"):
                    raise file.wrong(line, f'{value!r} is no concrete value: #NUMBER, "TEXT", true or false')
                yield at, [VALUE, *_state(file, line, cells), _name(cells[7]), value, number(cells[6])]

    def _descriptions(self, outline: Outline, told: Told) -> Generator[Record, None, _Owners]:
        """The records of descriptions; returns which concept each belongs to."""
        owners = _Owners()
        for file, line, cells in rows(self._parts.of("Description", "TextDefinition"), 9, told):
            at = outline.number(_identifier(file, line, cells[4]))
            if at is None:
                continue
            key = _identifier(file, line, cells[0])
            owners.add(key, at)
            language = cells[5].decode("ascii", "replace")
            self.language(language)
            text = cells[7].decode("utf-8", "replace")
            module, type = number(cells[3]), _identifier(file, line, cells[6])
            yield at, [TERM, key, number(cells[1]), cells[2] == b"1", module, language, type, text]
        owners.sort()
        return owners

    def _language(self, owners: _Owners, told: Told) -> Iterator[Record]:
        for file, line, cells in rows(self._parts.reference_sets(language=True), 7, told):
            key = _identifier(file, line, cells[5])
            at = owners.of(key)
            if at is not None:
                dialect, acceptability = (_identifier(file, line, cell) for cell in (cells[4], cells[6]))
                yield at, [DIALECT, key, number(cells[1]), cells[2] == b"1", dialect, acceptability]

    def body(self, records: Sequence[list[Any]]) -> Body:
        """The concept with its terms and relationships, each in its newest state."""
        concept: list[Any] = []
        terms: dict[int, list[Any]] = {}
        dialects: dict[tuple[int, int], list[Any]] = {}
        relations: dict[int, list[Any]] = {}
        for tag, *rest in records:
            if tag == CONCEPT:
                concept = rest if not concept or rest[0] > concept[0] else concept
            elif tag == TERM:
                _newer(terms, rest[0], rest)
            elif tag == DIALECT:
                _newer(dialects, (rest[0], rest[3]), rest)
            else:
                _newer(relations, rest[0], rest)
        time, active, code, module, status = concept
        accepted: dict[int, list[tuple[int, int]]] = {}
        for (term, dialect), (_, _, is_active, _, acceptability) in dialects.items():
            if is_active:
                accepted.setdefault(term, []).append((dialect, acceptability))
        found = [
            Term(key, text, language, type, is_active, place, since, tuple(accepted.get(key, ())))
            for key, since, is_active, place, language, type, text in terms.values()
        ]
        tag = tag_of(found)
        return Body(
            code,
            display_of(found, self._dialects) or code,
            0 if active else INACTIVE,
            "active" if active else "inactive",
            properties=(
                (self._module, module),
                (self._time, str(time)),
                (self._defined, "true" if status == DEFINED else "false"),
                *(((self._tag, tag),) if tag else ()),
            ),
            relations=[(kind, end, group) for _, _, is_active, kind, end, group in relations.values() if is_active],
            terms=found,
        )

    def reference_sets(self) -> Iterator[tuple[int, Iterator[Members]]]:
        outline = self._outline
        assert outline is not None
        names: dict[int, list[str]] = {}
        with Buckets(range=1) as buckets:
            for part in self._parts.reference_sets(language=False):
                header = part.file.header()[6:]
                for line, cells in part.file.table(6 + len(header), self._told):
                    at = outline.number(_identifier(part.file, line, cells[4]))
                    if at is None:
                        continue  # of a module that is not part of the release
                    names.setdefault(at, header)
                    buckets.add(at, [cell.decode("utf-8", "replace") for cell in cells[: 6 + len(header)]])
            for at, records in buckets.grouped():
                yield at, _portions(names[at], records)

    def alternates(self) -> Iterator[tuple[str, int]]:
        outline = self._outline
        assert outline is not None
        newest: dict[tuple[str, str], tuple[int, bool, int]] = {}
        for file, line, cells in rows(self._parts.of("Identifier"), 6, self._told):
            at = outline.number(_identifier(file, line, cells[5]))
            if at is not None:
                state = (number(cells[1]), cells[2] == b"1", at)
                key = (_name(cells[4]), cells[0].decode("utf-8", "replace"))
                newest[key] = max(state, newest.get(key, state))
        for (scheme, code), (_, active, at) in sorted(newest.items()):
            if active:
                yield f"{scheme}#{code}", at


class _Owners:
    """Which concept each description belongs to, in 12 bytes each."""

    def __init__(self) -> None:
        self._keys = array("q")
        self._numbers = array("I")

    def add(self, key: int, owner: int) -> None:
        self._keys.append(key)
        self._numbers.append(owner)

    def sort(self) -> None:
        order = array("I", sorted(range(len(self._keys)), key=self._keys.__getitem__))
        self._keys = array("q", [self._keys[at] for at in order])
        self._numbers = array("I", [self._numbers[at] for at in order])

    def of(self, key: int) -> int | None:
        at = bisect_left(self._keys, key)
        return self._numbers[at] if at < len(self._keys) and self._keys[at] == key else None


def display_of(terms: Sequence[Term], dialects: Sequence[int]) -> str:
    """The term to show: preferred in the first dialect that prefers one, else in any, else a synonym, else the name."""
    synonyms = [term for term in terms if term.active and term.type == SYNONYM]
    for dialect in dialects:
        for term in synonyms:
            if (dialect, PREFERRED) in term.dialects:
                return term.term
    for term in synonyms:
        if any(acceptability == PREFERRED for _, acceptability in term.dialects):
            return term.term
    if synonyms:
        return synonyms[0].term
    named = [term.term for term in terms if term.active and term.type == FULLY_SPECIFIED]
    return named[0].rpartition(" (")[0] or named[0] if named else ""


def tag_of(terms: Sequence[Term]) -> str:
    """The semantic tag of a concept, by its active fully specified name in English, else in any language."""
    names = [term for term in terms if term.active and term.type == FULLY_SPECIFIED and term.term.endswith(")")]
    name = next((term.term for term in names if term.language == "en"), names[0].term if names else "")
    return name.rpartition("(")[2][:-1]


def _identifier(file: File, line: int, cell: bytes) -> int:
    if not cell.isdigit() or len(cell) > 18:
        raise file.wrong(line, f"{cell[:40].decode('utf-8', 'replace')!r} is no SNOMED CT identifier")
    return int(cell)


def _name(cell: bytes) -> str:
    return cell.decode("ascii", "replace")


def _state(file: File, line: int, cells: list[bytes]) -> tuple[int, int, bool]:
    """Identifier, effective time and whether it is active, of a relationship."""
    return _identifier(file, line, cells[0]), number(cells[1]), cells[2] == b"1"


def _newer(found: dict[Any, list[Any]], key: Any, record: list[Any]) -> None:
    """Keep the newer of two states; of two of the same time the active one. Both say [id, time, active, …]."""
    held = found.get(key)
    if held is None or (record[1], record[2]) > (held[1], held[2]):
        found[key] = record


def _portions(names: list[str], records: list[list[str]]) -> Iterator[Members]:
    newest: dict[str, list[str]] = {}
    for record in records:
        held = newest.get(record[0])
        if held is None or record[1] > held[1]:
            newest[record[0]] = record
    members = [
        Member(component, active == "1", module, time, tuple(fields))
        for _, time, active, module, _, component, *fields in newest.values()
    ]
    for start in range(0, len(members), PORTION):
        yield Members(names, members[start : start + PORTION])
