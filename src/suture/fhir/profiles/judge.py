"""The judge of resources: structure, invariants, bindings, profiles, and the rules that no definition carries.

Specification: https://hl7.org/fhir/R4/validation.html. The one thing to know: walks are synchronous; what must be
asked of a terminology or of the store is collected, asked in one go, and then the walk is made again with the
answers.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Issue, TooCostly
from suture.fhir.profiles.book import Book
from suture.fhir.profiles.library import Canonicals, Library
from suture.fhir.profiles.named_slices import belongs
from suture.fhir.profiles.spots import Spot
from suture.fhir.profiles.type_checks import apply_profile
from suture.fhir.profiles.walk import Asks, Enough, Walk
from suture.fhir.rules.questions import (
    UNKNOWN,
    Coded,
    Filtered,
    Membership,
    Operated,
    Resolvable,
    Subsumption,
    Unknown,
)
from suture.fhir.rules.seen import Expectations, Scene
from suture.fhir.structure import Validator

Found = TypeVar("Found")

MAX_ROUNDS = 12
"""Times that answers may lead to new questions."""

_TOGETHER = 200
"""Questions that are asked at the same time."""


class Answer(msgspec.Struct, frozen=True):
    """A `Membership`. `result`: None where it cannot be known."""

    result: bool | None
    message: str = ""
    display_ok: bool | None = None


class Oracle(Protocol):
    """Who answers what a resource alone does not tell."""

    @property
    def generation(self) -> object:
        """Another object as soon as the answers about codes may be others."""
        ...

    def member(self, question: Coded) -> Coroutine[Any, Any, Membership]:
        """Whether a code is in a value set (or in its code system, where the value set is ""). Asynchronous."""
        ...

    def resolve(self, reference: str) -> Coroutine[Any, Any, dict[str, Any] | Unknown | None]:
        """The resource that a literal reference leads to; None when there is none, UNKNOWN when nobody can say."""
        ...

    def filter(self, question: Filtered) -> Coroutine[Any, Any, str]:
        """Why a code system refuses a filter of a ValueSet; "" when it does not, or nobody can say."""
        ...

    def subsumes(self, question: Subsumption) -> Coroutine[Any, Any, bool | None]:
        """Whether a code subsumes another one, or equals it; None when nobody can say."""
        ...

    def operate(self, question: Operated) -> Coroutine[Any, Any, Any]:
        """What an operation of %terminologies says: a resource (JSON) or text, None when it fails; or UNKNOWN."""
        ...


class NoOracle:
    """Knows nothing."""

    generation: object = None

    async def member(self, question: Coded) -> Membership:
        """See `Oracle`."""
        return Answer(None)

    async def resolve(self, reference: str) -> dict[str, Any] | Unknown | None:
        """See `Oracle`."""
        return UNKNOWN

    async def filter(self, question: Filtered) -> str:
        """See `Oracle`."""
        return ""

    async def subsumes(self, question: Subsumption) -> bool | None:
        """See `Oracle`."""
        return None

    async def operate(self, question: Operated) -> Any:
        """See `Oracle`."""
        return UNKNOWN


class Context(msgspec.Struct, frozen=True):
    """How a resource is judged. `declared`: whether the profiles in meta.profile are checked.

    `guided`: whether the profiles are checked that ImplementationGuides at hand name for all resources of a type.
    `entries`: of a Bundle, (which entries, profile that their resources must meet): `Patient` for all Patients,
    `Patient:0` for the first one, `0` for the first entry.
    """

    oracle: Oracle = NoOracle()
    expectations: Expectations = Expectations()
    declared: bool = True
    guided: bool = False
    entries: tuple[tuple[str, str], ...] = ()


class Judge:
    """Judges resources of one FHIR version with one set of definitions. Threads may share it."""

    def __init__(
        self, definitions: Definitions, canonicals: Canonicals | None, engine: Any, validator: Validator | None = None
    ) -> None:
        self.definitions = definitions
        self.validator = validator or Validator(definitions)
        self.library = Library(definitions.version, canonicals)
        self.engine = engine
        self.book = Book(definitions, self.library, engine, errors_only=False)

    async def issues(
        self, resource: Any, *, profiles: Sequence[str] = (), context: Context | None = None
    ) -> list[Issue]:
        """Everything about a decoded JSON value: errors, warnings and hints, each with its place.

        `profiles`: canonical URLs of profiles that it should meet besides those that it claims.
        """
        context = context or Context()
        structural = self.validator.issues(resource)
        name = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(name, str) or name not in self.book.resource_types:
            return structural
        answers: dict[Asks, Any] = {}
        walk = self.walked(self.book, resource, name, profiles, context, answers)
        for _ in range(MAX_ROUNDS):
            if not walk.open:
                break
            await ask_all(walk.open, context.oracle, answers)
            walk = self.walked(self.book, resource, name, profiles, context, answers)
        return _distinct([*structural, *walk.issues])

    async def conforms(self, value: Any, type: str, profile: str, context: Context) -> bool | None:
        """Whether a value of a FHIR type meets what a profile adds to the type; None for an unknown profile.

        Raises TooCostly.
        """
        found = await self._found(value, type, context, lambda walk, spot: walk.conforms(spot, profile))
        return None if found is None else not found

    async def belongs(self, value: Any, type: str, profile: str, slice: str, context: Context) -> bool | None:
        """Whether a value is of a slice of a profile; None for an unknown one, and where that cannot be decided.

        `type`: its FHIR type, or the path of its element where that declares its elements. Raises TooCostly.
        """
        slices = self.book.slices(profile, slice)
        return await self._found(value, type, context, lambda walk, spot: belongs(walk, spot, slices))

    async def _found(self, value: Any, type: str, context: Context, find: Callable[[Walk, Spot], Found]) -> Found:
        """What a walk finds out about one value, with the answers that it needs."""
        kind = "BackboneElement" if "." in type else type
        spot = Spot(value, kind, kind, element=type)
        scene = Scene(self.definitions, self.library.canonicals, self.engine, value)
        answers: dict[Asks, Any] = {}
        for _ in range(MAX_ROUNDS):
            walk = Walk(self.book, spot, scene, answers, declared=False)
            try:
                found = await asyncio.to_thread(find, walk, spot)
            except (Enough, RecursionError):
                raise TooCostly("Its profiles need more work than one value may take.") from None
            if not walk.open:
                return found
            await ask_all(walk.open, context.oracle, answers)
        raise TooCostly("Its profiles ask too many questions, one after the other.")

    def walked(
        self, book: Book, resource: Any, name: str, profiles: Sequence[str], context: Context, answers: dict[Asks, Any]
    ) -> Walk:
        """One pass over a resource of the type `name` with the checks of `book`."""
        root = Spot(resource, name, name, element=name)
        scene = Scene(
            self.definitions, self.library.canonicals, self.engine, resource, expectations=context.expectations
        )
        walk = Walk(book, root, scene, answers, declared=context.declared)

        def environment(value: Any) -> Any:
            return book.environment(value, resource, walk)

        scene.environment = environment
        try:
            walk.within(book.type_checks(name), root)
            guided = self.library.global_profiles(name) if context.guided else ()
            for url in dict.fromkeys((*profiles, *guided)):
                apply_profile(walk, root, url)
            if context.entries:
                for spot, url in chosen_entries(root, context.entries):
                    apply_profile(walk, spot, url)
        except Enough as enough:
            walk.issues.append(
                Issue("information", "incomplete", str(enough))
                if str(enough)
                else Issue("error", "too-costly", "Its profiles need more work than one resource may take.", name)
            )
        except RecursionError:
            walk.issues.append(Issue("error", "too-costly", "The resource nests too deeply to be checked.", name))
        return walk


def chosen_entries(bundle: Spot, rules: Iterable[tuple[str, str]]) -> Iterable[tuple[Spot, str]]:
    """The resources of a Bundle that rules (see `Context.entries`) choose, each with its profile."""
    counted: Counter[str] = Counter()
    entries: Any = bundle.members.get("entry")
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        resource: Any = entry.get("resource") if entry.__class__ is dict else None
        if resource.__class__ is not dict:
            continue
        kind = str(resource.get("resourceType"))
        names = (str(number), kind, f"{kind}:{counted[kind]}")
        counted[kind] += 1
        above = Spot(entry, "BackboneElement", "entry", number, bundle, element="Bundle.entry")
        for rule, url in rules:
            if rule in names:
                yield Spot(resource, kind, "resource", -1, above, element="Bundle.entry.resource"), url


async def ask_all(open: Iterable[Asks], oracle: Oracle, answers: dict[Asks, Any]) -> None:
    """Ask all questions and put the answers to the others."""
    questions = sorted(open, key=repr)
    for start in range(0, len(questions), _TOGETHER):
        some = questions[start : start + _TOGETHER]
        found = await asyncio.gather(*(_answer(question, oracle) for question in some))
        answers.update(zip(some, found, strict=True))


async def _answer(question: Asks, oracle: Oracle) -> Any:
    match question:
        case Coded():
            return await oracle.member(question)
        case Filtered():
            return await oracle.filter(question)
        case Resolvable():
            return await oracle.resolve(question.reference)
        case Subsumption():
            return await oracle.subsumes(question)
        case Operated():
            return await oracle.operate(question)


def _distinct(issues: Iterable[Issue]) -> list[Issue]:
    return list(dict.fromkeys(issues))
