"""_summary and _elements: parts of a resource, marked as such.

Specification: https://hl7.org/fhir/R4/search.html#summary and #elements. The one thing to know: a part carries the
tag SUBSETTED, so that nobody takes it for the whole; a resource is decoded only when a part is asked for.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from suture.api.http import Request
from suture.api.services import Model
from suture.api.shapes import as_array, as_object
from suture.api.summaries import Summaries, Tree, json_name
from suture.fhir import json
from suture.fhir.definitions import Element
from suture.fhir.outcomes import Invalid

SUBSETTED: Mapping[str, str] = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}

SUMMARIES = ("true", "text", "data", "count", "false")

_ALWAYS = ("resourceType", "id", "meta", "implicitRules")


class Subset:
    """Which part of each resource is wanted.

    `included`: whether the part is also taken of resources that a search only includes.
    """

    def __init__(self, keep: Callable[[str], Tree | None], *, included: bool, without: tuple[str, ...] = ()) -> None:
        self._keep = keep
        self._without = without
        self.included = included

    def apply(self, body: bytes) -> bytes:
        """The wanted part of a resource, tagged SUBSETTED."""
        resource: dict[str, Any] = json.reread(body)
        tree = self._keep(resource["resourceType"])
        part = {k: v for k, v in resource.items() if k not in self._without} if tree is None else _prune(resource, tree)
        for name in _ALWAYS:
            if name in resource:
                part[name] = resource[name]
        meta = dict(part.get("meta", {}))
        meta["tag"] = [*meta.get("tag", ()), SUBSETTED]
        first = {name: part.pop(name) for name in ("resourceType", "id") if name in part}
        part.pop("meta", None)
        return json.encode({**first, "meta": meta, **part})


def subset_of(request: Request, model: Model, type: str = "") -> Subset | None:
    """The part that the parameters `_summary` and `_elements` ask for; None for whole resources.

    `type`: the one resource type of the result, or "" when there may be several. Raises Invalid.
    """
    return subset_from(request.pairs, model, type)


def subset_from(pairs: Iterable[tuple[str, str]], model: Model, type: str = "") -> Subset | None:
    """As `subset_of`, from decoded parameters."""
    summary, names = "", list[str]()
    for name, value in pairs:
        if name == "_summary":
            summary = value
        elif name == "_elements":
            names += [part.strip() for part in value.split(",") if part.strip()]
    if summary and summary not in SUMMARIES:
        raise Invalid(f"_summary is one of {', '.join(SUMMARIES)}, not {summary[:40]!r}.")
    if names and summary not in ("", "false"):
        raise Invalid("_summary and _elements cannot be combined.")
    if names:
        return _elements(names, model.summaries, type)
    summaries = model.summaries
    match summary:
        case "true":
            return Subset(summaries.marked, included=True)
        case "text":
            return Subset(lambda of: _mandatory(summaries.elements(of), {"text": None}), included=True)
        case "data":
            return Subset(lambda of: None, included=True, without=("text",))
        case _:
            return None


def _elements(names: list[str], summaries: Summaries, type: str) -> Subset:
    wanted: dict[str, set[str]] = {}
    for name in names:
        owner, dot, element = name.partition(".")
        owner, element = (owner, element) if dot and owner[:1].isupper() else ("", name)
        wanted.setdefault(owner, set()).add(element.partition(".")[0])
    known = {_base_name(element) for element in summaries.elements(type)}
    for name in sorted(wanted.get("", set()) | wanted.get(type, set())) if known else ():
        if name not in known:
            nearest = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise Invalid(f"_elements: {type} has no element {name[:80]!r}.{hint}")

    def keep(of: str) -> Tree | None:
        chosen = wanted.get("", set()) | wanted.get(of, set())
        elements = summaries.elements(of)
        tree = _mandatory(elements, {})
        for element in elements:
            if _base_name(element) in chosen or element.is_modifier:
                tree.update(dict.fromkeys(_names(element), None))
        return tree

    return Subset(keep, included=bool(wanted.keys() - {""}))


def _mandatory(elements: Iterable[Element], tree: Tree) -> Tree:
    for element in elements:
        if element.min > 0:
            tree.update(dict.fromkeys(_names(element), None))
    return tree


def _base_name(element: Element) -> str:
    return element.name.removesuffix("[x]")


def _names(element: Element) -> list[str]:
    return [json_name(element, type.code) for type in element.types] or [element.name]


def _prune(value: dict[str, Any], tree: Tree) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, item in value.items():
        bare = name.removeprefix("_")
        if bare not in tree:
            continue
        below = tree[bare]
        kept[name] = item if below is None or name != bare else _prune_item(item, below)
    return {name: item for name, item in kept.items() if item not in ({}, [], [{}])}


def _prune_item(item: Any, tree: Tree) -> Any:
    if (items := as_array(item)) is not None:
        return [_prune_item(one, tree) for one in items]
    node = as_object(item)
    return item if node is None else _prune(node, tree)
