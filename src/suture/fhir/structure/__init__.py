"""Whether a resource has the structure that its definition demands, and if not, everything that is wrong."""

from suture.fhir.structure.validator import Validator

__all__ = ["Validator"]
