"""Validation on the server: the judge for `$validate`, the gate for writes, and who answers their questions.

The one thing to know: both follow from the conformance resources in force. As soon as those are others (a package was
loaded, a user stored a profile), they are built anew when they are next asked for.
"""

from collections.abc import Callable
from typing import Any

from suture.fhir import json
from suture.fhir.definitions import Definitions
from suture.fhir.fhirpath import Engine
from suture.fhir.outcomes import FhirError
from suture.fhir.packages import Canonicals
from suture.fhir.profiles import Gate, Judge, Policy
from suture.fhir.references import parse_literal
from suture.fhir.rules.questions import UNKNOWN, Coded, Filtered, Membership, Operated, Subsumption, Unknown
from suture.fhir.structure import Validator
from suture.settings import Settings
from suture.store.predicate import Predicate
from suture.store.store import Store
from suture.terminology.asked import Asked
from suture.terminology.desk import Desk
from suture.terminology.subsumption import subsumes
from suture.terminology.terminologies import operate


def policy(settings: Settings) -> Policy:
    """What writes must meet, by the settings."""
    required: dict[str, tuple[str, ...]] = {}
    for pair in settings.required_profiles:
        type, _, url = pair.partition("=")
        required[type] = (*required.get(type, ()), url)
    return Policy(settings.claimed_profiles == "check", frozenset(settings.claimed_profiles_except), required)


class Terms:
    """The oracle of the gate: codes only. `desk`: gives the terminology that is in force."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Callable[[], Desk]) -> None:
        self._desk = desk

    @property
    def generation(self) -> object:
        """Another object as soon as answers may be others."""
        return self._desk().memberships

    async def member(self, question: Coded) -> Membership:
        """See `Oracle`."""
        desk = self._desk()
        return await desk.memberships.member(
            desk, question.value_set, question.system, question.version, question.code, question.display
        )

    async def resolve(self, reference: str) -> dict[str, Any] | Unknown | None:
        """See `Oracle`: what a write refers to is not looked at."""
        return UNKNOWN

    async def filter(self, question: Filtered) -> str:
        """See `Oracle`."""
        try:
            provider = await self._desk().question(Asked({})).library.code_system(question.system, question.version)
            if provider is not None and provider.enumerable:
                await provider.filter(question.property, question.operation, question.value)
        except FhirError as error:
            return str(error)
        return ""

    async def subsumes(self, question: Subsumption) -> bool | None:
        """See `Oracle`."""
        asked = self._desk().question(Asked({}))
        try:
            answer = await subsumes(asked, question.system, "", question.general, question.special)
        except FhirError:
            return None
        return answer["parameter"][0]["valueCode"] in ("subsumes", "equivalent")

    async def operate(self, question: Operated) -> Any:
        """See `Oracle`."""
        try:
            return await operate(self._desk(), question.operation, json.decode(question.arguments))
        except FhirError:
            return UNKNOWN


class Surroundings(Terms):
    """The oracle of `$validate`: codes, and resources of this server as the caller may see them."""

    __slots__ = ("_predicate", "_store", "_types")

    def __init__(
        self, desk: Callable[[], Desk], store: Store, types: frozenset[str], predicate: Callable[[str], Predicate]
    ) -> None:
        """`predicate`: of a resource type: which of them the caller may see. Raises Forbidden."""
        super().__init__(desk)
        self._store = store
        self._types = types
        self._predicate = predicate

    async def resolve(self, reference: str) -> dict[str, Any] | Unknown | None:
        """See `Oracle`. References to other servers are not followed."""
        literal = parse_literal(reference)
        if literal is None or literal.base or literal.type not in self._types:
            return UNKNOWN
        try:
            stored = await self._store.read(literal.type, literal.id, self._predicate(literal.type))
        except FhirError:
            return UNKNOWN
        return None if stored is None or stored.deleted else json.reread(stored.body)


class Judging:
    """The judge and the gate of one FHIR version."""

    __slots__ = (
        "_canonicals", "_definitions", "_desk", "_engine", "_gate", "_judge", "_policy", "_validator", "_waits",
    )  # fmt: skip

    def __init__(
        self, definitions: Definitions, validator: Validator, desk: Callable[[], Desk], policy: Policy
    ) -> None:
        self._definitions = definitions
        self._validator = validator
        self._desk = desk
        self._policy = policy
        self._engine = Engine(definitions)
        self._canonicals: Canonicals | None = None
        self._judge: Judge | None = None
        self._gate: Gate | None = None
        self._waits = True

    def hurry(self) -> None:
        """Do not wait for the terminology from now on, as the processes of a bulk load, which cannot."""
        self._waits = False
        self._gate = None

    def judge(self, canonicals: Canonicals) -> Judge:
        """The judge by these definitions."""
        if self._judge is None or canonicals is not self._canonicals:
            self._judge = Judge(self._definitions, canonicals, self._engine, self._validator)
            self._canonicals = canonicals
            self._gate = None
        return self._judge

    def gate(self, canonicals: Canonicals) -> Gate:
        """The gate by these definitions."""
        gate = self._gate
        if gate is None or canonicals is not self._canonicals:
            judge = self.judge(canonicals)
            gate = self._gate = Gate(judge, self._policy, Terms(self._desk), waits=self._waits)
        return gate
