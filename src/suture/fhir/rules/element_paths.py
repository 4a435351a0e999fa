"""Paths of ElementDefinitions: which element of the specification does `Patient.contact.name.given` mean?

Specification: https://hl7.org/fhir/R4/elementdefinition.html#path. A path goes through data types, through the content
that an element repeats, and may name one type of a choice (`Observation.valueQuantity`).
"""

from functools import lru_cache

import msgspec

from suture.fhir.definitions import Definitions, Element, ElementType, load
from suture.fhir.versions import Version


class Place(msgspec.Struct, frozen=True):
    """What a path leads to.

    `types`: what stands there; for a choice that the path narrows, that one type. `position`: of the element
    among those of its parent. `element`: None for the root of a type.
    """

    types: tuple[ElementType, ...]
    position: int
    element: Element | None


def place(definitions: Definitions, path: str) -> Place | None:
    """The element that a path names; None when there is none. Raises KeyError when its type is not known."""
    return _place(definitions.version, path)


@lru_cache(maxsize=10_000)
def _place(version: Version, path: str) -> Place | None:
    definitions = load(version)
    first, *names = path.split(".")
    structure = definitions.structures[first]
    found = Place((ElementType(first, "", ()),), 0, None)
    children = structure.elements
    for name in names:
        step = _step(children, name)
        if step is None:
            return None
        found = step
        children = _children(definitions, found)
    return found


def children_of(definitions: Definitions, found: Place) -> tuple[Element, ...]:
    """The elements below a place, of any of its types."""
    return _children(definitions, found) if found.element else definitions.structures[found.types[0].code].elements


def _step(children: tuple[Element, ...], name: str) -> Place | None:
    for position, element in enumerate(children):
        if element.name == name:
            return Place(element.types, position, element)
        base = element.name.removesuffix("[x]")
        if element.is_choice and name.startswith(base):
            if name == base:
                return Place(element.types, position, element)
            for type in element.types:
                if name[len(base) :] == type.code[:1].upper() + type.code[1:]:
                    return Place((type,), position, element)
    return None


def _children(definitions: Definitions, found: Place) -> tuple[Element, ...]:
    element = found.element
    if element is not None and element.content_reference:
        repeated = place(definitions, element.content_reference)
        return _children(definitions, repeated) if repeated else ()
    if element is not None and element.children:
        return element.children
    below: list[Element] = []
    for type in found.types:
        structure = definitions.structures.get(type.code)
        if structure is not None:
            below.extend(structure.elements)
            if structure.kind == "primitive-type" and not structure.elements:
                below.extend(definitions.structures["Element"].elements)
    return tuple(below)
