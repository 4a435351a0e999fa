"""The open elements of a document that is being read: what each becomes, and where it stands."""

from collections.abc import Iterable
from typing import Any

from suture.fhir.xml.namespaces import Scope
from suture.fhir.xml.shapes import Form, Part, Root, Shape


class Frame:
    """One open element.

    `value`: what it becomes; of a primitive its id and extensions. `depth`: its level in JSON. `order`: the position
    of the last element below it. `index`: its own position when it may repeat. `ragged`: names of the repeating
    primitives below it that have siblings or lack values.
    """

    __slots__ = ("depth", "index", "order", "part", "parts", "ragged", "scope", "shape", "value")

    def __init__(self, part: Part | Root, shape: Shape, value: dict[str, Any], scope: Scope, depth: int) -> None:
        self.part = part
        self.shape = shape
        self.parts = shape.parts
        self.value = value
        self.scope = scope
        self.depth = depth
        self.index = 0
        self.order = 0
        self.ragged: set[str] | None = None

    def mark(self, name: str) -> None:
        """Remember that the values of the repeating primitive `name` are to be evened out."""
        if self.ragged is None:
            self.ragged = set()
        self.ragged.add(name)

    def even_out(self) -> None:
        """Bring values and siblings of repeating primitives to one length; leave out what is all null."""
        for name in self.ragged or ():
            values: list[Any] = self.value[name]
            siblings: list[Any] = self.value.get(f"_{name}", [])
            if siblings:
                siblings += [None] * (len(values) - len(siblings))
            if not any(value is not None for value in values):
                del self.value[name]


def location(frames: Iterable[Frame]) -> str:
    """The FHIRPath location of the last of `frames`, which are open inside of each other, such as `Patient.name[0]`."""
    pieces: list[str] = []
    for frame in frames:
        part = frame.part
        if part.form is not Form.RESOURCE:
            pieces.append(f"{part.label}[{frame.index}]" if part.many else part.label)
        elif not pieces:
            pieces.append(part.name)
    return ".".join(pieces)
