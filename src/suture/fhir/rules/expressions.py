"""FHIRPath inside of rules: what an expression of a definition says about a value that is judged.

An expression that cannot be read, evaluated, or answered without asking others says nothing: None.
"""

import re
from collections.abc import Sequence
from typing import Any

from suture.fhir.fhirpath.faults import FhirPathError
from suture.fhir.fhirpath.host import Unanswered
from suture.fhir.rules.seen import Seen

_ROOT = re.compile(r"(?<![\w.'\"`%/\-])([A-Z][A-Za-z0-9]*)(?=\.)")


def holds(seen: Seen, expression: str, extension: Seen | None = None) -> bool | None:
    """Whether an expression is true on a value. `extension`: what %extension is."""
    environment = _environment(seen)
    if environment is None:
        return None
    if extension is not None:
        environment.variables = {"extension": (_item(extension),)}
    try:
        return seen.scene.engine.compile(expression).truth(_item(seen), environment)
    except (FhirPathError, Unanswered):
        return None


def is_among(seen: Seen, expression: str) -> bool | None:
    """Whether a value is one of those that an expression finds in its resource."""
    environment = _environment(seen)
    if environment is None:
        return None
    try:
        found = seen.scene.engine.compile(expression).items(_item(seen.resource), environment)
    except (FhirPathError, Unanswered):
        return None
    return any(value is seen.value and (sibling is seen.sibling or sibling is None) for value, _, sibling in found)


def complaint_about(seen: Seen, expression: str, types: Sequence[str]) -> str:
    """Why an expression cannot be run, or not on values of these types; "" when it can."""
    engine = seen.scene.engine
    if engine is None:
        return ""
    try:
        engine.compile(expression)
    except FhirPathError as error:
        return str(error)
    roots = {
        root for root in _ROOT.findall(_without_texts(expression)) if root in seen.scene.definitions.resource_types
    }
    strange = sorted(roots - set(types)) if types and not {"Resource", "DomainResource"} & set(types) else []
    return f"it is about {', '.join(strange[:5])}, not about {', '.join(types[:5])}." if strange else ""


def _without_texts(expression: str) -> str:
    return re.sub(r"'(?:[^'\\]|\\.)*'", "''", expression)


def _environment(seen: Seen) -> Any:
    scene = seen.scene
    return (
        scene.environment(seen.resource.value) if scene.engine is not None and scene.environment is not None else None
    )


def _item(seen: Seen) -> Any:
    path = seen.type if seen.type in seen.scene.definitions.structures else seen.element
    if seen.type in ("BackboneElement", "Element"):
        path = seen.element
    return seen.scene.engine.model.item(seen.value, path, seen.sibling)
