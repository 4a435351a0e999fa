"""FHIRPath: from text to a frozen syntax tree (http://hl7.org/fhirpath/N1/)."""

from suture.fhir.fhirpath.faults import FhirPathError
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.parser import MAX_DEPTH, MAX_LENGTH, parse
from suture.fhir.fhirpath.printer import to_text

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "FhirPathError", "Node", "parse", "to_text"]
