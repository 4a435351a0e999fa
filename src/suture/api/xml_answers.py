"""Answers as FHIR XML, for the clients that ask for it.

Specification: https://hl7.org/fhir/R4/xml.html. The one thing to know: everything in the house is JSON, and stored
resources go out as the bytes that they are; only here, at the very end, are those bytes turned into XML.
"""

import asyncio
from typing import TYPE_CHECKING

from suture.api.http import LARGE_XML, Header, Response, error_response
from suture.api.negotiation import Format
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import FhirError

if TYPE_CHECKING:
    from suture.fhir import xml
else:
    xml = deferred("suture.fhir.xml")

# A browser would draw the XHTML inside, which others wrote: it is checked when it comes in, and may run nothing anyway.
_HARMLESS: Header = (b"content-security-policy", b"default-src 'none'; sandbox")

_DEEPEST = json.MAX_DEPTH + 16
"""Levels of an answer: a resource of the greatest depth inside of a Bundle."""


async def in_xml(response: Response, format: Format, definitions: Definitions) -> Response:
    """The same answer in XML; 406 when its content cannot be said in XML."""
    if len(response.body) > LARGE_XML:
        return await asyncio.to_thread(_converted, response, format, definitions)
    return _converted(response, format, definitions)


def _converted(response: Response, format: Format, definitions: Definitions) -> Response:
    write = xml.encode_pretty if format.pretty else xml.encode
    media = format.content_type.decode("ascii")
    try:
        body = write(json.decode(response.body, max_depth=_DEEPEST), definitions)
    except FhirError as error:
        refusal = error_response(error)
        return Response(refusal.status, write(error.outcome(), definitions), [*refusal.headers, _HARMLESS], media)
    return Response(response.status, body, [*response.headers, _HARMLESS], media, response.stored)
