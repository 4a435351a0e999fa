"""Writes releases of SNOMED CT in RF2, in the exact form of the files: headers, names, folders, identifiers.

Identifiers are made with the item numbers, partitions and check digits that the specification wants; names and
relationships are up to the test.
"""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

CORE = 900000000000207008
MODEL = 900000000000012004
PRIMITIVE, DEFINED = 900000000000074008, 900000000000073002
FSN, SYNONYM, DEFINITION = 900000000000003001, 900000000000013009, 900000000000550004
PREFERRED, ACCEPTABLE = 900000000000548007, 900000000000549004
CASE = 900000000000448009
INFERRED, STATED = 900000000000011006, 900000000000010007
EXISTENTIAL = 900000000000451002
US, GB = 900000000000509007, 900000000000508004
IS_A = 116680003

METADATA = {
    "root": 138875005,
    "is a": IS_A,
    "metadata": 900000000000441003,
    "attribute": 762705008,
    "refset": 900000000000455006,
    "language refset": 900000000000506000,
    "us": US,
    "gb": GB,
    "core": CORE,
    "model": MODEL,
    "historical": 900000000000522004,
    "same as": 900000000000527005,
    "replaced by": 900000000000526001,
    "possibly": 900000000000523009,
    "simple refset": 723264001,
    "map refset": 447562003,
    "primitive": PRIMITIVE,
    "defined": DEFINED,
    "fsn": FSN,
    "synonym": SYNONYM,
    "definition": DEFINITION,
    "preferred": PREFERRED,
    "acceptable": ACCEPTABLE,
    "module dependency": 900000000000534007,
    "loinc": 705114005,
}
_PARENT = {
    "us": "language refset",
    "gb": "language refset",
    "language refset": "refset",
    "historical": "refset",
    "same as": "historical",
    "replaced by": "historical",
    "possibly": "historical",
    "simple refset": "refset",
    "map refset": "refset",
    "refset": "metadata",
    "metadata": "root",
    "module dependency": "refset",
    "attribute": "root",
    "is a": "attribute",
}

HEADERS = {
    "Concept": "id effectiveTime active moduleId definitionStatusId",
    "Description": "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
    "Relationship": "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId "
    "characteristicTypeId modifierId",
    "RelationshipConcreteValues": "id effectiveTime active moduleId sourceId value relationshipGroup typeId "
    "characteristicTypeId modifierId",
    "Identifier": "alternateIdentifier effectiveTime active moduleId identifierSchemeId referencedComponentId",
    "Refset": "id effectiveTime active moduleId refsetId referencedComponentId",
}
_FOLDERS = {
    "sct2": "Terminology",
    "Simple": "Refset/Content",
    "Association": "Refset/Content",
    "Language": "Refset/Language",
}

_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")
_INVERSE = "0432156789"


def check_digit(number: str) -> str:
    """The Verhoeff check digit of an identifier."""
    check = 0
    for place, digit in enumerate(reversed(number), 1):
        check = int(_D5[check][int(_P[place % 8][int(digit)])])
    return _INVERSE[check]


def identifier(item: int, partition: str = "00", namespace: str = "") -> int:
    """An identifier: item, namespace (of an extension: partition 10), partition, check digit."""
    text = f"{item}{namespace}{partition}"
    return int(text + check_digit(text))


