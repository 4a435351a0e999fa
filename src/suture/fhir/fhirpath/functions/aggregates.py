"""sum, min, max, avg (http://hl7.org/fhirpath/#aggregates)."""

from decimal import Decimal

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.arithmetic import add, divide, order_items
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import EMPTY, Items, decimal, mismatch

_SUMMED = (types.INTEGER, types.LONG, types.DECIMAL, types.QUANTITY)
_ORDERED = (*_SUMMED, types.STRING, types.DATE, types.DATETIME, types.TIME)


def _same_kind(focus: Items, allowed: tuple[int, ...], name: str) -> None:
    kinds = {item[1].kind for item in focus}
    if len(kinds) > 1:
        raise FhirPathEvaluationError(f"{name}() takes items of one type")
    if not kinds <= set(allowed):
        raise mismatch(f"A value that {name}() can take", focus[0])


def _sum(focus: Items, env: Environment) -> Items:
    if not focus:
        return EMPTY
    _same_kind(focus, _SUMMED, "sum")
    env.budget.spend(len(focus))
    total: Items = (focus[0],)
    for item in focus[1:]:
        total = add(total, (item,), env)
    return total


def _avg(focus: Items, env: Environment) -> Items:
    total = _sum(focus, env)
    return divide(total, decimal(Decimal(len(focus))), env) if total else EMPTY


def _extreme(focus: Items, env: Environment, sign: int, name: str) -> Items:
    if not focus:
        return EMPTY
    _same_kind(focus, _ORDERED, name)
    env.budget.spend(len(focus))
    best: Item = focus[0]
    for item in focus[1:]:
        order = order_items(item, best, name)
        if order is None:
            return EMPTY
        if order == sign:
            best = item
    return (best,)


def _min(focus: Items, env: Environment) -> Items:
    return _extreme(focus, env, -1, "min")


def _max(focus: Items, env: Environment) -> Items:
    return _extreme(focus, env, 1, "max")


FUNCTIONS = {
    "sum": Function(_sum),
    "avg": Function(_avg),
    "min": Function(_min),
    "max": Function(_max),
}
