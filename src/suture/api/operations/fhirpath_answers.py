"""What FHIRPath asks of a server: resources that references lead to, and codes.

The one thing to know: the engine is synchronous. A question that was not asked before ends the evaluation; `ask` finds
the answer, and the expression is evaluated again with it.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from suture.api.http import Request
from suture.api.services import Model, Services
from suture.deferred import deferred
from suture.fhir import json
from suture.fhir.fhirpath import Environment, Item, Unanswered
from suture.fhir.outcomes import FhirError
from suture.store.predicate import Predicate
from suture.terminology.asked import Asked
from suture.terminology.subsumption import subsumes
from suture.terminology.terminologies import OPERATIONS, operate

if TYPE_CHECKING:
    from suture.fhir import profiles
else:
    profiles = deferred("suture.fhir.profiles")

MAX_QUESTIONS = 50
"""Questions of one request."""

Json = dict[str, Any]


class Reference(NamedTuple):
    """Where does this lead?"""

    type: str
    id: str


class Code(NamedTuple):
    """Is the code in the value set?"""

    value_set: str
    system: str
    version: str
    code: str
    display: str


class Terms(NamedTuple):
    """An operation of %terminologies. `arguments`: as JSON."""

    operation: str
    arguments: bytes


class Pair(NamedTuple):
    """Does the first code subsume the second?"""

    system: str
    general: str
    special: str


class Profiled(NamedTuple):
    """Does the value, as JSON, meet the profile? With `slice`: is it of that slice of the profile?"""

    value: bytes
    type: str
    profile: str
    slice: str | None = None


Question = Reference | Code | Pair | Terms | Profiled


class Answers:
    """The host of one request. `traced`: what `trace()` saw in the evaluation under way."""

    def __init__(self, services: Services, model: Model, request: Request, predicate: Predicate) -> None:
        self.traced: list[tuple[str, list[Item]]] = []
        self._services = services
        self._model = model
        self._request = request
        self._predicate = predicate
        self._known: dict[Question, Any] = {}

    async def ask(self, question: Question) -> None:
        """Find an answer. What cannot be found out is answered with None."""
        match question:
            case Reference(type=type, id=id):
                stored = await self._services.store.read(type, id, self._predicate)
                self._known[question] = json.decode(stored.body) if stored and not stored.deleted else None
            case Code():
                desk = self._model.terms
                found = await desk.memberships.member(desk, *question)
                self._known[question] = found.result
            case Terms(operation=operation, arguments=arguments):
                self._known[question] = await self._operated(operation, json.decode(arguments))
            case Profiled():
                self._known[question] = await self._judged(question)
            case Pair(system=system, general=general, special=special):
                asked = Asked({})
                try:
                    answer = await subsumes(self._model.terms.question(asked), system, "", general, special)
                    outcome = answer["parameter"][0]["valueCode"]
                    self._known[question] = outcome in ("subsumes", "equivalent")
                except FhirError:
                    self._known[question] = None

    async def _judged(self, question: Profiled) -> bool | None:
        value, type, profile, slice = question
        around = self._model.surroundings(lambda type: self._services.decide(self._request, type).predicate)
        context, judge = profiles.Context(oracle=around), self._model.judge
        if slice is None:
            return await judge.conforms(json.decode(value), type, profile, context)
        return await judge.belongs(json.decode(value), type, profile, slice, context)

    async def _operated(self, operation: str, arguments: list[Any]) -> Any:
        """The answer of this server's own operation, which the caller must be allowed to call."""
        type, name = OPERATIONS[operation]
        inner = self._request.entry("POST", f"{type}/${name}", "", {}, None)
        inner.interaction = f"${name}"
        try:
            self._services.decide(inner, type)
            return await operate(self._model.terms, operation, arguments)
        except FhirError:
            return None

    def _answer(self, question: Question) -> Any:
        if question not in self._known:
            raise Unanswered(question)
        return self._known[question]

    def resolve(self, reference: str, environment: Environment) -> Json | None:
        """A resource of this server, by relative or absolute reference."""
        parts = reference.removeprefix(f"{self._request.base}/").partition("/_history/")[0].split("/")
        if len(parts) != 2 or parts[0] not in self._model.types or not parts[1]:
            return None
        return self._answer(Reference(parts[0], parts[1]))

    def member_of(self, value: Any, type: str, value_set: str) -> bool | None:
        """By this server's terminology. One coding of several is enough."""
        answers = [
            self._answer(Code(value_set, coding.get("system", ""), coding.get("version", ""), coding["code"], ""))
            for coding in _codings(value)
        ]
        return True if True in answers else None if None in answers else False

    def subsumes(self, general: Json, special: Json) -> bool | None:
        """By this server's terminology."""
        system = general.get("system")
        if not system or system != special.get("system"):
            return None
        return self._answer(Pair(system, str(general.get("code", "")), str(special.get("code", ""))))

    def conforms_to(self, value: Any, type: str, profile: str) -> bool | None:
        """By the profiles of this server."""
        return self._answer(Profiled(json.encode(value), type, profile))

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """By the profiles of this server."""
        return self._answer(Profiled(json.encode(value), type, profile, slice))

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """By this server's operations."""
        return self._answer(Terms(operation, json.encode(list(arguments)))) if operation in OPERATIONS else None

    def trace(self, name: str, items: Sequence[Item]) -> None:
        """Kept for the answer."""
        self.traced.append((name, list(items)))


def _codings(value: Any) -> Iterator[Json]:
    if isinstance(value, str):
        yield {"code": value}
    elif isinstance(value, dict):
        coded = cast(Json, value)
        if isinstance(coded.get("coding"), list):
            for one in cast("list[Any]", coded["coding"]):
                yield from _codings(one)
        elif isinstance(coded.get("code"), str):
            yield coded
