"""`_explain=true`: how a search is answered, instead of its answer; for administrators.

The one thing to know: the explanation is a Parameters resource, so that every FHIR client can read it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from suture.access import Decision
from suture.fhir.outcomes import Forbidden, Invalid
from suture.search.explaining import Explanation, Step

EXPLAIN = "_explain"

Pair = tuple[str, str]


def take_explain(pairs: Sequence[Pair], decision: Decision) -> tuple[list[Pair], bool]:
    """The parameters without `_explain`, and whether it asks for an explanation. Raises Invalid and Forbidden."""
    asked = [value for name, value in pairs if name == EXPLAIN]
    if not asked:
        return list(pairs), False
    if asked[-1] not in ("true", "false"):
        raise Invalid(f"{EXPLAIN} is true or false, not {asked[-1][:40]!r}.")
    if asked[-1] == "true" and not decision.administrator:
        raise Forbidden(f"{EXPLAIN} shows how the server works, and is for administrators only.")
    return [pair for pair in pairs if pair[0] != EXPLAIN], asked[-1] == "true"


def as_parameters(explanation: Explanation) -> dict[str, Any]:
    """An explanation as a Parameters resource. Times are in seconds."""
    parameters = [
        *_strings("plan", explanation.plan),
        *_strings("filter", explanation.filters),
        *_numbers(estimatedRows=explanation.estimated, realRows=explanation.real),
        {"name": "seconds", "valueDecimal": round(explanation.seconds, 6)},
        *_strings("failure", (explanation.failure,) if explanation.failure else ()),
        *({"name": "step", "part": _step(step)} for step in explanation.steps),
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def _step(step: Step) -> list[dict[str, Any]]:
    return [
        *_strings("name", (step.name,)),
        *_strings("sql", (step.sql,)),
        *_numbers(rows=step.rows),
        {"name": "seconds", "valueDecimal": round(step.seconds, 6)},
        *_strings("engine", step.engine),
    ]


def _strings(name: str, values: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name, "valueString": value} for value in values]


def _numbers(**values: int | None) -> list[dict[str, Any]]:
    return [{"name": name, "valueInteger": value} for name, value in values.items() if value is not None]
