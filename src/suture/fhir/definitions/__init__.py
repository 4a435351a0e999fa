"""The FHIR specification as data: types, search parameters, compartments, operations, required codes, terminology."""

from suture.fhir.definitions.data_file import DefinitionsMissing
from suture.fhir.definitions.loading import Definitions, load
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
from suture.fhir.definitions.packed_terminology import packed_resource, packed_urls

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
    "packed_resource",
    "packed_urls",
    "type_name",
    "type_number",
]
