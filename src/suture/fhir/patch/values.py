"""The `value` of a FHIRPath Patch operation: from a Parameters part to the JSON of one element.

A value is a `value[x]` of the right type, a `resource`, or, where the element has no name for its type
(`Patient.contact`) or the type cannot be a parameter (`Extension`), a list of parts, one for each element inside.
Section: https://hl7.org/fhir/R4/fhirpatch.html. The type is checked here; the content by the structure validator.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from suture.fhir.definitions import Definitions, Element
from suture.fhir.outcomes import Unprocessable
from suture.fhir.patch.copying import copied
from suture.fhir.patch.elements import (
    Object,
    child_elements,
    choice_key,
    find_element,
    is_a,
    read_items,
    write_items,
)
from suture.fhir.patch.json_patch import MAX_DEPTH

Part = Mapping[str, Any]
"""One `part` of a Parameters resource, as decoded JSON."""

NARRATIVE = "xhtml"
"""The one element type that no Parameters value can have; it is written as a `valueString`."""


class Value(msgspec.Struct, frozen=True):
    """One element to be written: the JSON member `key`, its `value` and its `extra` (the `_` object)."""

    key: str
    value: Any
    extra: Any


def read_value(definitions: Definitions, part: Part, element: Element, where: str, depth: int = 0) -> Value:
    """Turn `part` into the JSON for one `element`. The result shares nothing with `part`.

    Raises Unprocessable when the type is not one that the element may have, naming those that it may.
    """
    if depth > MAX_DEPTH:
        raise Unprocessable(f"the value is nested deeper than {MAX_DEPTH} levels")
    given = sorted({key.removeprefix("_") for key in part if key.removeprefix("_").startswith("value")})
    parts = part.get("part")
    if len(given) + ("resource" in part) + bool(parts) > 1:
        raise Unprocessable(f"{where} was given more than one value")
    if given:
        type = _type_of(definitions, given[0])
        _check_type(definitions, element, type, where)
        return Value(choice_key(element, type), copied(part.get(given[0])), copied(part.get("_" + given[0])))
    if "resource" in part:
        return _resource(element, part["resource"], where)
    if isinstance(parts, list) and parts:
        return _from_parts(definitions, cast("list[Any]", parts), element, where, depth)
    raise Unprocessable(f"{where} was given no value")


def _type_of(definitions: Definitions, key: str) -> str:
    name = key[len("value") :]
    for candidate in (name, name[:1].lower() + name[1:]):
        if candidate and candidate in definitions.structures:
            return candidate
    raise Unprocessable(f"{key!r} is not a value of a FHIR type")


def _check_type(definitions: Definitions, element: Element, type: str, where: str) -> None:
    for allowed in element.types:
        if is_a(definitions, type, allowed.code) or (allowed.code == NARRATIVE and type == "string"):
            return
    if element.children or not element.types:
        raise Unprocessable(f"{where} is made of parts, one for each of its elements, not of a value of type {type}")
    names = " or ".join(allowed.code for allowed in element.types)
    raise Unprocessable(f"{where} must be of type {names}, not {type}")


def _resource(element: Element, resource: Any, where: str) -> Value:
    if not any(allowed.code in ("Resource", "DomainResource") for allowed in element.types):
        raise Unprocessable(f"{where} is not a resource")
    return Value(element.name, copied(resource), None)


def _from_parts(definitions: Definitions, parts: list[Any], element: Element, where: str, depth: int) -> Value:
    type = _type_with_parts(definitions, element, where)
    inside = child_elements(definitions, element, type)
    value: Object = {}
    for part in parts:
        if not isinstance(part, dict) or not isinstance(cast("Object", part).get("name"), str):
            raise Unprocessable(f"each part of {where} needs a name")
        named = cast("Object", part)
        child = find_element(inside, named["name"], where)
        place = f"{where}.{child.name.removesuffix('[x]')}"
        read = read_value(definitions, named, child, place, depth + 1)
        items = read_items(value, read.key, child.repeats)
        if items and not child.repeats:
            raise Unprocessable(f"{place} does not repeat")
        write_items(value, read.key, child.repeats, [*items, (read.value, read.extra)])
    return Value(choice_key(element, type), value, None)


def _type_with_parts(definitions: Definitions, element: Element, where: str) -> str:
    """The one type of `element` that can be written as parts."""
    if element.children or element.content_reference:
        return element.types[0].code if element.types else "BackboneElement"
    types = {
        allowed.code
        for allowed in element.types
        if allowed.code in definitions.structures and definitions.structures[allowed.code].kind == "complex-type"
    }
    if len(types) != 1:
        raise Unprocessable(f"{where} cannot be given as parts")
    return types.pop()
