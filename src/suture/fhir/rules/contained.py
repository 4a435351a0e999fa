"""Contained resources: each is there because something refers to it, or because it refers to what contains it.

Specification: https://hl7.org/fhir/R4/references.html#contained and the invariant dom-3, for which this rule stands:
besides references and URIs, pictures and links of narratives count. That ids are there belongs to the structure.
"""

# JSON values have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterable
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, numbered, text


def is_referred_to(seen: Seen) -> Iterable[Issue]:
    """No contained resource stands alone."""
    if "contained" not in seen.value:
        return
    resources = list(numbered(seen.value, "contained"))
    if not resources:
        return
    outside = _named({key: value for key, value in seen.value.items() if key != "contained"})
    inside = [_named(resource) for _, resource in resources]
    for position, (number, resource) in enumerate(resources):
        id = text(resource, "id")
        others = outside.union(*(names for other, names in enumerate(inside) if other != position))
        if id and f"#{id}" not in others and "#" not in inside[position]:
            yield seen.error(
                "invariant",
                f"Nothing refers to the contained resource {shown(id)}, and it does not refer to what contains it.",
                f"contained[{number}]",
            )


def _named(value: Json) -> set[str]:
    """Every text that starts with `#`, and every local link or picture of a narrative."""
    found: set[str] = set()
    stack: list[Any] = [value]
    while stack:
        item = stack.pop()
        for member in item.values() if item.__class__ is dict else item:
            if member.__class__ is str:
                if member.startswith("#"):
                    found.add(member)
                elif member.startswith("<") and "#" in member:
                    found.update(part.split('"')[0] for part in member.split('="')[1:] if part.startswith("#"))
            elif member.__class__ is dict or member.__class__ is list:
                stack.append(member)
    return found
