"""Extensions that carry an element of another FHIR version: `http://hl7.org/fhir/5.0/StructureDefinition/extension-…`.

Specification: https://hl7.org/fhir/R5/versions.html#extensions. They are defined by the other version
itself, so that is where they are looked up; versions before R4 are not at hand and pass.
"""

import re
from collections.abc import Iterator

from suture.fhir.definitions import Element, load
from suture.fhir.outcomes import Issue
from suture.fhir.rules.seen import Seen
from suture.fhir.versions import Version

CROSS_VERSION = re.compile(
    r"http://hl7\.org/fhir/(1\.0|1\.4|3\.0|4\.0|4\.3|5\.0)/StructureDefinition/extension-([A-Za-z][A-Za-z0-9.\[\]]*)"
).fullmatch
"""Matches the URL: group 1 is the version, group 2 the path of the element."""

_VERSIONS = {"4.0": Version.R4, "4.3": Version.R4B, "5.0": Version.R5}


def cross_version_faults(seen: Seen, url: str) -> Iterator[Issue]:
    """What is wrong with an extension whose URL `CROSS_VERSION` matches."""
    found = CROSS_VERSION(url)
    version = _VERSIONS.get(found[1]) if found else None
    if found is None or version is None:
        return
    element = _element(version, found[2])
    if element is None:
        yield seen.error("structure", f"FHIR {found[1]} has no element '{found[2][:100]}', which the extension names.")
        return
    as_modifier = seen.element.endswith(".modifierExtension")
    # A primitive has no place for one that modifies; there it gives the code of the other version.
    on_primitive = seen.parent is not None and not isinstance(seen.parent.value, dict)
    if element.is_modifier and not as_modifier and not on_primitive:
        yield seen.error("structure", f"{found[2]} changes the meaning: its extension must stand in modifierExtension.")
    elif not element.is_modifier and as_modifier:
        yield seen.error("structure", f"{found[2]} is no modifier: its extension must stand in extension.")


def _element(version: Version, path: str) -> Element | None:
    structure = load(version).structures.get(path.partition(".")[0])
    elements = structure.elements if structure else ()
    found = None
    names = path.split(".")
    for end in range(2, len(names) + 1):
        wanted = ".".join(names[:end]).removesuffix("[x]")
        found = next((element for element in elements if element.path.removesuffix("[x]") == wanted), None)
        if found is None:
            return None
        elements = found.children
    return found
