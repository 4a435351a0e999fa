"""How a stored concept is written: a short array in MessagePack, which becomes a `Concept` in some microseconds.

What concepts of one version have in common (declared properties, languages and uses of designations) is written once,
in the version's description; concepts refer to it by place.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from suture.terminology.systems import Concept, Designation, Head, Json, Property

ABSTRACT, INACTIVE = 1, 2


class Term(msgspec.Struct, array_like=True, frozen=True):
    """A SNOMED CT description. `flags`: 1 active, 2 an inactive concept's term that is still shown.

    `dialects`: (language reference set, acceptability) pairs, both SCTIDs, active ones only.
    """

    id: int
    term: str
    language: str
    type: int
    active: bool
    module: int
    time: int
    dialects: tuple[tuple[int, int], ...] = ()


class Body(msgspec.Struct, array_like=True, omit_defaults=True):
    """A concept. `flags`: ABSTRACT | INACTIVE. `properties`: (place of the declared property, value as text); a Coding
    is system, code and display between tabs.

    `designations`: (value, place of the language, place of the use). `relations`: (attribute, target, group), the
    target a code, or a concrete value that begins with # or a quotation mark. `terms`: SNOMED CT's descriptions.
    """

    code: str
    display: str = ""
    flags: int = 0
    status: str = ""
    definition: str = ""
    properties: Sequence[tuple[int, str]] = ()
    designations: Sequence[tuple[str, int, int]] = ()
    relations: Sequence[tuple[str, str, int]] = ()
    terms: Sequence[Term] = ()


class Description(msgspec.Struct, omit_defaults=True):
    """What a version says of itself. `size`: concepts. `kind`: the format it came from. `labels`: (version, date …) to
    show. `languages`, `uses`: what designations refer to; the first of each means that nothing is said.
    """

    head: Head
    kind: str
    size: int = 0
    languages: Sequence[str] = ("",)
    uses: Sequence[Json | None] = (None,)
    files: Sequence[str] = ()
    values: dict[str, Any] = {}


encode_body = msgspec.msgpack.Encoder().encode
decode_body = msgspec.msgpack.Decoder(Body).decode
encode_description = msgspec.msgpack.Encoder().encode
decode_description = msgspec.msgpack.Decoder(Description).decode

_TYPES = {
    "code": "Code", "Coding": "Coding", "string": "String", "integer": "Integer", "boolean": "Boolean",
    "dateTime": "DateTime", "decimal": "Decimal",
}  # fmt: skip


def _coding(text: str) -> Json:
    named = zip(("system", "code", "display"), text.split("\t"), strict=False)
    return {name: part for name, part in named if part}


_READ: dict[str, Callable[[str], Any]] = {
    "integer": int, "boolean": "true".__eq__, "decimal": Decimal, "Coding": _coding,
}  # fmt: skip


class Reader:
    """Makes concepts of the bodies of one version."""

    def __init__(self, description: Description) -> None:
        self._languages = description.languages
        self._uses = description.uses
        self._declared = [
            (declared.code, _TYPES.get(declared.type, "String"), _READ.get(declared.type, str))
            for declared in description.head.properties
        ]

    def concept(self, number: int, body: Body) -> Concept:
        """The concept as the rest of the room sees it."""
        languages, uses, properties = self._languages, self._uses, list[Property]()
        for place, text in body.properties:
            code, type, read = self._declared[place]
            properties.append(Property(code, read(text), type))
        return Concept(
            number,
            body.code,
            body.display,
            body.definition,
            body.flags & ABSTRACT != 0,
            body.flags & INACTIVE != 0,
            body.status,
            [Designation(value, languages[language], uses[use]) for value, language, use in body.designations],
            properties,
        )
