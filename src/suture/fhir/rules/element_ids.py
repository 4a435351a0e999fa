"""Ids of elements: each once in its resource, so that a reference within it leads to one element.

Specification: https://hl7.org/fhir/R4/element-definitions.html#Element.id. Resources inside have ids of their own. In a
StructureDefinition the snapshot repeats the ids of the differential.
"""

from collections.abc import Iterable
from typing import Any, cast

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json


def unique_ids(seen: Seen) -> Iterable[Issue]:
    """No two elements of a resource have the same id."""
    if seen.type == "StructureDefinition":
        return
    met: set[str] = set()
    stack: list[Any] = list(cast("Json", seen.value).values())
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack.extend(cast("list[Any]", item))
        elif type(item) is dict and "resourceType" not in item:
            members = cast("Json", item)
            id = members.get("id")
            if id is not None and isinstance(id, str):
                if id in met:
                    yield seen.error("invalid", f"Two elements have the id {shown(id)}.")
                met.add(id)
            stack.extend(members.values())
