"""What FHIRPath asks of a server: resources that references lead to, and codes.

The one thing to know: the engine is synchronous. A question that was not asked before ends the evaluation; `ask` finds
the answer, and the expression is evaluated again with it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from suture.api.http import Request, parse_pairs
from suture.api.operations.expand import EXPAND
from suture.api.operations.lookup import LOOKUP
from suture.api.operations.operation import Operation
from suture.api.operations.subsumes import SUBSUMES
from suture.api.operations.translate import TRANSLATE
from suture.api.operations.validate_code import VALIDATE_CODE
from suture.api.services import Model, Services
from suture.fhir import json
from suture.fhir.fhirpath import Environment, Item, Unanswered
from suture.fhir.outcomes import FhirError
from suture.store.predicate import Predicate
from suture.terminology.asked import Asked
from suture.terminology.subsumption import subsumes

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


Question = Reference | Code | Pair | Terms


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
            case Pair(system=system, general=general, special=special):
                asked = Asked({})
                try:
                    answer = await subsumes(self._model.terms.question(asked), system, "", general, special)
                    outcome = answer["parameter"][0]["valueCode"]
                    self._known[question] = outcome in ("subsumes", "equivalent")
                except FhirError:
                    self._known[question] = None

    async def _operated(self, operation: str, arguments: list[Any]) -> Any:
        """The answer of this server's own operation, called as a client would."""
        type, called, names = _OPERATIONS[operation]
        values = [*arguments, *[None] * (len(names) + 1 - len(arguments))]
        parameters = [one for name, value in zip(names, values, strict=False) for one in _parameter(name, value)]
        parameters += _further(values[len(names)])
        inner = self._request.entry(
            "POST", f"{type}/${called.name}", "", {}, {"resourceType": "Parameters", "parameter": parameters}
        )
        inner.interaction = f"${called.name}"
        try:
            response = await called.handler(self._services, self._model, inner, type, None)
        except FhirError:
            return None
        answer = json.decode(response.body)
        if operation == "subsumes":
            return next((one["valueCode"] for one in answer["parameter"] if one["name"] == "outcome"), None)
        return answer

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
        """Profiles are for $validate."""
        return None

    def in_slice(self, value: Any, type: str, profile: str, slice: str) -> bool | None:
        """Profiles are for $validate."""
        return None

    def terminology(self, operation: str, arguments: Sequence[Any]) -> Any:
        """By this server's operations."""
        return self._answer(Terms(operation, json.encode(list(arguments)))) if operation in _OPERATIONS else None

    def trace(self, name: str, items: Sequence[Item]) -> None:
        """Kept for the answer."""
        self.traced.append((name, list(items)))


_OPERATIONS: dict[str, tuple[str, Operation, tuple[str, ...]]] = {
    "expand": ("ValueSet", EXPAND, ("url",)),
    "lookup": ("CodeSystem", LOOKUP, ("coding",)),
    "validateVS": ("ValueSet", VALIDATE_CODE, ("url", "coding")),
    "validateCS": ("CodeSystem", VALIDATE_CODE, ("url", "coding")),
    "subsumes": ("CodeSystem", SUBSUMES, ("system", "codeA", "codeB")),
    "translate": ("ConceptMap", TRANSLATE, ("url", "coding")),
}
"""Function of %terminologies -> type, operation, and the parameters that its arguments are."""

_RESOURCES = {"ValueSet": "valueSet", "CodeSystem": "codeSystem", "ConceptMap": "conceptMap"}


def _parameter(name: str, value: Any) -> list[Json]:
    """An argument as a parameter: a URL or the resource itself, a code or what holds codes."""
    if value is None:
        return []
    if isinstance(value, dict):
        given = cast(Json, value)
        resource = _RESOURCES.get(str(given.get("resourceType")))
        if resource:
            return [{"name": resource, "resource": given}]
        if isinstance(given.get("coding"), list):
            return [{"name": "codeableConcept", "valueCodeableConcept": given}]
        if name.startswith("code"):
            return [{"name": name, "valueCode": given.get("code")}]
        return [{"name": name, "valueCoding": given}]
    if name == "coding":
        return [{"name": "code", "valueCode": str(value)}, {"name": "inferSystem", "valueBoolean": True}]
    return [{"name": name, "valueCode" if name.startswith("code") else "valueUri": str(value)}]


def _further(given: Any) -> list[Json]:
    """The last argument: more parameters, as a Parameters resource or in the form of a URL."""
    if isinstance(given, dict):
        return [one for one in cast(Json, given).get("parameter") or () if isinstance(one, dict)]
    return [{"name": name, "valueString": value} for name, value in parse_pairs(given)] if given else []


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
