"""A code system as a graph: its codes, what is directly above and below each, and their properties.

Specification: https://hl7.org/fhir/R4/codesystem.html#hierarchy. The one thing to know: nested concepts subsume each
other unless `hierarchyMeaning` says that they are only grouped or parts; the properties parent, child and subsumedBy
always do.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from suture.terminology.refusals import shown, too_large, unknown

MAX_CONCEPTS = 100_000
"""Concepts of one stored code system."""

Json = dict[str, Any]

_SUBSUMING = (None, "is-a", "classified-with")
_UPWARD = ("parent", "subsumedBy")
_PROPERTY_URI = "http://hl7.org/fhir/concept-properties#"
# Properties that every code has: false where nothing is said.
_FALSE_BY_DEFAULT = ("inactive", "notSelectable")


class CodeSystem:
    """The codes of one CodeSystem resource.

    `complete`: all of the system's codes are in it (else some: a fragment). `codes`: in the order of the resource.
    """

    __slots__ = ("_children", "_folded", "_parents", "_properties", "complete", "url")

    def __init__(self, resource: Json) -> None:
        """`resource`: a CodeSystem of content complete or fragment. Raises TooCostly when it is too large."""
        self.url: str = resource["url"]
        self.complete = resource.get("content") == "complete"
        self._parents: dict[str, dict[str, None]] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._properties: dict[str, dict[str, list[str]]] = {}
        upward, downward = _hierarchy_properties(resource)
        nested = resource.get("hierarchyMeaning") in _SUBSUMING
        for concept, above in _walk(resource.get("concept", []), self.url):
            code: str = concept["code"]
            self._parents.setdefault(code, {})
            self._properties[code] = properties = _properties(concept)
            edges = [(above, code)] if nested and above is not None else []
            edges += [(parent, code) for name in upward for parent in properties.get(name, ())]
            edges += [(code, child) for name in downward for child in properties.get(name, ())]
            for parent, child in edges:
                self._parents.setdefault(child, {})[parent] = None
                self._children.setdefault(parent, {})[child] = None
        strict = resource.get("caseSensitive") is True
        self._folded = {} if strict else {code.casefold(): code for code in self._properties}

    def __len__(self) -> int:
        return len(self._properties)

    @property
    def codes(self) -> Iterable[str]:
        return self._properties.keys()

    def code(self, text: str) -> str:
        """The code as the system writes it; without regard to case where the system has none. Raises Invalid."""
        if text in self._properties:
            return text
        found = self._folded.get(text.casefold())
        if found is None:
            content = "code system" if self.complete else "fragment of the code system"
            raise unknown(f"The {content} {shown(self.url)} has no code {shown(text)!r}.")
        return found

    def children(self, code: str) -> Iterable[str]:
        """The codes directly below."""
        return self._children.get(code, {}).keys()

    def parents(self, code: str) -> Iterable[str]:
        """The codes directly above."""
        return self._parents.get(code, {}).keys()

    def descendants(self, code: str) -> frozenset[str]:
        """All codes that `code` subsumes, without itself (unless the hierarchy runs in a circle)."""
        return _reached(code, self._children)

    def ancestors(self, code: str) -> frozenset[str]:
        """All codes that subsume `code`, without itself (unless the hierarchy runs in a circle)."""
        return _reached(code, self._parents)

    def values(self, code: str, name: str) -> list[str]:
        """The values of a property of a code, as texts: code, display, definition, designation, parent, child or one
        that the code system defines.
        """
        match name:
            case "code" | "concept":
                return [code]
            case "parent":
                return list(self.parents(code))
            case "child":
                return list(self.children(code))
            case _:
                default = ["false"] if name in _FALSE_BY_DEFAULT else []
                return self._properties[code].get(name, default)

    def has(self, name: str) -> bool:
        """Whether any code here has a value of this property, so that asking for it makes sense."""
        if name in ("code", "concept", "parent", "child", *_FALSE_BY_DEFAULT):
            return True
        return any(name in properties for properties in self._properties.values())

    def is_active(self, code: str) -> bool:
        """Whether the code may still be used: not `inactive`, and no `status` that says so."""
        properties = self._properties.get(code, {})
        return "true" not in properties.get("inactive", ()) and not {"inactive", "retired"}.intersection(
            properties.get("status", ())
        )


def _walk(concepts: list[Json], url: str) -> Iterator[tuple[Json, str | None]]:
    """Every concept with the code of the one that it is nested in."""
    waiting: list[tuple[Json, str | None]] = [(concept, None) for concept in reversed(concepts)]
    count = 0
    while waiting:
        concept, above = waiting.pop()
        if "code" not in concept:
            continue  # an element of which only extensions are known
        count += 1
        if count > MAX_CONCEPTS:
            raise too_large(f"The code system {shown(url)} has too many concepts", MAX_CONCEPTS)
        yield concept, above
        waiting.extend((inner, concept["code"]) for inner in reversed(concept.get("concept", [])))


def _hierarchy_properties(resource: Json) -> tuple[list[str], list[str]]:
    """The names of the properties that lead up and down, by their usual names and by what the system declares."""
    upward: list[str] = [*_UPWARD]
    downward = ["child"]
    for declared in resource.get("property", []):
        code, uri = declared.get("code"), declared.get("uri")
        if uri == _PROPERTY_URI + "parent" and code and code not in upward:
            upward.append(code)
        elif uri == _PROPERTY_URI + "child" and code and code not in downward:
            downward.append(code)
    return upward, downward


def _properties(concept: Json) -> dict[str, list[str]]:
    """The properties of a concept as texts, with its display, definition and designations."""
    found: dict[str, list[str]] = {}
    for one in concept.get("property", []):
        value = next((value for name, value in one.items() if name.startswith("value")), None)
        if value is not None and "code" in one:
            found.setdefault(one["code"], []).append(_text(value))
    for name in ("display", "definition"):
        if name in concept:
            found.setdefault(name, []).append(concept[name])
    designations = [one["value"] for one in concept.get("designation", []) if "value" in one]
    return found | {"designation": designations} if designations else found


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(cast(Json, value).get("code", "") if isinstance(value, dict) else value)


def _reached(start: str, edges: Mapping[str, Mapping[str, None]]) -> frozenset[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for code in edges.get(waiting.pop(), {}):
            if code not in found:
                found.add(code)
                waiting.append(code)
    return frozenset(found)
