"""A search parameter that a user adds: the family names of contacts."""

from typing import Any

CODE = "contact-family"
CONTACT_FAMILY: dict[str, Any] = {
    "resourceType": "SearchParameter",
    "url": "https://example.org/SearchParameter/contact-family",
    "name": "ContactFamily",
    "status": "active",
    "description": "Family name of a contact.",
    "code": CODE,
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.contact.name.family",
}
