"""A judge of R4 (or another version) for tests, with profiles and value sets that a test writes down."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.outcomes import Issue
from suture.fhir.profiles import Answer, Context, Judge
from suture.fhir.rules import Coded
from suture.fhir.rules.questions import UNKNOWN, Filtered, Operated, Subsumption, Unknown
from suture.fhir.versions import Version

Json = dict[str, Any]

BASE = "http://hl7.org/fhir/StructureDefinition/"
HERE = "http://example.org/StructureDefinition/"


def element(path: str, *, slice: str = "", **facts: Any) -> Json:
    """One element of a differential; `slice`: its sliceName."""
    return {"path": path, **({"sliceName": slice} if slice else {}), **facts}


def profile(name: str, type: str, *elements: Json, **facts: Any) -> Json:
    """A profile without a snapshot."""
    return {
        "resourceType": "StructureDefinition",
        "url": HERE + name,
        "name": name,
        "status": "active",
        "kind": "resource",
        "abstract": False,
        "type": type,
        "baseDefinition": BASE + type,
        "derivation": "constraint",
        "differential": {"element": list(elements)},
        **facts,
    }


class Shelf:
    """Conformance resources of a test."""

    def __init__(self, resources: Iterable[Json]) -> None:
        self._resources = list(resources)

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        plain, _, tail = url.partition("|")
        wanted = version or tail
        for one in self._resources:
            if one["url"] == plain and type in ("", one["resourceType"]) and wanted in ("", one.get("version")):
                return one
        return None

    def all(self, type: str) -> Iterator[Json]:
        return (one for one in self._resources if one["resourceType"] == type)


class Oracle:
    """Knows the value sets and resources of a test. `codes`: value set -> its codes."""

    generation: object = None

    def __init__(self, codes: dict[str, set[str]] | None = None, resources: dict[str, Json] | None = None) -> None:
        self._codes = codes or {}
        self._resources = resources or {}
        self.asked: list[Coded] = []

    async def member(self, question: Coded) -> Answer:
        self.asked.append(question)
        await asyncio.sleep(0)
        codes = self._codes.get(question.value_set)
        return Answer(None, "nobody knows") if codes is None else Answer(question.code in codes)

    async def resolve(self, reference: str) -> Json | Unknown | None:
        return self._resources.get(reference, UNKNOWN)

    async def filter(self, question: Filtered) -> str:
        return ""

    async def subsumes(self, question: Subsumption) -> bool | None:
        return None

    async def operate(self, question: Operated) -> Any:
        return UNKNOWN


@cache
def engine(version: Version) -> Engine:
    return Engine(load(version))


def judge(*resources: Json, version: Version = Version.R4) -> Judge:
    return Judge(load(version), Shelf(resources), engine(version))


def issues(
    resource: Json,
    *definitions: Json,
    profiles: Sequence[str] = (),
    oracle: Oracle | None = None,
    version: Version = Version.R4,
    **context: Any,
) -> list[Issue]:
    """Everything that the judge says; without `profiles` the first definition is the profile."""
    urls = profiles or [one["url"] for one in definitions[:1]]
    around = Context(oracle=oracle or Oracle(), **context)
    return asyncio.run(judge(*definitions, version=version).issues(resource, profiles=urls, context=around))


def errors(resource: Json, *definitions: Json, **how: Any) -> list[tuple[str, str]]:
    """(location, text) of the errors."""
    found = issues(resource, *definitions, **how)
    return [(issue.expression, issue.diagnostics) for issue in found if issue.severity in ("error", "fatal")]


def places(resource: Json, *definitions: Json, **how: Any) -> list[str]:
    """Where the errors are."""
    return [place for place, _ in errors(resource, *definitions, **how)]


def observation(**elements: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


def patient(**elements: Any) -> Json:
    return {"resourceType": "Patient", **elements}


def coded(code: str, system: str = "http://x.org/codes") -> Json:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}
