"""Coded values as questions to a terminology: codes, Codings, CodeableConcepts, Quantities.

Specification: https://hl7.org/fhir/R4/terminologies.html#4.1. The one thing to know: of a code without a system
the value set says which system is meant.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from typing import Any

from suture.fhir.rules.questions import Coded


def coded_questions(value: Any, value_set: str) -> list[Coded]:
    """A question for each coding of a value: is it in the value set? Empty when there is nothing coded in it."""
    if isinstance(value, str):
        return [Coded(value_set, "", value, infer_system=True)]
    if not isinstance(value, dict):
        return []
    concept = value.get("concept")
    if isinstance(concept, dict):
        value = concept
    codings = value.get("coding")
    found = codings if isinstance(codings, list) else [value]
    return [question for coding in found if (question := _question(coding, value_set)) is not None]


def _question(coding: Any, value_set: str) -> Coded | None:
    if not isinstance(coding, dict):
        return None
    code = coding.get("code")
    if not isinstance(code, str):
        return None
    return Coded(value_set, _text(coding, "system"), code, _text(coding, "version"))


def _text(coding: dict[str, Any], name: str) -> str:
    value = coding.get(name)
    return value if isinstance(value, str) else ""


def shown_codings(value: Any) -> str:
    """The codings of a value as a message shows them: `system#code`."""
    questions = coded_questions(value, "")
    return ", ".join(f"{q.system}#{q.code}" if q.system else f"'{q.code}'" for q in questions)[:400]
