"""Functions that evaluate an argument for each item, or only sometimes: where, select, iif, sort …

Specification: http://hl7.org/fhirpath/#scoped-functions. Inside their arguments `$this` is the item at hand. `$index`
costs something, so it is set only where an argument asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cmp_to_key
from typing import TYPE_CHECKING, NamedTuple

from suture.fhir.fhirpath import nodes, operators
from suture.fhir.fhirpath.arithmetic import order_items
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.equality import keys
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.navigation import Code
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import EMPTY, Items, single, text
from suture.fhir.fhirpath.walk import uses_index

if TYPE_CHECKING:
    from suture.fhir.fhirpath.compiler import Compiler, Names, Truth


FIXED = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
"""Variables that every environment has, with their values."""

RESERVED = frozenset((*FIXED, "context", "resource", "rootResource", "terminologies", "factory"))
"""Names that no expression may give to a variable."""


class Scoped(NamedTuple):
    """`compile(compiler, node, target, names)` gives the code and the variables known after it."""

    compile: Callable[[Compiler, nodes.Call, Code, Names], tuple[Code, Names]]
    fewest: int
    most: int | None


def _where(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    criterion = compiler.truth(node.arguments[0], names)
    if uses_index(node.arguments[0]):
        return _indexed_where(target, criterion), names

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        if not items:
            return EMPTY
        env.budget.spend(len(items))
        return [item for item in items if criterion((item,), env)]

    return run, names


def _indexed_where(target: Code, criterion: Truth) -> Code:
    def run(this: Items, env: Environment) -> Items:
        items, outer = target(this, env), env.index
        env.budget.spend(len(items))
        found: list[Item] = []
        for env.index, item in enumerate(items):
            if criterion((item,), env):
                found.append(item)
        env.index = outer
        return found

    return run


def _select(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    projection = compiler.code(node.arguments[0], names)
    indexed = uses_index(node.arguments[0])

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        if not items:
            return EMPTY
        found: list[Item] = []
        outer = env.index
        for index, item in enumerate(items):
            if indexed:
                env.index = index
            more = projection((item,), env)
            env.budget.spend(1 + len(more))
            found.extend(more)
            env.budget.limit(len(found))
        env.index = outer
        return found

    return run, names


def _exists(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> Truth:
    criterion = compiler.truth(node.arguments[0], names)
    if uses_index(node.arguments[0]):
        filtered = _indexed_where(target, criterion)
        return lambda this, env: bool(filtered(this, env))

    def run(this: Items, env: Environment) -> bool:
        items = target(this, env)
        env.budget.spend(len(items))
        return any(criterion((item,), env) for item in items)

    return run


def _all(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> Truth:
    criterion = compiler.truth(node.arguments[0], names)
    if uses_index(node.arguments[0]):
        filtered = _indexed_where(target, criterion)
        return lambda this, env: len(filtered(this, env)) == len(target(this, env))

    def run(this: Items, env: Environment) -> bool:
        items = target(this, env)
        env.budget.spend(len(items))
        return all(criterion((item,), env) for item in items)

    return run


def _is(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> Truth:
    return operators.test_type(target, compiler.type_name(node.arguments[0]))


def _as(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    return operators.as_type(compiler, target, compiler.type_name(node.arguments[0])), names


def _of_type(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    return operators.of_type(target, compiler.type_name(node.arguments[0])), names


def _repeat(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    projection = compiler.code(node.arguments[0], names)

    def run(this: Items, env: Environment) -> Items:
        queue: Items = target(this, env)
        found: list[Item] = []
        seen: set[Hashable] = set()
        while queue:
            ahead: list[Item] = []
            for item in queue:
                env.budget.spend(1)
                more = projection((item,), env)
                for one, mark in zip(more, keys(more, env.budget), strict=True):
                    if mark not in seen:
                        seen.add(mark)
                        ahead.append(one)
            found.extend(ahead)
            env.budget.limit(len(found))
            queue = ahead
        return found

    return run, names


def _repeat_all(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    projection = compiler.code(node.arguments[0], names)

    def run(this: Items, env: Environment) -> Items:
        queue: Items = target(this, env)
        found: list[Item] = []
        while queue:
            ahead: list[Item] = []
            for item in queue:
                more = projection((item,), env)
                env.budget.spend(1 + len(more))
                ahead.extend(more)
                env.budget.limit(len(ahead) + len(found))
            found.extend(ahead)
            queue = ahead
        return found

    return run, names


def _aggregate(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    aggregator = compiler.code(node.arguments[0], names)
    start = compiler.code(node.arguments[1], names) if len(node.arguments) > 1 else None

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        total: Items = start(this, env) if start else EMPTY
        outer = env.index, env.total
        for index, item in enumerate(items):
            env.budget.hold(1 + len(total))
            env.index, env.total = index, total
            total = aggregator((item,), env)
        env.index, env.total = outer
        return total

    return run, names


def _iif(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    criterion = compiler.truth(node.arguments[0], names)
    branches = [compiler.code(argument, names) for argument in node.arguments[1:]]
    positive, negative = branches[0], branches[1] if len(branches) > 1 else None

    def run(this: Items, env: Environment) -> Items:
        focus = target(this, env)
        if len(focus) > 1:
            raise FhirPathEvaluationError(f"iif() is applied to a single item, there are {len(focus)}")
        if criterion(focus, env):
            return positive(focus, env)
        return negative(focus, env) if negative else EMPTY

    return run, names


def _coalesce(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    arguments = [compiler.code(argument, names) for argument in node.arguments]

    def run(this: Items, env: Environment) -> Items:
        focus = target(this, env)
        for argument in arguments:
            found = argument(focus, env)
            if found:
                return found
        return EMPTY

    return run, names


def _trace(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    name = compiler.code(node.arguments[0], names)
    projection = compiler.code(node.arguments[1], names) if len(node.arguments) > 1 else None

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        label = text(name(this, env), "The name of a trace") or ""
        shown: list[Item] = []
        if projection is None:
            shown.extend(items)
        else:
            outer = env.index
            for env.index, item in enumerate(items):
                shown.extend(projection((item,), env))
                env.budget.limit(len(shown))
            env.index = outer
        env.budget.spend(len(shown))
        env.host.trace(label, shown)
        return items

    return run, names


def _define_variable(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    name = node.arguments[0]
    value = compiler.code(node.arguments[1], names) if len(node.arguments) > 1 else None
    if not isinstance(name, nodes.String):
        return _define_named(compiler.code(name, names), target, value), compiler.naming(names)
    slot, after = compiler.define(name.value, node, names)

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        env.slots[slot] = items if value is None else value(items, env)
        return items

    return run, after


def _itself(this: Items, env: Environment) -> Items:
    return this


def _define_named(name: Code, target: Code, value: Code | None) -> Code:
    """A variable whose name is computed."""

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        label = text(name(this, env), "The name of a variable") or ""
        if label in RESERVED:
            raise FhirPathEvaluationError(f"The variable %{label[:60]} exists already")
        env.named[label] = items if value is None else value(items, env)
        return items

    return run


class _Key(NamedTuple):
    """One key of a sort. `negated`: `-key`, which turns the values around but not the empty ones: those stay first."""

    code: Code
    descending: bool = False
    negated: bool = False


def _sort(compiler: Compiler, node: nodes.Call, target: Code, names: Names) -> tuple[Code, Names]:
    keys = [_sort_key(compiler, argument, names) for argument in node.arguments] or [_Key(_itself)]

    def run(this: Items, env: Environment) -> Items:
        items = target(this, env)
        if len(items) < 2:
            return items
        env.budget.spend(len(items) * len(keys) * 4)
        rows = [([single(one.code((item,), env)) for one in keys], item) for item in items]

        def compare(left: tuple[list[Item | None], Item], right: tuple[list[Item | None], Item]) -> int:
            env.budget.spend(1)
            for one, first, second in zip(keys, left[0], right[0], strict=True):
                order = _order(first, second, negated=one.negated)
                if order:
                    return -order if one.descending else order
            return 0

        return [item for _, item in sorted(rows, key=cmp_to_key(compare))]

    return run, names


def _sort_key(compiler: Compiler, argument: Node, names: Names) -> _Key:
    """`-name` and `name desc` sort downward, whatever the type."""
    match argument:
        case nodes.Ordered(operand=operand, descending=descending):
            return _Key(compiler.code(operand, names), descending)
        case nodes.Sign(operator="-", operand=operand):
            return _Key(compiler.code(operand, names), negated=True)
        case _:
            return _Key(compiler.code(argument, names))


def _order(left: Item | None, right: Item | None, *, negated: bool) -> int:
    """Nothing goes before everything; what cannot be compared stays in place."""
    if left is None or right is None or left[0] is None or right[0] is None:
        return (left is not None and left[0] is not None) - (right is not None and right[0] is not None)
    order = order_items(left, right, "sort()") or 0
    return -order if negated else order


SCOPED = {
    "where": Scoped(_where, 1, 1),
    "select": Scoped(_select, 1, 1),
    "repeat": Scoped(_repeat, 1, 1),
    "repeatAll": Scoped(_repeat_all, 1, 1),
    "aggregate": Scoped(_aggregate, 1, 2),
    "iif": Scoped(_iif, 2, 3),
    "coalesce": Scoped(_coalesce, 1, None),
    "trace": Scoped(_trace, 1, 2),
    "defineVariable": Scoped(_define_variable, 1, 2),
    "sort": Scoped(_sort, 0, None),
    "as": Scoped(_as, 1, 1),
    "ofType": Scoped(_of_type, 1, 1),
}
"""Functions that give a collection."""

PREDICATES: dict[str, Callable[[Compiler, nodes.Call, Code, Names], Truth]] = {
    "exists": _exists,
    "all": _all,
    "is": _is,
}
"""Functions with one argument that answer yes or no."""
