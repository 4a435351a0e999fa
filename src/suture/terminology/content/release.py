"""What a format reader is: a release read twice, for its outline and for what it says of each concept."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyroaring import BitMap

from suture.terminology.content.bodies import Body, Description
from suture.terminology.content.files import File, ReleaseError, Told
from suture.terminology.content.outline import Outline
from suture.terminology.content.relations import Members
from suture.terminology.systems import Declared, Json

Record = tuple[int, list[Any]]
"""(number of a concept, what a file says of it). `Release.body` says what the list may be."""

CODE, DISPLAY, DEFINITION, FLAGS, STATUS, PROPERTY, DESIGNATION, RELATION = range(8)
"""What a record begins with."""

_SNOMED = "http://snomed.info/sct"
FULL_NAME: Json = {"system": _SNOMED, "code": "900000000000003001", "display": "Fully specified name"}
SYNONYM: Json = {"system": _SNOMED, "code": "900000000000013009", "display": "Synonym"}
"""Uses of designations."""


class Release(ABC):
    """A release of one format; each format is a class of its own that fills in the rest.

    The methods are called in the order in which they stand here. `files`: those that it reads. `effort`: how many bytes
    `outline` and `records` read together, for the progress bar. `choices`: what a user chose that changes concepts.
    """

    kind = ""

    def __init__(self, files: Sequence[File]) -> None:
        self.files = files
        self.properties: list[Declared] = []
        self.languages: list[str] = [""]
        self.uses: list[Json | None] = [None]
        self._places: dict[str, int] = {}
        self.choices = ""

    def check(self) -> None:
        """Raise ReleaseError for a file or column that is missing, so that it is told before anything is loaded."""
        for file in self.files:
            if not file.size:
                raise ReleaseError(f"{file.path} is empty.")

    @property
    def effort(self) -> int:
        """How many bytes are read in all."""
        return 2 * sum(file.size for file in self.files)

    @abstractmethod
    def outline(self, outline: Outline, told: Told) -> None:
        """Tell all codes and what is above what. Raises ReleaseError."""

    @abstractmethod
    def describe(self) -> Description:
        """What the release says of itself; `size` is filled in later. Raises ReleaseError."""

    @abstractmethod
    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        """Everything that the release says of concepts, in any order. Raises ReleaseError."""

    def body(self, records: Sequence[list[Any]]) -> Body:
        """The concept that these records are about: CODE, DISPLAY, DEFINITION, FLAGS, STATUS with one value,
        PROPERTY with place and text, DESIGNATION with value, place of language and use, RELATION with attribute,
        target and group.
        """
        body = Body("")
        properties: dict[tuple[int, str], None] = {}
        designations: dict[tuple[str, int, int], None] = {}
        relations: list[tuple[str, str, int]] = []
        for tag, *values in records:
            match tag:
                case 0:
                    body.code = values[0]
                case 1:
                    body.display = values[0]
                case 2:
                    body.definition = values[0]
                case 3:
                    body.flags |= values[0]
                case 4:
                    body.status = values[0]
                case 5:
                    properties[values[0], values[1]] = None
                case 6:
                    designations[values[0], values[1], values[2]] = None
                case _:
                    relations.append((values[0], values[1], values[2]))
        body.properties, body.designations, body.relations = tuple(properties), tuple(designations), tuple(relations)
        return body

    def reference_sets(self) -> Iterator[tuple[int, Iterator[Members]]]:
        """(number of a reference set, its rows in portions)."""
        return iter(())

    def value_sets(self) -> Mapping[str, BitMap]:
        """The value sets that the release itself defines: URL -> numbers of concepts."""
        return {}

    def alternates(self) -> Iterator[tuple[str, int]]:
        """(`scheme#code`, number of a concept) of alternate identifiers."""
        return iter(())

    def declare(self, code: str, type: str = "string", description: str = "", uri: str = "") -> int:
        """Declare a property, once; its place."""
        place = self._places.get(code)
        if place is None:
            place = self._places[code] = len(self.properties)
            self.properties.append(Declared(code, type, uri, description))
        return place

    def language(self, tag: str) -> int:
        """The place of a language of designations."""
        if tag not in self.languages:
            self.languages.append(tag)
        return self.languages.index(tag)

    def use(self, coding: Json) -> int:
        """The place of a use of designations."""
        if coding not in self.uses:
            self.uses.append(coding)
        return self.uses.index(coding)
