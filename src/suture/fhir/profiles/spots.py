"""Where the walk is: a value of a resource with its type and its place.

The one thing to know: a place is a link to the value above, and becomes text only for a message. Locations are
FHIRPath, as everywhere in Suture: `Observation.value` for `valueQuantity`, `Bundle.entry[2].resource.name[0]`.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping
from typing import Any

from suture.fhir.rules.seen import Scene, Seen

_NOTHING: Mapping[str, Any] = {}


class Spot:
    """One value.

    `type`: its FHIR type code (a resource's name; `BackboneElement` or `Element` for nested elements). `element`: its
    path in the definition of the type that declares it. `sibling`: id and extensions of a primitive. `index`: its
    place in an array, -1 for what does not repeat. `up`: the value that holds it, None for the resource judged.
    """

    __slots__ = ("_seen", "element", "index", "name", "sibling", "type", "up", "value")

    def __init__(
        self,
        value: Any,
        type: str,
        name: str,
        index: int = -1,
        up: "Spot | None" = None,
        sibling: Any = None,
        element: str = "",
    ) -> None:
        self.value = value
        self.type = type
        self.name = name
        self.index = index
        self.up = up
        self.sibling = sibling
        self.element = element
        self._seen: Seen | None = None

    @property
    def path(self) -> str:
        """Its FHIRPath location."""
        parts: list[str] = []
        spot: Spot | None = self
        while spot is not None:
            parts.append(spot.name if spot.index < 0 else f"{spot.name}[{spot.index}]")
            spot = spot.up
        parts.reverse()
        return ".".join(parts)

    @property
    def members(self) -> Mapping[str, Any]:
        """The JSON members below: those of an object, or the id and extensions of a primitive."""
        if isinstance(self.value, dict):
            return self.value
        return self.sibling if isinstance(self.sibling, dict) else _NOTHING

    def seen(self, scene: Scene) -> Seen:
        """The same for the rules of `suture.fhir.rules`."""
        found = self._seen
        if found is None:
            above = self.up.seen(scene) if self.up is not None else None
            found = self._seen = Seen(self.value, self.path, self.type, self.element, above, scene, self.sibling)
        return found


def spots_at(up: Spot, key: str, type: str, name: str, element: str) -> list[Spot]:
    """The values of one JSON member of `up` (and of `_key` beside it), each with its place."""
    members = up.members
    value, sibling = members.get(key), members.get("_" + key)
    if isinstance(value, list):
        others: list[Any] = sibling if isinstance(sibling, list) else []
        return [
            Spot(item, type, name, number, up, others[number] if number < len(others) else None, element)
            for number, item in enumerate(value)
        ]
    if value is not None:
        return [Spot(value, type, name, -1, up, sibling, element)]
    if isinstance(sibling, list):
        return [Spot(None, type, name, number, up, item, element) for number, item in enumerate(sibling)]
    return [Spot(None, type, name, -1, up, sibling, element)] if sibling is not None else []
