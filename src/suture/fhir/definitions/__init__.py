"""The FHIR specification as data: types, search parameters, compartments, operations and required codes."""

from suture.fhir.definitions.loading import Definitions, DefinitionsMissing, load
from suture.fhir.definitions.model import (
    Constraint,
    Element,
    ElementType,
    Operation,
    OperationParameter,
    SearchComponent,
    SearchParameter,
    Structure,
)
from suture.fhir.definitions.numbering import type_name, type_number

__all__ = [
    "Constraint",
    "Definitions",
    "DefinitionsMissing",
    "Element",
    "ElementType",
    "Operation",
    "OperationParameter",
    "SearchComponent",
    "SearchParameter",
    "Structure",
    "load",
    "type_name",
    "type_number",
]
