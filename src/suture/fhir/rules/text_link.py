"""Text links: an extension of narratives that says which data a part of the text stands for.

Specification: http://hl7.org/fhir/StructureDefinition/textLink. `htmlid` is the id of an element of the text, `data`
the resource or element, `#id` within the same resource, and `selector` a FHIRPath expression on it.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.references import parse_literal
from suture.fhir.rules.expressions import complaint_about
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, choice, listed, numbered, objects, text

_LINK = "http://hl7.org/fhir/StructureDefinition/textLink"


def both_ends(seen: Seen) -> Iterable[Issue]:
    """Both ends of each link are there."""
    div = text(seen.value, "div")
    for number, link in numbered(seen.value, "extension"):
        if link.get("url") != _LINK:
            continue
        for position, part in numbered(link, "extension"):
            value = choice(part, "value")[1]
            if not isinstance(value, str):
                continue
            place = f"extension[{number}].extension[{position}].value"
            if part.get("url") == "htmlid" and f'id="{value}"' not in div and f"id='{value}'" not in div:
                yield seen.error("not-found", f"No element of the text has the id {shown(value)}.", place)
            elif part.get("url") == "data" and value.startswith("#") and not _has_id(seen, value[1:]):
                yield seen.error("not-found", f"No element of the resource has the id {shown(value[1:])}.", place)
            elif part.get("url") == "selector":
                complaint = complaint_about(seen, value, _types(link))
                if complaint:
                    yield seen.error("invalid", f"{shown(value)} selects nothing of that data: {complaint}", place)


def _types(link: Json) -> list[str]:
    """The type of the resource that the data of a link are in, where their URL tells it."""
    urls = [choice(part, "value")[1] for part in listed(link, "extension") if part.get("url") == "data"]
    literals = [parse_literal(url.partition("#")[0]) for url in urls if isinstance(url, str)]
    return [literal.type for literal in literals if literal]


def _has_id(seen: Seen, id: str) -> bool:
    """Whether the resource, or the Bundle that it stands in, has an element with an id."""
    return not id or any(item.get("id") == id for _, item in objects(seen.scene.root))
