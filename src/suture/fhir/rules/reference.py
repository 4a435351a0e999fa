"""References: what they name can be found, where the caller asks for that; an identifier or a name at least else.

Specification: https://hl7.org/fhir/R4/references.html. Their form and their types belong to the structure.
"""

import re
from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.questions import UNKNOWN, Question, Resolvable
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import below, text

_QUERY = re.compile(r"[A-Za-z_][\w.:\-]*+=[^&=]*+(?:=[^&]*+)?(?:&[A-Za-z_][\w.:\-]*+=[^&]*+)*+").fullmatch


def names_something(seen: Seen) -> Iterable[Issue]:
    """A reference has a target, an identifier, or at least a name; or extensions that say why not."""
    value = below(seen.value)
    if value and not {"reference", "identifier", "display", "extension"} & value.keys():
        yield seen.warning("business-rule", "The reference names nothing: it has no reference, identifier or display.")


def known_type(seen: Seen) -> Iterable[Issue]:
    """The type that a reference states is one of FHIR's resources; those of logical models are absolute URLs."""
    stated = text(seen.value, "type")
    name = stated.removeprefix("http://hl7.org/fhir/StructureDefinition/")
    found = seen.scene.definitions.structures.get(name)
    if stated and ":" not in name and (found is None or found.kind != "resource"):
        yield seen.error("value", f"{shown(stated)} is not a resource type of FHIR.", "type")


def query_form(seen: Seen) -> Iterable[Issue]:
    """A conditional reference has a search behind its question mark: names of parameters, each with a value."""
    type, mark, query = text(seen.value, "reference").partition("?")
    if mark and type in seen.scene.definitions.resource_types and not _QUERY(query):
        yield seen.error(
            "invalid", f"The conditional reference must be 'Type?parameter=value&…'; '{query[:200]}' is no search."
        )


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
