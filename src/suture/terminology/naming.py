"""The URL of a code system that is known by another identifier, such as an OID.

Specification: https://hl7.org/fhir/R4/namingsystem.html. The one thing to know: identifiers are compared as the URIs
that FHIR has for them, `urn:oid:…` and `urn:uuid:…`.
"""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_SCHEMES = {"oid": "urn:oid:", "uuid": "urn:uuid:"}


def urls_by_identifier(naming_systems: Iterable[Json]) -> dict[str, str]:
    """OIDs and UUIDs of code systems, as URIs, with the URL of each. What two code systems claim is left out."""
    found: dict[str, set[str]] = {}
    for resource in naming_systems:
        ids: list[Json] = resource.get("uniqueId", [])
        urls = [one for one in ids if one.get("type") == "uri" and one.get("value")]
        urls.sort(key=lambda one: one.get("preferred") is not True)
        if resource.get("kind") != "codesystem" or not urls:
            continue
        for one in ids:
            scheme = _SCHEMES.get(one.get("type", ""))
            if scheme and one.get("value"):
                found.setdefault(scheme + str(one["value"]).removeprefix(scheme), set()).add(urls[0]["value"])
    return {identifier: urls.pop() for identifier, urls in found.items() if len(urls) == 1}
