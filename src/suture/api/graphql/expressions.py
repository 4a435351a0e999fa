"""FHIRPath as far as queries need it: filters of lists (`fhirpath:`) and names of slices (`@slice(path:)`).

Specification: http://hl7.org/fhirpath/N1/ and https://hl7.org/fhir/R4/graphql.html#list. The one thing to know: items
carry their type, an expression is checked when it is compiled, and what is not known here is refused by name; nothing
is ever silently empty because it is not implemented.
"""

import difflib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple, cast

from suture.api.graphql.budget import Budget
from suture.api.graphql.comparisons import Item, compared, equal
from suture.api.graphql.functions import FUNCTIONS, arity, as_text, convert
from suture.api.graphql.shapes import Shapes
from suture.api.shapes import as_array, as_object
from suture.fhir.fhirpath import FhirPathError, nodes, parse
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.outcomes import Invalid

LONGEST = 2000
"""Characters of one expression."""

_SCOPED = ("where", "exists", "all", "select")
"""Functions whose argument is evaluated for each item."""
_OPERATORS = frozenset(
    ("and", "or", "xor", "implies", "=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "contains", "&", "+", "-", "|")
)


class Focus(NamedTuple):
    """What an expression is evaluated on: `$this`, its place in the list, and the resource around it."""

    this: Item
    position: int
    resource: Item


class Expression:
    """One compiled FHIRPath expression. Raises Invalid when it is wrong or beyond what is known here."""

    def __init__(self, text: str, shapes: Shapes) -> None:
        if len(text) > LONGEST:
            raise Invalid(f"A FHIRPath expression in a query may have {LONGEST} characters.")
        try:
            self._root = parse(text)
        except FhirPathError as error:
            raise Invalid(str(error)) from None
        self._shapes = shapes
        _check(self._root)

    def holds(self, focus: Focus, budget: Budget) -> bool:
        """Whether the expression is true (one item that is not false counts as true). Raises Invalid."""
        return _truth(self._items(self._root, focus, budget)) is True

    def name(self, focus: Focus, budget: Budget) -> str:
        """The result as text, "" when it is empty; several items are joined by commas. Raises Invalid."""
        return ",".join(as_text(item) for item in self._items(self._root, focus, budget))

    def _items(self, node: Node, focus: Focus, budget: Budget) -> list[Item]:
        budget.step()
        match node:
            case nodes.Empty():
                return []
            case nodes.Boolean(value=value):
                return [Item(value, "boolean")]
            case nodes.String(value=value):
                return [Item(value, "string")]
            case nodes.Number(value=value):
                return [Item(value, "integer" if isinstance(value, int) else "decimal")]
            case nodes.Date(value=value):
                return [Item(value, "date")]
            case nodes.DateTime(value=value):
                return [Item(value.removesuffix("T"), "dateTime")]
            case nodes.Time(value=value):
                return [Item(value, "time")]
            case nodes.This():
                return [focus.this]
            case nodes.Index():
                return [Item(focus.position, "integer")]
            case nodes.Constant():
                return [focus.resource]
            case nodes.Member(target=None, name=name) if name == focus.this.type:
                return [focus.this]
            case nodes.Member(target=None, name=name):
                return self._members([focus.this], name, budget)
            case nodes.Member(target=target, name=name):
                return self._members(self._items(cast("Node", target), focus, budget), name, budget)
            case nodes.Item(target=target, index=index):
                return self._at(self._items(target, focus, budget), self._items(index, focus, budget))
            case nodes.Sign(operator=sign, operand=operand):
                return _signed(sign, self._items(operand, focus, budget))
            case nodes.TypeOperation(operator=operator, operand=operand, type=type):
                return self._typed(operator, self._items(operand, focus, budget), type)
            case nodes.Binary():
                return self._binary(node, focus, budget)
            case nodes.Call():
                return self._call(node, focus, budget)
            case _:
                raise Invalid("The FHIRPath expression holds something that is not known here.")

    def _members(self, items: list[Item], name: str, budget: Budget) -> list[Item]:
        found: list[Item] = []
        for item in items:
            owner = as_object(item.value)
            if owner is None:
                if name in ("extension", "id"):
                    raise Invalid(f"FHIRPath: {name} of a plain value is reached by its element with _, as _birthDate.")
                continue
            fields = self._shapes.choices(item.type, name)
            if not fields:
                known = [field.choice or field.name for field in self._shapes.fields(item.type).values()]
                near = difflib.get_close_matches(name, known, 1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise Invalid(f"FHIRPath: {item.type} has no element {name[:80]!r}.{hint}")
            for field in fields:
                if field.kind != "target":
                    found += _below(owner.get(field.name), field.type)
        budget.step(len(found))
        return found

    def _at(self, items: list[Item], index: list[Item]) -> list[Item]:
        place = index[0].value if len(index) == 1 else None
        if not isinstance(place, int) or isinstance(place, bool):
            raise Invalid("FHIRPath: an index is one whole number.")
        return items[place : place + 1] if place >= 0 else []

    def _typed(self, operator: str, items: list[Item], type: str) -> list[Item]:
        if len(items) > 1:
            raise Invalid(f"FHIRPath: {operator!r} needs one item, not {len(items)}.")
        kept = [item for item in items if self._is(item, type)]
        if operator == "as":
            return kept
        return [Item(bool(kept), "boolean")] if items else []

    def _is(self, item: Item, type: str) -> bool:
        namespace, _, name = type.rpartition(".")
        if namespace == "System":
            return name.lower() == item.type.lower()
        if not self._shapes.exists(name):
            raise Invalid(f"FHIRPath: there is no type {type[:80]!r}.")
        return self._shapes.accepts(name, item.type)

    def _binary(self, node: nodes.Binary, focus: Focus, budget: Budget) -> list[Item]:
        left = self._items(node.left, focus, budget)
        right = self._items(node.right, focus, budget)
        operator = node.operator
        match operator:
            case "and" | "or" | "xor" | "implies":
                return _boolean(_logic(operator, _truth(left), _truth(right)))
            case "=" | "!=":
                same = equal(left, right)
                return _boolean(same if same is None or operator == "=" else not same)
            case "~" | "!~":
                return _boolean(_alike(left, right) == (operator == "~"))
            case "in" | "contains":
                one, several = (left, right) if operator == "in" else (right, left)
                if len(one) > 1:
                    raise Invalid(f"FHIRPath: {operator!r} needs one item, not {len(one)}.")
                budget.step(len(several))
                return _boolean(any(equal(one, [item]) for item in several)) if one else []
            case "|":
                budget.step(len(left) * len(right))
                return left + [item for item in right if not any(equal([item], [other]) for other in left)]
            case "&":
                return [Item("".join(map(as_text, [*_one(left), *_one(right)])), "string")]
            case "+" | "-":
                return _sum(operator, _one(left), _one(right))
            case _:
                return _boolean(compared(operator, _one(left), _one(right)))

    def _call(self, node: nodes.Call, focus: Focus, budget: Budget) -> list[Item]:
        target = [focus.this] if node.target is None else self._items(node.target, focus, budget)
        if node.name in ("ofType", "as", "is"):
            type = _type_named(node.arguments[0])
            if node.name == "ofType":
                return [item for item in target if self._is(item, type)]
            return self._typed(node.name, target, type)
        if node.name == "extension":
            url = self._items(node.arguments[0], focus, budget)
            found = self._members(target, "extension", budget)
            return [item for item in found if url and cast("dict[str, Any]", item.value).get("url") == url[0].value]
        if node.name in _SCOPED and node.arguments:
            return self._scoped(node.name, target, node.arguments[0], focus, budget)
        arguments = [self._items(argument, focus, budget) for argument in node.arguments]
        budget.step(len(target))
        return FUNCTIONS[node.name](target, *arguments)

    def _scoped(self, name: str, items: list[Item], argument: Node, focus: Focus, budget: Budget) -> list[Item]:
        results = [
            self._items(argument, Focus(item, index, focus.resource), budget) for index, item in enumerate(items)
        ]
        if name == "select":
            return [item for result in results for item in result]
        truths = [_truth(result) is True for result in results]
        if name == "where":
            return [item for item, truth in zip(items, truths, strict=True) if truth]
        return [Item(any(truths) if name == "exists" else all(truths), "boolean")]


def _below(value: Any, type: str) -> Iterator[Item]:
    several = as_array(value)
    for one in [value] if several is None else several:
        if one is not None:
            resource = as_object(one) if type == "Resource" else None
            yield Item(one, type if resource is None else str(resource.get("resourceType")))


def _check(node: Node) -> None:
    """Refuse what is not known here."""
    match node:
        case nodes.Quantity() | nodes.Total():
            raise Invalid("FHIRPath: quantities and $total are not known in queries.")
        case nodes.Constant(name=name) if name not in ("resource", "context", "rootResource"):
            raise Invalid(f"FHIRPath: the constant %{name[:40]} is not known in queries.")
        case nodes.Binary(operator=operator) if operator not in _OPERATORS:
            raise Invalid(f"FHIRPath: the operator {operator!r} is not known in queries.")
        case nodes.Call(name=name, arguments=arguments):
            fewest, most = _arity(name)
            if not fewest <= len(arguments) <= most:
                raise Invalid(f"FHIRPath: {name}() takes {fewest} to {most} arguments, not {len(arguments)}.")
            if name in ("ofType", "as", "is"):
                _type_named(arguments[0])
                return _check(node.target) if node.target is not None else None
        case _:
            pass
    for below in _children(node):
        _check(below)
    return None


def _arity(name: str) -> tuple[int, int]:
    if name in ("where", "all", "select", "ofType", "as", "is", "extension"):
        return 1, 1
    if name == "exists":
        return 0, 1
    if name in FUNCTIONS:
        return arity(name)
    known = sorted((*FUNCTIONS, *_SCOPED, "ofType", "as", "is", "extension"))
    raise Invalid(f"FHIRPath: the function {name[:40]}() is not known in queries; known are {', '.join(known)}.")


def _children(node: Node) -> Iterator[Node]:
    for name in ("target", "index", "operand", "left", "right"):
        child = getattr(node, name, None)
        if child is not None:
            yield child
    if isinstance(node, nodes.Call):
        yield from node.arguments


def _type_named(node: Node) -> str:
    match node:
        case nodes.Member(target=None, name=name):
            return name
        case nodes.Member(target=nodes.Member(target=None, name=namespace), name=name):
            return f"{namespace}.{name}"
        case _:
            raise Invalid("FHIRPath: here stands the name of a type, such as Quantity.")


def _one(items: list[Item]) -> list[Item]:
    if len(items) > 1:
        raise Invalid(f"FHIRPath: an operator needs one item on each side, not {len(items)}.")
    return items


def _truth(items: list[Item]) -> bool | None:
    if not items:
        return None
    if len(items) > 1:
        raise Invalid(f"FHIRPath: a condition has {len(items)} results; use exists(), all() or an index.")
    value = items[0].value
    return value if isinstance(value, bool) else True


def _boolean(value: bool | None) -> list[Item]:
    return [] if value is None else [Item(value, "boolean")]


def _logic(operator: str, left: bool | None, right: bool | None) -> bool | None:
    match operator:
        case "and":
            return False if left is False or right is False else None if left is None or right is None else True
        case "or":
            return True if left or right else None if left is None or right is None else False
        case "xor":
            return None if left is None or right is None else left != right
        case _:
            return True if left is False or right is True else None if left is None or right is None else False


def _alike(left: list[Item], right: list[Item]) -> bool:
    """Equivalence: texts without case and repeated blanks; lists in any order."""
    return sorted(map(_loose, left)) == sorted(map(_loose, right))


def _loose(item: Item) -> str:
    return " ".join(as_text(item).lower().split())


def _signed(sign: str, items: list[Item]) -> list[Item]:
    return [convert(-number if sign == "-" else number) for number in _numbers(items)]


def _sum(operator: str, left: list[Item], right: list[Item]) -> list[Item]:
    if not left or not right:
        return []
    if operator == "+" and isinstance(left[0].value, str) and isinstance(right[0].value, str):
        return [Item(left[0].value + right[0].value, "string")]
    first, second = _numbers(left)[0], _numbers(right)[0]
    return [convert(first + second if operator == "+" else first - second)]


def _numbers(items: list[Item]) -> list[int | Decimal]:
    numbers = [item.value for item in items]
    if not all(isinstance(number, int | Decimal) and not isinstance(number, bool) for number in numbers):
        raise Invalid("FHIRPath: arithmetic needs numbers.")
    return numbers
