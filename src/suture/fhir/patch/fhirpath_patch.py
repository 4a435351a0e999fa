"""FHIRPath Patch: changes to a resource written as a Parameters resource.

Specification: https://hl7.org/fhir/R4/fhirpatch.html. `FhirPathPatch.read` refuses a malformed patch (400), `apply`
one that does not fit the resource (422). A path must name exactly one element; `delete` of what is not there does
nothing. `insert` and `move` name a list by its last step (`Patient.identifier`), which may be empty for `insert`.
The result is not validated here: whoever writes it does so as with every other resource.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from suture.fhir.definitions import Definitions, Element
from suture.fhir.fhirpath import FhirPathError, Node, nodes, parse
from suture.fhir.outcomes import Invalid, Issue, Unprocessable
from suture.fhir.patch.copying import copied
from suture.fhir.patch.elements import Location, Object, Tree, choice_key, keys, read_items, remove, write_items
from suture.fhir.patch.json_patch import MAX_OPERATIONS
from suture.fhir.patch.selection import Selector, check
from suture.fhir.patch.values import Part, Value, read_value

MAX_PATH = 2048
"""Characters of one path."""

_TAKES = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}
_QUOTED_OR_DIV = re.compile(r"'(?:\\.|[^'\\])*'|`[^`]*`|(?<=\.)div\b", re.DOTALL)
_PARTS = ("type", "path", "name", "value", "index", "source", "destination")


class FhirPathOperation(msgspec.Struct, frozen=True):
    """One operation. `numbers`: index, source and destination as far as the operation has them."""

    type: str
    text: str
    path: Node
    name: str
    value: Part
    numbers: Mapping[str, int]


class FhirPathPatch:
    """A FHIRPath Patch that was read and can be applied any number of times."""

    __slots__ = ("_definitions", "operations")

    def __init__(self, operations: tuple[FhirPathOperation, ...], definitions: Definitions) -> None:
        self.operations = operations
        self._definitions = definitions

    @classmethod
    def read(cls, parameters: Any, definitions: Definitions) -> "FhirPathPatch":
        """Read a decoded Parameters resource. Raises Invalid naming the first operation that is wrong."""
        if not isinstance(parameters, dict) or cast("Object", parameters).get("resourceType") != "Parameters":
            raise Invalid("a FHIRPath Patch is a Parameters resource")
        entries = cast("Object", parameters).get("parameter", [])
        if not isinstance(entries, list):
            raise Invalid("Parameters.parameter is an array", expression="Parameters.parameter")
        listed = cast("list[Any]", entries)
        if len(listed) > MAX_OPERATIONS:
            raise Invalid(f"a patch has at most {MAX_OPERATIONS} operations, this one has {len(listed)}")
        operations: list[FhirPathOperation] = []
        for number, entry in enumerate(listed):
            try:
                operations.append(_read_operation(entry, definitions))
            except Invalid as error:
                place = f"Parameters.parameter[{number}]"
                raise Invalid(f"operation {number}: {error}", expression=place) from None
        return cls(tuple(operations), definitions)

    def apply(self, resource: Any) -> Any:
        """Return the patched resource; `resource` is left as it was.

        Raises Unprocessable naming the index of the operation that failed. All operations hold or none.
        """
        patched = copied(resource)
        selector = Selector(Tree(self._definitions, patched))
        for number, operation in enumerate(self.operations):
            try:
                _APPLY[operation.type](selector, operation)
            except Unprocessable as error:
                text = f"operation {number} ({operation.type} {operation.text}) failed: {error}"
                place = f"Parameters.parameter[{number}]"
                raise Unprocessable(issues=[Issue("error", error.code, text, place)]) from None
        return patched


def _read_operation(entry: Any, definitions: Definitions) -> FhirPathOperation:
    if not isinstance(entry, dict) or cast("Object", entry).get("name") != "operation":
        raise Invalid("each parameter of a patch is called 'operation'")
    parts = _parts(cast("Object", entry).get("part"))
    type = _text(parts, "type", ("valueCode", "valueString"))
    if type not in _TAKES:
        raise Invalid(f"the type must be one of {', '.join(_TAKES)}, not {type!r}")
    for name in parts:
        if name != "type" and name not in _TAKES[type]:
            raise Invalid(f"'{type}' takes no {name!r}")
    text = _text(parts, "path", ("valueString",))
    if len(text) > MAX_PATH:
        raise Invalid(f"the path is longer than {MAX_PATH} characters")
    try:
        path = parse(_QUOTED_OR_DIV.sub(_quote_div, text))
    except FhirPathError as fault:
        raise Invalid(str(fault)) from None
    check(path, definitions)
    takes = _TAKES[type]
    return FhirPathOperation(
        type,
        text,
        path,
        _text(parts, "name", ("valueString", "valueCode")) if "name" in takes else "",
        _part(parts, "value") if "value" in takes else {},
        {name: _number(parts, name) for name in ("index", "source", "destination") if name in takes},
    )


def _quote_div(found: re.Match[str]) -> str:
    """`div` is an operator of FHIRPath, and yet the specification's patches write `Patient.text.div` unquoted."""
    return "`div`" if found[0] == "div" else found[0]


