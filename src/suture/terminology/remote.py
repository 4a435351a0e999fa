"""Code systems that another terminology server answers for.

Specification: https://hl7.org/fhir/R4/terminology-service.html. The one thing to know: such a code system is asked code
by code, like a grammar; value sets that choose among its codes are expanded by that server, part by part.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from suture.fhir.outcomes import Invalid
from suture.terminology.content.grammars.grammar import Unlisted
from suture.terminology.problems import Problem, Refused
from suture.terminology.refusals import shown, unsupported
from suture.terminology.remote_server import RemoteServer
from suture.terminology.systems import (
    NO_NUMBER,
    Concept,
    Content,
    Designation,
    Head,
    ImplicitMap,
    Json,
    Property,
    Provider,
)
from suture.terminology.versions import newest

MAX_EXPANDED = 10_000
"""Codes of one part of a value set that are fetched."""

_SNOMED = "http://snomed.info/sct"
_SNOMED_SET = re.compile(r"(http://snomed\.info/sct(?:/\d+(?:/version/\d+)?)?)\?fhir_vs=(ecl|refset)/(.+)")


class Remote(Unlisted):
    """The `Provider` of a code system that `server` has."""

    def __init__(self, server: RemoteServer, url: str, version: str) -> None:
        super().__init__(Head(url, version))
        self._server = server

    async def concept(self, code: str) -> Concept | None:
        """The concept of a code. Raises Unavailable, and Invalid where the server does not know the code system."""
        status, answer = await self._server.ask("CodeSystem/$lookup", self._asking("system", code))
        if status == 200:
            return _concept(code, answer)
        status, answer = await self._server.ask("CodeSystem/$validate-code", self._asking("url", code))
        values = _values(answer)
        if status == 200 and values.get("result") is False and not any("unknown-system" in name for name in values):
            return None
        raise self._strange("did not say whether there is a code", answer)

    async def satisfies(self, concept: Concept, property: str, op: str, value: str) -> bool:
        """Whether a concept passes a filter. Raises as `concept` does."""
        value_set = self._value_set(None, [(property, op, value)])
        parameters = [*self._asking("system", concept.code, "systemVersion"), value_set]
        status, answer = await self._server.ask("ValueSet/$validate-code", parameters)
        values = _values(answer)
        if status != 200 or not isinstance(values.get("result"), bool):
            raise self._strange(f"did not understand the filter {shown(property)} {shown(op)} {shown(value)}", answer)
        return values["result"]

    async def subsumes(self, a: str, b: str) -> str:
        """How `a` stands to `b`. Raises as `concept` does."""
        parameters = self._named("system", "version")
        parameters += [{"name": "codeA", "valueCode": a}, {"name": "codeB", "valueCode": b}]
        status, answer = await self._server.ask("CodeSystem/$subsumes", parameters)
        outcome = _values(answer).get("outcome")
        if status != 200 or not isinstance(outcome, str):
            raise self._strange("did not say whether one code subsumes the other", answer)
        return outcome

    async def listing(self, codes: Iterable[str] | None, filters: Sequence[tuple[str, str, str]]) -> list[Concept]:
        """Those of `codes`, or of all codes, that pass the filters. Raises as `concept` does, Refused when too many."""
        parameters: list[Json] = [
            self._value_set(codes, filters),
            {"name": "count", "valueInteger": MAX_EXPANDED + 1},
            {"name": "excludeNested", "valueBoolean": True},
            {"name": "includeDesignations", "valueBoolean": True},
        ]
        status, answer = await self._server.ask("ValueSet/$expand", parameters)
        expansion: Json = answer.get("expansion") or {}
        entries = _flat(expansion.get("contains", ()))
        if _too_costly(answer) or len(entries) > MAX_EXPANDED or expansion.get("total", 0) > MAX_EXPANDED:
            text = f"The code system {shown(self.head.url)} has too many such codes to list (>{MAX_EXPANDED})"
            raise Refused(Problem("error", "too-costly", "too-costly", "VALUESET_TOO_COSTLY", text))
        if status != 200 or answer.get("resourceType") != "ValueSet":
            raise self._strange("did not list the codes of a value set", answer)
        return [_entry(one) for one in entries if one.get("system", self.head.url) == self.head.url]

    def _named(self, system: str, version: str) -> list[Json]:
        found: list[Json] = [{"name": system, "valueUri": self.head.url}]
        if self.head.version:
            found.append({"name": version, "valueString": self.head.version})
        return found

    def _asking(self, system: str, code: str, version: str = "version") -> list[Json]:
        return [*self._named(system, version), {"name": "code", "valueCode": code}]

    def _value_set(self, codes: Iterable[str] | None, filters: Sequence[tuple[str, str, str]]) -> Json:
        include: Json = {"system": self.head.url}
        if self.head.version:
            include["version"] = self.head.version
        if codes is not None:
            include["concept"] = [{"code": code} for code in codes]
        if filters:
            include["filter"] = [{"property": name, "op": op, "value": value} for name, op, value in filters]
        resource = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
        return {"name": "valueSet", "resource": resource}

    def _strange(self, what: str, answer: Json) -> Invalid:
        issues: list[Json] = answer.get("issue", [])
        texts = [str(one.get("details", {}).get("text") or one.get("diagnostics", "")) for one in issues]
        said = next((text for text in texts if text), "")
        text = f"The terminology server for {shown(self.head.url)} {what}"
        return unsupported(f"{text}: {shown(said)}" if said else f"{text}.")


class WithRemote:
    """`Content` in which other servers answer for some code systems. `servers`: by URL of the code system."""

    def __init__(self, content: Content, servers: Mapping[str, RemoteServer]) -> None:
        self._content = content
        self._servers = servers
        self._made: dict[tuple[str, str], Remote] = {}

    async def find(self, url: str, version: str | None) -> Provider | None:
        """The code system of this URL, in this version; the newest that its server names for None."""
        if url not in self._servers:
            return await self._content.find(url, version)
        known = await self.versions(url)
        if version and known and version not in known:
            return None
        key = url, version or (known[0] if known else "")
        return self._made.setdefault(key, Remote(self._servers[url], *key))

    async def versions(self, url: str) -> Sequence[str]:
        """The versions that are here; of another server those that it names, perhaps none."""
        if url not in self._servers:
            return await self._content.versions(url)
        status, answer = await self._servers[url].ask("metadata?mode=terminology")
        systems: list[Json] = answer.get("codeSystem", []) if status == 200 else []
        versions = [one for system in systems if system.get("uri") == url for one in system.get("version", ())]
        named = newest(one["code"] for one in versions if one.get("code"))
        first = [one["code"] for one in versions if one.get("code") and one.get("isDefault")]
        return [*first, *(one for one in named if one not in first)]

    async def implicit(self, url: str, version: str = "") -> Json | None:
        """The ValueSet that a code system defines by its URL."""
        found = _SNOMED_SET.fullmatch(url)
        if _SNOMED not in self._servers or found is None:
            return await self._content.implicit(url, version)
        rule = {"property": "constraint", "op": "="} if found[2] == "ecl" else {"property": "concept", "op": "in"}
        include: Json = {"system": _SNOMED, "filter": [rule | {"value": found[3]}]}
        if found[1] != _SNOMED:
            include["version"] = found[1]
        return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}

    async def implicit_map(self, url: str) -> ImplicitMap | None:
        """The ConceptMap that a code system defines by its URL; no other server is asked."""
        return await self._content.implicit_map(url)

    async def heads(self) -> Sequence[Head]:
        """All code systems that are here; nobody else is asked."""
        own = [head for head in await self._content.heads() if head.url not in self._servers]
        return [*own, *(Head(url) for url in self._servers)]


def servers_of(pairs: Iterable[str]) -> dict[str, RemoteServer]:
    """The servers of the setting `terminology_servers`, by URL of the code system: `url=base` each."""
    bases: dict[str, RemoteServer] = {}
    found: dict[str, RemoteServer] = {}
    for pair in pairs:
        url, _, base = pair.partition("=")
        found[url] = bases.setdefault(base, RemoteServer(base))
    return found


def _values(answer: Json) -> dict[str, Any]:
    """The parameters of an answer by name, the last of each, without parts."""
    return {one["name"]: _value(one) for one in answer.get("parameter", ()) if "name" in one}


def _value(element: Json) -> Any:
    return next((value for name, value in element.items() if name.startswith("value")), None)


def _concept(code: str, answer: Json) -> Concept:
    values = _values(answer)
    properties: list[Property] = []
    designations: list[Designation] = []
    for one in answer.get("parameter", ()):
        parts = {part.get("name"): part for part in one.get("part", ())}
        if one.get("name") == "designation" and "value" in parts:
            read = {name: _value(part) for name, part in parts.items()}
            designations.append(Designation(str(read["value"]), read.get("language") or "", read.get("use")))
        elif one.get("name") == "property" and "code" in parts and "value" in parts:
            name = next((name for name in parts["value"] if name.startswith("value")), "valueString")
            properties.append(Property(str(_value(parts["code"])), parts["value"].get(name), name[5:]))
    given = {one.code: one.value for one in properties}
    return Concept(
        NO_NUMBER,
        code,
        values.get("display") or "",
        values.get("definition") or str(given.get("definition", "")),
        abstract=values.get("abstract") is True,
        inactive=given.get("inactive") in (True, "true"),
        status=str(given.get("status", "")),
        designations=designations,
        properties=[one for one in properties if one.code not in ("inactive", "definition")],
    )


def _entry(one: Json) -> Concept:
    designations = [
        Designation(each["value"], each.get("language", ""), each.get("use")) for each in one.get("designation", ())
    ]
    return Concept(
        NO_NUMBER,
        one["code"],
        one.get("display", ""),
        abstract=one.get("abstract") is True,
        inactive=one.get("inactive") is True,
        designations=designations,
    )


def _flat(entries: Iterable[Json]) -> list[Json]:
    found: list[Json] = []
    waiting = list(reversed(list(entries)))
    while waiting:
        one = waiting.pop()
        waiting.extend(reversed(one.get("contains", [])))
        if "code" in one:
            found.append(one)
    return found


def _too_costly(answer: Json) -> bool:
    return any(one.get("code") == "too-costly" for one in answer.get("issue", ()))
