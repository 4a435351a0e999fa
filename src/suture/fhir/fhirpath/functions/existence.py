"""empty, exists, count, distinct … (http://hl7.org/fhirpath/#existence)."""

from collections.abc import Callable

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.equality import distinct, keys
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import Items, integer, mismatch, truth


def _empty(focus: Items, env: Environment) -> bool:
    return not focus


def _exists(focus: Items, env: Environment) -> bool:
    return bool(focus)


def _count(focus: Items, env: Environment) -> Items:
    return integer(len(focus))


def _not(focus: Items, env: Environment) -> bool | None:
    answer = truth(focus)
    return None if answer is None else not answer


def _booleans(focus: Items) -> list[bool]:
    for item in focus:
        if item[1].kind != types.BOOLEAN:
            raise mismatch("A Boolean", item)
    return [item[0] for item in focus if item[0] is not None]


def _all_true(focus: Items, env: Environment) -> bool:
    return all(_booleans(focus))


def _any_true(focus: Items, env: Environment) -> bool:
    return any(_booleans(focus))


def _all_false(focus: Items, env: Environment) -> bool:
    return not any(_booleans(focus))


def _any_false(focus: Items, env: Environment) -> bool:
    return not all(_booleans(focus))


def _subset_of(focus: Items, env: Environment, other: Items) -> bool:
    return set(keys(focus, env.budget)) <= set(keys(other, env.budget))


def _superset_of(focus: Items, env: Environment, other: Items) -> bool:
    return _subset_of(other, env, focus)


def _distinct(focus: Items, env: Environment) -> Items:
    return distinct(focus, env.budget)


def _is_distinct(focus: Items, env: Environment) -> bool:
    return len(focus) < 2 or len(_distinct(focus, env)) == len(focus)


def _yes(call: Callable[..., bool | None], *, arguments: int = 0, takes: tuple[int, ...] = ()) -> Function:
    return Function(call, arguments, arguments, predicate=True, result=types.BOOLEAN, takes=takes)


FUNCTIONS = {
    "empty": _yes(_empty),
    "exists": _yes(_exists),
    "not": _yes(_not),
    "allTrue": _yes(_all_true),
    "anyTrue": _yes(_any_true),
    "allFalse": _yes(_all_false),
    "anyFalse": _yes(_any_false),
    "subsetOf": _yes(_subset_of, arguments=1),
    "supersetOf": _yes(_superset_of, arguments=1),
    "isDistinct": _yes(_is_distinct),
    "count": Function(_count, result=types.INTEGER),
    "distinct": Function(_distinct),
}
