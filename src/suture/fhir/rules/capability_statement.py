"""CapabilityStatement: search parameters are of the type that their definitions say.

Specification: https://hl7.org/fhir/R4/capabilitystatement.html.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.rules.search_parameter import known
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, numbered, text


def search_parameters(seen: Seen) -> Iterable[Issue]:
    """The type of each search parameter is that of the definition that it names."""
    for number, rest in numbered(seen.value, "rest"):
        yield from _parameters(seen, rest, f"rest[{number}]")
        for position, resource in numbered(rest, "resource"):
            yield from _parameters(seen, resource, f"rest[{number}].resource[{position}]")


def _parameters(seen: Seen, holder: Json, place: str) -> Iterator[Issue]:
    for number, parameter in numbered(holder, "searchParam"):
        url, type = text(parameter, "definition"), text(parameter, "type")
        found = known(seen, url) if url else None
        wanted = text(found, "type")
        if wanted and type and wanted != type:
            yield seen.error(
                "business-rule",
                f"'{url[:200]}' is of type {wanted}; here it is said to be {type[:40]}.",
                f"{place}.searchParam[{number}]",
            )
