"""References: what they name can be found, where the caller asks for that; an identifier or a name at least else.

Specification: https://hl7.org/fhir/R4/references.html. Their form and their types belong to the structure.
"""

from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.rules.questions import UNKNOWN, Question, Resolvable
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import below, text


def names_something(seen: Seen) -> Iterable[Issue]:
    """A reference has a target, an identifier, or at least a name; or extensions that say why not."""
    value = below(seen.value)
    if value and not {"reference", "identifier", "display", "extension"} & value.keys():
        yield seen.warning("business-rule", "The reference names nothing: it has no reference, identifier or display.")


def can_be_found(seen: Seen) -> Iterable[Issue | Question]:
    """The resource that a literal reference names exists."""
    reference = text(seen.value, "reference")
    if not reference or reference.startswith("#") or not seen.scene.expectations.references:
        return

    def then(answer: Any) -> Iterable[Issue]:
        if answer is None:
            return [seen.error("not-found", f"There is no '{reference[:200]}'.", "reference")]
        if answer is UNKNOWN:
            return [seen.warning("not-found", f"Whether there is a '{reference[:200]}' is not known.", "reference")]
        return []

    yield Question(Resolvable(reference), then)
