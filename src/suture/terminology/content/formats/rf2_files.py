"""The files of a SNOMED CT release (RF2) by their names, and which edition and version it is.

File naming: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification (section 3.3), URIs:
https://docs.snomed.org/snomed-ct-specifications/snomed-ct-uri-standard. The one thing to know: the module dependency
reference set says which module stands on which others; the one that no other stands on is the edition.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from suture.terminology.content.files import File, ReleaseError, Told

URL = "http://snomed.info/sct"
CORE = 900000000000207008

_NAME = re.compile(
    r"[xz]?(?P<type>sct2|der2)_(?P<content>[A-Za-z0-9]+)_(?P<about>[A-Za-z0-9]*?)(?P<state>Snapshot|Full|Delta)"
    r"(?:-(?P<language>[A-Za-z0-9-]+))?_(?P<where>[A-Za-z0-9]+)_(?P<date>\d{8})(?:T\d+Z)?\.txt"
)

READ = frozenset(
    ("Concept", "Description", "TextDefinition", "Relationship", "RelationshipConcreteValues", "Identifier")
)
"""What is loaded, beside reference sets."""

_COMPONENT = "id", "effectiveTime", "active", "moduleId"
_REFERENCE_SET = *_COMPONENT, "refsetId", "referencedComponentId"
_DESCRIPTION = *_COMPONENT, "conceptId", "languageCode", "typeId", "term", "caseSignificanceId"
_RELATION = "relationshipGroup", "typeId", "characteristicTypeId", "modifierId"
_COLUMNS = {
    "Concept": (*_COMPONENT, "definitionStatusId"),
    "Description": _DESCRIPTION,
    "TextDefinition": _DESCRIPTION,
    "Relationship": (*_COMPONENT, "sourceId", "destinationId", *_RELATION),
    "RelationshipConcreteValues": (*_COMPONENT, "sourceId", "value", *_RELATION),
}
"""What the first line of a file of this content says; further columns may follow."""

NAMED = "use --release http://snomed.info/sct/MODULE/version/YYYYMMDD to say which edition it is"


class Part(msgspec.Struct, frozen=True):
    """A file of a release. `content`: Concept, Description, Relationship, cRefset …; `about`: Language, Simple …"""

    file: File
    content: str
    about: str
    state: str
    where: str
    date: int


class Parts:
    """The files that count: the snapshot of each package where there is one, else its full files.

    `versioned`: a component may be there in several states, of which the newest counts.
    """

    def __init__(self, files: Sequence[File]) -> None:
        found = [part for file in files if (part := _part(file)) is not None]
        current = {part.where for part in found if part.content == "Concept" and part.state == "Snapshot"}
        chosen = [
            part
            for part in found
            if part.state == ("Snapshot" if part.where in current else "Full")
            and (part.content in READ or part.content.endswith("Refset"))
            and not part.about.startswith("OWL")
        ]
        if not any(part.content == "Concept" for part in chosen):
            raise ReleaseError(
                "The release has no concept file (sct2_Concept_Snapshot_… or sct2_Concept_Full_…); "
                "a delta alone cannot be loaded."
            )
        self.chosen = chosen
        packages = {(part.where, part.date) for part in chosen if part.content == "Concept"}
        self.versioned = len(packages) > 1 or any(part.state == "Full" for part in chosen)

    def check(self) -> None:
        """Raise ReleaseError for a file or column that is missing."""
        for content in ("Description", "Relationship"):
            if not self.of(content):
                state = self.of("Concept")[0].state
                raise ReleaseError(f"The release has no {content.lower()} file (sct2_{content}_…{state}…).")
        if not self.reference_sets(language=True):
            raise ReleaseError("The release has no language reference set (der2_cRefset_Language…).")
        for part in self.chosen:
            wanted = _COLUMNS.get(part.content, _REFERENCE_SET if part.content.endswith("Refset") else ())
            wanted = (*wanted, "acceptabilityId") if part.about == "Language" else wanted
            there = part.file.header()
            for place, name in enumerate(wanted):
                if place >= len(there) or there[place].lower() != name.lower():
                    raise part.file.wrong(1, f"column {place + 1} must be {name}")

    def of(self, *contents: str) -> list[Part]:
        """The files of these contents (`Concept`, `Description` …)."""
        return [part for part in self.chosen if part.content in contents]

    def reference_sets(self, *, language: bool) -> list[Part]:
        """The files of reference sets: those of languages, or all others but OWL axioms."""
        return [
            part for part in self.chosen if part.content.endswith("Refset") and (part.about == "Language") == language
        ]

    def edition(self) -> str:
        """The version URI of the edition. Raises ReleaseError when it cannot be told."""
        newest: dict[tuple[bytes, bytes], tuple[int, bool, int]] = {}
        for part in self.reference_sets(language=False):
            if part.about == "ModuleDependency":
                for _, cells in part.file.table(8):
                    key = (cells[3], cells[5])
                    state = (number(cells[1]), cells[2] == b"1", number(cells[6]))
                    newest[key] = max(state, newest.get(key, state))
        sources: dict[int, int] = {}
        needed: set[int] = set()
        for (module, dependency), (_, active, date) in newest.items():
            if active:
                sources[number(module)] = max(date, sources.get(number(module), 0))
                needed.add(number(dependency))
        tops = sorted(module for module in sources if module not in needed)
        if len(tops) > 1:
            raise ReleaseError(f"The release holds the editions {', '.join(map(str, tops))}: {NAMED}.")
        if tops:
            return f"{URL}/{tops[0]}/version/{sources[tops[0]]}"
        dates = [part.date for part in self.of("Concept")]
        if {part.where for part in self.of("Concept")} == {"INT"}:
            return f"{URL}/{CORE}/version/{max(dates)}"
        raise ReleaseError(f"The release has no module dependency reference set: {NAMED}.")


def is_release(files: Sequence[File]) -> bool:
    """Whether these are files of RF2."""
    return any((part := _part(file)) is not None and part.content == "Concept" for file in files)


def rows(parts: Sequence[Part], columns: int, told: Told) -> Iterator[tuple[File, int, list[bytes]]]:
    """The rows of several files: (file, line, cells)."""
    for part in parts:
        for line, cells in part.file.table(columns, told):
            yield part.file, line, cells


def number(cell: bytes) -> int:
    """A cell as a number, 0 for anything else (effective times of unpublished components are empty)."""
    return int(cell) if cell.isdigit() else 0


def _part(file: File) -> Part | None:
    match = _NAME.fullmatch(file.name)
    if match is None:
        return None
    return Part(file, match["content"], match["about"], match["state"], match["where"], int(match["date"]))
