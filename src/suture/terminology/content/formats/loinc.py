"""LOINC: the CSV files of a release, https://loinc.org/kb/users-guide. What FHIR makes of them:
https://hl7.org/fhir/R4/loinc.html (properties, filters, implicit value sets).

The one thing to know: only Loinc.csv is needed. Parts, answer lists, the hierarchy and translations are taken in as far
as their files are there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from pyroaring import BitMap

from suture.terminology.content.bodies import INACTIVE, Description
from suture.terminology.content.files import File, ReleaseError, Told, largest_by_name
from suture.terminology.content.outline import Outline
from suture.terminology.content.release import (
    CODE,
    DEFINITION,
    DESIGNATION,
    DISPLAY,
    FLAGS,
    PROPERTY,
    STATUS,
    SYNONYM,
    Record,
    Release,
)
from suture.terminology.content.stored import natural
from suture.terminology.systems import Head, Json

URL = "http://loinc.org"

AXES = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS")
"""What defines a term; each is a part."""

# Columns of Loinc.csv that are not kept as properties: what is elsewhere in the concept.
_ELSEWHERE = frozenset(("LOINC_NUM", "LONG_COMMON_NAME", "DefinitionDescription", *AXES))

_CODED = frozenset(("STATUS", "CLASSTYPE", "ORDER_OBS", "PanelType", "UNITSREQUIRED", "ValidHL7AttachmentRequest"))

# The columns without which a file cannot be loaded
_TERMS = "LOINC_NUM", "COMPONENT", "STATUS", "LONG_COMMON_NAME"
_PARTS = "PartNumber", "PartTypeName", "PartName"
_LINKS = "LoincNumber", "PartNumber", "PartName", "Property"
_ANSWERS = "AnswerListId", "AnswerListName", "AnswerStringId", "DisplayText"
_ANSWER_LINKS = "LoincNumber", "AnswerListId"
_HIERARCHY = "IMMEDIATE_PARENT", "CODE", "CODE_TEXT"
_CONSUMER = "LoincNumber", "ConsumerName"
_GROUPS = "ParentGroupId", "GroupId"
_GROUPED = "GroupId", "LoincNumber"
_REPLACED = "LOINC", "MAP_TO"
_VARIANTS = ("LOINC_NUM",)

_VARIANT = re.compile(r"([a-z]{2,3})([A-Z]{2})\d+LinguisticVariant\.csv")

_USES: dict[str, Json] = {
    name: {"system": URL, "code": name} for name in ("SHORTNAME", "DisplayName", "ConsumerName", "LONG_COMMON_NAME")
}


class LoincRelease(Release):
    """A release: terms, parts, answers and answer lists are concepts of one code system."""

    kind = "loinc"

    def __init__(self, files: Sequence[File], version: str = "") -> None:
        by_name = largest_by_name(files)
        terms = by_name.get("loinc.csv")
        if terms is None:
            raise ReleaseError("A LOINC release needs the file Loinc.csv.")
        self._terms = terms
        self._version = version
        self._newest = ""
        self._links = [by_name[name] for name in ("loincpartlink_primary.csv", "loincpartlink_supplementary.csv")
                       if name in by_name]  # fmt: skip
        self._parts = by_name.get("part.csv")
        self._answers = by_name.get("answerlist.csv")
        self._answer_links = by_name.get("loincanswerlistlink.csv")
        self._hierarchy = by_name.get("componenthierarchybysystem.csv") or by_name.get("multiaxialhierarchy.csv")
        self._consumer = by_name.get("consumername.csv")
        self._groups = by_name.get("group.csv")
        self._grouped = by_name.get("grouploincterms.csv")
        self._replaced = by_name.get("mapto.csv")
        self._variants = [file for file in files if _VARIANT.fullmatch(file.name)]
        found = (
            terms, self._parts, *self._links, self._answers, self._answer_links, self._hierarchy, self._consumer,
            self._groups, self._grouped, self._replaced, *self._variants,
        )  # fmt: skip
        super().__init__([file for file in found if file is not None])
        for axis in AXES:
            self.declare(axis, "Coding")
        self._lists: dict[str, BitMap] = {}
        self._copyright = self.declare("copyright", "code", "LOINC, or 3rdParty when somebody else has rights too.")

    def check(self) -> None:
        super().check()
        for file, needed in (
            (self._terms, _TERMS),
            (self._parts, _PARTS),
            (self._answers, _ANSWERS),
            (self._answer_links, _ANSWER_LINKS),
            (self._hierarchy, _HIERARCHY),
            (self._consumer, _CONSUMER),
            (self._groups, _GROUPS),
            (self._grouped, _GROUPED),
            (self._replaced, _REPLACED),
            *((file, _LINKS) for file in self._links),
            *((file, _VARIANTS) for file in self._variants),
        ):
            if file is not None:
                file.check(needed)

    @property
    def effort(self) -> int:
        twice = (self._terms, self._parts, self._answers, self._hierarchy)
        return sum(file.size for file in self.files) + sum(file.size for file in twice if file is not None)

    def outline(self, outline: Outline, told: Told) -> None:
        for line, row in self._terms.records(_TERMS, told):
            if not outline.concept(row["LOINC_NUM"]):
                raise self._terms.wrong(line, f"the code {row['LOINC_NUM']} is there twice")
            self._newest = max(self._newest, row.get("VersionLastChanged", ""), key=natural)
        for _, row in _rows(self._parts, _PARTS, told):
            outline.concept(row["PartNumber"])
        for _, row in _rows(self._answers, _ANSWERS, told):
            for name in ("AnswerListId", "AnswerStringId"):
                if row[name]:
                    outline.concept(row[name])
        edges: list[tuple[str, str]] = []
        for _, row in _rows(self._hierarchy, _HIERARCHY, told):
            outline.concept(row["CODE"])
            if row["IMMEDIATE_PARENT"]:
                edges.append((row["IMMEDIATE_PARENT"], row["CODE"]))
        for above, below in edges:
            outline.edge(above, below)

    def describe(self) -> Description:
        version = self._version or self._newest
        if not version:
            raise ReleaseError(f"{self._terms.path} does not say which release it is: use --release, such as 2.78.")
        head = Head(
            URL, version, "LOINC", "Logical Observation Identifiers, Names and Codes (LOINC)", case_sensitive=False,
            value_set=f"{URL}/vs", hierarchy_meaning="is-a", properties=tuple(self.properties), language="en",
            languages=("en", *self.languages[1:]), versions_by="natural",
            filters={"ancestor": ("=", "in"), "descendant": ("=", "in"), "LIST": ("=",), "answers-for": ("=",)},
        )  # fmt: skip
        return Description(head, self.kind, languages=self.languages, uses=self.uses)

    def records(self, outline: Outline, told: Told) -> Iterator[Record]:
        linked: set[tuple[str, str]] = set()
        for file in self._links:
            for _, row in file.records(_LINKS, told):
                number = outline.number(row["LoincNumber"])
                name = row["Property"].rpartition("/")[2]
                if number is None or not name:
                    continue
                if name in AXES:
                    linked.add((row["LoincNumber"], name))
                value = f"{URL}\t{row['PartNumber']}\t{row['PartName']}"
                yield number, [PROPERTY, self.declare(name, "Coding"), value]
        yield from self._of_terms(outline, linked, told)
        yield from self._of_parts(outline, told)
        yield from self._of_answers(outline, told)
        yield from self._of_variants(outline, told)
        self._read_groups(outline, told)

    def _of_terms(self, outline: Outline, linked: set[tuple[str, str]], told: Told) -> Iterator[Record]:
        for _, row in self._terms.records(_TERMS, told):
            code = row["LOINC_NUM"]
            number = outline.number(code)
            assert number is not None
            yield number, [CODE, code]
            yield number, [DISPLAY, row["LONG_COMMON_NAME"]]
            if text := row.get("DefinitionDescription", ""):
                yield number, [DEFINITION, text]
            yield number, [STATUS, row["STATUS"].lower()]
            if row["STATUS"] == "DEPRECATED":
                yield number, [FLAGS, INACTIVE]
            for name in AXES:
                if (code, name) not in linked and (text := row.get(name, "")):
                    yield number, [PROPERTY, self.declare(name, "Coding"), f"\t\t{text}"]
            for name, text in row.items():
                if text and name not in _ELSEWHERE:
                    yield number, [PROPERTY, self.declare(name, "code" if name in _CODED else "string"), text]
            owner = "3rdParty" if row.get("EXTERNAL_COPYRIGHT_NOTICE") else "LOINC"
            yield number, [PROPERTY, self._copyright, owner]
            for name in ("SHORTNAME", "DisplayName"):
                if text := row.get(name, ""):
                    yield number, [DESIGNATION, text, 0, self.use(_USES[name])]

    def _of_parts(self, outline: Outline, told: Told) -> Iterator[Record]:
        known: set[str] = set()
        for _, row in _rows(self._parts, _PARTS, told):
            number = outline.number(row["PartNumber"])
            assert number is not None
            known.add(row["PartNumber"])
            yield number, [CODE, row["PartNumber"]]
            yield number, [DISPLAY, row.get("PartDisplayName") or row["PartName"]]
            yield number, [PROPERTY, self.declare("PartTypeName", "code"), row["PartTypeName"]]
            if row["PartName"] != row.get("PartDisplayName", row["PartName"]):
                yield number, [DESIGNATION, row["PartName"], 0, self.use(SYNONYM)]
            if status := row.get("Status", ""):
                yield number, [STATUS, status.lower()]
                yield number, [PROPERTY, self.declare("STATUS", "code"), status]
                if status == "DEPRECATED":
                    yield number, [FLAGS, INACTIVE]
        for _, row in _rows(self._hierarchy, _HIERARCHY, told):
            code = row["CODE"]
            if code.startswith("LP") and code not in known:
                known.add(code)
                number = outline.number(code)
                assert number is not None
                yield number, [CODE, code]
                yield number, [DISPLAY, row["CODE_TEXT"]]

    def _of_answers(self, outline: Outline, told: Told) -> Iterator[Record]:
        for _, row in _rows(self._answers, _ANSWERS, told):
            listing = outline.number(row["AnswerListId"])
            assert listing is not None
            held = self._lists.setdefault(row["AnswerListId"], BitMap())
            yield listing, [CODE, row["AnswerListId"]]
            yield listing, [DISPLAY, row["AnswerListName"]]
            number = outline.number(row["AnswerStringId"]) if row["AnswerStringId"] else None
            if number is not None:
                held.add(number)
                yield number, [CODE, row["AnswerStringId"]]
                yield number, [DISPLAY, row["DisplayText"]]
        for _, row in _rows(self._answer_links, _ANSWER_LINKS, told):
            number = outline.number(row["LoincNumber"])
            if number is not None:
                yield number, [PROPERTY, self.declare("answer-list", "code"), row["AnswerListId"]]
        for _, row in _rows(self._replaced, _REPLACED, told):
            number = outline.number(row["LOINC"])
            if number is not None and row["MAP_TO"]:
                yield number, [PROPERTY, self.declare("MAP_TO", "code", "The code to use instead."), row["MAP_TO"]]

    def _of_variants(self, outline: Outline, told: Told) -> Iterator[Record]:
        for _, row in _rows(self._consumer, _CONSUMER, told):
            number = outline.number(row["LoincNumber"])
            if number is not None and row["ConsumerName"]:
                yield number, [DESIGNATION, row["ConsumerName"], 0, self.use(_USES["ConsumerName"])]
        for file in self._variants:
            match = _VARIANT.fullmatch(file.name)
            assert match is not None
            language = self.language(f"{match[1]}-{match[2]}")
            for _, row in file.records(_VARIANTS, told):
                number = outline.number(row["LOINC_NUM"])
                text = row.get("LONG_COMMON_NAME") or row.get("LinguisticVariantDisplayName") or _full_name(row)
                if number is not None and text:
                    yield number, [DESIGNATION, text, language, self.use(_USES["LONG_COMMON_NAME"])]

    def _read_groups(self, outline: Outline, told: Told) -> None:
        """Groups are value sets of terms; a group of groups holds the terms of them all."""
        for _, row in _rows(self._grouped, _GROUPED, told):
            number = outline.number(row["LoincNumber"])
            if number is not None:
                self._lists.setdefault(row["GroupId"], BitMap()).add(number)
        for _, row in _rows(self._groups, _GROUPS, told):
            parent, members = row["ParentGroupId"], self._lists.get(row["GroupId"])
            if parent and members is not None:
                self._lists.setdefault(parent, BitMap()).update(members)

    def value_sets(self) -> Mapping[str, BitMap]:
        """The answer lists and groups."""
        return {f"{URL}/vs/{name}": members for name, members in self._lists.items()}


def _full_name(row: Mapping[str, str]) -> str:
    """The name made of the translated axes, where a translation has nothing else."""
    parts = [row.get(name, "") for name in AXES[:6]]
    return ":".join(parts).rstrip(":") if parts[0] else ""


def _rows(file: File | None, needed: Sequence[str], told: Told) -> Iterator[tuple[int, dict[str, str]]]:
    return iter(()) if file is None else file.records(needed, told)
