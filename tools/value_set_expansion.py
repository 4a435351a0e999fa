"""Expand value sets to plain lists of codes by system, as far as the packages hold the code systems.

Specification: https://hl7.org/fhir/R4/valueset.html#expansion (compose only: include, exclude, filters
`is-a`, `descendent-of` and `is-not-a` on the hierarchy). Anything else is reported, never guessed.
"""

from typing import Any

Codes = dict[str, set[str]]

ALL = "*"
"""Stands for every code of a system that is only known by its rules."""


class NotExpandable(Exception):
    """The value set cannot be listed from the packages; the message says why."""


class Expander:
    """Value sets and code systems of some packages; earlier ones win over later ones."""

    def __init__(
        self, resources: list[dict[str, Any]], listed: dict[str, set[str]], by_rule: frozenset[str] = frozenset()
    ) -> None:
        """`resources`: CodeSystem and ValueSet resources. `listed`: code systems known as plain lists.

        `by_rule`: code systems that are checked by a grammar; all of their codes appear as ALL.
        """
        self._systems: dict[str, dict[str, Any]] = {}
        self._sets: dict[str, dict[str, Any]] = {}
        self._listed = listed
        self._by_rule = by_rule
        for resource in resources:
            url = resource.get("url")
            if url and resource["resourceType"] == "CodeSystem":
                self._systems.setdefault(url, resource)
            elif url and resource["resourceType"] == "ValueSet":
                self._sets.setdefault(url, resource)

    def expand(self, canonical: str, seen: frozenset[str] = frozenset()) -> Codes:
        """All codes of the value set by system. Raises NotExpandable."""
        url = canonical.partition("|")[0]
        if url in seen:
            raise NotExpandable(f"{url} includes itself")
        value_set = self._sets.get(url)
        if value_set is None:
            raise NotExpandable("the value set is in none of the packages")
        compose = value_set.get("compose", {})
        codes: Codes = {}
        for include in compose.get("include", []):
            for system, found in self._selected(include, seen | {url}).items():
                codes.setdefault(system, set()).update(found)
        for exclude in compose.get("exclude", []):
            for system, found in self._selected(exclude, seen | {url}).items():
                codes.get(system, set()).difference_update(found)
        if not any(codes.values()):
            raise NotExpandable("the value set lists no codes")
        return codes

    def _selected(self, part: dict[str, Any], seen: frozenset[str]) -> Codes:
        imported = [self.expand(url, seen) for url in part.get("valueSet", [])]
        system = part.get("system")
        if system:
            chosen: Codes = {system: self._of_system(system, part)}
            imported.insert(0, chosen)
        elif not imported:
            raise NotExpandable("a part of the value set names neither a system nor a value set")
        result = imported[0]
        for other in imported[1:]:
            result = {name: codes & other.get(name, set()) for name, codes in result.items()}
        return result

    def _of_system(self, system: str, part: dict[str, Any]) -> set[str]:
        if "concept" in part:
            return {concept["code"] for concept in part["concept"]}
        if system in self._by_rule and "filter" not in part:
            return {ALL}
        if system in self._listed:
            if "filter" in part:
                raise NotExpandable(f"a filter on {system}")
            return set(self._listed[system])
        code_system = self._systems.get(system)
        if code_system is None or code_system.get("content") != "complete":
            raise NotExpandable(f"the codes of {system} are in none of the packages")
        parents = _parents(code_system)
        codes = set(parents)
        for rule in part.get("filter", []):
            if rule["property"] != "concept" or rule["op"] not in ("is-a", "descendent-of", "is-not-a"):
                raise NotExpandable(f"the filter {rule['property']} {rule['op']} on {system}")
            below = _descendants(parents, rule["value"])
            if rule["op"] == "is-not-a":
                codes -= below | {rule["value"]}
            else:
                codes &= below | ({rule["value"]} if rule["op"] == "is-a" else set())
        return codes


def _parents(code_system: dict[str, Any]) -> dict[str, set[str]]:
    """Code -> codes directly above it, from nesting and from `subsumedBy`/`parent` properties."""
    parents: dict[str, set[str]] = {}

    def walk(concepts: list[dict[str, Any]], above: str | None) -> None:
        for concept in concepts:
            mine = parents.setdefault(concept["code"], set())
            if above is not None:
                mine.add(above)
            for value in concept.get("property", []):
                if value["code"] in ("subsumedBy", "parent") and "valueCode" in value:
                    mine.add(value["valueCode"])
            walk(concept.get("concept", []), concept["code"])

    walk(code_system.get("concept", []), None)
    return parents


def _descendants(parents: dict[str, set[str]], root: str) -> set[str]:
    found: set[str] = set()
    grown = True
    while grown:
        more = {code for code, above in parents.items() if code not in found and above & (found | {root})}
        grown = bool(more)
        found |= more
    return found
