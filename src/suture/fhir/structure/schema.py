"""The definitions arranged for validation: for each type, which JSON members it may have and what they must be.

Both validators (`accept`, `explain`) are built from the same `Node`s, so that they cannot drift apart in what an
element is. Specification: https://hl7.org/fhir/R4/json.html.
"""

import enum
from collections.abc import Mapping

from suture.fhir.definitions import Definitions, Element, ElementType, Structure
from suture.fhir.primitives import Primitive, primitives
from suture.fhir.structure.bindings import Binding


class Kind(enum.Enum):
    """How the value of a member looks in JSON."""

    PRIMITIVE = "primitive"
    XHTML = "xhtml"
    OBJECT = "object"
    RESOURCE = "resource"


class Property:
    """One JSON member of a type. An element with a choice of types gives one for each type.

    `key`: its name in JSON. `name`: the element's name in FHIRPath (`value` for `valueString`). `choice`: the element's
    name with `[x]`, or "". `type`: the type code. `primitive`: of kinds PRIMITIVE and XHTML, else None.
    `sibling`: whether `_key` may carry an id and extensions. `targets`: names of the resource types that a
    reference may lead to, None for any.
    """

    __slots__ = (
        "binding", "choice", "element", "key", "kind", "many", "maximum", "minimum", "name", "owner", "primitive",
        "sibling", "targets", "type",
    )  # fmt: skip

    def __init__(self, schema: "Schema", owner: Structure, element: Element, type: ElementType) -> None:
        self.owner = owner
        self.element = element
        self.type = type.code
        base = element.name.removesuffix("[x]")
        self.choice = element.name if element.is_choice else ""
        self.key = base + type.code[:1].upper() + type.code[1:] if self.choice else base
        self.name = base
        self.minimum = element.min
        self.maximum = element.max
        self.many = element.repeats
        self.primitive: Primitive | None = schema.primitives.get(type.code)
        self.kind = self._kind(schema)
        # Ids of resources and elements and the URL of an extension are plain attributes, without extensions.
        attribute = base == "id" or (base == "url" and owner.name == "Extension")
        self.sibling = self.kind is Kind.PRIMITIVE and not attribute
        self.targets: frozenset[str] | None = schema.targets(type.targets)
        self.binding: Binding | None = schema.binding(element)

    def _kind(self, schema: "Schema") -> Kind:
        if self.type == "xhtml":
            return Kind.XHTML
        if self.primitive is not None:
            return Kind.PRIMITIVE
        structure = schema.definitions.structures.get(self.type)
        return Kind.RESOURCE if structure is not None and structure.kind == "resource" else Kind.OBJECT


class Requirement:
    """An element that must be there: `name` as people know it, `keys` of which one must be present."""

    __slots__ = ("keys", "name")

    def __init__(self, name: str, keys: frozenset[str]) -> None:
        self.name = name
        self.keys = keys


class Node:
    """What a JSON object of one type (or one nested element) may hold.

    `properties` by key; `siblings` by `_key`; `choices` by the element's name with `[x]`: all of its keys.
    """

    __slots__ = ("choices", "is_resource", "name", "properties", "required", "siblings")

    def __init__(self, schema: "Schema", owner: Structure, name: str, elements: tuple[Element, ...]) -> None:
        self.name = name
        self.is_resource = owner.kind == "resource" and name == owner.name
        self.properties: dict[str, Property] = {}
        self.choices: dict[str, frozenset[str]] = {}
        self.required: list[Requirement] = []
        for element in elements:
            if element.max == 0:
                continue
            options = [Property(schema, owner, element, type) for type in schema.types(owner, element)]
            self.properties.update((option.key, option) for option in options)
            keys = frozenset(option.key for option in options)
            if element.is_choice:
                self.choices[element.name] = keys
            if element.min:
                self.required.append(Requirement(element.name, keys))
        self.siblings: dict[str, Property] = {
            "_" + key: property_ for key, property_ in self.properties.items() if property_.sibling
        }


class Schema:
    """The nodes of one FHIR version, built when they are first asked for."""

    __slots__ = ("_bindings", "_elements", "_nodes", "definitions", "primitives", "resource_types")

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.primitives: Mapping[str, Primitive] = primitives(definitions.version)
        self.resource_types = frozenset(definitions.resource_types)
        self._nodes: dict[str, Node] = {}
        self._elements: dict[str, dict[str, Element]] = {}
        self._bindings: dict[tuple[str, bool], Binding | None] = {}

    def node(self, name: str) -> Node:
        """The node of a type by its name. Raises KeyError for an unknown type."""
        node = self._nodes.get(name)
        if node is None:
            structure = self.definitions.structures[name]
            node = self._nodes[name] = Node(self, structure, name, structure.elements)
        return node

    def below(self, property_: Property) -> Node:
        """The node of the objects that a property of kind OBJECT holds."""
        element = property_.element
        if element.children:
            return self._nested(property_.owner, element)
        if element.content_reference:
            target = self._by_path(property_.owner, element.content_reference)
            return self._nested(property_.owner, target)
        profile = next((t.profile for t in element.types if t.code == property_.type), "")
        return self.node(profile if profile in self.definitions.structures else property_.type)

    def _nested(self, owner: Structure, element: Element) -> Node:
        # Two versions of one path never meet: a schema is of one version, and paths start with the type.
        node = self._nodes.get(element.path)
        if node is None:
            node = self._nodes[element.path] = Node(self, owner, element.path, element.children)
        return node

    def _by_path(self, owner: Structure, path: str) -> Element:
        index = self._elements.get(owner.name)
        if index is None:
            index = self._elements[owner.name] = {}
            todo = list(owner.elements)
            while todo:
                element = todo.pop()
                index[element.path] = element
                todo.extend(element.children)
        return index[path]

    def types(self, owner: Structure, element: Element) -> tuple[ElementType, ...]:
        """The types of an element; one that repeats another element's content has that element's types."""
        if element.content_reference:
            return self._by_path(owner, element.content_reference).types
        return element.types

    def binding(self, element: Element) -> Binding | None:
        """The codes that an element is bound to without choice, or None when any are allowed or none can be checked.

        That is a required binding, or the largest value set that a weaker binding may not leave. A binding that is
        only preferred asks for no code: it limits the codes that are given.
        """
        url = element.maximum_value_set
        if element.binding_strength == "required" and element.binding_value_set:
            url = element.binding_value_set
        if not url:
            return None
        key = url, element.binding_strength == "preferred"
        if key not in self._bindings:
            codes = self.definitions.value_set_codes(url) or self.definitions.open_value_set_codes(url)
            self._bindings[key] = Binding(url, codes, text_suffices=key[1]) if codes else None
        return self._bindings[key]

    def targets(self, names: tuple[str, ...]) -> frozenset[str] | None:
        """The concrete resource types that a reference to `names` may lead to; None for any."""
        found: set[str] = set()
        for name in names:
            if name in self.resource_types:
                found.add(name)
            elif name in ("Resource", "DomainResource") or name not in self.definitions.structures:
                return None
            else:
                found.update(t for t in self.resource_types if self._derives_from(t, name))
        return frozenset(found) or None

    def _derives_from(self, name: str, ancestor: str) -> bool:
        structures = self.definitions.structures
        while name in structures and name != ancestor:
            name = structures[name].base
        return name == ancestor
