"""The health care provider taxonomy of the NUCC: its CSV file, https://www.nucc.org (code set, provider taxonomy)."""

import re
from collections.abc import Iterator

from suture.terminology.content.bodies import Description
from suture.terminology.content.files import File, ReleaseError, Told
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import (
    CODE,
    DEFINITION,
    DESIGNATION,
    DISPLAY,
    PROPERTY,
    SYNONYM,
    Record,
    Release,
)
from suture.terminology.systems import Head

URL = "http://nucc.org/provider-taxonomy"

_NEEDED = ("Code", "Grouping", "Classification", "Specialization", "Definition")
_KEPT = ("Grouping", "Classification", "Specialization", "Section", "Notes")


class TaxonomyRelease(Release):
    """The CSV file. Its version is in its name: nucc_taxonomy_240.csv is 24.0."""

    kind = "nucc"

    def __init__(self, file: File, version: str = "") -> None:
        super().__init__([file])
        self._file = file
        self._version = version

    def outline(self, outline: Outline, told: Told) -> None:
        for line, row in self._file.records(_NEEDED, told):
            if not outline.concept(_code(self._file, line, row)):
                raise self._file.wrong(line, f"the code {row['Code']} is there twice")

    def describe(self) -> Description:
        named = re.search(r"_(\d+)(\d)\.csv$", self._file.name, re.IGNORECASE)
        version = self._version or (f"{named[1]}.{named[2]}" if named else "")
        if not version:
            raise ReleaseError(f"{self._file.path} does not say which release it is: use --release, such as 24.0.")
        head = Head(
            URL, version, "NUCCProviderTaxonomy", "Health Care Provider Taxonomy", value_set=f"{URL}/vs",
            properties=tuple(self.properties), language="en", languages=("en",), versions_by="natural",
        )  # fmt: skip
        return Description(head, self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        synonym = self.use(SYNONYM)
        for line, row in self._file.records(_NEEDED, told):
            code = _code(self._file, line, row)
            number = outline.number(code)
            assert number is not None
            parts = [part for name in ("Classification", "Specialization") if (part := row[name].strip())]
            display = row.get("Display Name", "").strip() or " - ".join(parts)
            yield number, [CODE, code]
            yield number, [DISPLAY, display]
            if parts and parts[-1] != display:
                yield number, [DESIGNATION, parts[-1], 0, synonym]
            if row["Definition"].strip():
                yield number, [DEFINITION, row["Definition"].strip()]
            for name in _KEPT:
                if text := row.get(name, "").strip():
                    yield number, [PROPERTY, self.declare(name), text]


def _code(file: File, line: int, row: dict[str, str]) -> str:
    code = row.get("Code", "").strip()
    if not re.fullmatch(r"[0-9A-Z]{10}", code):
        raise file.wrong(line, f"{code[:40]!r} is no code of ten letters and digits")
    return code
