"""Extensions: known, at a place where their definitions allow them, and modifying only where they say so.

Specification: https://hl7.org/fhir/R4/defining-extensions.html#context. That the content of an extension agrees with
its definition is checked as for any profile. URLs inside of a complex extension are relative to it and need none.
"""

from collections.abc import Iterable, Iterator

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.context import allowed_here, in_version
from suture.fhir.rules.cross_version import CROSS_VERSION, cross_version_faults
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json, below, choice, listed, numbered, text
from suture.fhir.rules.uris import is_absolute, is_example

_TOOLS = "http://hl7.org/fhir/tools/StructureDefinition/"
_SNAPSHOT = "StructureDefinition.snapshot."
_CORE = "http://hl7.org/fhir/StructureDefinition/"


def known_and_in_place(seen: Seen) -> Iterable[Issue]:
    """The rules for one extension that has a definition of its own."""
    url = text(seen.value, "url")
    holder = seen.parent
    if not url or holder is None:
        return
    if holder.type == "Extension" and not is_absolute(url):
        yield from _part_faults(seen, url)
        return
    if not is_absolute(url):
        yield seen.error("invalid", f"The url of an extension must be an absolute URL, not '{url[:200]}'.")
        return
    if is_example(url) and not seen.scene.expectations.examples:
        yield seen.error("invalid", f"URLs of examples are not allowed here: '{url[:200]}'.", "url")
    if CROSS_VERSION(url):
        yield from cross_version_faults(seen, url)
        return
    definition = seen.scene.canonicals.find("StructureDefinition", url)
    if definition is None:
        yield from _unknown(seen, url)
    elif definition.get("type") == "Extension":
        yield from _judged(seen, definition, url, holder)
    else:
        yield seen.error("structure", f"'{url[:200]}' is the URL of a {text(definition, 'type')}, not of an extension.")


def _unknown(seen: Seen, url: str) -> Iterator[Issue]:
    domains = seen.scene.expectations.extension_domains
    example = seen.scene.expectations.examples and is_example(url)
    if "any" in domains or example or url.startswith((*domains, _TOOLS)):
        yield seen.issue("information", "not-found", f"The extension '{url[:200]}' is not known.")
    else:
        yield seen.error("structure", f"The extension '{url[:200]}' is not known, so it is not allowed here.")


def _part_faults(seen: Seen, url: str) -> Iterator[Issue]:
    """A part of a complex extension means what its definition says; one that is not defined means nothing."""
    path, outer = "Extension.extension", seen.parent
    while outer is not None and outer.type == "Extension" and not is_absolute(text(outer.value, "url")):
        path, outer = path + ".extension", outer.parent
    if outer is None or outer.type != "Extension":
        return
    whole = text(outer.value, "url")
    definition = seen.scene.canonicals.find("StructureDefinition", whole)
    parts = {
        choice(element, kind)[1]
        for view in ("snapshot", "differential")
        for element in listed(below(definition, view), "element")
        for kind in ("fixed", "pattern")
        if text(element, "path") == path + ".url"
    } - {None}
    if parts and url not in parts:
        names = ", ".join(sorted(str(part)[:60] for part in parts)[:12])
        yield seen.error("structure", f"The extension '{whole[:200]}' has no part {shown(url)}; its parts are {names}.")


def _judged(seen: Seen, definition: Json, url: str, holder: Seen) -> Iterator[Issue]:
    modifies = is_modifier(definition)
    placed_as_modifier = seen.element.endswith(".modifierExtension")
    if modifies and not placed_as_modifier:
        yield seen.error("structure", f"'{url[:200]}' changes the meaning: it must stand in modifierExtension.")
    elif not modifies and placed_as_modifier:
        yield seen.error("structure", f"'{url[:200]}' is no modifier: it must stand in extension.")
    if text(definition, "status") == "retired":
        yield seen.warning("business-rule", f"The extension '{url[:200]}' is retired.")
    number = seen.scene.definitions.version.number
    if not in_version(definition, number):
        yield holder.error("structure", f"The extension '{url[:200]}' is not for FHIR {number}.")
    elif not allowed_here(seen, definition, holder):
        contexts = [
            text(context, "expression") or str(context.get("type")) for context in listed(definition, "context")
        ]
        # The contexts in the first release of R4 and R4B are often too narrow; HL7 widened them in later packages.
        early = text(definition, "version") == number and url.startswith(_CORE)
        # A snapshot is made, not written: it repeats the extensions of its base.
        severity = "warning" if early or holder.path.startswith(_SNAPSHOT) else "error"
        yield holder.issue(
            severity,
            "structure",
            f"The extension '{url[:200]}' is not allowed on {holder.element}; it is for {', '.join(contexts)[:400]}.",
        )


def is_modifier(definition: Json) -> bool:
    """Whether the definition of an extension says that it modifies what it stands on."""
    for view in ("snapshot", "differential"):
        for _, element in numbered(definition.get(view), "element"):
            if text(element, "path") == "Extension":
                return element.get("isModifier") is True
    return False
