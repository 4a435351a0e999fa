"""Paths of discriminators: a small part of FHIRPath, followed through the definitions.

Specification: https://hl7.org/fhir/R4/profiling.html#discriminator: element names, `extension('url')`, `resolve()`,
`ofType(type)` and `$this`.
"""

import re

from suture.fhir.definitions import Definitions, ElementType
from suture.fhir.rules.element_paths import Place, children_of

_STEPS = re.compile(r"(\$this|[A-Za-z][A-Za-z0-9]*(?:\([^()]*\))?)(?:\.|$)")


def discriminator_fault(definitions: Definitions, sliced: Place, path: str) -> str:
    """Why the path of a discriminator leads nowhere from the element that is sliced; "" when it does not."""
    found = sliced
    at = 0
    while at < len(path):
        step = _STEPS.match(path, at)
        if step is None:
            return f"A discriminator has names, $this, extension(), resolve() and ofType(); not '{path[:200]}'."
        at = step.end()
        name = step[1]
        if name == "$this":
            continue
        if name.startswith("resolve("):
            # What a reference leads to is any resource: nothing more can be said.
            return ""
        next_place = _follow(definitions, found, name)
        if next_place is None:
            return f"'{path[:200]}' leads to nothing in {_named(sliced)}."
        found = next_place
    return ""


def _follow(definitions: Definitions, place: Place, name: str) -> Place | None:
    function, _, argument = name.partition("(")
    if argument:
        wanted = argument.rstrip(")").strip("'\"")
        if function == "extension":
            return Place((ElementType("Extension", "", ()),), 0, None)
        return Place((ElementType(wanted, "", ()),), 0, None) if wanted in definitions.structures else None
    if any(type.code in ("Resource", "DomainResource") for type in place.types):
        return Place(place.types, 0, None)
    for element in children_of(definitions, place):
        if element.name.removesuffix("[x]") == name:
            return Place(element.types, 0, element)
    return None


def _named(place: Place) -> str:
    return place.element.path if place.element else ", ".join(type.code for type in place.types)
