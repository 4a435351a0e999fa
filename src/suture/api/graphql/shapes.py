"""The types that a query walks through: which fields each has, and what is below a field.

Specification: https://hl7.org/fhir/R4/graphql.html#fields. The one thing to know: a shape is named by its type
(`HumanName`) or, for the elements inside of a type, by its path (`Patient.contact`); GraphQL adds
two shapes to each resource type, `PatientConnection` and `PatientEdge`. Shapes are worked out when first asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from suture.fhir.definitions import Definitions, Element, ElementType
from suture.fhir.patch.elements import is_a

Kind = Literal["primitive", "object", "resource", "target"]
"""What a field leads to: a plain value, an object of one shape, any resource, or what a Reference refers to."""

REFERENCE = "Reference"
QUERY = "Query"
"""The shape of the root where there is no resource in scope."""


class Field(msgspec.Struct, frozen=True):
    """One field of a shape.

    `name`: as in JSON. `type`: the primitive type, or the shape below; "Resource" for resources. `targets`: the
    resource types that may be there, () for all of them. `choice`: the name without its type, such as `value`.
    """

    name: str
    kind: Kind
    type: str
    repeats: bool = False
    targets: tuple[str, ...] = ()
    choice: str = ""


_TARGET = Field("resource", "target", "Resource")


class Shapes:
    """The shapes of one FHIR version.

    `resources`: the types of resources that have an endpoint; `all_types`: also those that lie only inside of others.
    """

    def __init__(self, definitions: Definitions, resources: Iterable[str]) -> None:
        self.version = definitions.version
        self._definitions = definitions
        self._known: dict[str, Mapping[str, Field]] = {}
        self.resources = tuple(sorted(resources))
        self.all_types = frozenset(definitions.resource_types)

    def is_resource(self, shape: str) -> bool:
        """Whether `shape` is a type of resource."""
        return shape in self.all_types

    def exists(self, shape: str) -> bool:
        """Whether there is such a shape, or such an abstract type."""
        return shape in self._definitions.structures or bool(self.fields(shape))

    def accepts(self, condition: str, shape: str) -> bool:
        """Whether an object of `shape` meets the type condition of a fragment."""
        if condition in (shape, type_name(shape)):
            return True
        structures = self._definitions.structures
        return condition in structures and shape in structures and is_a(self._definitions, shape, condition)

    def fields(self, shape: str) -> Mapping[str, Field]:
        """The fields of a shape by name; none for what is no shape."""
        found = self._known.get(shape)
        if found is None:
            found = self._added(shape) or self._defined(shape)
            if found:
                self._known[shape] = found
        return found

    def choices(self, shape: str, name: str) -> tuple[Field, ...]:
        """The fields that a FHIRPath name means: itself, or all types of a choice."""
        fields = self.fields(shape)
        if name in fields:
            return (fields[name],)
        return tuple(field for field in fields.values() if field.choice == name)

    def _added(self, shape: str) -> Mapping[str, Field] | None:
        """The shapes of a search with pages: the connection and its edges."""
        if shape in self._definitions.structures:
            return None
        type = shape.removesuffix("Connection")
        if type != shape and type in self.all_types:
            numbers = [Field(name, "primitive", "integer") for name in ("count", "offset", "pagesize")]
            cursors = [Field(name, "primitive", "string") for name in ("first", "previous", "next", "last")]
            edges = Field("edges", "object", f"{type}Edge", True)
            return {field.name: field for field in (*numbers, edges, *cursors)}
        type = shape.removesuffix("Edge")
        if type != shape and type in self.all_types:
            resource = Field("resource", "resource", "Resource", False, (type,))
            parts = (Field("mode", "primitive", "code"), Field("score", "primitive", "decimal"), resource)
            return {field.name: field for field in parts}
        return None

    def _defined(self, shape: str) -> Mapping[str, Field]:
        fields: dict[str, Field] = {}
        if shape in self.all_types:
            fields["resourceType"] = Field("resourceType", "primitive", "code")
        for element in self._below(shape):
            for field in self._fields_of(element):
                fields[field.name] = field
                if field.kind == "primitive" and field.name != "id" and field.type != "xhtml":
                    name = f"_{field.name}"
                    fields[name] = Field(name, "object", "Element", field.repeats)
        if shape == REFERENCE:
            fields["resource"] = _TARGET
        return fields

    def _below(self, shape: str) -> tuple[Element, ...]:
        structure = self._definitions.structures.get(shape)
        if structure is not None:
            return structure.elements
        root, *steps = shape.split(".")
        structure = self._definitions.structures.get(root)
        elements = structure.elements if structure is not None and steps else ()
        for step in steps:
            elements = next((element.children for element in elements if element.name == step), ())
        return elements

    def _fields_of(self, element: Element) -> Iterable[Field]:
        if element.content_reference:
            yield Field(element.name, "object", element.content_reference.removeprefix("#"), element.repeats)
        elif element.children:
            yield Field(element.name, "object", element.path, element.repeats)
        elif element.is_choice:
            base = element.name.removesuffix("[x]")
            for type in element.types:
                yield self._field(base + type.code[0].upper() + type.code[1:], type, element.repeats, base)
        else:
            for type in element.types[:1]:
                yield self._field(element.name, type, element.repeats, "")

    def _field(self, name: str, type: ElementType, repeats: bool, choice: str) -> Field:
        structure = self._definitions.structures.get(type.code)
        if structure is None or structure.kind == "primitive-type":
            return Field(name, "primitive", type.code, repeats, (), choice)
        if structure.kind == "resource":
            targets = () if structure.abstract else (type.code,)
            return Field(name, "resource", "Resource", repeats, targets, choice)
        return Field(name, "object", type.code, repeats, self._targets(type), choice)

    def _targets(self, type: ElementType) -> tuple[str, ...]:
        """The resource types that a Reference may lead to; () when that is not limited to certain ones."""
        if not all(target in self.all_types for target in type.targets):
            return ()
        return type.targets


def type_name(shape: str) -> str:
    """The name of a shape as a GraphQL type: `PatientContact` for `Patient.contact`."""
    return "".join(part[0].upper() + part[1:] for part in shape.split("."))
