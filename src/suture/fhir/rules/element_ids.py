"""Ids of elements: each once in its resource, so that a reference within it leads to one element.

Specification: https://hl7.org/fhir/R4/element-definitions.html#Element.id. Resources inside have ids of their own. In a
StructureDefinition the snapshot repeats the ids of the differential.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.rules.element_paths import place
from suture.fhir.rules.seen import Seen
from suture.fhir.rules.shapes import Json

_INDEX = re.compile(r"\[[0-9]+\]")


def unique_ids(seen: Seen) -> Iterable[Issue]:
    """No two elements of a resource have the same id."""
    if seen.type == "StructureDefinition" or not _repeats_an_id(seen.value):
        return
    met: set[str] = set()
    stack: list[tuple[str, Any]] = [("", seen.value)]
    while stack:
        path, item = stack.pop()
        if type(item) is list:
            items = cast("list[Any]", item)
            stack.extend((f"{path}[{number}]", items[number]) for number in range(len(items) - 1, -1, -1))
        elif type(item) is dict and (not path or "resourceType" not in item):
            members = cast("Json", item)
            id = members.get("id") if path else None
            if id is not None and isinstance(id, str):
                if id in met:
                    yield seen.error("invalid", f"Two elements have the id {shown(id)}.", _location(seen, path))
                met.add(id)
            below = f"{path}." if path else ""
            stack.extend((below + key, member) for key, member in reversed(members.items()))


def _repeats_an_id(resource: Json) -> bool:
    """The same without the places, which hardly any resource needs."""
    met: set[str] = set()
    stack: list[Any] = list(resource.values())
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack.extend(cast("list[Any]", item))
        elif type(item) is dict and "resourceType" not in item:
            members = cast("Json", item)
            id = members.get("id")
            if id is not None and isinstance(id, str):
                if id in met:
                    return True
                met.add(id)
            stack.extend(members.values())
    return False


def _location(seen: Seen, path: str) -> str:
    """The FHIRPath location of what has a JSON path: a choice is named without its type."""
    definitions = seen.scene.definitions
    above, names = seen.type, list[str]()
    for name in path.split("."):
        name = name.removeprefix("_")
        plain = _INDEX.sub("", name)
        above = f"{above}.{plain}"
        found = place(definitions, above) if seen.type in definitions.structures else None
        if found is not None and found.element is not None and found.element.is_choice:
            name = name.replace(plain, found.element.name.removesuffix("[x]"), 1)
        names.append(name)
    return ".".join(names)
