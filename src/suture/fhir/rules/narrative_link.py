"""Narrative links: an extension on an element that leads to the part of a narrative which says the same.

Specification: http://hl7.org/fhir/StructureDefinition/narrativeLink. In a document the link leads to an entry of the
Bundle, and to one element of its narratives.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.rules.entries import Entries, Entry
from suture.fhir.rules.narrative import anchors
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import choice, objects, text

_LINK = "http://hl7.org/fhir/StructureDefinition/narrativeLink"


def links_within_document(seen: Seen) -> Iterable[Issue]:
    """Each link of a document finds its anchor, and one only."""
    if text(seen.value, "type") != "document":
        return
    entries = Entries(seen)
    for source in entries.all:
        for path, item in objects(source.resource):
            url = choice(item, "value")[1] if item.get("url") == _LINK else None
            if isinstance(url, str) and "#" in url:
                yield from _link(seen, entries, source, url, f"entry[{source.number}].resource.{path}")


def _link(seen: Seen, entries: Entries, source: Entry, url: str, place: str) -> Iterable[Issue]:
    base, _, fragment = url.partition("#")
    targets = entries.matches(base, source) if base else [source]
    if not targets:
        yield seen.error("not-found", f"The link '{url[:200]}' leads to no entry of the Bundle.", place)
        return
    count = sum(anchors(target.resource).count(fragment) for target in targets)
    if count != 1:
        found = "no element" if not count else f"{count} elements"
        yield seen.error("not-found", f"The link '{url[:200]}' leads to {found} of that resource.", place)
