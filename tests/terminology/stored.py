"""Definitions as a server might store them, and a source that serves them."""

from collections.abc import Iterator
from typing import Any

from suture.fhir.versions import Version
from suture.terminology import Members, Terminology

Json = dict[str, Any]

ANIMALS: Json = {
    "resourceType": "CodeSystem",
    "id": "animals",
    "url": "urn:animals",
    "version": "1",
    "content": "complete",
    "property": [{"code": "kind", "type": "code", "uri": "http://hl7.org/fhir/concept-properties#parent"}],
    "concept": [
        {
            "code": "animal",
            "display": "Animal",
            "concept": [
                {
                    "code": "dog",
                    "display": "Dog",
                    "property": [{"code": "legs", "valueInteger": 4}, {"code": "tame", "valueBoolean": True}],
                    "concept": [{"code": "poodle", "property": [{"code": "legs", "valueInteger": 4}]}],
                },
                {"code": "cat", "property": [{"code": "tame", "valueBoolean": False}]},
                {"code": "dodo", "property": [{"code": "inactive", "valueBoolean": True}]},
            ],
        },
        {"code": "stone", "property": [{"code": "likes", "valueCoding": {"system": "urn:x", "code": "moss"}}]},
        {"code": "puppy", "property": [{"code": "subsumedBy", "valueCode": "dog"}]},
        {"code": "kitten", "property": [{"code": "kind", "valueCode": "cat"}]},
    ],
}


class Stored:
    """The resources of a server, in memory. `asked`: what was asked for, in order."""

    def __init__(self, *resources: Json) -> None:
        self.resources = list(resources)
        self.asked: list[str] = []
        self.changes: int | None = 0

    def replace(self, index: int, resource: Json) -> None:
        """Store another resource in place of one."""
        self.resources[index] = resource
        self.changes = (self.changes or 0) + 1

    async def generation(self) -> int | None:
        return self.changes

    async def of_url(self, type: str, url: str) -> list[Json]:
        self.asked.append(f"{type} {url}")
        return [r for r in reversed(self.resources) if (type, url) == (r["resourceType"], r.get("url"))]

    async def by_id(self, type: str, id: str) -> Json | None:
        self.asked.append(f"{type}/{id}")
        return next((r for r in self.resources if r["resourceType"] == type and r.get("id") == id), None)


class Server:
    """A terminology (R4) with its stored resources."""

    def __init__(self, *resources: Json) -> None:
        self.stored = Stored(*resources)
        self.terminology = Terminology(Version.R4)

    async def members(self, reference: str) -> Members:
        return await self.terminology.members(reference, self.stored)

    async def below(self, system: str, code: str) -> frozenset[str]:
        return await self.terminology.below(system, code, self.stored)

    async def above(self, system: str, code: str) -> frozenset[str]:
        return await self.terminology.above(system, code, self.stored)


def value_set(*includes: Json, url: str = "urn:vs", **more: Any) -> Json:
    """A ValueSet of these includes. `exclude`, `inactive`: parts of its compose; other arguments: its elements."""
    compose: Json = {"include": list(includes)}
    for name in ("exclude", "inactive"):
        if name in more:
            compose[name] = more.pop(name)
    return {"resourceType": "ValueSet", "id": url.rpartition(":")[2], "url": url, "compose": compose} | more


def filtered(op: str, value: str, name: str = "concept", system: str = "urn:animals") -> Json:
    """An include with one filter."""
    return {"system": system, "filter": [{"property": name, "op": op, "value": value}]}


class Defined:
    """Canonical resources in memory, as packages and users have them."""

    def __init__(self, *resources: Json) -> None:
        self.resources = resources

    def find(self, type: str, url: str, version: str | None = None) -> Json | None:
        url, _, wanted = url.partition("|")
        fitting = [one for one in self.all(type) if one.get("url") == url]
        return next((one for one in fitting if (version or wanted) in ("", one.get("version", ""))), None)

    def all(self, type: str) -> Iterator[Json]:
        return (one for one in self.resources if type in ("", one["resourceType"]))

    def versions(self, type: str, url: str) -> list[str]:
        return [one.get("version", "") for one in self.all(type) if one.get("url") == url]
