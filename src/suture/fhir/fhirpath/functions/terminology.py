"""memberOf, subsumes, subsumedBy and %terminologies (https://hl7.org/fhir/R4/fhirpath.html#txapi).

The host answers. What it does not know gives nothing.
"""

from collections.abc import Callable
from typing import Any, cast

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.host import Unanswered
from suture.fhir.fhirpath.types import Field, Item, Json, Type
from suture.fhir.fhirpath.values import EMPTY, Items, boolean, mismatch, plain, single, text


def _no_field(_name: str) -> Field | None:
    return None


TERMINOLOGIES: Item = (
    None,
    Type(
        "System", "Terminologies", "Terminologies", types.COMPLEX, frozenset(("System.Terminologies", "System.Any")),
        _no_field, _no_field, (), primitive=False,
    ),
    None,
)  # fmt: skip
"""The value of %terminologies."""


def _member_of(focus: Items, env: Environment, value_set: Items) -> bool | None:
    url = text(value_set, "The URL of a value set")
    if len(focus) != 1 or focus[0][0] is None or url is None:
        return None
    item = focus[0]
    return env.host.member_of(plain(item), item[1].name, url)


def _subsumed_by(focus: Items, env: Environment, other: Items) -> bool | None:
    return _any_subsumes(other, focus, env)


def _any_subsumes(general: Items, special: Items, env: Environment) -> bool | None:
    """Whether a coding of `general` subsumes one of `special`. A bare code has the system of the other side."""
    if len(general) != 1 or len(special) != 1:
        return None
    above, below = _codings(general[0]), _codings(special[0])
    answer: bool | None = False
    fault: Unanswered | FhirPathEvaluationError | None = None
    for first in above:
        for second in below:
            env.budget.spend(10)
            system = first.get("system") or second.get("system")
            try:
                found = env.host.subsumes({"system": system, **first}, {"system": system, **second})
            except Unanswered as waits:
                fault = waits  # the host then has all of them to ask for at once
                continue
            except FhirPathEvaluationError as unknown:
                fault = fault or unknown  # another pair may still tell
                continue
            if found:
                return True
            answer = None if found is None else answer
    if fault is not None:
        raise fault
    return answer


def _codings(item: Item) -> list[Json]:
    value, type, _ = item
    if type.kind == types.STRING:
        return [{"code": value}]
    if not isinstance(value, dict):
        raise mismatch("A code, Coding or CodeableConcept", item)
    coded = cast(Json, value)
    if "CodeableConcept" not in type.supers:
        return [coded]
    codings = coded.get("coding")
    return [cast(Json, one) for one in cast("list[Any]", codings or []) if isinstance(one, dict)]


def _operation(name: str, needed: int) -> Callable[..., Items]:
    """`needed`: how many arguments must have one value each, for there to be an answer."""

    def call(focus: Items, env: Environment, *arguments: Items) -> Items:
        if not focus or focus[0] is not TERMINOLOGIES:
            raise FhirPathEvaluationError(f"{name}() is a function of %terminologies")
        if any(len(argument) != 1 for argument in arguments[:needed]):
            return EMPTY
        values = [plain(item) if (item := single(argument)) else None for argument in arguments]
        answer = env.host.terminology(name, values)
        if answer is None or env.model is None:
            return EMPTY
        return (env.model.item(answer),)

    return call


def _subsumes(focus: Items, env: Environment, *arguments: Items) -> Items:
    """`coding.subsumes(coding)`, or `%terminologies.subsumes(system, a, b)`."""
    if focus and focus[0] is TERMINOLOGIES:
        return _operation("subsumes", 3)(focus, env, *arguments)
    if len(arguments) != 1:
        raise FhirPathEvaluationError("subsumes() takes one code")
    return boolean(_any_subsumes(focus, arguments[0], env))


FUNCTIONS = {
    "memberOf": Function(_member_of, 1, 1, predicate=True, result=types.BOOLEAN),
    "subsumedBy": Function(_subsumed_by, 1, 1, predicate=True, result=types.BOOLEAN),
    "subsumes": Function(_subsumes, 1, 4),
    "expand": Function(_operation("expand", 1), 1, 2),
    "lookup": Function(_operation("lookup", 1), 1, 2),
    "validateVS": Function(_operation("validateVS", 2), 2, 3),
    "validateCS": Function(_operation("validateCS", 2), 2, 3),
    "translate": Function(_operation("translate", 2), 2, 3),
}
