"""The definitions arranged for XML: which elements a type may have, in which order, and what a value attribute becomes.

Specification: https://hl7.org/fhir/R4/xml.html. Built on the same nodes as the validators
(`suture.fhir.structure.schema`), so that XML and JSON cannot drift apart in what an element is.
"""

import enum
from collections.abc import Mapping
from functools import lru_cache

from suture.fhir.definitions import Definitions
from suture.fhir.structure.schema import Kind, Node, Property, Schema
from suture.fhir.xml.values import CONVERSIONS, Convert


class Form(enum.IntEnum):
    """How an element looks in XML: a value attribute, elements below, a resource in a wrapper, a div, a resource."""

    PRIMITIVE = 1
    OBJECT = 2
    WRAPPER = 3
    NARRATIVE = 4
    RESOURCE = 5


_FORMS = {
    Kind.PRIMITIVE: Form.PRIMITIVE,
    Kind.OBJECT: Form.OBJECT,
    Kind.RESOURCE: Form.WRAPPER,
    Kind.XHTML: Form.NARRATIVE,
}


class Part:
    """One element that a type may have; a choice of types gives one for each type.

    `name`: in XML and as JSON key. `label`: its name in FHIRPath. `order`: its position among the elements of the
    type. `convert`: text to JSON value, None where it stays text. `expects`: what a value must be, in words.
    `sibling`: the JSON key of the id and the extensions of a primitive, "" where it cannot have any.
    """

    __slots__ = (
        "_schema",
        "_shape",
        "convert",
        "expects",
        "form",
        "label",
        "many",
        "name",
        "order",
        "sibling",
        "source",
    )  # fmt: skip

    def __init__(self, schema: "Shapes", property_: Property, order: int) -> None:
        self._schema = schema
        self._shape: Shape | None = None
        self.source = property_
        self.name = property_.key
        self.label = property_.name
        self.order = order
        self.many = property_.many
        self.form = _FORMS[property_.kind]
        self.sibling = f"_{property_.key}" if property_.sibling else ""
        self.convert: Convert | None = CONVERSIONS.get(property_.type)
        self.expects = property_.primitive.expects.partition(" (")[0] if property_.primitive else ""

    @property
    def shape(self) -> "Shape":
        """What stands inside: the elements of its type, the extensions of a primitive, the resources of a wrapper."""
        if self._shape is None:
            self._shape = self._schema.below(self)
        return self._shape


class Root:
    """A resource as an element. `name`: its type."""

    __slots__ = ("_schema", "_shape", "name")

    form = Form.RESOURCE
    label = ""
    order = 0
    many = False
    sibling = ""
    convert = None

    def __init__(self, schema: "Shapes", name: str) -> None:
        self._schema = schema
        self._shape: Shape | None = None
        self.name = name

    @property
    def shape(self) -> "Shape":
        """The elements of the resource."""
        if self._shape is None:
            self._shape = self._schema.resource(self.name)
        return self._shape


class Shape:
    """The inside of an element.

    `parts`: by the name in XML. `attributes`: those that it may have. `keys`: the position of each JSON key.
    """

    __slots__ = ("attributes", "keys", "name", "parts")

    def __init__(self, name: str, parts: Mapping[str, Part | Root], attributes: frozenset[str]) -> None:
        self.name = name
        self.parts = parts
        self.attributes = attributes
        # `_name` stands right behind `name`; attributes stand in front of everything.
        self.keys: dict[str, int] = dict.fromkeys(attributes, -1)
        for position, part in enumerate(parts.values()):
            self.keys[part.name] = 2 * position
            if part.sibling:
                self.keys[part.sibling] = 2 * position + 1


class Shapes:
    """The shapes of one FHIR version, built when they are first asked for."""

    __slots__ = ("_schema", "_shapes", "resources", "version")

    def __init__(self, definitions: Definitions) -> None:
        self._schema = Schema(definitions)
        self._shapes: dict[str, Shape] = {}
        self.version = definitions.version
        self.resources = Shape("", {name: Root(self, name) for name in definitions.resource_types}, frozenset())

    def resource(self, name: str) -> Shape:
        """The elements of a resource type."""
        return self._of(self._schema.node(name))

    def below(self, part: Part) -> Shape:
        """What stands inside of a part."""
        match part.form:
            case Form.WRAPPER:
                return self.resources
            case Form.OBJECT:
                return self._of(self._schema.below(part.source))
            case _:
                return self._of(self._schema.node("Element"))

    def _of(self, node: Node) -> Shape:
        shape = self._shapes.get(node.name)
        if shape is None:
            # Ids of elements and the URL of an extension are attributes; the id of a resource is an element.
            attributes = frozenset[str]() if node.is_resource else frozenset({"id"})
            if node.name == "Extension":
                attributes |= {"url"}
            orders: dict[str, int] = {}
            parts: dict[str, Part | Root] = {}
            for key, property_ in node.properties.items():
                if key not in attributes:
                    order = orders.setdefault(property_.choice or key, len(orders) + 1)
                    parts[key] = Part(self, property_, order)
            shape = self._shapes[node.name] = Shape(node.name, parts, attributes)
        return shape


@lru_cache(maxsize=16)
def shapes(definitions: Definitions) -> Shapes:
    """The shapes of `definitions`; the same object each time."""
    return Shapes(definitions)
