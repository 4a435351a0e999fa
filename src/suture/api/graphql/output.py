"""The answer while it is being built: objects with slots, each of which takes values until the query is done.

Specification: https://hl7.org/fhir/R4/graphql.html#flattening. The one thing to know: whether a slot becomes a list is
decided by the element and the directives around it, not by how many values it got; what got none is left out.
"""

from typing import Any, NamedTuple

import msgspec

from suture.api.graphql.faults import Fault, Path, QueryError


class Slot:
    """One name in an object of the answer, with the values it got.

    `several`: it is a list. `singleton`: more than one value is an error. `type`: of the values, when they are gathered
    from several objects (@flatten) and so must be of one type.
    """

    __slots__ = ("place", "several", "singleton", "type", "values")

    def __init__(self, several: bool, singleton: bool, place: tuple[int, int] | None) -> None:
        self.several = several
        self.singleton = singleton
        self.place = place
        self.type = ""
        self.values: list[Any] = []


class Output:
    """One object of the answer. `path`: where it stands in the answer."""

    __slots__ = ("path", "slots")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slots: dict[str, Slot] = {}

    def slot(self, name: str, several: bool, singleton: bool, place: tuple[int, int] | None) -> Slot:
        """The slot called `name`; it is a list as soon as one of the fields that fill it is."""
        slot = self.slots.get(name)
        if slot is None:
            slot = self.slots[name] = Slot(several, singleton, place)
        else:
            slot.several = slot.several or several
        return slot

    def rendered(self) -> dict[str, Any]:
        """The object as JSON values. Raises QueryError for a singleton with several values."""
        return {name: self._value(name, slot) for name, slot in self.slots.items() if slot.values}

    def _value(self, name: str, slot: Slot) -> Any:
        if slot.singleton and len(slot.values) > 1:
            text = f"@singleton: {name} has {len(slot.values)} values."
            raise QueryError([Fault(text, "multiple-matches", slot.place, (*self.path, name))], 422)
        values = [value.rendered() if isinstance(value, Output) else value for value in slot.values]
        return values if slot.several or len(values) > 1 else values[0]


class Spot(NamedTuple):
    """Where fields are written. `several`: a flattened list is around, so that each becomes a list. `suffix`: of the
    names, from @slice. `gathered`: values of several objects come together here."""

    output: Output
    several: bool = False
    suffix: str = ""
    gathered: bool = False


class Around(msgspec.Struct, frozen=True):
    """The resource that elements belong to.

    `container`: the resource whose contained ones `#id` means. `stored`: it was read by its type and id, so others may
    refer to it. `results`: there is no resource around yet; the resources inside are what was read or found.
    """

    resource: dict[str, Any]
    container: dict[str, Any]
    stored: bool = False
    results: bool = False


RESULTS = Around({}, {}, results=True)
