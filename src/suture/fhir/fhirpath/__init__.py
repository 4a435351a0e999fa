"""FHIRPath: from text to a frozen syntax tree, and from the tree to an answer (http://hl7.org/fhirpath/).

The one thing to know: searches only read expressions. The engine, most of this room, is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from suture.fhir.fhirpath.environment import Budget, Environment
from suture.fhir.fhirpath.faults import (
    FhirPathBudgetError,
    FhirPathError,
    FhirPathEvaluationError,
    FhirPathSemanticError,
)
from suture.fhir.fhirpath.host import NOTHING, Host, Unanswered
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.parser import MAX_DEPTH, MAX_LENGTH, parse
from suture.fhir.fhirpath.printer import to_text
from suture.fhir.fhirpath.types import Item

if TYPE_CHECKING:
    from suture.fhir.fhirpath.engine import Engine, Expression

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "NOTHING",
    "Budget",
    "Engine",
    "Environment",
    "Expression",
    "FhirPathBudgetError",
    "FhirPathError",
    "FhirPathEvaluationError",
    "FhirPathSemanticError",
    "Host",
    "Item",
    "Node",
    "Unanswered",
    "parse",
    "to_text",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in ("Engine", "Expression"):
            return getattr(import_module("suture.fhir.fhirpath.engine"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
