"""Operators between expressions, as closures.

Specification: http://hl7.org/fhirpath/#operations. `predicate` gives those that answer yes or no in their quick form.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from suture.fhir.fhirpath import arithmetic, nodes, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.equality import equal, equal_items, equivalent
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.subsets import union
from suture.fhir.fhirpath.navigation import Code
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.values import EMPTY, Items

if TYPE_CHECKING:
    from suture.fhir.fhirpath.compiler import Compiler, Names, Truth

_ARITHMETIC: dict[str, arithmetic.Operation] = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "div": arithmetic.truncated_quotient,
    "mod": arithmetic.remainder,
    "&": arithmetic.concatenate,
    "|": lambda left, right, env: union(left, env, right),
}
_ORDERS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def operation(compiler: "Compiler", node: Node, names: "Names") -> Code:
    """An operator that gives a collection."""
    match node:
        case nodes.Binary(operator=operator):
            left, right = compiler.code(node.left, names), compiler.code(node.right, names)
            apply = _ARITHMETIC[operator]
            return lambda this, env: apply(left(this, env), right(this, env), env)
        case nodes.Sign(operator=operator, operand=operand):
            inner = compiler.code(operand, names)
            sign = arithmetic.negate if operator == "-" else arithmetic.posit
            return lambda this, env: sign(inner(this, env))
        case nodes.TypeOperation(operand=operand, type=type):
            return as_type(compiler, compiler.code(operand, names), compiler.type_named(type, node))
        case _:
            raise compiler.fault("An order (asc, desc) belongs into sort()", node)


def predicate(compiler: "Compiler", node: nodes.Binary, names: "Names") -> "Truth | None":
    """An operator that answers yes or no; None for the others."""
    match node.operator:
        case "and" | "or" | "xor" | "implies":
            return _logic(node.operator, compiler.truth(node.left, names), compiler.truth(node.right, names))
        case "=" | "!=":
            found = _equality(compiler, node, names)
            return found if node.operator == "=" else _opposite(found)
        case "~" | "!~":
            left, right = compiler.code(node.left, names), compiler.code(node.right, names)
            wanted = node.operator == "~"
            return lambda this, env: equivalent(left(this, env), right(this, env), env.budget) is wanted
        case "in":
            return _membership(compiler, node, names, node.left, node.right)
        case "contains":
            return _membership(compiler, node, names, node.right, node.left)
        case operator if operator in _ORDERS:
            return _order(compiler, node, names)
        case _:
            return None


def _logic(operator: str, left: "Truth", right: "Truth") -> "Truth":
    match operator:
        case "and":

            def both(this: Items, env: Environment) -> bool | None:
                first = left(this, env)
                if first is False:
                    return False
                second = right(this, env)
                return False if second is False else None if first is None else second

            return both
        case "or":

            def either(this: Items, env: Environment) -> bool | None:
                first = left(this, env)
                if first is True:
                    return True
                second = right(this, env)
                return True if second is True else None if first is None else second

            return either
        case "implies":

            def implies(this: Items, env: Environment) -> bool | None:
                first = left(this, env)
                if first is False:
                    return True
                second = right(this, env)
                return second if first or second else None

            return implies
        case _:

            def one_of_both(this: Items, env: Environment) -> bool | None:
                first, second = left(this, env), right(this, env)
                return None if first is None or second is None else first is not second

            return one_of_both


def _opposite(inner: "Truth") -> "Truth":
    def run(this: Items, env: Environment) -> bool | None:
        answer = inner(this, env)
        return None if answer is None else not answer

    return run


def _equality(compiler: "Compiler", node: nodes.Binary, names: "Names") -> "Truth":
    left = compiler.code(node.left, names)
    if isinstance(node.right, nodes.String):
        return _equals_text(left, node.right.value)
    right = compiler.code(node.right, names)

    def run(this: Items, env: Environment) -> bool | None:
        one, other = left(this, env), right(this, env)
        if one and other:
            _spend(one, other, env)
        return equal(one, other)

    return run


def _equals_text(left: Code, text: str) -> "Truth":
    """The most frequent comparison, `code = 'x'`."""

    def run(this: Items, env: Environment) -> bool | None:
        items = left(this, env)
        if not items:
            return None
        if len(items) > 1:
            return False
        value, type, _ = items[0]
        if type.kind == types.STRING:
            return None if value is None else value == text
        return None if value is None and type.primitive else False

    return run


def _spend(left: Items, right: Items, env: Environment) -> None:
    """Structures take time to compare."""
    if left[0][1].kind == types.COMPLEX or len(left) > 1:
        env.budget.spend(10 * min(len(left), len(right)))


def _membership(compiler: "Compiler", node: nodes.Binary, names: "Names", one: Node, many: Node) -> "Truth":
    wanted, collection = compiler.code(one, names), compiler.code(many, names)
    position = node.position

    def run(this: Items, env: Environment) -> bool | None:
        items = wanted(this, env)
        if not items:
            return None
        if len(items) > 1:
            raise FhirPathEvaluationError(
                f"'{node.operator}' looks for a single item, there are {len(items)}", position=position
            )
        others = collection(this, env)
        env.budget.spend(len(others))
        item = items[0]
        return any(equal_items(item, other) for other in others)

    return run


def _order(compiler: "Compiler", node: nodes.Binary, names: "Names") -> "Truth":
    left, right = compiler.code(node.left, names), compiler.code(node.right, names)
    holds, operator, position = _ORDERS[node.operator], node.operator, node.position

    def run(this: Items, env: Environment) -> bool | None:
        one, other = left(this, env), right(this, env)
        if not one or not other:
            return None
        try:
            order = arithmetic.order(one, other, operator)
        except FhirPathEvaluationError as fault:
            fault.place(position)
            raise
        return None if order is None else holds(order)

    return run


def is_type(compiler: "Compiler", node: nodes.TypeOperation, names: "Names") -> "Truth":
    """`operand is type`."""
    return test_type(compiler.code(node.operand, names), compiler.type_named(node.type, node))


def test_type(inner: Code, wanted: frozenset[str]) -> "Truth":
    """Whether the single item is of one of the types."""

    def run(this: Items, env: Environment) -> bool | None:
        items = inner(this, env)
        if not items:
            return None
        if len(items) > 1:
            raise FhirPathEvaluationError(f"'is' takes a single item, there are {len(items)}")
        return not wanted.isdisjoint(items[0][1].supers)

    return run


def as_type(compiler: "Compiler", inner: Code, wanted: frozenset[str]) -> Code:
    """The items of one of the types; in strict expressions there may be one item only."""
    if not compiler.strict:
        return of_type(inner, wanted)
    filtered = of_type(inner, wanted)

    def run(this: Items, env: Environment) -> Items:
        items = inner(this, env)
        if len(items) > 1:
            raise FhirPathEvaluationError(f"'as' takes a single item, there are {len(items)}; ofType() takes several")
        return filtered(this, env) if items else EMPTY

    return run


def of_type(inner: Code, wanted: frozenset[str]) -> Code:
    """The items of the type or of one that derives from it; FHIR's primitives must be of the very type."""

    def run(this: Items, env: Environment) -> Items:
        return [item for item in inner(this, env) if matches(item[1], wanted)]

    return run


def matches(type: types.Type, wanted: frozenset[str]) -> bool:
    """Whether `ofType` takes an item of this type."""
    if type.primitive and type.namespace == "FHIR":
        return type.name in wanted
    return not wanted.isdisjoint(type.supers)
