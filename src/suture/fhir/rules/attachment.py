"""Attachments: data that decodes, and a size and hash that are the data's.

Specification: https://hl7.org/fhir/R4/datatypes.html#Attachment.
"""

import hashlib
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64, unhexlify
from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import below, text


def agrees_with_data(seen: Seen) -> Iterable[Issue]:
    """The size and the SHA-1 hash are those of the data, where it is there."""
    encoded = text(seen.value, "data")
    if not encoded:
        return
    try:
        data = a2b_base64(encoded)
    except Base64Error:
        # That the text is not Base64 is a matter of its form.
        return
    size = _number(below(seen.value).get("size"))
    if size is not None and size != len(data):
        yield seen.error("value", f"The size is given as {size} bytes, but the data has {len(data)}.")
    stated = text(seen.value, "hash")
    # The hash may have been taken over the text; that is how some senders read the specification.
    if stated and not _is_hash(stated, data) and not _is_hash(stated, encoded.encode()):
        yield seen.warning("value", "The hash is not the SHA-1 of the data.", "hash")


def _number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    return value if isinstance(value, int) else None


def _is_hash(stated: str, data: bytes) -> bool:
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    if stated == b2a_base64(digest, newline=False).decode():
        return True
    try:
        # Hexadecimal digits, encoded once more.
        return unhexlify(a2b_base64(stated)) == digest
    except (Base64Error, ValueError):
        return False
