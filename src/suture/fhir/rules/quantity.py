"""Quantities: units of UCUM that are units.

Specification: https://hl7.org/fhir/R4/datatypes.html#Quantity and https://ucum.org/ucum.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text
from suture.fhir.rules.uris import is_absolute
from suture.fhir.ucum import is_unit

UCUM = "http://unitsofmeasure.org"


def unit_of_system(seen: Seen) -> Iterable[Issue]:
    """With the system UCUM, the code is a UCUM unit."""
    system, code = text(seen.value, "system"), text(seen.value, "code")
    if system == UCUM and code and not is_unit(code):
        # Where a unit must be right, a binding says so; devices and pharmacies write TAB and units for what they count.
        yield seen.warning("code-invalid", f"{shown(code)} is not a unit of UCUM such as mg/dL.", "code")
    elif system and not is_absolute(system):
        yield seen.error("invalid", f"The system must be an absolute URI, not '{system[:200]}'.", "system")
    elif system == UCUM and "{" in code:
        yield seen.issue(
            "information",
            "business-rule",
            f"The text in braces in {shown(code)} is for people; it does not make a unit.",
        )
