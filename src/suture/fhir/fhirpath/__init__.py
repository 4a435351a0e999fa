"""FHIRPath: from text to a frozen syntax tree, and from the tree to an answer (http://hl7.org/fhirpath/)."""

from suture.fhir.fhirpath.engine import Engine, Expression
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
