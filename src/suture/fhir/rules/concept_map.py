"""ConceptMap: what it maps are codes of the systems that it names.

Specification: https://hl7.org/fhir/R4/conceptmap.html.
"""

from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.questions import Coded, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import numbered, text
from suture.fhir.rules.uris import is_absolute

Findings = Iterable[Issue | Question]


def mapped_codes(seen: Seen) -> Findings:
    """Sources and targets are codes of their systems."""
    for number, group in numbered(seen.value, "group"):
        source, _, source_version = text(group, "source").partition("|")
        target, _, target_version = text(group, "target").partition("|")
        source_version = text(group, "sourceVersion") or source_version
        target_version = text(group, "targetVersion") or target_version
        for position, element in numbered(group, "element"):
            place = f"group[{number}].element[{position}]"
            yield from _code(seen, source, source_version, text(element, "code"), f"{place}.code")
            for index, mapped in numbered(element, "target"):
                yield from _code(seen, target, target_version, text(mapped, "code"), f"{place}.target[{index}].code")


def _code(seen: Seen, system: str, version: str, code: str, place: str) -> Findings:
    if not system or not code or not is_absolute(system):
        return
    wrong = seen.error("business-rule", f"{shown(code)} is not a code of {system[:200]}.", place)

    def then(answer: Any) -> Iterable[Issue]:
        return [wrong] if answer.result is False else []

    yield Question(Coded("", system, code, version), then)


def groups_have_systems(seen: Seen) -> Iterable[Issue]:
    """A group says from which system it maps, and to which."""
    for number, group in numbered(seen.value, "group"):
        for name in ("source", "target"):
            if not text(group, name) and f"_{name}" not in group:
                yield seen.warning(
                    "business-rule",
                    f"Without a {name} system, the codes of the group have no meaning.",
                    f"group[{number}]",
                )
