"""The answers that FHIRPath invariants get from a walk: references, codes, profiles, slices.

The one thing to know: what the walk cannot answer by itself becomes an open question (`Unanswered`), and the
invariant is evaluated again when the answer is there. What nobody can say about codes is an error of the evaluation,
which says nothing against the resource.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from suture.fhir import json
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.host import Unanswered
from suture.fhir.profiles.codings import coded_questions
from suture.fhir.profiles.named_slices import belongs
from suture.fhir.profiles.spots import Spot
from suture.fhir.rules.questions import UNKNOWN, Operated, Resolvable, Subsumption

if TYPE_CHECKING:
    from suture.fhir.profiles.walk import Asks, Walk

Json = dict[str, Any]


class WalkHost:
    """A FHIRPath host (`suture.fhir.fhirpath.host.Host`) on a walk.

    `undecided`: value sets of which nobody could say whether a code is in them; whoever asks empties it before.
    """

    __slots__ = ("_walk", "undecided")

    def __init__(self, walk: "Walk") -> None:
        self._walk = walk
        self.undecided: list[str] = []

    def resolve(self, reference: str, environment: Any) -> Json | None:
        """See `Host`."""
        entry = self._walk.bundled(reference)
        if entry is not None:
            return entry.value
        answer = self._answer(Resolvable(reference))
        return answer if isinstance(answer, dict) else None

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        """See `Host`."""
        results: list[bool | None] = [self._answer(question).result for question in coded_questions(value, value_set)]
        if True in results:
            return True
        if None in results:
            self.undecided.append(value_set)
            return None
        return False

    def subsumes(self, general: Json, special: Json) -> bool | None:
        """See `Host`. Raises FhirPathEvaluationError where the terminology cannot tell."""
        system, above, below = general.get("system"), general.get("code"), special.get("code")
        if system != special.get("system"):
            return None
        if above == below:
            return True
        if not (isinstance(system, str) and isinstance(above, str) and isinstance(below, str)):
            return None
        answer = self._answer(Subsumption(system, above, below))
        if answer is None:
            pair = f"'{above[:60]}' of {system[:200]} subsumes '{below[:60]}'"
            raise FhirPathEvaluationError(f"Whether {pair} is not known")
        return answer

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        """See `Host`."""
        spot = Spot(value, type, type, element=type)
        with self._walk.apart():
            found = self._walk.conforms(spot, profile)
        return None if found is None else not found

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """See `Host`."""
        slices = self._walk.book.slices(profile, slice)
        kind = "BackboneElement" if "." in type else type
        holder = self._holder(value)
        placed = holder is not None and any(slice.placed for slice in slices)
        index = _index(holder.value, value) if holder is not None and placed else -1
        spot = Spot(value, kind, type.rpartition(".")[2], index, holder, element=type)
        with self._walk.apart():
            return belongs(self._walk, spot, slices)

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """See `Host`. Raises FhirPathEvaluationError where nobody can be asked."""
        answer = self._answer(Operated(operation, json.encode(list(arguments))))
        if answer is UNKNOWN:
            raise FhirPathEvaluationError(f"The terminology cannot be asked for {operation}()")
        return answer

    def trace(self, name: str, items: Sequence[Any]) -> None:
        """See `Host`: nobody reads it."""

    def _answer(self, question: "Asks") -> Any:
        if question not in self._walk.answers:
            self._walk.open.add(question)
            raise Unanswered(question)
        return self._walk.answers[question]

    def _holder(self, value: Any) -> Spot | None:
        """The resource that the invariant is about, so that references in the value find what it contains."""
        environment = self._walk.environment
        held = environment.root[0] if environment is not None and environment.root else None
        if held is None or held[0] is value:
            return None
        name = held[1].name
        return Spot(held[0], name, name, element=name)


def _index(resource: Any, value: Any) -> int:
    """The place of a JSON object in the array of a resource that holds it; -1 where none does."""
    stack: list[Any] = [resource] if isinstance(value, dict) else []
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            stack.extend(found.values())
        elif isinstance(found, list):
            for number, item in enumerate(found):
                if item is value:
                    return number
            stack.extend(found)
    return -1
