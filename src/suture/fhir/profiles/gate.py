"""What a resource must pass to be stored: structure and invariants, and the profiles that it claims or its type needs.

The one thing to know: only errors are looked for, and the walk is synchronous, so that writes stay quick. Answers
of the terminology are remembered for a while; one that would have to be waited for is raised as `Waits`, and the
caller awaits `answer` and checks again.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from suture.fhir.outcomes import InvalidStructure, Issue, Unprocessable
from suture.fhir.profiles.book import Book
from suture.fhir.profiles.judge import Answer, Context, Judge, NoOracle, Oracle, ask_all
from suture.fhir.profiles.walk import Asks
from suture.fhir.rules.questions import UNKNOWN, Coded, Operated, Subsumption

KEPT_ANSWERS = 20_000
"""Answers remembered at a time."""

_WEIGHT = 100
"""Answers whose room one resource takes that %terminologies gave."""

_ROUNDS = 8


class Policy(msgspec.Struct, frozen=True):
    """What writes must meet besides the rules of their type.

    `declared`: whether the profiles in meta.profile are checked. `undeclared`: resource types for which they are the
    other way round. `required`: resource type -> canonical URLs of profiles that each of its resources must meet.
    """

    declared: bool = True
    exceptions: frozenset[str] = frozenset()
    required: Mapping[str, tuple[str, ...]] = {}

    def checks_declared(self, type: str) -> bool:
        """Whether resources of a type are checked against the profiles that they claim."""
        return self.declared != (type in self.exceptions)


class Waits(Exception):
    """Answers are needed that must be waited for: await `answer()`, then check again."""

    def __init__(self, questions: Collection[Asks], oracle: Oracle, answers: dict[Asks, Any]) -> None:
        super().__init__("The check waits for answers of the terminology.")
        self._questions = questions
        self._oracle = oracle
        self._answers = answers

    async def answer(self) -> None:
        """Get the answers."""
        await ask_all(self._questions, self._oracle, self._answers)


class Gate:
    """Checks what is written, in one FHIR version. May be shared between threads."""

    def __init__(
        self, judge: Judge, policy: Policy | None = None, oracle: Oracle | None = None, *, waits: bool = False
    ) -> None:
        """`waits`: whether the caller can wait; otherwise what cannot be known at once passes."""
        self._judge = judge
        self._structure = judge.validator
        self._policy = policy or Policy()
        self._oracle = oracle or NoOracle()
        self._waits = waits
        self._book = Book(judge.definitions, judge.library, judge.engine, errors_only=True)
        self._answers: dict[Asks, Any] = {}
        self._heavy = 0
        self._generation: object = None
        self._contexts = {declared: Context(declared=declared) for declared in (True, False)}

    def required(self, type: str) -> tuple[str, ...]:
        """The profiles that all resources of a type must meet."""
        return self._policy.required.get(type, ())

    def is_valid(self, resource: Any) -> bool:
        """Whether a decoded JSON value may be stored. Raises Waits."""
        return self._structure.is_valid(resource) and not self._errors(resource)

    def issues(self, resource: Any) -> list[Issue]:
        """Why a decoded JSON value may not be stored; empty when it may. Raises Waits."""
        return self._structure.issues(resource) or self._errors(resource)

    def check(self, resource: Any) -> None:
        """Raise InvalidStructure or Unprocessable (422) with every problem, unless the resource may be stored.

        Raises Waits.
        """
        if not self._structure.is_valid(resource):
            raise InvalidStructure(issues=self._structure.issues(resource))
        found = self._errors(resource)
        if found:
            raise Unprocessable(issues=found)

    def _errors(self, resource: dict[str, Any]) -> list[Issue]:
        name: str = resource["resourceType"]
        policy = self._policy
        context = self._contexts[policy.checks_declared(name)]
        required: Sequence[str] = policy.required.get(name, ())
        passes = self._book.passes(name)
        if passes is not None and not required and passes(resource):
            return []
        answers = self._remembered()
        walk = self._judge.walked(self._book, resource, name, required, context, answers)
        for _ in range(_ROUNDS):
            if not walk.open:
                break
            later = [question for question in walk.open if not self._settle(question, answers)]
            if later:
                raise Waits(later, self._oracle, answers)
            walk = self._judge.walked(self._book, resource, name, required, context, answers)
        return [issue for issue in walk.issues if issue.severity in ("error", "fatal")]

    def _remembered(self) -> dict[Asks, Any]:
        generation = self._oracle.generation
        if generation is not self._generation or len(self._answers) + self._heavy > KEPT_ANSWERS:
            self._answers = {}
            self._heavy = 0
            self._generation = generation
        return self._answers

    def _settle(self, question: Asks, answers: dict[Asks, Any]) -> bool:
        """Answer a question if that takes no waiting."""
        asking: Coroutine[Any, Any, Any]
        unknown: Any = None
        match question:
            case Coded():
                asking, unknown = self._oracle.member(question), Answer(None, "The terminology could not answer.")
            case Subsumption():
                asking = self._oracle.subsumes(question)
            case Operated():
                asking, unknown = self._oracle.operate(question), UNKNOWN
                self._heavy += _WEIGHT
            case _:
                # What other resources say is not asked on the way in.
                answers[question] = UNKNOWN
                return True
        try:
            asking.send(None)
        except StopIteration as done:
            answers[question] = done.value
            return True
        except Exception:
            answers[question] = unknown
            return True
        asking.close()
        if not self._waits:
            answers[question] = unknown
            return True
        return False
