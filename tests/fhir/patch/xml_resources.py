"""Reads the small XML resources of the official patch suite as FHIR JSON, with the definitions as the guide."""

from decimal import Decimal
from typing import Any

from lxml import etree

from suture.fhir.definitions import Definitions
from suture.fhir.patch.elements import child_elements, find_element, keys

_NUMBERS = {"integer": int, "positiveInt": int, "unsignedInt": int, "decimal": Decimal}


def resource(definitions: Definitions, node: Any) -> dict[str, Any]:
    """The resource whose root element is `node`."""
    type = etree.QName(node).localname
    return {"resourceType": type, **_inside(definitions, None, type, node)}


def _inside(definitions: Definitions, element: Any, type: str, node: Any) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if node.get("id") is not None:
        value["id"] = node.get("id")
    if type == "Extension":
        value["url"] = node.get("url")
    for child in node.iterchildren(tag=etree.Element):
        name = etree.QName(child).localname
        definition = find_element(child_elements(definitions, element, type), name, type)
        child_type = dict(keys(definition))[name]
        plain, extra = _value(definitions, definition, child_type, child)
        for key, part in ((name, plain), ("_" + name, extra)):
            if definition.repeats:
                value.setdefault(key, []).append(part)
            elif part is not None:
                value[key] = part
    return {key: part for key, part in value.items() if not isinstance(part, list) or any(p is not None for p in part)}


def _value(definitions: Definitions, element: Any, type: str, node: Any) -> tuple[Any, Any]:
    structure = definitions.structures[type]
    if type == "xhtml":
        return etree.tostring(node, encoding="unicode", with_tail=False), None
    if structure.kind == "primitive-type":
        text = node.get("value")
        extra = _inside(definitions, None, "Element", node) or None
        if type == "boolean":
            return text == "true", extra
        return (None if text is None else _NUMBERS.get(type, str)(text)), extra
    return _inside(definitions, element, type, node), None
