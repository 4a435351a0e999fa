"""Codings: a system that is a code system, a code that it has, a display that is the concept's.

Specification: https://hl7.org/fhir/R4/datatypes.html#Coding. Whether a code is in the value set of its element is a
matter of the binding, and checked there.
"""

from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.check_digits import cannot_be
from suture.fhir.rules.questions import Coded, Question
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text
from suture.fhir.rules.uris import is_absolute

_TABLES = ("http://terminology.hl7.org/CodeSystem/v2-", "http://terminology.hl7.org/CodeSystem/v3-")


def system_form(seen: Seen) -> Iterable[Issue]:
    """The system is absolute, names no value set and no supplement, and is there when there is a code."""
    system, code = text(seen.value, "system"), text(seen.value, "code")
    if not system:
        if code:
            yield seen.warning("code-invalid", "A code without a system has no meaning by itself; give its system.")
        return
    if not is_absolute(system):
        yield seen.error("invalid", f"The system must be an absolute URI, not '{system[:200]}'.", "system")
        return
    find = seen.scene.canonicals.find
    found = find("CodeSystem", system)
    if found is not None:
        if found.get("content") == "supplement" or "supplements" in found:
            base = text(found, "supplements") or "the code system that it supplements"
            yield seen.error("invalid", f"'{system[:200]}' is a supplement; the system is {base[:200]}.", "system")
    elif "/ValueSet/" in system and find("ValueSet", system) is not None:
        yield seen.error("invalid", f"'{system[:200]}' is a value set, not a code system.", "system")


def code_of_system(seen: Seen) -> Iterable[Issue | Question]:
    """The code is one of its system, and the display one of the concept's."""
    system, code = text(seen.value, "system"), text(seen.value, "code")
    if not system or not code or not is_absolute(system):
        return
    complaint = cannot_be(system, code)
    if complaint:
        yield seen.error("code-invalid", f"{shown(code)} is not a code of {system[:200]}. {complaint}", "code")
        return

    def then(answer: Any) -> Iterable[Issue]:
        if answer.result is False:
            reason = f" {answer.message}" if answer.message else ""
            severity = "warning" if _is_old_copy(seen, system) else "error"
            return [
                seen.issue(severity, "code-invalid", f"{shown(code)} is not a code of {system[:200]}.{reason}", "code")
            ]
        if answer.display_ok is False:
            severity = seen.scene.expectations.display
            return [seen.issue(severity, "invalid", _wrong_display(seen, answer.message), "display")]
        return []

    yield Question(Coded("", system, code, text(seen.value, "version"), text(seen.value, "display")), then)


def _is_old_copy(seen: Seen, system: str) -> bool:
    """Whether all that is at hand of a table of HL7 v2 or v3 is the copy that FHIR R4 made of it in 2018.

    These tables grow apart from FHIR. Their editions in HL7's terminology package have versions such as 3.1.0.
    """
    if not system.startswith(_TABLES):
        return False
    found = seen.scene.canonicals.find("CodeSystem", system)
    return found is not None and text(found, "version") in ("2018-08-12", "2.9")


def _wrong_display(seen: Seen, message: str) -> str:
    display = shown(text(seen.value, "display"))
    code = f"{text(seen.value, 'system')[:200]}#{text(seen.value, 'code')[:100]}"
    return f"{display} is not a display of {code}.{' ' + message if message else ''}"
