"""Discriminator paths: the part of FHIRPath that may tell slices apart.

Specification: https://hl7.org/fhir/R4/profiling.html#discriminator: element names, `$this`, `resolve()`,
`extension(url)`, `ofType(type)`. The one thing to know: the same steps are taken twice, through definitions when a
profile is compiled, and through values when an element is looked at.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from suture.fhir.profiles.branches import Unusable
from suture.fhir.profiles.spots import Spot, spots_at
from suture.fhir.rules.questions import Unknown

if TYPE_CHECKING:
    from suture.fhir.profiles.walk import Walk

MAX_STEPS = 30


class Step(NamedTuple):
    """`kind`: child | resolve | extension | type; `name`: the element, URL or type; "" for resolve."""

    kind: Literal["child", "resolve", "extension", "type"]
    name: str


_STEP = re.compile(
    r"""\s*(?:
    (?P<this>\$this) | (?P<resolve>resolve\(\s*\)) |
    extension\(\s*(?P<q>['"])(?P<url>[^'"]*)(?P=q)\s*\) |
    (?:ofType|as)\(\s*(?:FHIR\.)?(?P<type>[A-Za-z]+)\s*\) |
    `?(?P<child>[A-Za-z][A-Za-z0-9]*)(?:\[x\])?`?
    )\s*(?:\.|$)""",
    re.VERBOSE,
)


def parse_steps(path: str) -> tuple[Step, ...]:
    """The steps of a discriminator path. Raises Unusable for anything that a discriminator may not be."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= MAX_STEPS:
            raise Unusable(f"{path[:100]!r} is not a discriminator path.")
        at = found.end()
        if found["resolve"]:
            steps.append(Step("resolve", ""))
        elif found["url"] is not None:
            steps.append(Step("extension", found["url"]))
        elif found["type"]:
            steps.append(Step("type", found["type"]))
        elif found["child"]:
            steps.append(Step("child", found["child"]))
    return tuple(steps)


def follow(walk: "Walk", spot: Spot, steps: tuple[Step, ...]) -> list[Spot]:
    """The values that the steps lead to; what cannot be resolved leads nowhere."""
    spots = [spot]
    for step in steps:
        spots = [below for above in spots for below in _follow(walk, above, step)]
    return spots


def _follow(walk: "Walk", spot: Spot, step: Step) -> list[Spot]:
    if step.kind == "child":
        return children(walk, spot, step.name)
    if step.kind == "extension":
        found = spots_at(spot, "extension", "Extension", "extension", "")
        return [s for s in found if isinstance(s.value, dict) and s.value.get("url") == step.name]
    if step.kind == "type":
        return [spot] if spot.type == step.name or (not spot.type and _is(spot.value, step.name)) else []
    reference = spot.value.get("reference") if isinstance(spot.value, dict) else spot.value
    target = walk.resolve(spot, reference) if isinstance(reference, str) else None
    return [target] if isinstance(target, Spot) and not isinstance(target, Unknown) else []


def _is(value: Any, type: str) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == type


def children(walk: "Walk", spot: Spot, name: str) -> list[Spot]:
    """The values of the element `name` below a value; of a choice, whatever its type is."""
    members: Mapping[str, Any] = spot.members
    if name in members or "_" + name in members:
        return [_typed(below) for below in spots_at(spot, name, "", name, "")]
    found: list[Spot] = []
    for key in members:
        plain = key.removeprefix("_")
        tail = plain[len(name) :]
        if plain.startswith(name) and tail[:1].isupper() and (plain == key or plain not in members):
            found += spots_at(spot, plain, walk.book.type_of_tail(tail), name, "")
    return found


def _typed(spot: Spot) -> Spot:
    """A value whose type shows in itself: a resource."""
    if isinstance(spot.value, dict) and isinstance(spot.value.get("resourceType"), str):
        spot.type = spot.value["resourceType"]
    return spot
