"""The types of one FHIR version, each made from its definition when it is first asked for.

Specification: https://hl7.org/fhir/R4/fhirpath.html. Safe for threads: two that make the same type at once make
two equal ones, and one of them stays.
"""

from decimal import Decimal
from typing import Any, cast

from suture.fhir.definitions import Definitions, Element
from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.types import Field, Item, Json, Type

_KINDS = {
    "boolean": types.BOOLEAN,
    "integer": types.INTEGER,
    "integer64": types.LONG,
    "decimal": types.DECIMAL,
    "date": types.DATE,
    "dateTime": types.DATETIME,
    "instant": types.DATETIME,
    "time": types.TIME,
    "Quantity": types.QUANTITY,
}


class Model:
    """All types of one FHIR version."""

    def __init__(self, definitions: Definitions) -> None:
        self.version = definitions.version
        self._definitions = definitions
        self._types: dict[str, Type | None] = {}
        self.untyped = Type(
            "FHIR", "Element", "Element", types.COMPLEX, frozenset(("Element",)),
            self._untyped_field, self._untyped_key, (), primitive=False,
        )  # fmt: skip

    def __contains__(self, name: str) -> bool:
        return name in self._definitions.structures

    def type(self, path: str) -> Type:
        """The type of this name (`Patient`, `code`), or of the element at this path (`Patient.contact`).

        Raises KeyError when there is none.
        """
        known = self._types.get(path)
        if known is None:
            known = self._make(path)
            self._types[path] = known
        return known

    def of(self, value: Any) -> Type:
        """The type of a value that stands alone: that of a resource by its `resourceType`, otherwise a guess."""
        if isinstance(value, dict):
            name = cast(Json, value).get("resourceType")
            return self.type(name) if isinstance(name, str) and name in self else self.untyped
        match value:
            case bool():
                return types.SYSTEM_BOOLEAN
            case int() if -(2**63) <= value < 2**63:
                return types.SYSTEM_INTEGER if -(2**31) <= value < 2**31 else types.SYSTEM_LONG
            case int() | Decimal() | float():
                return types.SYSTEM_DECIMAL
            case str():
                return types.SYSTEM_STRING
            case _:
                return self.untyped

    def item(self, value: Any, path: str | None = None, sibling: Json | None = None) -> Item:
        """A value as an item. `path`: the name of its type or the path of its element, where it is known."""
        if path is None or path not in self._types:
            type = self._known(path) or self.of(value)
        else:
            type = self._types[path] or self.untyped
        if value.__class__ is dict and not type.primitive and "resourceType" in value:
            type = self.of(value)
        return value, type, sibling

    def element(self, path: str) -> Element | None:
        """The definition of the element at a path, None for a path that leads nowhere."""
        try:
            return self._element(path)
        except KeyError:
            return None

    def _known(self, path: str | None) -> Type | None:
        if not path:
            return None
        try:
            return self.type(path)
        except KeyError:
            return None

    def _make(self, path: str) -> Type:
        structure = self._definitions.structures.get(path)
        if structure is None:
            element = self._element(path)
            if element.children:
                return self._nested(element)
            if len(element.types) != 1:
                raise KeyError(path)
            return self.type(element.types[0].code)
        supers = self._supers(path)
        primitive = structure.kind == "primitive-type"
        kind = next((kind for name, kind in _KINDS.items() if name in supers), types.COMPLEX)
        if primitive and kind == types.COMPLEX:
            kind = types.STRING
        return self._of_elements(path, path, kind, supers, structure.elements, primitive=primitive)

    def _nested(self, element: Element) -> Type:
        name = element.types[0].code if element.types else "BackboneElement"
        supers = self._supers(name)
        return self._of_elements(name, element.path, types.COMPLEX, supers, element.children, primitive=False)

    def _of_elements(
        self,
        name: str,
        path: str,
        kind: int,
        supers: frozenset[str],
        elements: tuple[Element, ...],
        *,
        primitive: bool,
    ) -> Type:
        by_name = {element.name.removesuffix("[x]"): element for element in elements}
        by_key: dict[str, str] = {}
        for short, element in by_name.items():
            for key in _keys(element):
                by_key[key] = by_key["_" + key] = short

        def make(name: str) -> Field | None:
            element = by_name.get(name)
            if element is None:
                return None
            return self._value_of_primitive(kind) if primitive and name == "value" else self._field(name, element)

        def keyed(key: str) -> Field | None:
            name = by_key.get(key)
            return made.fields[name] if name is not None else None

        structure = self._definitions.structures.get(name)
        base = structure.base if structure else ""
        made = Type("FHIR", name, path, kind, supers, make, keyed, tuple(by_name), primitive=primitive, base=base)
        return made

    def _supers(self, name: str) -> frozenset[str]:
        found: list[str] = []
        while name:
            found.append(name)
            structure = self._definitions.structures.get(name)
            name = structure.base if structure else ""
        return frozenset(found)

    def _element(self, path: str) -> Element:
        head, *rest = path.split(".")
        structure = self._definitions.structures.get(head)
        elements = structure.elements if structure else ()
        element: Element | None = None
        for name in rest:
            element = next((e for e in elements if e.name in (name, name + "[x]")), None)
            if element is None:
                break
            elements = element.children
        if element is None:
            raise KeyError(path)
        return self._element(element.content_reference) if element.content_reference else element

    def _field(self, name: str, element: Element) -> Field:
        if element.content_reference or element.children:
            nested = self.type(element.content_reference or element.path)
            return Field(name, element.path, (nested,), element.repeats, types.read_plain(name, nested))
        found = tuple(self.type(one.code) for one in element.types)
        if not element.is_choice:
            type = found[0]
            return Field(name, element.path, (type,), element.repeats, self._reader(name, type))
        readers: dict[str, Any] = {}
        for key, type in zip(_keys(element), found, strict=True):
            readers[key] = self._reader(key, type)
            if type.primitive:
                readers["_" + key] = readers[key]
        return Field(name, element.path, found, element.repeats, types.read_choice(readers))

    def _reader(self, key: str, type: Type) -> Any:
        if type.primitive:
            return types.read_primitive(key, type)
        if "Resource" in type.supers:
            return types.read_resource(self.of)(key)
        return types.read_plain(key, type)

    def _value_of_primitive(self, kind: int) -> Field:
        """The element `value` of a primitive: the value itself as one of FHIRPath's own. Read by navigation."""
        type = tuple(types.SYSTEM_TYPES.values())[kind]
        return Field("value", "", (type,), False, _read_nothing)

    def _untyped_field(self, name: str) -> Field | None:
        def read(source: Json, found: list[Item]) -> None:
            value = source.get(name)
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
            found.extend([(one, self.of(one), None) for one in values if one is not None])

        return Field(name, name, (), True, read)

    def _untyped_key(self, key: str) -> Field | None:
        return None if key.startswith("_") else self._untyped_field(key)


def _keys(element: Element) -> list[str]:
    if not element.is_choice:
        return [element.name]
    stem = element.name.removesuffix("[x]")
    return [stem + type.code[0].upper() + type.code[1:] for type in element.types]


def _read_nothing(source: Json, found: list[Item]) -> None:
    del source, found
