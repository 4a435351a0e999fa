"""Places inside a resource: which JSON member an element lies in, and what the definitions say of it.

FHIR's JSON form (https://hl7.org/fhir/R4/json.html) spreads one primitive element over two members, `given` and
`_given`. Here an element is always the pair (value, extra), so a list of primitives stays aligned whatever is
inserted, moved or removed. The one thing to know: a `Location` is valid until the next change of its resource.
"""

import difflib
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, cast

from suture.fhir.definitions import Definitions, Element
from suture.fhir.outcomes import Unprocessable

Item = tuple[Any, Any]
"""One element: its JSON value (None when it has only extensions) and its `_` object (None when it has none)."""

Object = dict[str, Any]


class Location:
    """One element that exists in a resource.

    `owner`: the element around it, None for the resource itself. `holder`: the JSON object it lies in, `key` and
    `index`: where. `element`: its definition, `type`: its FHIR type (`HumanName`, `date`, `BackboneElement` …).
    """

    __slots__ = ("element", "extra", "holder", "index", "key", "owner", "type", "value")

    def __init__(
        self,
        owner: "Location | None",
        holder: Object,
        key: str,
        index: int | None,
        element: Element | None,
        type: str,
        item: Item,
    ) -> None:
        self.owner = owner
        self.holder = holder
        self.key = key
        self.index = index
        self.element = element
        self.type = type
        self.value: Any = item[0]
        self.extra: Any = item[1]

    def __str__(self) -> str:
        """The FHIRPath of the element, such as `Patient.name[0].given[1]`."""
        if self.owner is None:
            return self.type
        name = self.element.name.removesuffix("[x]") if self.element else self.key
        return f"{self.owner}.{name}" + ("" if self.index is None else f"[{self.index}]")

    def members(self) -> Object | None:
        """The JSON object with the elements inside this one, None when a primitive has none."""
        value: Any = self.value
        return cast("Object", value) if isinstance(value, dict) else self.extra


class Tree:
    """One resource seen through the definitions of its FHIR version."""

    __slots__ = ("definitions", "root")

    def __init__(self, definitions: Definitions, resource: Object) -> None:
        self.definitions = definitions
        self.root = Location(None, {}, "", None, None, str(resource.get("resourceType", "")), (resource, None))

    def child_elements(self, location: Location) -> Sequence[Element]:
        """The definitions of the elements that `location` may have inside."""
        return child_elements(self.definitions, location.element, location.type)

    def child_element(self, location: Location, name: str) -> Element:
        """The definition of the element called `name` (`value`, `value[x]` and `valueString` name a choice).

        Raises Unprocessable that names the nearest element which exists.
        """
        return find_element(self.child_elements(location), name, str(location))

    def children(self, location: Location, name: str) -> list[Location]:
        """The elements called `name` inside `location`, in order. Raises Unprocessable for an unknown name."""
        element = self.child_element(location, name)
        holder = location.members()
        if holder is None:
            return []
        found: list[Location] = []
        for key, type in keys(element):
            for index, item in enumerate(read_items(holder, key, element.repeats)):
                actual = type
                if isinstance(item[0], dict) and "resourceType" in item[0]:
                    actual = str(cast("Object", item[0])["resourceType"])
                place = index if element.repeats else None
                found.append(Location(location, holder, key, place, element, actual, item))
        return found

    def open(self, location: Location) -> Object:
        """The JSON object for elements inside `location`, made when a primitive does not have one yet."""
        holder = location.members()
        if holder is None:
            holder = location.extra = {}
            _store(location)
        return holder


def child_elements(definitions: Definitions, element: Element | None, type: str) -> Sequence[Element]:
    """The definitions of the elements inside an element of `type`."""
    if element is not None:
        if element.children:
            return element.children
        if element.content_reference:
            return _by_path(definitions, element.content_reference.removeprefix("#")).children
    structure = definitions.structures.get(type)
    return structure.elements if structure else ()


def find_element(elements: Sequence[Element], name: str, where: str) -> Element:
    """The element called `name` among `elements`. Raises Unprocessable that names the nearest one."""
    for element in elements:
        if name == element.name or (element.is_choice and (name == element.name[:-3] or name in dict(keys(element)))):
            return element
    names = [element.name.removesuffix("[x]") for element in elements]
    near = difflib.get_close_matches(name, names, 1)
    raise Unprocessable(f"{where} has no element {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""))


def keys(element: Element) -> list[tuple[str, str]]:
    """The JSON members in which `element` may lie, each with the FHIR type that it then has."""
    if not element.is_choice:
        return [(element.name, element.types[0].code if element.types else "BackboneElement")]
    return [(choice_key(element, type.code), type.code) for type in element.types]


def choice_key(element: Element, type: str) -> str:
    """The JSON member of `element` when its value is of `type`: `value[x]` and `string` give `valueString`."""
    return element.name[:-3] + type[:1].upper() + type[1:] if element.is_choice else element.name


def is_a(definitions: Definitions, type: str, ancestor: str) -> bool:
    """Whether the type called `type` is `ancestor` or derives from it."""
    while type:
        if type == ancestor:
            return True
        structure = definitions.structures.get(type)
        type = structure.base if structure else ""
    return False


def read_items(holder: Object, key: str, repeats: bool) -> list[Item]:
    """The elements that lie in `holder` under `key` and `_key`."""
    value, extra = holder.get(key), holder.get("_" + key)
    if value is None and extra is None:
        return []
    if not repeats:
        return [(value, extra)]
    return list(zip_longest(_listed(value), _listed(extra)))


def write_items(holder: Object, key: str, repeats: bool, items: Sequence[Item]) -> None:
    """Write the elements back under `key` and `_key`; a member with nothing to say is left out."""
    _write(holder, key, repeats, [value for value, _ in items])
    _write(holder, "_" + key, repeats, [extra for _, extra in items])


def remove(location: Location) -> None:
    """Take an element out, and each element around it that is empty then."""
    if location.owner is None or location.element is None:
        raise Unprocessable("the resource itself cannot be deleted by a patch")
    items = read_items(location.holder, location.key, location.element.repeats)
    del items[location.index or 0]
    write_items(location.holder, location.key, location.element.repeats, items)
    owner = location.owner
    if owner.owner is None or location.holder:
        return
    if owner.extra is location.holder:
        owner.extra = None
        if owner.value is not None:
            _store(owner)
            return
    remove(owner)


def _store(location: Location) -> None:
    """Write the value and extra of `location` back to where they lie."""
    assert location.element is not None
    items = read_items(location.holder, location.key, location.element.repeats)
    items[location.index or 0] = location.value, location.extra
    write_items(location.holder, location.key, location.element.repeats, items)


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return ()
    return cast("list[Any]", value) if isinstance(value, list) else (value,)


def _write(holder: Object, key: str, repeats: bool, values: list[Any]) -> None:
    if all(value is None for value in values):
        holder.pop(key, None)
    else:
        holder[key] = values if repeats else values[0]


def _by_path(definitions: Definitions, path: str) -> Element:
    names = path.split(".")
    elements: Sequence[Element] = definitions.structures[names[0]].elements
    found: Element | None = None
    for name in names[1:]:
        found = next(element for element in elements if element.name == name)
        elements = found.children
    assert found is not None
    return found
