"""CVX, the vaccine codes of the CDC: its flat file, https://www2.cdc.gov/vaccines/iis/iisstandards/vaccines.asp?rpt=cvx.

One vaccine per line, fields between vertical bars: code, short description, full name, notes, status, whether it is
none (non-vaccine), date of the last update.
"""

import re
from collections.abc import Iterator

from suture.terminology.content.bodies import INACTIVE, Description
from suture.terminology.content.files import File, ReleaseError, Told, decoded
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import (
    CODE,
    DEFINITION,
    DESIGNATION,
    DISPLAY,
    FLAGS,
    FULL_NAME,
    PROPERTY,
    STATUS,
    Record,
    Release,
)
from suture.terminology.systems import Head

URL = "http://hl7.org/fhir/sid/cvx"

_DATE = re.compile(r"(\d{4})/(\d\d)/(\d\d)|(\d{1,2})/(\d{1,2})/(\d{4})")
_NO_LONGER_USED = ("inactive", "never active")


class VaccineRelease(Release):
    """The flat file."""

    kind = "cvx"

    def __init__(self, file: File, version: str = "") -> None:
        super().__init__([file])
        self._file = file
        self._version = version
        self._newest = ""
        self._status = self.declare("vaccineStatus", "code", "Active, Inactive, Pending, Non-US or Never Active.")
        self._none = self.declare("nonVaccine", "boolean", "Whether the code stands for something that is no vaccine.")
        self._updated = self.declare("lastUpdated", "dateTime", "When the entry was changed last.")

    def outline(self, outline: Outline, told: Told) -> None:
        for number, cells in self._rows(told):
            if not outline.concept(cells[0]):
                raise self._file.wrong(number, f"the code {cells[0]} is there twice")
            self._newest = max([self._newest, *(_date(cell) for cell in cells[5:])])

    def describe(self) -> Description:
        version = self._version or self._newest.replace("-", "")
        if not version:
            raise ReleaseError(f"{self._file.path} has no dates: use --release DATE to say which release it is.")
        head = Head(
            URL, version, "CVX", "Vaccines administered (CVX)", value_set="http://hl7.org/fhir/sid/cvx/vs",
            properties=tuple(self.properties), language="en", languages=("en",), versions_by="natural",
        )  # fmt: skip
        return Description(head, self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        full = self.use(FULL_NAME)
        for _, cells in self._rows(told):
            number = outline.number(cells[0])
            assert number is not None
            yield number, [CODE, cells[0]]
            yield number, [DISPLAY, cells[1] or cells[2]]
            if cells[2] and cells[2] != cells[1]:
                yield number, [DESIGNATION, cells[2], 0, full]
            if cells[3]:
                yield number, [DEFINITION, cells[3]]
            status = cells[4]
            yield number, [STATUS, status.lower().replace(" ", "-")]
            yield number, [PROPERTY, self._status, status]
            if status.lower() in _NO_LONGER_USED:
                yield number, [FLAGS, INACTIVE]
            for cell in cells[5:]:
                if cell.lower() in ("true", "false"):
                    yield number, [PROPERTY, self._none, cell.lower()]
                elif date := _date(cell):
                    yield number, [PROPERTY, self._updated, date]

    def _rows(self, told: Told) -> Iterator[tuple[int, list[str]]]:
        for number, line in self._file.lines(told):
            cells = [cell.strip() for cell in decoded(line).split("|")]
            if not any(cells) or (number == 1 and not cells[0][:1].isdigit()):
                continue
            if len(cells) < 5 or not cells[0].isdigit():
                raise self._file.wrong(number, "code|short|full|notes|status|… was expected, with a code of digits")
            yield number, cells


def _date(text: str) -> str:
    """A date as FHIR writes it, "" for anything else."""
    match = _DATE.fullmatch(text)
    if match is None:
        return ""
    if match[1]:
        return f"{match[1]}-{match[2]}-{match[3]}"
    return f"{match[6]}-{int(match[4]):02}-{int(match[5]):02}"
