"""Documents and messages: Bundles whose first entry says what they are, and whose entries hang together.

Specification: https://hl7.org/fhir/R4/documents.html#content and https://hl7.org/fhir/R4/messaging.html. What a
Composition or MessageHeader refers to is in the Bundle, and every entry can be reached from it.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.rules.entries import Entries, Entry, references
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, listed, numbered, objects, text
from suture.fhir.versions import Version

_NO_LINKS = frozenset(("reference", "system", "div", "data"))
_STYLES = "https://hl7.org/fhir/fhir.css"


def document(seen: Seen) -> Iterable[Issue]:
    """A document starts with a Composition, which leads to all the other entries."""
    if text(seen.value, "type") == "document":
        yield from _headed(seen, "Composition")
        yield from _stylesheets(seen)


def message(seen: Seen) -> Iterable[Issue]:
    """A message starts with a MessageHeader, which leads to what the message is about."""
    if text(seen.value, "type") == "message":
        yield from _headed(seen, "MessageHeader")


def _headed(seen: Seen, type: str) -> Iterable[Issue]:
    name = "document" if type == "Composition" else "message"
    if not listed(seen.value, "entry"):
        yield seen.error("invalid", f"A {name} must have entries, of which the first is a {type}.")
        return
    entries = Entries(seen)
    first = entries.at(0)
    if first is None:
        yield seen.error("invalid", f"The first entry of a {name} must hold a {type}.", "entry[0]")
        return
    if first.type != type:
        yield seen.error(
            "invalid", f"The first entry of a {name} must hold a {type}, not a {first.type}.", "entry[0].resource"
        )
    else:
        wanted = _of_composition(first.resource) if type == "Composition" else _places(first.resource, "focus")
        for path, reference in wanted:
            yield from _in_bundle(seen, entries, first, path, reference)
    yield from _reachable(seen, entries, first, type)


def _of_composition(composition: Json) -> Iterator[tuple[str, str]]:
    """(path, reference) of what a Composition says about itself and its sections."""
    for name in ("subject", "encounter", "custodian", "author"):
        yield from _places(composition, name)
    for number, attester in numbered(composition, "attester"):
        yield from _places(attester, "party", f"attester[{number}].")
    for number, event in numbered(composition, "event"):
        yield from _places(event, "detail", f"event[{number}].")
    yield from _of_sections(composition, "")


def _of_sections(value: Json, path: str) -> Iterator[tuple[str, str]]:
    for number, section in numbered(value, "section"):
        place = f"{path}section[{number}]."
        for name in ("author", "focus", "entry"):
            yield from _places(section, name, place)
        yield from _of_sections(section, place)


def _places(value: Json, name: str, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value.get(name), dict):
        yield f"{path}{name}", text(value, name, "reference")
    for number, item in numbered(value, name):
        # A CodeableReference holds its reference one level down.
        yield f"{path}{name}[{number}]", text(item, "reference") or text(item, "reference", "reference")


def _in_bundle(seen: Seen, entries: Entries, first: Entry, path: str, reference: str) -> Iterable[Issue]:
    if not reference or reference.startswith("#") or entries.matches(reference, first):
        return
    near = entries.near(reference)
    hint = ""
    if near:
        urls = ", ".join(f"'{entry.full_url[:200]}'" for entry in near[:3])
        target = entries.target(reference, first) or "a RESTful fullUrl in the first entry"
        hint = f" An entry has its type and id, but its fullUrl is {urls}; {target[:200]} would be needed."
    yield seen.error(
        "not-found", f"'{reference[:200]}' is not in the Bundle, as it must be.{hint}", f"entry[0].resource.{path}"
    )


def _reachable(seen: Seen, entries: Entries, first: Entry, type: str) -> Iterable[Issue]:
    forward: dict[int, set[int]] = {}
    both: dict[int, set[int]] = {}
    for source in entries.all:
        for target in _targets(entries, source):
            if target != source.number:
                forward.setdefault(source.number, set()).add(target)
                both.setdefault(source.number, set()).add(target)
                both.setdefault(target, set()).add(source.number)
    roots = {first.number, *_styles(seen, entries)}
    ahead, joined = _closure(roots, forward), _closure(roots, both)
    newer = seen.scene.definitions.version is Version.R5
    for entry in entries.all:
        place = f"entry[{entry.number}]"
        if entry.number not in joined:
            severity = "error" if type == "Composition" else "warning"
            yield seen.issue(severity, "invalid", f"Nothing links this entry with the {type}.", place)
        elif entry.number not in ahead and entry.type != "Provenance" and type == "Composition" and not newer:
            yield seen.warning(
                "invalid", "The Composition does not lead to this entry; only a Provenance may be so.", place
            )


def _targets(entries: Entries, source: Entry) -> Iterator[int]:
    for _, reference in references(source.resource):
        if not reference.startswith("#"):
            yield from (entry.number for entry in entries.matches(reference, source))
    # URIs, such as those of narrative links and attachments, lead to entries by their fullUrls.
    for _, item in objects(source.resource):
        for key, value in item.items():
            if isinstance(value, str) and ":" in value and " " not in value and key not in _NO_LINKS:
                yield from (entry.number for entry in entries.matches(value, source))


def _closure(roots: set[int], edges: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    todo = list(roots)
    while todo:
        number = todo.pop()
        if number not in found:
            found.add(number)
            todo.extend(edges.get(number, ()))
    return found


def _styles(seen: Seen, entries: Entries) -> set[int]:
    urls = {text(link, "url") for link in listed(seen.value, "link") if link.get("relation") == "stylesheet"}
    return {entry.number for entry in entries.all if f"{entry.type}/{entry.id}" in urls}


def _stylesheets(seen: Seen) -> Iterable[Issue]:
    entries = Entries(seen)
    for number, link in numbered(seen.value, "link"):
        url = text(link, "url")
        if link.get("relation") != "stylesheet" or not url or url == _STYLES:
            continue
        if ":" in url:
            yield seen.warning(
                "business-rule", "A style sheet outside of the Bundle may not be there.", f"link[{number}].url"
            )
        elif all(f"{entry.type}/{entry.id}" != url for entry in entries.all):
            yield seen.error("not-found", f"The style sheet '{url[:200]}' is not in the Bundle.", f"link[{number}].url")
