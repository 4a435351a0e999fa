"""Identifiers: a system that is a URI, and a value that fits the system.

Specification: https://hl7.org/fhir/R4/datatypes.html#Identifier.
"""

import re
from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import text
from suture.fhir.rules.uris import is_absolute

_URIS = "urn:ietf:rfc:3986"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch


def identifier_form(seen: Seen) -> Iterable[Issue]:
    """The system is absolute; where it says that the value is a URI, it is one."""
    system, value = text(seen.value, "system"), text(seen.value, "value")
    if system and not is_absolute(system):
        yield seen.error(
            "invalid", f"The system of an identifier must be an absolute URI, not '{system[:200]}'.", "system"
        )
    if system == _URIS and value and not is_absolute(value):
        hint = f"urn:uuid:{value}" if _UUID(value) else "a text with a scheme, such as urn:oid:1.2.3"
        yield seen.error(
            "invalid", f"With the system {_URIS} the value is a full URI ({hint[:200]}), not '{value[:200]}'."
        )
