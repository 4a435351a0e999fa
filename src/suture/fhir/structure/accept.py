"""The fast half of validation: one function per type, made from its node, that answers yes or no.

A function walks one JSON object: each key is looked up in the type's table, which gives the function for its value. No
source text is generated; names and codes from definitions are only ever keys of tables. "No" may mean "not
sure": rare forms (nulls in arrays, a primitive that only has extensions in an array or a choice) are left to
`explain`, which decides. "Yes" is always right.
"""

# JSON values have no static type until they are looked at; a cast would cost each value a call.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import threading
from collections.abc import Callable
from typing import Any

from suture.fhir.narrative import narrative_fault
from suture.fhir.primitives import is_text
from suture.fhir.structure.schema import Kind, Node, Property, Schema
from suture.fhir.structure.targets import LITERAL, Contained, Targets, reference_complaint

Accepts = Callable[[Any], bool]

_NOTHING_CONTAINED: Contained = {}


class _Scope(threading.local):
    """What `#id` may name in the resource that this thread validates now."""

    contained: Contained = _NOTHING_CONTAINED


class Acceptor:
    """The functions of one FHIR version, made when a type is first seen."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._scope = _Scope()
        self._objects: dict[str, Accepts] = {}
        self._resources: dict[str, Accepts] = {}
        self._references: dict[Targets, Accepts] = {}
        self._tables: dict[str, dict[str, Accepts]] = {}

    def accepts(self, resource: Any) -> bool:
        """Whether `resource` is certainly valid."""
        try:
            return self._any_resource(resource)
        except (TypeError, RecursionError):
            # An object or array where a table expects text, or something nested without end.
            self._scope.contained = _NOTHING_CONTAINED
            return False

    def _any_resource(self, value: Any) -> bool:
        """A resource that stands for itself: its own scope for `#id`."""
        if type(value) is not dict:
            return False
        name: Any = value.get("resourceType")
        check = self._resources.get(name) or self._resource(name)
        if check is None:
            return False
        scope = self._scope
        before = scope.contained
        scope.contained = contained_types(value)
        valid = check(value)
        scope.contained = before
        return valid

    def _resource(self, name: Any) -> Accepts | None:
        if name not in self._schema.resource_types:
            return None
        check = self._resources[name] = self._object(self._schema.node(name))
        return check

    def _contained(self, value: Any) -> bool:
        if type(value) is not list or not value or len(self._scope.contained) != len(value) + 1:
            return False
        for item in value:
            if type(item) is not dict or "contained" in item or "id" not in item:
                return False
            name: Any = item.get("resourceType")
            check = self._resources.get(name) or self._resource(name)
            if check is None or not check(item):
                return False
        return True

    def _object(self, node: Node) -> Accepts:
        check = self._objects.get(node.name)
        if check is not None:
            return check
        # Types contain each other: the function is registered before its table is filled.
        table: dict[str, Accepts] = {}
        choices: dict[str, tuple[Accepts, int]] = {}
        bits = {name: 1 << position for position, name in enumerate(node.choices)}
        needed = 0
        required: list[str] = []
        for requirement in node.required:
            if requirement.name in bits:
                needed |= bits[requirement.name]
            else:
                required += requirement.keys
        identified = not node.is_resource
        partnered: dict[str, Accepts] = {}
        plain = _plain(table, partnered, required, identified)
        check = _choosing(table, choices, partnered, required, needed, identified) if bits else plain
        self._objects[node.name] = check
        self._tables[node.name] = table
        for key, property_ in node.properties.items():
            accepts = self._value(node, property_)
            if property_.choice:
                choices[key] = (accepts, bits[property_.choice])
            elif key != "id" or not identified:
                table[key] = accepts
        element = self._schema.node("Element")
        for key, property_ in node.siblings.items():
            alone = not (property_.many or property_.choice) and property_.binding is None
            (table if alone else partnered)[key] = self._object(element)
        if node.is_resource:
            table["resourceType"] = _always
        return check

    def _value(self, node: Node, property_: Property) -> Accepts:
        one = self._one(property_)
        if property_.kind is Kind.RESOURCE and property_.key == "contained" and node.is_resource:
            return self._contained
        if not property_.many:
            return one
        if property_.minimum <= 1 and property_.maximum is None:
            return _array(one)
        return _bounded_array(one, property_.minimum, property_.maximum)

    def _one(self, property_: Property) -> Accepts:
        binding = property_.binding
        if property_.kind is Kind.RESOURCE:
            return self._typed_resource(property_.type)
        if property_.kind is Kind.XHTML:
            return _narrative
        if property_.primitive is not None:
            accepts = property_.primitive.accepts
            if binding is None:
                return accepts
            return binding.all_codes.__contains__ if binding.is_listed else _both(accepts, binding.accepts_code)
        if property_.type == "Reference":
            return self._reference(property_.targets)
        if property_.type == "CodeableReference":
            return self._codeable_reference(property_)
        accepts = self._object(self._schema.below(property_))
        if binding is None:
            return accepts
        return _both(
            accepts, binding.accepts_concept if property_.type == "CodeableConcept" else binding.accepts_coding
        )

    def _typed_resource(self, name: str) -> Accepts:
        if name not in self._schema.resource_types:
            return self._any_resource

        def accepts(value: Any) -> bool:
            return self._any_resource(value) and value["resourceType"] == name

        return accepts

    def _reference(self, targets: Targets) -> Accepts:
        accepts = self._references.get(targets)
        if accepts is None:
            known = self._schema.resource_types
            self._object(self._schema.node("Reference"))
            table = self._tables["Reference"]
            accepts = self._references[targets] = _reference(table, targets, known, self._scope)
        return accepts

    def _codeable_reference(self, property_: Property) -> Accepts:
        """A CodeableReference: what is bound or limited lies one level down, so it has a table of its own."""
        check = self._object(self._schema.node("CodeableReference"))
        reference = self._reference(property_.targets)
        binding = property_.binding

        def accepts(value: Any) -> bool:
            return (
                check(value)
                and ("reference" not in value or reference(value["reference"]))
                and (binding is None or "concept" not in value or binding.accepts_concept(value["concept"]))
            )

        return accepts


def contained_types(resource: dict[str, Any]) -> Contained:
    """What `#id` may name in a resource: its contained resources by id, and itself as ""."""
    contained = resource.get("contained")
    if contained is None:
        return _NOTHING_CONTAINED
    found: dict[str, str] = {"": resource["resourceType"]}
    if type(contained) is list:
        for item in contained:
            if type(item) is dict and type(item.get("id")) is str and type(item.get("resourceType")) is str:
                found[item["id"]] = item["resourceType"]
    return found


def _always(_: Any) -> bool:
    return True


def _narrative(value: Any) -> bool:
    return type(value) is str and narrative_fault(value) is None


def _both(first: Accepts, second: Accepts) -> Accepts:
    def accepts(value: Any) -> bool:
        return first(value) and second(value)

    return accepts


def _array(one: Accepts) -> Accepts:
    def accepts(value: Any) -> bool:
        if type(value) is not list or not value:
            return False
        for item in value:  # noqa: SIM110 (all() with a generator costs twice as much)
            if not one(item):
                return False
        return True

    return accepts


def _bounded_array(one: Accepts, minimum: int, maximum: int | None) -> Accepts:
    array = _array(one)

    def accepts(value: Any) -> bool:
        return array(value) and len(value) >= minimum and (maximum is None or len(value) <= maximum)

    return accepts


def _plain(table: dict[str, Accepts], partnered: dict[str, Accepts], required: list[str], identified: bool) -> Accepts:
    """A type without choices. `identified`: an element, whose `id` alone is not content.

    `partnered`: the ids and extensions of primitives (`_status`) that must have their value beside them.
    """
    get = table.get
    first = required[0] if required else None
    others = frozenset(required[1:]) or None

    def accepts(value: Any) -> bool:
        if type(value) is not dict or not value:
            return False
        for key, item in value.items():
            check = get(key)
            if check is None:
                if key == "id" and identified and is_text(item) and len(value) > 1:
                    continue
                if _beside(value, key, item, partnered):
                    continue
                return False
            if not check(item):
                return False
        return first is None or (first in value and (others is None or value.keys() >= others))

    return accepts


def _choosing(
    table: dict[str, Accepts],
    choices: dict[str, tuple[Accepts, int]],
    partnered: dict[str, Accepts],
    required: list[str],
    needed: int,
    identified: bool,
) -> Accepts:
    """A type with choices: each has a bit, so that a second value of one choice shows."""
    get = table.get
    choose = choices.get
    keys = frozenset(required) or None

    def accepts(value: Any) -> bool:
        if type(value) is not dict or not value:
            return False
        chosen = 0
        for key, item in value.items():
            check = get(key)
            if check is None:
                choice = choose(key)
                if choice is None:
                    if key == "id" and identified and is_text(item) and len(value) > 1:
                        continue
                    if _beside(value, key, item, partnered):
                        continue
                    return False
                check, bit = choice
                if chosen & bit:
                    return False
                chosen |= bit
            if not check(item):
                return False
        return chosen & needed == needed and (keys is None or value.keys() >= keys)

    return accepts


def _beside(value: Any, key: str, item: Any, partnered: dict[str, Accepts]) -> bool:
    """Whether `item` is the id or the extensions of a primitive that has its value, or as many values, beside it."""
    check = partnered.get(key)
    if check is None or key[1:] not in value:
        return False
    beside = value[key[1:]]
    if type(beside) is not list:
        return check(item)
    return type(item) is list and len(item) == len(beside) and all(one is None or check(one) for one in item)


def _reference(table: dict[str, Accepts], targets: Targets, known: frozenset[str], scope: _Scope) -> Accepts:
    """A Reference that may lead to `targets`."""
    get = table.get
    allowed = known if targets is None else targets

    def accepts(value: Any) -> bool:
        if type(value) is not dict or not value:
            return False
        unsure = False
        for key, item in value.items():
            if key == "reference":
                if type(item) is not str:
                    return False
                found = LITERAL(item)
                if found is None:
                    unsure = unsure or not (item.startswith("urn:uuid:") and len(item) == 45)
                elif found[1] not in allowed:
                    return False
                continue
            check = get(key)
            if check is None:
                if key == "id" and is_text(item) and len(value) > 1:
                    continue
                return False
            if not check(item):
                return False
            if key == "type":
                unsure = True
        if not unsure:
            return True
        text = value.get("reference")
        return (text is None or is_text(text)) and reference_complaint(value, targets, known, scope.contained) is None

    return accepts
