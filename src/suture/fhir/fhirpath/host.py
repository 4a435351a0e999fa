"""What an expression asks of the world around it: references, terminology, profiles, a log.

Specification: https://hl7.org/fhir/R4/fhirpath.html#functions and #txapi. Everything here is synchronous. A host that
would have to wait raises `Unanswered`: it passes through the engine untouched, the caller finds the answer and
evaluates again.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from suture.fhir.fhirpath.types import Item, Json

if TYPE_CHECKING:
    from suture.fhir.fhirpath.environment import Environment


class Unanswered(Exception):
    """The host must ask somebody first. `question`: whatever the caller of the evaluation understands."""

    def __init__(self, question: Any) -> None:
        super().__init__("The evaluation waits for an answer.")
        self.question = question


class Host(Protocol):
    """The answers. None means in every case: not known here."""

    def resolve(self, reference: str, environment: "Environment") -> Json | None:
        """The resource that a reference or canonical URL leads to. Contained resources and entries of the same
        Bundle are found without asking."""
        ...

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        """Whether a code, Coding, CodeableConcept or Quantity (`type`: its FHIR type) is in the value set (URL)."""
        ...

    def subsumes(self, general: Json, special: Json) -> bool | None:
        """Whether the Coding `special` is the Coding `general` or below it."""
        ...

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        """Whether the value meets the profile (URL). Types of the specification are judged without asking."""
        ...

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """Whether the value is of the slice of this name in the profile.

        `type`: its FHIR type, or the path of its element (`Observation.component`) where that declares its elements.
        """
        ...

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """An operation of %terminologies: expand, lookup, validateVS, validateCS, subsumes, translate.

        `arguments`: plain values. Answers with a resource (JSON), a bool or text.
        """
        ...

    def trace(self, name: str, items: Sequence[Item]) -> None:
        """Take note of the items that `trace()` saw."""
        ...


class _Nothing:
    def resolve(self, reference: str, environment: "Environment") -> Json | None:
        return None

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        return None

    def subsumes(self, general: Json, special: Json) -> bool | None:
        return None

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        return None

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        return None

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        return None

    def trace(self, name: str, items: Sequence[Item]) -> None:
        pass


NOTHING: Host = _Nothing()
"""A host that knows nothing."""
