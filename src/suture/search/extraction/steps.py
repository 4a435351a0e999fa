"""Routes: the typed ways through the JSON of a resource that search expressions become.

A route is plain data, made by `routes`, compared to find parameters that mean the same, and turned into code
by `indexer_source`.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from suture.fhir.definitions import Element

Test = Callable[[Any], bool | None]


class Child(msgspec.Struct, frozen=True):
    """Go to the JSON member `name`; into each item when it `repeats`, or into only the item at `index`."""

    name: str
    repeats: bool = False
    index: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two steps the same."""
        return ("child", self.name, self.repeats, self.index)


class Where(msgspec.Struct, frozen=True):
    """Go on only where `test` is True. `equals`: (member, text) when the test is just that comparison."""

    text: str
    test: Test
    equals: tuple[str, str] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two steps the same."""
        return ("where", self.text)


class Compute(msgspec.Struct, frozen=True):
    """Replace the value by the boolean that `test` gives; nothing when it gives None."""

    text: str
    test: Test

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two steps the same."""
        return ("compute", self.text)


class First(msgspec.Struct, frozen=True):
    """`first()`: stands at the beginning of every route of the collection, and with `ends` at its end.

    Only the first value that arrives at an end passes. `text` names the collection.
    """

    text: str
    ends: bool

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two steps the same."""
        return ("first", self.text, self.ends)


Step = Child | Where | Compute | First


class Route(msgspec.Struct, frozen=True):
    """One way from the resource to values of one datatype.

    `type`: datatype of the values, `Resource` for whole resources. `only`: types that a reference must lead to
    (`resolve() is …`), empty for any. `targets`: types that the element's definition allows. `value_set`: of a
    required binding. `single`: at most one value. `fields`: the elements below a value.
    """

    steps: tuple[Step, ...]
    type: str
    only: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    value_set: str = ""
    single: bool = True
    fields: tuple[Element, ...] = ()

    @property
    def path(self) -> tuple[tuple[Any, ...], ...]:
        """The steps, as something to compare and to hash."""
        return tuple(step.key for step in self.steps)

    def then(self, *steps: Step) -> "Route":
        """This route with more steps."""
        return msgspec.structs.replace(self, steps=self.steps + steps)
