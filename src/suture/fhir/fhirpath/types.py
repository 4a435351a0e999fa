"""The types of values: FHIR's own, by the definitions of a version, and FHIRPath's (namespace System).

Specification: http://hl7.org/fhirpath/#models and https://hl7.org/fhir/R4/fhirpath.html#types. The one thing to know:
a type knows its elements by name and by JSON key; each element is a function that reads its items out of a JSON
object, so that navigation neither looks up nor decides anything that the definitions settle beforehand.
"""

from collections.abc import Callable
from typing import Any, cast

Json = dict[str, Any]

BOOLEAN, STRING, INTEGER, LONG, DECIMAL, DATE, DATETIME, TIME, QUANTITY, COMPLEX = range(10)
"""Kinds: what a value is to the operators, whatever the namespace of its type."""

KIND_NAMES = ("Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity", "a structure")

Item = tuple[Any, "Type", Json | None]
"""A value, its type, and for a FHIR primitive the object that holds its id and extensions (`_birthDate`).

The value is what `suture.fhir.json` decodes; dates are text; None for a primitive that has extensions only. A
quantity of FHIRPath's own is a `Measure`, that of FHIR its JSON object.
"""


class Field:
    """One element of a type. `read(source, found)` appends the items that the JSON object `source` has of it.

    `types`: what the values can be. `repeats`: whether it is an array in JSON. `path`: of its definition.
    """

    __slots__ = ("name", "path", "read", "repeats", "types")

    def __init__(
        self, name: str, path: str, types: "tuple[Type, ...]", repeats: bool, read: Callable[[Json, list[Item]], None]
    ) -> None:
        self.name = name
        self.path = path
        self.types = types
        self.repeats = repeats
        self.read = read


class Fields(dict[str, Field | None]):
    """Elements by name, each made when it is first asked for; None for a name that is no element."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[str], Field | None]) -> None:
        self._make = make

    def __missing__(self, name: str) -> Field | None:
        field = self._make(name)
        if field is not None:
            # names that are no elements are not kept: they may come from outside without end
            self[name] = field
        return field


class Type:
    """A type. `name`: `Patient`, `BackboneElement`, `Boolean`; `path`: where its elements are defined; `base`: what it
    derives from, or "".

    `supers`: names of the type and of all it derives from; those of the namespace System carry the prefix `System.`.
    `keys`: fields by JSON key (`valueString`, `_valueString`). `names`: of all elements, in the definition's order.
    """

    __slots__ = ("_names", "base", "fields", "keys", "kind", "name", "namespace", "path", "primitive", "supers")

    def __init__(
        self,
        namespace: str,
        name: str,
        path: str,
        kind: int,
        supers: frozenset[str],
        make: Callable[[str], Field | None],
        keyed: Callable[[str], Field | None],
        names: tuple[str, ...],
        *,
        primitive: bool,
        base: str = "",
    ) -> None:
        self.base = base
        self.namespace = namespace
        self.name = name
        self.path = path
        self.kind = kind
        self.supers = supers
        self.primitive = primitive
        self.fields = Fields(make)
        self.keys = Fields(keyed)
        self._names = names

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the elements."""
        return self._names

    @property
    def label(self) -> str:
        """The name as shown to a reader: `FHIR.code`, `System.Integer`, `Patient.contact`."""
        return self.path if "." in self.path else f"{self.namespace}.{self.name}"

    def __repr__(self) -> str:
        return self.label


def _no_field(_name: str) -> Field | None:
    return None


def _system(name: str, kind: int, make: Callable[[str], Field | None] = _no_field) -> Type:
    supers = frozenset((f"System.{name}", "System.Any"))
    return Type("System", name, name, kind, supers, make, _no_field, (), primitive=True)


def _of_quantity(name: str) -> Field | None:
    """A quantity has a value and a unit; navigation knows how to read them."""
    part = {"value": SYSTEM_DECIMAL, "unit": SYSTEM_STRING}.get(name)
    return Field(name, "", (part,), False, _read_nothing) if part else None


def _read_nothing(source: Json, found: list[Item]) -> None:
    del source, found


SYSTEM_BOOLEAN = _system("Boolean", BOOLEAN)
SYSTEM_STRING = _system("String", STRING)
SYSTEM_INTEGER = _system("Integer", INTEGER)
SYSTEM_LONG = _system("Long", LONG)
SYSTEM_DECIMAL = _system("Decimal", DECIMAL)
SYSTEM_DATE = _system("Date", DATE)
SYSTEM_DATETIME = _system("DateTime", DATETIME)
SYSTEM_TIME = _system("Time", TIME)
SYSTEM_QUANTITY = _system("Quantity", QUANTITY, _of_quantity)

SYSTEM_TYPES = {
    type.name: type
    for type in (
        SYSTEM_BOOLEAN, SYSTEM_STRING, SYSTEM_INTEGER, SYSTEM_LONG, SYSTEM_DECIMAL,
        SYSTEM_DATE, SYSTEM_DATETIME, SYSTEM_TIME, SYSTEM_QUANTITY,
    )
}  # fmt: skip


def read_plain(key: str, type: Type) -> Callable[[Json, list[Item]], None]:
    """Reads an element whose values are structures of one type."""

    def read(source: Json, found: list[Item]) -> None:
        value = source.get(key)
        if value is None:
            return
        if isinstance(value, list):
            found.extend([(one, type, None) for one in cast("list[Any]", value)])
        else:
            found.append((value, type, None))

    return read


def read_primitive(key: str, type: Type) -> Callable[[Json, list[Item]], None]:
    """Reads an element whose values are primitives of one type, together with their ids and extensions."""
    shadow = "_" + key

    def read(source: Json, found: list[Item]) -> None:
        value = source.get(key)
        extra = source.get(shadow)
        if extra is not None:
            _read_both(value, extra, type, found)
        elif isinstance(value, list):
            found.extend([(one, type, None) for one in cast("list[Any]", value) if one is not None])
        elif value is not None:
            found.append((value, type, None))

    return read


def _read_both(value: Any, extra: Any, type: Type, found: list[Item]) -> None:
    if isinstance(value, list) or isinstance(extra, list):
        values = cast("list[Any]", value) if isinstance(value, list) else []
        extras = cast("list[Any]", extra) if isinstance(extra, list) else []
        for index in range(max(len(values), len(extras))):
            one = values[index] if index < len(values) else None
            beside = extras[index] if index < len(extras) else None
            if one is not None or beside is not None:
                found.append((one, type, beside))
    else:
        found.append((value, type, extra))


def read_choice(options: dict[str, Callable[[Json, list[Item]], None]]) -> Callable[[Json, list[Item]], None]:
    """Reads an element whose JSON key names its type. `options`: readers by key, with and without underscore."""

    def read(source: Json, found: list[Item]) -> None:
        for key in source:
            option = options.get(key)
            if option is not None:
                option(source, found)
                return

    return read


def read_resource(types: Callable[[Any], Type]) -> Callable[[str], Callable[[Json, list[Item]], None]]:
    """Reads an element that holds resources: each says itself of which type it is."""

    def of_key(key: str) -> Callable[[Json, list[Item]], None]:
        def read(source: Json, found: list[Item]) -> None:
            value = source.get(key)
            if value is None:
                return
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
            found.extend([(one, types(one), None) for one in values])

        return read

    return of_key
