"""The dicts of FHIR JSON to FHIR XML, elements in the order of the definitions.

Specification: https://hl7.org/fhir/R4/xml.html. The one thing to know: a narrative goes in as the text that it is, so
it is read once to be sure that it is one well-formed div that cannot break the document around it.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast
from xml.parsers.expat import ExpatError, ParserCreate

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import NotAcceptable
from suture.fhir.xml.namespaces import FHIR, XHTML
from suture.fhir.xml.shapes import Form, Part, Shape, shapes

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'

_DEEPEST = 200

COMPACT: Sequence[str] = ("",) * _DEEPEST
"""What stands in front of an element by its depth: nothing."""

INDENTED: Sequence[str] = tuple("\n" + "  " * depth for depth in range(_DEEPEST))
"""A new line and two spaces for each level."""

_SPECIAL = re.compile(r'[&<"\t\n\r]').search
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]").search

Json = dict[str, Any]


class NotInXml(NotAcceptable):
    """The content cannot be said in XML, or not by the definitions of this FHIR version."""


class Writer:
    """Writes one resource; used once. `breaks`: COMPACT or INDENTED."""

    __slots__ = ("_breaks", "_out", "_resources", "_version")

    def __init__(self, definitions: Definitions, breaks: Sequence[str]) -> None:
        table = shapes(definitions)
        self._resources = table.resources
        self._version = table.version
        self._breaks = breaks
        self._out: list[str] = [HEAD]

    def document(self, resource: Json) -> bytes:
        """The whole document. Raises NotInXml."""
        self._resource(resource, 0, f' xmlns="{FHIR}"')
        text = "".join(self._out)
        found = _FORBIDDEN(text)
        if found:
            raise NotInXml(f"The resource has the character U+{ord(found[0]):04X}, which XML cannot carry.")
        return text.encode("utf-8")

    def _resource(self, resource: Any, depth: int, namespace: str = "") -> None:
        if not isinstance(resource, dict):
            raise NotInXml("A resource is an object with a resourceType.")
        value = cast("Json", resource)
        name: Any = value.get("resourceType")
        root = self._resources.parts.get(name) if isinstance(name, str) else None
        if root is None:
            raise NotInXml(f"{str(name)[:80]!r} is not a resource type of FHIR {self._version.number}.")
        start = f"{self._breaks[depth]}<{name}{namespace}"
        rest = {key: item for key, item in value.items() if key != "resourceType"}
        self._members(start, name, rest, root.shape, depth)

    def _members(self, start: str, name: str, value: Json, shape: Shape, depth: int) -> None:
        """An element of which only the beginning of the start tag is written, with what is in `value`."""
        out = self._out
        order = shape.keys
        try:
            keys = sorted(value, key=order.__getitem__)
        except KeyError as error:
            raise NotInXml(f"{shape.name} has no element {str(error.args[0])[:80]!r}.") from None
        if depth > _DEEPEST - 3:
            raise NotInXml(f"The resource nests deeper than {_DEEPEST - 3} levels.")
        for position, key in enumerate(keys):
            if order[key] >= 0:
                keys = keys[position:]
                break
            start += f' {key}="{_text(value[key])}"'
        else:
            out.append(f"{start}/>")
            return
        out.append(f"{start}>")
        last = ""
        for key in keys:
            base = key.removeprefix("_")
            if base == last:
                continue
            last = base
            part = shape.parts[base]
            assert isinstance(part, Part)
            if part.form is Form.PRIMITIVE:
                self._primitives(part, value.get(base), value.get(part.sibling), depth + 1)
            elif part.many:
                for item in _array(part, value[key]):
                    self._one(part, item, depth + 1)
            else:
                self._one(part, value[key], depth + 1)
        out.append(f"{self._breaks[depth]}</{name}>")

    def _one(self, part: Part, item: Any, depth: int) -> None:
        before = self._breaks[depth]
        if part.form is Form.NARRATIVE:
            self._out.append(before + _narrative(item))
        elif part.form is Form.WRAPPER:
            self._out.append(f"{before}<{part.name}>")
            self._resource(item, depth + 1)
            self._out.append(f"{before}</{part.name}>")
        elif isinstance(item, dict):
            self._members(f"{before}<{part.name}", part.name, cast("Json", item), part.shape, depth)
        else:
            raise NotInXml(f"An element {part.name!r} is not an object.")

    def _primitives(self, part: Part, value: Any, sibling: Any, depth: int) -> None:
        if not part.many:
            self._primitive(part, value, sibling, depth)
            return
        values = _array(part, value) if value is not None else []
        siblings = _array(part, sibling) if sibling is not None else []
        if len(values) < len(siblings):
            values = [*values, *[None] * (len(siblings) - len(values))]
        for index, item in enumerate(values):
            self._primitive(part, item, siblings[index] if index < len(siblings) else None, depth)

    def _primitive(self, part: Part, value: Any, sibling: Any, depth: int) -> None:
        start = f"{self._breaks[depth]}<{part.name}"
        if sibling is None:
            self._out.append(f'{start} value="{_text(value)}"/>')
            return
        if not isinstance(sibling, dict):
            raise NotInXml(f"What stands in {part.sibling!r} is not an object.")
        members = cast("Json", sibling)
        if value is None:
            self._members(start, part.name, members, part.shape, depth)
            return
        id = f' id="{_text(members["id"])}"' if "id" in members else ""
        rest = {key: item for key, item in members.items() if key != "id"}
        self._members(f'{start}{id} value="{_text(value)}"', part.name, rest, part.shape, depth)


def _array(part: Part, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NotInXml(f"The element {part.name!r} may repeat, so it is an array in JSON.")
    return cast("list[Any]", value)


def _text(value: Any) -> str:
    """A primitive value as the content of an attribute."""
    if type(value) is str:
        return value.translate(_ESCAPES) if _SPECIAL(value) else value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    raise NotInXml("An object, an array or null stands where a value is expected.")


def _narrative(div: Any) -> str:
    """The text of a div, certain to be one well-formed element in the XHTML namespace."""
    if not isinstance(div, str):
        raise NotInXml("A narrative is text.")
    if "<!DOCTYPE" in div or not div.lstrip(" \t\r\n").startswith("<"):
        raise NotInXml("A narrative is one element, without a DOCTYPE or text before it.")
    root: list[tuple[str, dict[str, str]]] = []
    parser = ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        root.append((name, attributes))
        parser.StartElementHandler = None

    def refuse(*_: object) -> None:
        raise NotInXml("A narrative has no XML declaration.")

    parser.StartElementHandler = start
    parser.XmlDeclHandler = refuse
    try:
        parser.Parse(div, True)
    except (ExpatError, UnicodeEncodeError) as error:
        raise NotInXml(f"The narrative is not well-formed: {str(error).partition(':')[0]}.") from None
    name, attributes = root[0]
    if name != "div" or attributes.get("xmlns") != XHTML:
        raise NotInXml(f'The narrative must be one <div xmlns="{XHTML}">.')
    return div
