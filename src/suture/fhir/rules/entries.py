"""The entries of a Bundle as references see them: which of them does a reference lead to?

Specification: https://hl7.org/fhir/R4/bundle.html#references. An absolute reference is compared with the fullUrls. A
relative one is first made absolute with the base of the fullUrl of the entry that it stands in; that works when the
fullUrl is that of a RESTful server. Beside a `urn:uuid` it has no defined meaning; but HL7's own documents write so,
and `Type/id` is taken for the resource of that type at `urn:uuid:id`.
"""

import re
from collections.abc import Iterator

import msgspec

from suture.fhir.references import Literal, parse_literal
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, numbered, objects, text

_RESTFUL = re.compile(r"(https?://\S+/)([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.\-]{1,64})").fullmatch
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match


class Entry(msgspec.Struct, frozen=True):
    """One entry with a resource. `number`: its place in Bundle.entry."""

    number: int
    full_url: str
    type: str
    id: str
    version: str
    resource: Json

    @property
    def base(self) -> str:
        """The base of the server whose resource this is, with a slash at the end; "" when the fullUrl tells none."""
        found = _RESTFUL(self.full_url)
        return found[1] if found else ""


class Entries:
    """All entries of a Bundle with a resource, by their fullUrls and by type and id."""

    def __init__(self, seen: Seen) -> None:
        entries = numbered(seen.value, "entry")
        self.all = [_entry(number, entry) for number, entry in entries if below(entry, "resource")]
        self._by_number = {entry.number: entry for entry in self.all}
        self._by_url: dict[str, list[Entry]] = {}
        self._by_id: dict[tuple[str, str], list[Entry]] = {}
        for entry in self.all:
            if entry.full_url:
                self._by_url.setdefault(entry.full_url, []).append(entry)
            if entry.id:
                self._by_id.setdefault((entry.type, entry.id), []).append(entry)

    def at(self, number: int) -> Entry | None:
        """The entry at a place in Bundle.entry, if it has a resource."""
        return self._by_number.get(number)

    def target(self, reference: str, source: Entry) -> str:
        """The absolute URL that a reference in `source` means; "" for a relative one that cannot be made absolute."""
        if _ABSOLUTE(reference):
            return reference
        return source.base + reference if source.base else ""

    def matches(self, reference: str, source: Entry) -> list[Entry]:
        """The entries that a reference which stands in `source` leads to."""
        target = self.target(reference, source).partition("#")[0]
        if not target:
            literal = parse_literal(reference)
            return [entry for entry in self.by_uuid(reference, source) if literal and entry.type == literal.type]
        found = self._by_url.get(target)
        if found:
            return found
        url, _, version = target.partition("/_history/")
        return [entry for entry in self._by_url.get(url, ()) if entry.version == version] if version else []

    def by_uuid(self, reference: str, source: Entry) -> list[Entry]:
        """The entries at `urn:uuid:` and the id that a relative reference names, which stands beside a `urn:uuid`."""
        literal = parse_literal(reference) if source.full_url.startswith("urn:uuid:") else None
        return self._by_url.get(f"urn:uuid:{literal.id}", []) if literal and not literal.base else []

    def near(self, reference: str) -> list[Entry]:
        """The entries of the type and id that a reference names, whatever their fullUrls."""
        literal: Literal | None = parse_literal(reference)
        return self._by_id.get((literal.type, literal.id), []) if literal else []


def _entry(number: int, entry: Json) -> Entry:
    resource = below(entry, "resource")
    return Entry(
        number,
        text(entry, "fullUrl"),
        text(resource, "resourceType"),
        text(resource, "id"),
        text(resource, "meta", "versionId"),
        resource,
    )


def references(resource: Json) -> Iterator[tuple[str, str]]:
    """(path below the resource, reference) of each literal reference in it, without those of Bundles inside of it."""
    inner: list[str] = []
    for path, found in objects(resource):
        if path and found.get("resourceType") == "Bundle":
            inner.append(path + ".")
        reference = found.get("reference")
        if isinstance(reference, str) and not path.startswith(tuple(inner)):
            yield path, reference
