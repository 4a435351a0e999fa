"""Binary in its plain form: content in, content out, with its own media type.

Specification: https://hl7.org/fhir/R4/binary.html#rest. The one thing to know: a body sent to a Binary URL is
taken as content, whatever its type, unless it is FHIR JSON or XML of a Binary.
"""

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from suture.api.answers import version_headers
from suture.api.http import Header, Request, Response
from suture.api.negotiation import check_content_type, is_fhir_json, is_fhir_xml
from suture.api.shapes import as_object
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.definitions import load
from suture.fhir.outcomes import FhirError, Invalid, Unprocessable
from suture.fhir.versions import Version
from suture.store.rows import Stored

if TYPE_CHECKING:
    from suture.fhir import xml
else:
    xml = deferred("suture.fhir.xml")

BINARY = "Binary"

_MEDIA = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(\s*;\s*[A-Za-z0-9!#$&^_.+-]+=[\"A-Za-z0-9!#$&^_.+ /:-]*)*"
)
_UNKNOWN = "application/octet-stream"

# Content may be HTML or SVG that somebody else wrote: a browser must neither run nor guess it.
_HARMLESS: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"content-disposition", b"attachment"),
)


async def received(request: Request, type: str, id: str = "") -> dict[str, Any]:
    """The resource in the body of a create or update; plain content sent to Binary becomes a Binary with `id`."""
    if type != BINARY or request.bundled:
        return await request.resource()
    content_type = request.header("content-type")
    if is_fhir_json(content_type) or is_fhir_xml(content_type):
        read = _from_json if is_fhir_json(content_type) else _from_xml
        binary = read(await request.body(), request.version)
        if binary is not None:
            check_content_type(content_type, request.version)
            return binary
    if not content_type:
        raise Invalid("The Content-Type of the content is missing, and the body is not a Binary resource.")
    if not _MEDIA.fullmatch(content_type):
        raise Invalid("The Content-Type is not a media type such as application/pdf.")
    data = base64.b64encode(await request.body()).decode("ascii")
    resource: dict[str, Any] = {"resourceType": BINARY, "contentType": content_type}
    context = request.header("x-security-context")
    if context:
        resource["securityContext"] = {"reference": context.removeprefix(f"{request.base}/")}
    if id:
        resource["id"] = id
    if data:
        resource["data"] = data
    return resource


def content(stored: Stored) -> Response:
    """A Binary as its plain content."""
    resource = json.reread(stored.body)
    media = resource.get("contentType", "")
    if not _MEDIA.fullmatch(media):
        media = _UNKNOWN
    try:
        data = base64.b64decode(resource.get("data", ""))
    except (binascii.Error, ValueError):
        raise Unprocessable("The stored data are not base64.", expression="Binary.data") from None
    headers = [*version_headers(stored), *_HARMLESS]
    reference = (as_object(resource.get("securityContext")) or {}).get("reference")
    if isinstance(reference, str) and reference.isascii() and reference.isprintable():
        headers.append((b"x-security-context", reference.encode("ascii")))
    return Response(200, data, headers, media)


def _from_json(body: bytes, _: Version) -> dict[str, Any] | None:
    """The Binary resource that `body` is, or None when it is any other content."""
    if b"Binary" not in body:
        return None
    try:
        resource = as_object(json.decode(body))
    except FhirError:
        return None
    return resource if resource is not None and resource.get("resourceType") == BINARY else None


def _from_xml(body: bytes, version: Version) -> dict[str, Any] | None:
    """As `_from_json`. Raises Invalid for a Binary that has faults."""
    if b"Binary" not in body:
        return None
    try:
        resource, issues = xml.read(body, load(version))
    except FhirError:
        return None
    if resource is None or resource["resourceType"] != BINARY:
        return None
    if issues:
        raise Invalid(issues=issues)
    return resource
