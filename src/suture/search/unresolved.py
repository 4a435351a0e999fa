"""Leaves of a search whose index hashes are not known until the vocabulary or the terminology has been asked.

The tables `forms` and `words` say which hashes of `tok` a form or a text means in this database; value sets and
hierarchies come from a `Terminology`. `resolving` turns every leaf of these kinds into a plain one.
"""

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from suture.search.filters import Filter
    from suture.search.parameters import Parameter


class Coded(msgspec.Struct, frozen=True):
    """A coded value.

    `fulls`: hashes of forms with system and code, which are hashes of rows and of pairs as well. `asks`: hashes of
    other forms. `direct`: row hashes of values that have no forms. `paired`: rows of pairs with the owner exist.
    """

    fulls: tuple[int, ...]
    asks: tuple[int, ...]
    direct: tuple[int, ...]
    paired: bool = False


class Worded(msgspec.Struct, frozen=True):
    """A token with a text: `text` (folded) begins it, begins a word of it, is part of it, or ends it.

    `ps`: parameters of the table `words`.
    """

    ps: tuple[int, ...]
    how: Literal["begins", "words", "contains", "ends"]
    text: str


class Terms(msgspec.Struct, frozen=True):
    """A code that belongs to a value set (`in`), or lies at, below or above a code in its hierarchy.

    `value`: the canonical of the value set, or `code` with its `system` ("" for any).
    """

    parameter: "Parameter"
    how: Literal["in", "below", "above"]
    value: str
    system: str = ""


class Together(msgspec.Struct, frozen=True):
    """A composite value: `n` hashed with a hash of each of `firsts` in their order, and at last with that of `last`.

    `firsts`: token and reference leaves. `last`: the leaf with the remaining value, None when a row of `tok` is all.
    """

    n: int
    firsts: "tuple[Filter, ...]"
    last: "Filter | None"


Unresolved = Coded | Worded | Terms | Together
