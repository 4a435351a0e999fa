"""RxNorm: the RRF files of the NLM, https://www.nlm.nih.gov/research/umls/rxnorm/docs/techdoc.html.

The one thing to know: RXNREL reads backwards. `A|…|B|has_ingredient` says that B has the ingredient A. Relationships
are properties by their additional label, such as has_ingredient; which labels a plain one (RO …) has is told once.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from suture.terminology.content.bodies import INACTIVE, Body, Description
from suture.terminology.content.files import File, ReleaseError, Told, largest_by_name
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import CODE, DISPLAY, PROPERTY, Record, Release
from suture.terminology.systems import Head

URL = "http://www.nlm.nih.gov/research/umls/rxnorm"
OWN = "RXNORM"

# The types of names in the order in which they are shown; what is not here comes before synonyms.
_LAST = ("PSN", "SY", "TMSY")

_NAMES = "RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF", "RXNSTY.RRF"
_FIELDS = {"RXNCONSO.RRF": 17, "RXNREL.RRF": 11, "RXNSAT.RRF": 12, "RXNSTY.RRF": 4}
_NEEDED = _NAMES[:3]  # the prescribable part has no semantic types
_DATED = re.compile(r"(\d\d)(\d\d)(20\d\d)")
_VERSION = re.compile(r"\d\d[A-Z]{2}_(\d\d)(\d\d)(\d\d)[A-Z]")

# Records of names carry more than a value: tag, text, type of name, suppressed
_NAME = DISPLAY


class RxNormRelease(Release):
    """The full monthly release, or its prescribable part."""

    kind = "rxnorm"

    def __init__(self, files: Sequence[File], version: str = "") -> None:
        found = largest_by_name([file for file in files if "/SCRIPTS/" not in file.path.upper()])
        by_name = {name.upper(): file for name, file in found.items()}
        if _NAMES[0] not in by_name:
            raise ReleaseError(f"RxNorm needs the file {_NAMES[0]}.")
        super().__init__([by_name[name] for name in _NAMES if name in by_name])
        self._file = by_name
        self._version = version or self._dated(files)
        self._type = self.declare("TTY", "code", "Term type")
        self._source = self.declare("SAB", "code", "Source of a name")
        self._semantic = self.declare("STY", "code", "Semantic type")
        self._labels: dict[str, dict[str, None]] = {}

    def check(self) -> None:
        super().check()
        for name, fields in _FIELDS.items():
            next(self._rows(name, fields, lambda _: None), None)
        for name in _NEEDED:
            if name not in self._file:
                raise ReleaseError(f"RxNorm needs the file {name} beside {self._file[_NAMES[0]].path}.")

    @property
    def effort(self) -> int:
        return sum(file.size for file in self.files) + self._file[_NAMES[0]].size

    def outline(self, outline: Outline, told: Told) -> None:
        for line, cells in self._rows(_NAMES[0], _FIELDS[_NAMES[0]], told):
            if cells[11] == OWN:
                if not cells[0].isdigit():
                    raise self._file[_NAMES[0]].wrong(line, f"{cells[0][:40]!r} is no RXCUI")
                outline.concept(cells[0])

    def describe(self) -> Description:
        if not self._version:
            raise ReleaseError("The release does not say when it was made: use --release MMDDYYYY.")
        head = Head(
            URL, self._version, "RxNorm", "RxNorm", value_set=f"{URL}/vs", properties=tuple(self.properties),
            language="en", languages=("en",), versions_by="natural",
            filters=dict.fromkeys(sorted(self._labels), ("=", "in")),
        )  # fmt: skip
        labels = {name: sorted(found) for name, found in self._labels.items()}
        return Description(head, self.kind, languages=self.languages, uses=self.uses, values={"labels": labels})

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        for _, cells in self._rows(_NAMES[0], _FIELDS[_NAMES[0]], told):
            number = outline.number(cells[0])
            if number is None:
                continue
            yield number, [PROPERTY, self._source, cells[11]]
            if cells[11] == OWN:
                yield number, [CODE, cells[0]]
                yield number, [_NAME, cells[14], cells[12], cells[16] not in ("N", "")]
        for _, cells in self._rows("RXNREL.RRF", _FIELDS["RXNREL.RRF"], told):
            number = outline.number(cells[4])
            if number is not None and cells[2] == "CUI" and cells[10] == OWN and outline.number(cells[0]) is not None:
                label = cells[7] or cells[3]
                self._labels.setdefault(cells[3], {})[label] = None
                yield number, [PROPERTY, self.declare(label, "code", "Relationship"), cells[0]]
        for _, cells in self._rows("RXNSAT.RRF", _FIELDS["RXNSAT.RRF"], told):
            number = outline.number(cells[0])
            if number is not None and cells[9] == OWN and cells[8]:
                yield number, [PROPERTY, self.declare(cells[8], "string", "Attribute"), cells[10]]
        for _, cells in self._rows("RXNSTY.RRF", _FIELDS["RXNSTY.RRF"], told):
            number = outline.number(cells[0])
            if number is not None:
                yield number, [PROPERTY, self._semantic, cells[1]]

    def body(self, records: Sequence[list[Any]]) -> Body:
        """The concept; of its names the one of its main type is shown."""
        names = sorted((record[3], _LAST.index(record[2]) if record[2] in _LAST else -1, record[1], record[2])
                       for record in records if record[0] == _NAME)  # fmt: skip
        body = super().body([record for record in records if record[0] != _NAME])
        suppressed, _, body.display, main = names[0]
        body.flags = INACTIVE if suppressed else 0
        types = dict.fromkeys(kind for _, place, _, kind in names if place < 0 or kind == main)
        body.properties = (*((self._type, kind) for kind in types), *body.properties)
        other = dict.fromkeys((text, kind) for _, _, text, kind in names if text != body.display)
        body.designations = [(text, 0, self.use({"system": URL, "code": kind})) for text, kind in other]
        return body

    def _rows(self, name: str, columns: int, told: Told) -> Iterator[tuple[int, list[str]]]:
        file = self._file.get(name)
        if file is None:
            return
        for number, line in file.lines(told):
            cells = line.decode("utf-8", "replace").split("|")
            if len(cells) < columns:
                raise file.wrong(number, f"{columns} fields were expected, there are {len(cells)}")
            yield number, cells

    def _dated(self, files: Sequence[File]) -> str:
        """The date of the release as the NLM writes it (MMDDYYYY): from RXNSAB, else from the names of folders."""
        for _, cells in self._rows("RXNSAB.RRF", 7, lambda _: None):
            match = _VERSION.fullmatch(cells[6])
            if cells[3] == OWN and match:
                return f"{match[2]}{match[3]}20{match[1]}"
        dates = [match[0] for file in files if (match := _DATED.search(file.path))]
        return dates[0] if dates else ""
