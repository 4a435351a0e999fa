"""From items to the items below them.

Specification: http://hl7.org/fhirpath/#path-selection. A type knows its elements as readers, so one step is a lookup
and a call for each item. A `Located` item also knows where it came from; only expressions that ask for paths pay for
that.
"""

from collections.abc import Callable
from typing import Any, cast

from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.quantities import Measure
from suture.fhir.fhirpath.types import SYSTEM_DECIMAL, SYSTEM_STRING, SYSTEM_TYPES, Field, Item, Json, Type
from suture.fhir.fhirpath.values import Items

Code = Callable[[Items, Environment], Items]
"""A compiled expression: (what it is applied to, environment) -> its result."""

_FEW = 16
_SYSTEM = tuple(SYSTEM_TYPES.values())


class Located(tuple[Any, Type, Json | None]):
    """An item that knows its place: the item above it, its element, and where it stands when the element repeats.

    The item that a path begins with has no `parent`.
    """

    parent: Item | None = None
    field: Field | None = None
    at: int | None = None


def members(items: Items, name: str, env: Environment) -> Items:
    """The elements of this name of all items."""
    found: list[Item] = []
    if len(items) > _FEW:
        return _many_members(items, name, env)
    for item in items:
        value, type, _ = item
        field = type.fields[name]
        if field is None:
            continue
        if type.primitive:
            _of_primitive(item, name, field, found)
        elif value.__class__ is dict:
            field.read(value, found)
    return found


def _many_members(items: Items, name: str, env: Environment) -> Items:
    """The same in portions, with an eye on the number of items."""
    found: list[Item] = []
    for start in range(0, len(items), _FEW):
        portion = members(items[start : start + _FEW], name, env)
        env.budget.spend(len(portion))
        found.extend(portion)
        env.budget.limit(len(found))
    return found


def _of_primitive(item: Item, name: str, field: Field, found: list[Item]) -> None:
    """id and extension lie in the sibling; `value` is the value itself as one of FHIRPath's own."""
    value, type, sibling = item
    if isinstance(value, Measure):
        found.append((value.value, SYSTEM_DECIMAL, None) if name == "value" else (value.unit, SYSTEM_STRING, None))
    elif name == "value":
        if value is not None:
            found.append((value, _SYSTEM[type.kind], None))
    elif sibling.__class__ is dict:
        field.read(cast("dict[str, object]", sibling), found)


def located_members(items: Items, name: str, env: Environment) -> Items:
    """Like `members`, and each item knows its place."""
    found: list[Item] = []
    for item in items:
        field = item[1].fields[name]
        if field is None:
            continue
        found.extend(_placed(item, field, members((item,), name, env)))
        env.budget.spend(1)
    env.budget.hold(len(found))
    return found


def _placed(parent: Item, field: Field, items: Items) -> list[Item]:
    placed: list[Item] = []
    for index, item in enumerate(items):
        located = Located(item)
        located.parent = parent
        located.field = field
        located.at = index if field.repeats else None
        placed.append(located)
    return placed


def children(items: Items, env: Environment) -> list[Item]:
    """All elements of all items, in the order of the JSON."""
    found: list[Item] = []
    for item in items:
        before = len(found)
        _append_children(item, found)
        env.budget.spend(1 + len(found) - before)
        env.budget.limit(len(found))
    return found


def _append_children(item: Item, found: list[Item]) -> None:
    value, type, sibling = item
    found_in = sibling if type.primitive else value
    if not isinstance(found_in, dict):
        return
    source = cast(Json, found_in)
    keys = type.keys
    for key in source:
        field = keys[key]
        if field is None or (key[0] == "_" and key[1:] in source):
            continue
        before = len(found)
        field.read(source, found)
        if item.__class__ is Located:
            found[before:] = _placed(item, field, found[before:])


def descendants(items: Items, env: Environment) -> Items:
    """All elements below all items, level by level. Those of %resource are kept: invariants ask for them often."""
    whole = len(items) == 1 and bool(env.resource) and items[0] is env.resource[0]
    if whole and env.below is not None:
        return env.below
    found: list[Item] = []
    level: Items = items
    while level:
        level = children(level, env)
        found.extend(level)
        env.budget.limit(len(found))
    if whole:
        env.below = found
    return found


def path_of(item: Item, *, short: bool = False) -> str | None:
    """Where an item is, such as `Patient.name[0].given[1]`; None for one that was made by the expression.

    `short`: without the index of elements that do not repeat, as locations in an OperationOutcome are.
    """
    parts: list[str] = []
    while isinstance(item, Located):
        if item.parent is None or item.field is None:
            return ".".join((item[1].path, *reversed(parts)))
        place = "" if item.at is None else f"[{item.at}]"
        parts.append(item.field.name + (place or ("" if short else "[0]")))
        item = item.parent
    return None
