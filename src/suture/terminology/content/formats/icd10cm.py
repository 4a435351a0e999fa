"""ICD-10-CM: the tabular list as XML, and the order file, as NCHS and CMS publish them each year.

https://www.cdc.gov/nchs/icd/icd-10-cm/files.html, https://www.cms.gov/medicare/coding-billing/icd-10-codes. The one
thing to know: the tabular list writes codes with a seventh character as a rule ("one of the following is to be added"),
so they are made from it; a list of all codes beside it (the order file, or a plain one) says which of them exist.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from suture.terminology.content.bodies import ABSTRACT, Description
from suture.terminology.content.files import File, ReleaseError, Told, decoded
from suture.terminology.content.formats.xml import parsed
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import (
    CODE,
    DESIGNATION,
    DISPLAY,
    FLAGS,
    PROPERTY,
    SYNONYM,
    Record,
    Release,
)
from suture.terminology.systems import Head

URL = "http://hl7.org/fhir/sid/icd-10-cm"

NAMED = "use --release YEAR to say which release it is"

# Instructions of the tabular list that are kept as properties, in its own words.
_NOTES = ("includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso", "notes")

_YEAR = re.compile(r"(?<!\d)(20\d\d)(?!\d)")


def head(version: str, release: Release) -> Head:
    """What ICD-10-CM says of itself."""
    return Head(
        URL,
        version,
        "ICD10CM",
        "International Classification of Diseases, 10th Revision, Clinical Modification",
        case_sensitive=False,
        value_set=f"{URL}/vs",
        hierarchy_meaning="is-a",
        properties=tuple(release.properties),
        language="en",
        languages=("en",),
        versions_by="natural",
    )


def dotted(code: str) -> str:
    """A code with its dot: E119 -> E11.9"""
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 and "." not in code and "-" not in code else code


def year_of(files: Sequence[File]) -> str:
    """The year in the names of files, or ""."""
    years = [found[-1] for file in files if (found := _YEAR.findall(file.name))]
    return max(years, default="")


class _Node(msgspec.Struct):
    """A chapter, section or code of the tabular list. `above`: the code above, "" for chapters."""

    code: str
    above: str
    kind: str
    display: str = ""
    terms: list[str] = []
    notes: list[tuple[str, str]] = []
    leaf: bool = True


class TabularList(Release):
    """The tabular list as XML. `codes`: a file that lists all codes, or None."""

    kind = "icd-10-cm"

    def __init__(self, tabular: File, codes: File | None, version: str = "") -> None:
        super().__init__([tabular, codes] if codes else [tabular])
        self._tabular = tabular
        self._codes = codes
        self._version = version
        self._nodes: list[_Node] = []
        self._level = self.declare("level", "code", "chapter, section or code")

    @property
    def effort(self) -> int:
        return sum(file.size for file in self.files)

    def outline(self, outline: Outline, told: Told) -> None:
        listed = _listed(self._codes, told) if self._codes else None
        self._nodes = list(self._all(listed))
        told(self._tabular.size)
        for node in self._nodes:
            if not outline.concept(node.code):
                raise ReleaseError(f"{self._tabular.path}: the code {node.code} is there twice.")
        for node in self._nodes:
            if node.above:
                outline.edge(node.above, node.code)

    def describe(self) -> Description:
        version = self._version or year_of(self.files)
        if not version:
            raise ReleaseError(
                f"{self._tabular.path} says neither in its <version> nor in its name which release it is."
            )
        return Description(head(version, self), self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        synonym = self.use(SYNONYM)
        for node in self._nodes:
            number = outline.number(node.code)
            assert number is not None
            yield number, [CODE, node.code]
            yield number, [DISPLAY, node.display]
            yield number, [PROPERTY, self._level, node.kind]
            if node.kind != "code":
                yield number, [FLAGS, ABSTRACT]
            for term in node.terms:
                yield number, [DESIGNATION, term, 0, synonym]
            for name, text in node.notes:
                yield number, [PROPERTY, self.declare(name), text]

    def _all(self, listed: frozenset[str] | None) -> Iterator[_Node]:
        root = parsed(self._tabular)
        self._version = self._version or (root.findtext("version") or "").strip()
        for chapter in root.iterchildren("chapter"):
            code = _text(chapter, "name")
            yield _node(chapter, code, "", "chapter", leaf=False)
            for section in chapter.iterchildren("section"):
                name = (section.get("id") or "").strip()
                own = name and "-" in name  # a section of one category has the category's code
                if own:
                    yield _node(section, name, code, "section", leaf=False)
                for category in section.iterchildren("diag"):
                    yield from self._codes_of(category, name if own else code, {}, listed)

    def _codes_of(
        self, element: Any, above: str, extensions: dict[str, str], listed: frozenset[str] | None
    ) -> Iterator[_Node]:
        code = _text(element, "name")
        if not code:
            raise self._tabular.wrong(element.sourceline or 0, "a <diag> without a <name>")
        own = element.find("sevenChrDef")
        if own is not None:
            extensions = {e.get("char") or "": "".join(e.itertext()).strip() for e in own.iterchildren("extension")}
        below = list(element.iterchildren("diag"))
        node = _node(element, code, above, "code", leaf=not below)
        yield node
        for each in below:
            yield from self._codes_of(each, code, extensions, listed)
        if below or not extensions:
            return
        stem = code.replace(".", "").ljust(6, "X")
        for character, text in extensions.items():
            extended = stem + character
            if len(extended) == 7 and (listed is None or extended in listed):
                yield _Node(dotted(extended), code, "code", f"{node.display}, {text}")


def _node(element: Any, code: str, above: str, kind: str, *, leaf: bool) -> _Node:
    notes = [
        (name, text)
        for name in _NOTES
        for group in element.iterchildren(name)
        for note in group.iterchildren("note")
        if (text := "".join(note.itertext()).strip())
    ]
    terms = [
        text
        for group in element.iterchildren("inclusionTerm")
        for note in group.iterchildren("note")
        if (text := "".join(note.itertext()).strip())
    ]
    return _Node(code, above, kind, _text(element, "desc"), terms, notes, leaf)


def _text(element: Any, name: str) -> str:
    return " ".join((element.findtext(name) or "").split())


def _listed(file: File, told: Told) -> frozenset[str]:
    """The codes of a list, without dots: of the order file, or the first word of each line."""
    found: set[str] = set()
    for number, line in file.lines(told):
        text = decoded(line)
        word = text[6:14] if ORDER_LINE.match(text) else text.split(" ", 1)[0]
        if len(word) > 20:
            raise file.wrong(number, "a code was expected at its beginning")
        found.add(word.strip().replace(".", ""))
    return frozenset(found)


ORDER_LINE = re.compile(r"\d{5} [A-Z0-9]{3,7} +[01] ")


class OrderFile(Release):
    """The order file of ICD-10-CM or ICD-10-PCS: fixed columns (number, code, valid or header, short and long title).

    Codes are below the longest code that begins theirs.
    """

    def __init__(self, file: File, version: str = "") -> None:
        super().__init__([file])
        self._file = file
        self._version = version
        self._valid = self.declare("valid", "boolean", "Whether the code may be submitted: false for headings.")
        self._short = self.use({"system": "http://terminology.hl7.org/CodeSystem/designation-usage", "code": "display"})

    def outline(self, outline: Outline, told: Told) -> None:
        known: set[str] = set()
        for number, code, _, _, _ in self._rows(told):
            written = self.written(code)
            if not outline.concept(written):
                raise self._file.wrong(number, f"the code {written} is there twice")
            known.add(code)
            for length in range(len(code) - 1, 0, -1):
                if code[:length] in known:
                    outline.edge(self.written(code[:length]), written)
                    break

    def written(self, code: str) -> str:
        """The code as FHIR writes it."""
        return dotted(code)

    def head(self, version: str) -> Head:
        """What the code system says of itself."""
        return head(version, self)

    kind = "icd-10-cm"

    def describe(self) -> Description:
        version = self._version or year_of(self.files)
        if not version:
            raise ReleaseError(f"{self._file.path}: the name of an order file ends with its year: {NAMED}.")
        return Description(self.head(version), self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        for _, code, valid, short, long in self._rows(told):
            written = self.written(code)
            number = outline.number(written)
            assert number is not None
            yield number, [CODE, written]
            yield number, [DISPLAY, long]
            yield number, [PROPERTY, self._valid, "true" if valid else "false"]
            if short and short != long:
                yield number, [DESIGNATION, short, 0, self._short]

    def _rows(self, told: Told) -> Iterator[tuple[int, str, bool, str, str]]:
        for number, line in self._file.lines(told):
            if not line:
                continue
            text = decoded(line)
            if not ORDER_LINE.match(text):
                raise self._file.wrong(number, "an order number, a code and 0 or 1 were expected in columns 1 to 15")
            yield number, text[6:14].strip(), text[14] == "1", text[16:76].strip(), text[77:].strip()
