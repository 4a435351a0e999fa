"""Constraints that a Questionnaire puts on its responses, as FHIRPath.

Specification: the extension questionnaire-constraint of R4 and R4B, targetConstraint of the newer packages
(https://hl7.org/fhir/R4/extension-questionnaire-constraint.html). On an item it holds for each of its occurrences in a
response, on the Questionnaire for the response as a whole.
"""

from collections.abc import Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.rules.expressions import holds
from suture.fhir.rules.form import Form
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, extensions, listed, objects, text

_URLS = (
    "http://hl7.org/fhir/StructureDefinition/questionnaire-constraint",
    "http://hl7.org/fhir/StructureDefinition/targetConstraint",
)
_SEVERITIES = ("error", "warning", "information")


def broken_constraints(seen: Seen, form: Form) -> Iterator[Issue]:
    """The constraints of a form that a response does not meet."""
    yield from _broken(seen, form.questionnaire)
    constrained = {link: item for link, item in form.items.items() if any(extensions(item, url) for url in _URLS)}
    if not constrained:
        return
    for path, value in objects({key: value for key, value in seen.value.items() if key != "contained"}):
        asked = constrained.get(text(value, "linkId"))
        if asked is not None:
            place = f"{seen.path}.{path}"
            yield from _broken(
                Seen(value, place, "BackboneElement", "QuestionnaireResponse.item", seen, seen.scene), asked
            )


def _broken(seen: Seen, holder: Json) -> Iterator[Issue]:
    for url in _URLS:
        for constraint in extensions(holder, url):
            parts = {text(part, "url"): choice(part, "value")[1] for part in listed(constraint, "extension")}
            expression = parts.get("expression")
            code = text(expression, "expression") if isinstance(expression, dict) else expression
            if not isinstance(code, str) or holds(seen, code) is not False:
                continue
            severity, human = parts.get("severity"), parts.get("human")
            said = human if isinstance(human, str) else code
            yield seen.issue(
                severity if severity in _SEVERITIES else "error",
                "invariant",
                f"A rule of the form is broken: {said[:500]}",
            )
