"""URIs beyond their characters: OIDs and UUIDs are written as URNs, and are what they say.

Specification: https://hl7.org/fhir/R4/datatypes.html#uri.
"""

import re
from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen

_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_EXAMPLES = re.compile(r"https?://(?:[\w.\-]*\.)?(?:example\.org|acme\.com)(?:[/:]|$)").match


def is_absolute(uri: str) -> bool:
    """Whether a URI starts with a scheme."""
    return _SCHEME(uri) is not None


def is_example(uri: str) -> bool:
    """Whether a URL is at a place that is reserved for examples."""
    return _EXAMPLES(uri) is not None


def uri_form(seen: Seen) -> Iterable[Issue]:
    """OIDs and UUIDs are written as URNs, and are what they say; examples are where the caller allows them."""
    uri = seen.value
    if not isinstance(uri, str):
        return
    head = uri[:9].lower()
    if is_example(uri):
        if not seen.scene.expectations.examples and not seen.element.startswith("Extension."):
            yield seen.error("invalid", f"URLs of examples are not allowed here: '{uri[:200]}'.")
    elif head.startswith(("oid:", "uuid:")):
        yield seen.error("invalid", f"'{uri[:200]}' must be written as a URN: urn:{uri[:200]}.")
    elif head.startswith("urn:oid:"):
        if not _OID(uri.partition("|")[0]):
            yield seen.error("invalid", f"'{uri[:200]}' is not an OID such as urn:oid:1.2.3.")
    elif head == "urn:uuid:" and not _UUID(uri.partition("|")[0].partition("#")[0]):
        yield seen.error(
            "invalid", f"'{uri[:200]}' is not a UUID such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520."
        )
