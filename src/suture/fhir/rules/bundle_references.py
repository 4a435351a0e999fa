"""References between the entries of a Bundle: one match, of the type that the reference names.

Specification: https://hl7.org/fhir/R4/bundle.html#references.
"""

from collections.abc import Iterable

from suture.fhir.outcomes import Issue
from suture.fhir.references import parse_literal
from suture.fhir.rules.entries import Entries, Entry, references
from suture.fhir.rules.seen import Seen
from suture.fhir.versions import Version


def references_between_entries(seen: Seen) -> Iterable[Issue]:
    """Each reference that leads to an entry leads to one only, and to a resource of the type that it names."""
    entries = Entries(seen)
    for source in entries.all:
        for path, reference in references(source.resource):
            if not reference.startswith("#"):
                place = f"entry[{source.number}].resource.{path}"
                yield from _reference(seen, entries, source, reference, place)


def _reference(seen: Seen, entries: Entries, source: Entry, reference: str, place: str) -> Iterable[Issue]:
    matches = entries.matches(reference, source)
    if not matches and seen.scene.definitions.version is not Version.R5:
        # R5 says clearly that a relative reference beside a urn:uuid has no meaning; before, it had one to many.
        matches = entries.by_uuid(reference, source)
    if not matches:
        if reference.startswith(("urn:uuid:", "urn:oid:")):
            yield seen.warning("not-found", f"'{reference[:200]}' leads to no entry, and can lead nowhere else.", place)
        near = entries.near(reference)
        if near and len(near) > 1:
            found = ", ".join(entry.full_url or f"entry[{entry.number}]" for entry in near[:5])
            yield seen.warning(
                "not-found",
                f"'{reference[:200]}' leads to no entry; several have its type and id, but other fullUrls: {found}.",
                place,
            )
        return
    if len(matches) > 1 and seen.value.get("type") != "history":
        yield seen.error("forbidden", f"'{reference[:200]}' leads to {len(matches)} entries of the Bundle.", place)
    literal = parse_literal(reference)
    if literal and all(entry.type != literal.type for entry in matches):
        yield seen.error("invalid", f"'{reference[:200]}' leads to an entry that holds a {matches[0].type}.", place)
