"""StructureDefinitions of extensions: their URL, and where they may stand.

Specification: https://hl7.org/fhir/R4/defining-extensions.html. `Extension.url` is fixed to the canonical URL of the
definition; a context of type `element` names an element, or a type, of some version of FHIR.
"""

from collections.abc import Iterable

from suture.fhir.definitions import load
from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.element_paths import place
from suture.fhir.rules.expressions import complaint_about
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import listed, numbered, text, texts
from suture.fhir.versions import Version

_CORE = "http://hl7.org/fhir/StructureDefinition/"


def fixed_url(seen: Seen) -> Iterable[Issue]:
    """The URL that the extension has in data is the canonical URL of its definition."""
    url = text(seen.value, "url")
    if not url or not _defines_extension(seen):
        return
    views = ("differential", "snapshot")
    elements = (element for view in views for element in listed(seen.value.get(view), "element"))
    fixed = {text(element, "fixedUri") for element in elements if text(element, "path") == "Extension.url"} - {""}
    for other in sorted(fixed - {url}):
        yield seen.error(
            "business-rule", f"Extension.url is fixed to {shown(other)}, but the definition is {shown(url)}."
        )


def contexts(seen: Seen) -> Iterable[Issue]:
    """An extension says where it may stand, and in a way that names something."""
    if not _defines_extension(seen):
        return
    if not listed(seen.value, "context") and not texts(seen.value, "context"):
        yield seen.warning("business-rule", "An extension should say where it may stand (context).")
    for number, context in numbered(seen.value, "context"):
        kind, expression, where = text(context, "type"), text(context, "expression"), f"context[{number}]"
        if kind == "fhirpath" and expression:
            complaint = complaint_about(seen, expression, [])
            if complaint:
                # It may be about types of another version of FHIR.
                yield seen.warning("invalid", f"The context {shown(expression)} cannot be used: {complaint}", where)
        elif kind == "element" and expression == "Element":
            yield seen.issue(
                "information", "business-rule", "The context Element lets the extension stand anywhere.", where
            )
        elif kind == "element" and _names_nothing(seen, expression):
            yield seen.error("invalid", f"There is no element {shown(expression)}, where it may stand.", where)


def _defines_extension(seen: Seen) -> bool:
    return text(seen.value, "type") == "Extension" and text(seen.value, "derivation") == "constraint"


def _names_nothing(seen: Seen, expression: str) -> bool:
    """Whether a path names no element, in any version of FHIR. Of types that are not known nobody can say."""
    path = expression.removeprefix(_CORE)
    own = seen.scene.definitions
    if path.partition(".")[0] not in own.structures or place(own, path) is not None:
        return False
    others = (load(version) for version in Version if version is not own.version)
    return not any(path.partition(".")[0] in other.structures and place(other, path) for other in others)
