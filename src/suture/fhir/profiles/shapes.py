"""What is looked at below an object: its members with their checks, and the elements that a profile counts or slices.

The one thing to know: `Shape` walks over what is there (the rules of types hold for every value), `Group` looks for
one element (a profile also says what must be there).
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from suture.fhir.profiles.slicing import Slicing
from suture.fhir.profiles.spots import Spot, spots_at
from suture.fhir.profiles.walk import Check, Pass, Walk, quick_pass


class Member(NamedTuple):
    """One JSON member of a type. `name`, `element`: of the element, in FHIRPath and in its definition."""

    type: str
    name: str
    element: str
    checks: tuple[Check, ...]


class Shape:
    """The members of one type of object. It is made first and filled afterwards, since types hold themselves.

    Most values of a resource pass without a closer look: those of a resource itself are tried first.
    """

    __slots__ = ("_extension", "_is_resource", "_members", "_table", "_tests", "_unsure")

    def __init__(self, extension: Check, *, is_resource: bool) -> None:
        """`extension`: the check of one Extension, for those on primitives."""
        self._members: Mapping[str, Member] = {}
        self._table: dict[str, Member] = {}
        self._tests: dict[str, Pass] = {}
        self._unsure: frozenset[str] = frozenset()
        self._extension = extension
        self._is_resource = is_resource

    def fill(self, members: Mapping[str, Member]) -> None:
        """Say what may be there, by JSON key. Members without checks only matter for their extensions."""
        self._members = members
        self._table = {key: member for key, member in members.items() if member.checks}
        for key, member in self._table.items():
            test = quick_pass(member.checks)
            if test is not None:
                self._tests[key] = test
        self._unsure = frozenset("_" + key for key in members) | (self._table.keys() - self._tests.keys())

    def passes(self, value: Any) -> bool:
        """See `Check`."""
        if value.__class__ is not dict or not self._unsure.isdisjoint(value):
            return False
        get = self._tests.get
        for key, item in value.items():
            test = get(key)
            if test is None:
                continue
            if item.__class__ is dict:
                if not test(item):
                    return False
            elif item.__class__ is list:
                for one in item:
                    if one.__class__ is not dict or not test(one):
                        return False
            else:
                return False
        return True

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check the members of an object."""
        value = spot.value
        if value.__class__ is not dict:
            return
        get = self._table.get
        for key, item in value.items():
            member = get(key)
            if member is None:
                if key.startswith("_"):
                    self._beside(walk, spot, key[1:], item)
                continue
            test = self._tests.get(key) if self._is_resource else None
            type, name, element, checks = member
            sibling = value.get("_" + key)
            if item.__class__ is list:
                others = sibling if sibling.__class__ is list else None
                for number, one in enumerate(item):
                    if test is not None and one.__class__ is dict and test(one):
                        continue
                    beside = others[number] if others is not None and number < len(others) else None
                    below = Spot(one, type, name, number, spot, beside, element)
                    for check in checks:
                        check(walk, below)
            elif test is None or item.__class__ is not dict or not test(item):
                below = Spot(item, type, name, -1, spot, sibling, element)
                for check in checks:
                    check(walk, below)

    def _beside(self, walk: Walk, spot: Spot, key: str, item: Any) -> None:
        """The extensions of a primitive, and the checks of a primitive that has nothing else."""
        member = self._members.get(key)
        if member is None:
            return
        type, name, element, checks = member
        alone = key not in spot.value
        for below in spots_at(spot, key, type, name, element):
            if below.sibling is None:
                continue
            if alone:
                for check in checks:
                    check(walk, below)
            for extension in spots_at(below, "extension", "Extension", "extension", "Element.extension"):
                self._extension(walk, extension)


class Option(NamedTuple):
    """One JSON member that an element may have: a choice has one for each type."""

    key: str
    type: str
    checks: tuple[Check, ...]


class Group:
    """One element below an object, as a profile sees it: how often it occurs, what it holds, its slices.

    `minimum`, `maximum`: 0 and None where the profile asks for nothing. `label`: the profile, for messages.
    """

    __slots__ = ("_element", "_label", "_maximum", "_minimum", "_name", "_options", "_shown", "_slicing")

    def __init__(
        self,
        name: str,
        element: str,
        options: Sequence[Option],
        minimum: int,
        maximum: int | None,
        slicing: Slicing | None,
        label: str,
    ) -> None:
        self._name = name.removesuffix("[x]")
        self._shown = name
        self._element = element
        self._options = tuple(options)
        self._minimum = minimum
        self._maximum = maximum
        self._slicing = slicing
        self._label = label

    def __call__(self, walk: Walk, spot: Spot) -> None:
        """Check the element below one object."""
        found: list[Spot] = []
        members = spot.members
        for key, type, checks in self._options:
            if key in members or "_" + key in members:
                for below in spots_at(spot, key, type, self._name, self._element):
                    found.append(below)
                    for check in checks:
                        check(walk, below)
        count = len(found)
        if count < self._minimum:
            walk.error(
                spot,
                "required",
                f"At least {self._minimum} of {self._shown!r} must be there, {count} found (profile {self._label}).",
            )
        elif self._maximum is not None and count > self._maximum:
            most = f"At most {self._maximum} of {self._shown!r} may be there, {count} found"
            most = most if self._maximum else f"{self._shown!r} may not be there"
            walk.error(spot, "structure", f"{most} (profile {self._label}).")
        if self._slicing is not None:
            self._slicing(walk, spot, found)