def _parts(listed: Any) -> dict[str, Part]:
    if not isinstance(listed, list):
        raise Invalid("an operation is made of parts")
    parts: dict[str, Part] = {}
    for part in cast("list[Any]", listed):
        name: Any = cast("Object", part).get("name") if isinstance(part, dict) else None
        if name not in _PARTS:
            near = difflib.get_close_matches(str(name), _PARTS, 1)
            raise Invalid(f"there is no part {name!r}" + (f"; the nearest is {near[0]!r}" if near else ""))
        if name in parts:
            raise Invalid(f"the part {name!r} is given twice")
        parts[name] = cast("Object", part)
    return parts


def _part(parts: Mapping[str, Part], name: str) -> Part:
    if name not in parts:
        raise Invalid(f"the part {name!r} is missing")
    return parts[name]


def _text(parts: Mapping[str, Part], name: str, keys: tuple[str, ...]) -> str:
    part = _part(parts, name)
    for key in keys:
        if isinstance(part.get(key), str) and part[key]:
            return part[key]
    raise Invalid(f"the part {name!r} needs a {keys[0]}")


def _number(parts: Mapping[str, Part], name: str) -> int:
    part = _part(parts, name)
    for key in ("valueInteger", "valueUnsignedInt", "valuePositiveInt"):
        value = part.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0:
                raise Invalid(f"the part {name!r} must not be negative")
            return value
    raise Invalid(f"the part {name!r} needs a valueInteger")


def _add(selector: Selector, operation: FhirPathOperation) -> None:
    owner = _one(selector, operation.path)
    tree = selector.tree
    element = tree.child_element(owner, operation.name)
    value = _value(tree, operation, element, owner)
    holder = tree.open(owner)
    if not element.repeats and any(read_items(holder, key, False) for key, _ in keys(element)):
        raise Unprocessable(f"{_name(owner, element)} is already there and does not repeat; use 'replace'")
    items = read_items(holder, value.key, element.repeats)
    write_items(holder, value.key, element.repeats, [*items, (value.value, value.extra)])


def _insert(selector: Selector, operation: FhirPathOperation) -> None:
    owner, element = _list(selector, operation.path)
    value = _value(selector.tree, operation, element, owner)
    holder = selector.tree.open(owner)
    items = read_items(holder, value.key, True)
    index = operation.numbers["index"]
    if index > len(items):
        raise Unprocessable(f"the index {index} is past the end of the list, which has {len(items)} element(s)")
    items.insert(index, (value.value, value.extra))
    write_items(holder, value.key, True, items)


def _delete(selector: Selector, operation: FhirPathOperation) -> None:
    found = selector.location(operation.path)
    if found is not None:
        remove(found)


def _replace(selector: Selector, operation: FhirPathOperation) -> None:
    location = _one(selector, operation.path)
    element, owner = location.element, location.owner
    if element is None or owner is None:
        raise Unprocessable("the resource itself cannot be replaced by a patch")
    value = _value(selector.tree, operation, element, owner)
    items = read_items(location.holder, location.key, element.repeats)
    items[location.index or 0] = value.value, value.extra
    if value.key != location.key:
        write_items(location.holder, location.key, False, [(None, None)])
    write_items(location.holder, value.key, element.repeats, items)


def _move(selector: Selector, operation: FhirPathOperation) -> None:
    owner, element = _list(selector, operation.path)
    key = choice_key(element, "")
    holder = owner.members() or {}
    items = read_items(holder, key, True)
    source, destination = operation.numbers["source"], operation.numbers["destination"]
    for name, index in (("source", source), ("destination", destination)):
        if index >= len(items):
            raise Unprocessable(f"the {name} {index} is not in the list, which has {len(items)} element(s)")
    items.insert(destination, items.pop(source))
    write_items(holder, key, True, items)


_APPLY: dict[str, Callable[[Selector, FhirPathOperation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


def _one(selector: Selector, path: Node) -> Location:
    found = selector.location(path)
    if found is None:
        raise Unprocessable("the path names no elements, and it must name one")
    return found


def _list(selector: Selector, path: Node) -> tuple[Location, Element]:
    """The list that `path` names: the element around it, and its definition."""
    if not isinstance(path, nodes.Member):
        raise Unprocessable("the path must end with the name of a list, such as Patient.identifier")
    owner = selector.tree.root if path.target is None else _one(selector, path.target)
    element = selector.tree.child_element(owner, path.name)
    if not element.repeats:
        raise Unprocessable(f"{_name(owner, element)} does not repeat")
    return owner, element


def _value(tree: Tree, operation: FhirPathOperation, element: Element, owner: Location) -> Value:
    return read_value(tree.definitions, operation.value, element, _name(owner, element))


def _name(owner: Location, element: Element) -> str:
    return f"{owner}.{element.name.removesuffix('[x]')}"
