"""ISO 3166-2, the subdivisions of countries: the JSON file of the iso-codes project
(https://salsa.debian.org/iso-codes-team/iso-codes), which the package pycountry carries too.

The URL is that of HL7's record of the code system: https://terminology.hl7.org/NamingSystem-ISO3166Part2.html.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from suture.terminology.content.bodies import Description
from suture.terminology.content.files import File, ReleaseError, Told
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import CODE, DISPLAY, PROPERTY, Record, Release
from suture.terminology.systems import Head

URL = "urn:iso:std:iso:3166:-2"

MAX_BYTES = 1 << 25
"""Bytes of the file, which is read as a whole."""

_VERSION = re.compile(r"(?:pycountry|iso-codes)[-_](\d+(?:\.\d+)*)")
_CODE = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")


class _Subdivision(msgspec.Struct):
    """`parent`: the subdivision that it is a part of, with its country or without."""

    code: str
    name: str
    type: str = ""
    parent: str = ""


class _Subdivisions(msgspec.Struct):
    entries: list[_Subdivision] = msgspec.field(name="3166-2")


class SubdivisionRelease(Release):
    """The file. It does not say which version it is; the name of the archive or folder may."""

    kind = "iso-3166-2"

    def __init__(self, file: File, version: str = "") -> None:
        super().__init__([file])
        self._file = file
        named = _VERSION.search(file.path)
        self._version = version or (named[1] if named else "")
        self._entries: Sequence[_Subdivision] = ()
        self._type = self.declare("type", "string", "What it is, such as Canton or State.")
        self._country = self.declare("country", "code", "The country, by two letters of ISO 3166-1.")

    def outline(self, outline: Outline, told: Told) -> None:
        self._entries = self._read(told)
        for one in self._entries:
            if not _CODE.fullmatch(one.code):
                raise ReleaseError(f"{self._file.path}: {one.code[:40]!r} is no code such as CH-ZH.")
            if not outline.concept(one.code):
                raise ReleaseError(f"{self._file.path}: the code {one.code} is there twice.")
        for one in self._entries:
            if one.parent:
                outline.edge(one.parent if "-" in one.parent else f"{one.code[:2]}-{one.parent}", one.code)

    def _read(self, told: Told) -> list[_Subdivision]:
        if self._file.size > MAX_BYTES:
            raise ReleaseError(f"{self._file.path} is larger than {MAX_BYTES} bytes.")
        with self._file.open() as stream:
            data = stream.read(MAX_BYTES)
        told(len(data))
        try:
            return msgspec.json.decode(data, type=_Subdivisions).entries
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ReleaseError(f"{self._file.path} is not the list of subdivisions of iso-codes: {error}.") from None

    def describe(self) -> Description:
        if not self._version:
            raise ReleaseError(f"{self._file.path} does not say which version it is: use --release, such as 4.18.0.")
        head = Head(
            URL, self._version, "ISO3166Part2", "Subdivisions of countries (ISO 3166-2)", value_set=f"{URL}:vs",
            hierarchy_meaning="part-of", properties=tuple(self.properties), versions_by="natural",
        )  # fmt: skip
        return Description(head, self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        for one in self._entries:
            number = outline.number(one.code)
            assert number is not None
            yield number, [CODE, one.code]
            yield number, [DISPLAY, one.name]
            yield number, [PROPERTY, self._country, one.code[:2]]
            if one.type:
                yield number, [PROPERTY, self._type, one.type]
