"""The three patch formats: RFC 6902 JSON Patch, RFC 5261 XML Patch, and FHIRPath Patch.

All are read first (`JsonPatch.read`, `XmlPatch.read`, `FhirPathPatch.read`, raising 400 for a malformed document) and
applied later, possibly more than once (`patch.apply(resource)`, raising 422 where the patch does not fit).
"""

from typing import Any, Protocol

from suture.fhir.patch.fhirpath_patch import FhirPathPatch
from suture.fhir.patch.json_patch import JsonPatch
from suture.fhir.patch.xml_patch import XmlPatch


class Patch(Protocol):
    """A patch that was read and can be applied."""

    def apply(self, resource: Any) -> Any:
        """Return the patched resource. `resource` itself is left as it was. Raises Unprocessable."""
        ...


__all__ = ["FhirPathPatch", "JsonPatch", "Patch", "XmlPatch"]
