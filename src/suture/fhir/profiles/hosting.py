"""The answers that FHIRPath invariants get from a walk: references, value sets, profiles.

The one thing to know: what the walk cannot answer by itself becomes an open question (`Unanswered`), and the
invariant is evaluated again when the answer is there.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from suture.fhir.fhirpath.host import Unanswered
from suture.fhir.profiles.codings import coded_questions
from suture.fhir.profiles.spots import Spot
from suture.fhir.rules.questions import Resolvable

if TYPE_CHECKING:
    from suture.fhir.profiles.walk import Walk

Json = dict[str, Any]


class WalkHost:
    """A FHIRPath host (`suture.fhir.fhirpath.host.Host`) on a walk."""

    __slots__ = ("_walk",)

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk

    def resolve(self, reference: str, environment: Any) -> Json | None:
        """See `Host`."""
        question = Resolvable(reference)
        if question not in self._walk.answers:
            raise Unanswered(question)
        answer = self._walk.answers[question]
        return answer if isinstance(answer, dict) else None

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        """See `Host`."""
        results: list[bool | None] = []
        for question in coded_questions(value, value_set):
            if question not in self._walk.answers:
                raise Unanswered(question)
            results.append(self._walk.answers[question].result)
        if True in results:
            return True
        return None if None in results else False

    def subsumes(self, general: Json, special: Json) -> bool | None:
        """See `Host`: known only of equal codes."""
        same = general.get("system") == special.get("system") and general.get("code") == special.get("code")
        return True if same else None

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        """See `Host`."""
        spot = Spot(value, type, type, element=type)
        with self._walk.apart():
            found = self._walk.conforms(spot, profile)
        return None if found is None else not found

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """See `Host`: not known."""
        return None

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """See `Host`: not known."""
        return None

    def trace(self, name: str, items: Sequence[Any]) -> None:
        """See `Host`: nobody reads it."""
