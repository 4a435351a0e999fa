"""What the judge says of small resources, with definitions at hand that a test brings along."""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.packages import Collection, CoreCanonicals, Layers
from suture.fhir.packages.collection import entry
from suture.fhir.profiles import Answer, Context, Judge
from suture.fhir.rules import Coded, Expectations, Filtered
from suture.fhir.rules.questions import UNKNOWN, Operated, Subsumption, Unknown
from suture.fhir.versions import Version

Json = dict[str, Any]

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


class Oracle:
    """Knows the codes a, b and c of `http://code.system`, of which a is called Alpha, and one Patient.

    `outside`: a value set and a code that it does not have. `systems`: further systems of the same codes.
    """

    def __init__(self, outside: tuple[str, str] = ("", ""), systems: Sequence[str] = ()) -> None:
        self._outside = outside
        self._systems = ("http://code.system", *systems)

    async def member(self, question: Coded) -> Answer:
        if question.system not in self._systems:
            return Answer(None)
        if (question.value_set, question.code) == self._outside:
            return Answer(False)
        return Answer(question.code in "abc", display_ok=not question.display or question.display == "Alpha")

    async def resolve(self, reference: str) -> Json | Unknown | None:
        if reference.startswith("Group/"):
            return UNKNOWN
        return {"resourceType": "Patient", "id": "known"} if reference == "Patient/known" else None

    async def filter(self, question: Filtered) -> str:
        return "The filter is refused." if question.value == "wrong" else ""

    async def subsumes(self, question: Subsumption) -> bool | None:
        return None

    async def operate(self, question: Operated) -> Any:
        return UNKNOWN


@cache
def _engine(version: Version) -> Engine:
    return Engine(load(version))


def judged(
    resource: Json,
    *known: Json,
    version: Version = Version.R4,
    expectations: Expectations | None = None,
    outside: tuple[str, str] = ("", ""),
    systems: Sequence[str] = (),
) -> list[tuple[str, str, str]]:
    """(severity, expression, sentence) of each issue. `known`: definitions besides those of the release.

    `outside`, `systems`: see `Oracle`.
    """
    own = Collection(entry(one["resourceType"], one["url"], one.get("version", ""), one) for one in known)
    judge = Judge(load(version), Layers([own, CoreCanonicals(version)]), _engine(version))
    context = Context(oracle=Oracle(outside, systems), expectations=expectations or Expectations())
    issues = asyncio.run(judge.issues(resource, context=context))
    return [(issue.severity, issue.expression, issue.diagnostics) for issue in issues]


def places(
    resource: Json,
    *known: Json,
    severity: str = "error",
    version: Version = Version.R4,
    expectations: Expectations | None = None,
    outside: tuple[str, str] = ("", ""),
    systems: Sequence[str] = (),
) -> list[str]:
    """Where the issues of one severity are."""
    found = judged(resource, *known, version=version, expectations=expectations, outside=outside, systems=systems)
    return [expression for each, expression, _ in found if each == severity]


def patient(**members: Any) -> Json:
    return {"resourceType": "Patient", **members}


def observation(**members: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **members}


def definition(resource_type: str, url: str, **members: Any) -> Json:
    """A conformance resource with what its type demands."""
    return {"resourceType": resource_type, "url": url, "name": "N", "status": "active", **members}
