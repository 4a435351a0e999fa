"""first, skip, intersect, union … (http://hl7.org/fhirpath/#subsetting and #combining)."""

from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.equality import distinct, keys
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import EMPTY, Items, whole


def at(focus: Items, index: Items) -> Items:
    """`focus[index]`."""
    wanted = whole(index, "An Integer as index")
    return (focus[wanted],) if wanted is not None and 0 <= wanted < len(focus) else EMPTY


def _single(focus: Items, env: Environment) -> Items:
    if len(focus) > 1:
        raise FhirPathEvaluationError(f"single() found {len(focus)} items")
    return focus


def _first(focus: Items, env: Environment) -> Items:
    return focus[:1]


def _last(focus: Items, env: Environment) -> Items:
    return focus[-1:]


def _tail(focus: Items, env: Environment) -> Items:
    return focus[1:]


def _skip(focus: Items, env: Environment, count: Items) -> Items:
    number = whole(count, "The number of items to skip")
    return EMPTY if number is None else focus[max(0, number) :]


def _take(focus: Items, env: Environment, count: Items) -> Items:
    number = whole(count, "The number of items to take")
    return EMPTY if number is None else focus[: max(0, number)]


def _intersect(focus: Items, env: Environment, other: Items) -> Items:
    if not focus or not other:
        return EMPTY
    wanted = set(keys(other, env.budget))
    marks = keys(focus, env.budget)
    return distinct([item for item, mark in zip(focus, marks, strict=True) if mark in wanted], env.budget)


def _exclude(focus: Items, env: Environment, other: Items) -> Items:
    if not focus or not other:
        return focus
    unwanted = set(keys(other, env.budget))
    marks = keys(focus, env.budget)
    return [item for item, mark in zip(focus, marks, strict=True) if mark not in unwanted]


def union(focus: Items, env: Environment, other: Items) -> Items:
    """`focus | other`: every value once."""
    if not focus or not other:
        return distinct(focus or other, env.budget)
    env.budget.limit(len(focus) + len(other))
    return distinct([*focus, *other], env.budget)


def _combine(focus: Items, env: Environment, other: Items, _preserve_order: Items = EMPTY) -> Items:
    # the order is always preserved
    env.budget.hold(len(focus) + len(other))
    return [*focus, *other]


FUNCTIONS = {
    "single": Function(_single),
    "first": Function(_first),
    "last": Function(_last),
    "tail": Function(_tail),
    "skip": Function(_skip, 1, 1),
    "take": Function(_take, 1, 1),
    "intersect": Function(_intersect, 1, 1),
    "exclude": Function(_exclude, 1, 1),
    "union": Function(union, 1, 1),
    "combine": Function(_combine, 1, 2),
}
