"""ConceptMap: what it maps are codes of the systems that it names.

Specification: https://hl7.org/fhir/R4/conceptmap.html.
"""

from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.questions import Coded, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, numbered, text
from suture.fhir.rules.uris import is_absolute

Findings = Iterable[Issue | Question]


def mapped_codes(seen: Seen) -> Findings:
    """Sources and targets are codes of their systems; sources also of the value set that the map is from.

    The value set that it is to only "provides context", and may lack targets.
    """
    scope = _source_value_set(seen.value)
    for number, group in numbered(seen.value, "group"):
        source, _, source_version = text(group, "source").partition("|")
        target, _, target_version = text(group, "target").partition("|")
        source_version = text(group, "sourceVersion") or source_version
        target_version = text(group, "targetVersion") or target_version
        for position, element in numbered(group, "element"):
            place = f"group[{number}].element[{position}]"
            yield from _code(seen, source, source_version, text(element, "code"), f"{place}.code", scope)
            for index, mapped in numbered(element, "target"):
                yield from _code(seen, target, target_version, text(mapped, "code"), f"{place}.target[{index}].code")


def _source_value_set(value: Json) -> str:
    """The value set that a map is from; "" when it names none."""
    names = ("sourceCanonical", "sourceUri", "sourceScopeCanonical", "sourceScopeUri")
    return next((text(value, name) for name in names if text(value, name)), "")


def _code(seen: Seen, system: str, version: str, code: str, place: str, value_set: str = "") -> Findings:
    if not system or not code or not is_absolute(system):
        return
    wrong = seen.error("business-rule", f"{shown(code)} is not a code of {system[:200]}.", place)

    def then(answer: Any) -> Findings:
        if answer.result is False:
            yield wrong
        elif value_set and seen.scene.canonicals.find("ValueSet", value_set) is not None:
            yield Question(Coded(value_set, system, code, version), scoped)

    def scoped(answer: Any) -> Findings:
        if answer.result is False:
            yield seen.error("business-rule", f"{shown(code)} is not in the value set {value_set[:200]}.", place)

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
