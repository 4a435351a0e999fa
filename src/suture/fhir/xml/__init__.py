"""FHIR XML to the dicts of FHIR JSON and back. https://hl7.org/fhir/R4/xml.html"""

from typing import Any

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Invalid, Issue
from suture.fhir.xml.reading import Reader
from suture.fhir.xml.writing import COMPACT, INDENTED, NotInXml, Writer

__all__ = ["NotInXml", "decode", "encode", "encode_pretty", "read"]


def decode(data: bytes | bytearray | memoryview, definitions: Definitions) -> dict[str, Any]:
    """Read one FHIR XML document into the dict that the same resource in JSON gives (`suture.fhir.json.decode`).

    Raises Invalid (400) with every problem found, each with its line and its FHIRPath location: names that the
    definitions do not know, elements out of order, values that are no values, broken XML. Whether the resource is
    valid beyond that is for the validator to say.
    """
    resource, issues = read(data, definitions)
    if issues or resource is None:
        raise Invalid(issues=issues)
    return resource


def read(data: bytes | bytearray | memoryview, definitions: Definitions) -> tuple[dict[str, Any] | None, list[Issue]]:
    """Like `decode`, for those who want to go on with a faulty document: what could be read, and the problems.

    What is unknown is left out; what is out of order or not a value is kept as it is. The resource is None when the
    root is none. Raises Invalid for broken XML, a DOCTYPE, or too deep nesting.
    """
    reader = Reader(definitions, data)
    return reader.read(), reader.issues


def encode(resource: dict[str, Any], definitions: Definitions) -> bytes:
    """Write a resource as compact FHIR XML in UTF-8; decimals keep their digits, a narrative its text.

    Raises NotInXml for what XML cannot carry (characters such as U+FFFF), and for names that the definitions lack.
    """
    return Writer(definitions, COMPACT).document(resource)


def encode_pretty(resource: dict[str, Any], definitions: Definitions) -> bytes:
    """Like `encode`, with one element a line and two spaces of indentation, for people."""
    return Writer(definitions, INDENTED).document(resource)
