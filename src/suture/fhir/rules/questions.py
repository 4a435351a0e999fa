"""What a rule must ask before it can judge: whether a code is right, or where a reference leads.

Rules are synchronous; terminology and other resources may lie in a database or on another server. A rule therefore
yields a `Question` with a function that turns the answer into issues, and the judge asks all of them afterwards.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from suture.fhir.outcomes import Issue


class Coded(msgspec.Struct, frozen=True):
    """Is this code in that value set, and is its display right?

    `value_set`: canonical URL, perhaps with `|version`; "" asks whether the code exists in its system.
    `system`, `version`, `display`: "" where the coding gives none. `infer_system`: the system follows from the value
    set, as for elements of the type code.
    """

    value_set: str
    system: str
    code: str
    version: str = ""
    display: str = ""
    infer_system: bool = False


class Resolvable(msgspec.Struct, frozen=True):
    """Where does this literal reference lead? The answer is a resource, None, or `UNKNOWN`."""

    reference: str


class Filtered(msgspec.Struct, frozen=True):
    """Does the code system understand this filter of a ValueSet? The answer is a complaint, "" when it does."""

    system: str
    version: str
    property: str
    operation: str
    value: str


class Subsumption(msgspec.Struct, frozen=True):
    """Does one code of a code system subsume another, or equal it? The answer is True, False, or None for unknown."""

    system: str
    general: str
    special: str


class Operated(msgspec.Struct, frozen=True):
    """What does an operation of FHIRPath's %terminologies say? `arguments`: a JSON array.

    The answer is a resource or text, None when the operation fails, or `UNKNOWN`.
    """

    operation: str
    arguments: bytes


class Unknown:
    """The answer when nobody can say."""


UNKNOWN = Unknown()


class Membership(Protocol):
    """The answer to `Coded`.

    `result`: True, False, or None when it cannot be known (a code system that is not there). `message`: why not, for a
    person. `display_ok`: False when the display that was given is not one of the concept's; None when that is unknown.
    """

    @property
    def result(self) -> bool | None: ...

    @property
    def message(self) -> str: ...

    @property
    def display_ok(self) -> bool | None: ...


class Question(msgspec.Struct, frozen=True):
    """Something to ask, and what follows from the answer: more issues, or more questions."""

    asks: Coded | Resolvable | Filtered
    then: "Callable[[Any], Iterable[Issue | Question]]"