class Writer:
    """Writes the files of a release into a folder. `state`: Snapshot or Full; `where`: INT or a country's namespace."""

    def __init__(
        self, folder: Path, date: int, *, state: str = "Snapshot", where: str = "INT", namespace: str = "",
        module: int = CORE,
    ) -> None:  # fmt: skip
        self._folder = folder / f"SnomedCT_{where}_PRODUCTION_{date}T120000Z" / state
        self._state = state
        self._where = where
        self._namespace = namespace
        self.date = date
        self.module = module
        self._files: dict[str, IO[str]] = {}
        self._items = 1000 if not namespace else 1

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def new(self, partition: str) -> int:
        """A new identifier: 0 concept, 1 description, 2 relationship."""
        self._items += 1
        return identifier(self._items, ("1" if self._namespace else "0") + partition, self._namespace)

    def metadata(self) -> None:
        """The concepts that every release has, and the module dependencies."""
        for name, code in METADATA.items():
            parent = [] if name == "root" else [METADATA[_PARENT.get(name, "metadata")]]
            term = "SNOMED CT Concept" if name == "root" else name.capitalize()
            self.concept(f"{term} (metadata)", parent, code=code, synonyms=[term], module=MODEL)
        self.depends(self.module, MODEL)

    def depends(self, module: int, on: int, date: int | None = None, target: int | None = None) -> None:
        """A module dependency."""
        times = (date or self.date, target or self.date)
        row = [self._uuid(), self.date, 1, module, METADATA["module dependency"], on, *times]
        self.row("der2_ssRefset_ModuleDependency", "sourceEffectiveTime targetEffectiveTime", row)

    def concept(
        self, name: str, parents: Iterable[int] = (), *, code: int = 0, synonyms: Sequence[str] = (),
        defined: bool = False, active: bool = True, module: int = 0, definition: str = "", date: int = 0,
        british: str = "",
    ) -> int:  # fmt: skip
        """A concept with its fully specified name, synonyms (the first is preferred) and parents; its code."""
        code = code or self.new("0")
        module = module or self.module
        date = date or self.date
        self.row("sct2_Concept", "", [code, date, int(active), module, DEFINED if defined else PRIMITIVE])
        self.description(code, name, FSN, preferred=(US, GB), module=module)
        for place, term in enumerate(synonyms):
            preferred = () if place else (US,) if british else (US, GB)
            self.description(code, term, SYNONYM, preferred=preferred, acceptable=(US, GB) if place else ())
        if british:
            self.description(code, british, SYNONYM, preferred=(GB,), acceptable=(US,))
        if definition:
            self.description(code, definition, DEFINITION, preferred=(US, GB))
        for parent in parents:
            self.relationship(code, IS_A, parent, 0, active=active, module=module)
        return code

    def description(
        self, concept: int, term: str, type: int = SYNONYM, *, preferred: Sequence[int] = (),
        acceptable: Sequence[int] = (), language: str = "en", active: bool = True, module: int = 0, id: int = 0,
        date: int = 0,
    ) -> int:  # fmt: skip
        """A description and its members of language reference sets."""
        id = id or self.new("1")
        module = module or self.module
        kind = "TextDefinition" if type == DEFINITION else "Description"
        row = [id, date or self.date, int(active), module, concept, language, type, term, CASE]
        self.row(f"sct2_{kind}", "", row, language)
        for refsets, acceptability in ((preferred, PREFERRED), (acceptable, ACCEPTABLE)):
            for refset in refsets:
                member = [self._uuid(), date or self.date, 1, module, refset, id, acceptability]
                self.row("der2_cRefset_Language", "acceptabilityId", member, language)
        return id

    def relationship(
        self, source: int, type: int, target: int, group: int = 0, *, active: bool = True, module: int = 0, id: int = 0,
        date: int = 0, kind: int = INFERRED,
    ) -> int:  # fmt: skip
        """A relationship."""
        id = id or self.new("2")
        self.row("sct2_Relationship", "", [
            id, date or self.date, int(active), module or self.module, source, target, group, type, kind, EXISTENTIAL,
        ])  # fmt: skip
        return id

    def value(self, source: int, type: int, value: str, group: int = 0) -> None:
        """A concrete value: `#5`, `"text"` or `true`."""
        self.row("sct2_RelationshipConcreteValues", "", [
            self.new("2"), self.date, 1, self.module, source, value, group, type, INFERRED, EXISTENTIAL,
        ])  # fmt: skip

    def alternate(self, scheme: int, code: str, concept: int) -> None:
        """An alternate identifier."""
        self.row("sct2_Identifier", "", [code, self.date, 1, self.module, scheme, concept])

    def member(self, refset: int, component: int, *, active: bool = True, module: int = 0) -> None:
        """A member of a simple reference set."""
        self.row("der2_Refset_Simple", "", [
            self._uuid(), self.date, int(active), module or self.module, refset, component,
        ])  # fmt: skip

    def association(self, refset: int, component: int, target: int, *, active: bool = True) -> None:
        """A member of an association reference set."""
        self.row("der2_cRefset_Association", "targetComponentId", [
            self._uuid(), self.date, int(active), self.module, refset, component, target,
        ])  # fmt: skip

    def map(self, refset: int, component: int, target: str, priority: int = 1) -> None:
        """A member of an extended map reference set."""
        self.row(
            "der2_iisssccRefset_ExtendedMap",
            "mapGroup mapPriority mapRule mapAdvice mapTarget correlationId mapCategoryId",
            [
                self._uuid(), self.date, 1, self.module, refset, component, 1, priority, "TRUE", f"ALWAYS {target}",
                target, 447561005, 447637006,
            ],
        )  # fmt: skip

    def row(self, kind: str, extra: str, cells: Sequence[object], language: str = "") -> None:
        """A row of a file, which is begun with its header when it is the first."""
        file = self._files.get(kind + language)
        if file is None:
            file = self._files[kind + language] = self._open(kind, extra, language)
        file.write("\t".join(map(str, cells)) + "\r\n")

    def _open(self, kind: str, extra: str, language: str) -> IO[str]:
        prefix, content, *rest = kind.split("_")
        about = rest[0] if rest else ""
        folder = self._folder / _FOLDERS.get(about, _FOLDERS.get(prefix, "Refset/Metadata"))
        folder.mkdir(parents=True, exist_ok=True)
        tag = f"-{language}" if language else ""
        path = folder / f"{prefix}_{content}_{about}{self._state}{tag}_{self._where}_{self.date}.txt"
        header = HEADERS["Refset" if prefix == "der2" else content.replace("TextDefinition", "Description")]
        file = path.open("w", encoding="utf-8", newline="")
        file.write("\t".join(f"{header} {extra}".split()) + "\r\n")
        return file

    def _uuid(self) -> str:
        self._items += 1
        return f"{self._items:08x}-0000-5000-8000-{self.module % 10**12:012d}"


def zipped(folder: Path) -> Path:
    """The folder's content as a zip archive beside it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return path
