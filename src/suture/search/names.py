"""The left side of a search parameter: `code`, `code:exact`, `subject:Patient.name`, `_has:Observation:patient:code`.

Specification: https://hl7.org/fhir/R4/search.html#modifiers, #chaining and #has. A name is understood once
and then kept, since few different names arrive and each means the same every time; but not one that names an
added parameter, which others may change (`SearchParameters.asked`).
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Invalid, Issue, Unavailable
from suture.search.contained import INNER, MAX_ENTERED, inner_type, is_inner, plain_type
from suture.search.parameters import Parameter, SearchParameters

MAX_DEPTH = 16
"""Names in one chain or nested `_has`. SQLite takes about 20, beside all else that may be in a search."""

MAX_BRANCHES = 16
"""Target types that an untyped chain may mean."""

MAX_STEPS = 800
"""Names looked at to understand one; untyped chains over references to anything would not end otherwise."""

MAX_LENGTH = 1000
KEPT = 4096

MODIFIERS = {
    "number": (),
    "date": (),
    "string": ("exact", "contains"),
    "token": ("not", "text", "in", "not-in", "above", "below"),
    "reference": ("identifier",),
    "quantity": (),
    "uri": ("below", "above"),
    "composite": (),
    "special": (),
}
"""The modifiers that a parameter of each type understands, besides `missing` and the types of a reference."""

_ELSEWHERE = {
    "_query": "No named query is defined on this server, so there is none that _query could name.",
    "_filter": "_filter is a parameter of its own: it cannot be chained or follow _has.",
    "_list": "_list is a parameter of its own: it cannot be chained or follow _has.",
}


class UnknownParameter(Invalid):
    """The parameter does not exist for the type, or cannot be searched. With lenient handling it is left out."""


class Leaf(msgspec.Struct, frozen=True):
    """A parameter with its modifier: "", missing, exact …, or a resource type for a reference."""

    parameter: Parameter
    modifier: str


class Link(msgspec.Struct, frozen=True):
    """A chain: what is asked of the targets of `parameter`, by target type, also of such that are contained."""

    parameter: Parameter
    branches: "tuple[tuple[str, Name], ...]"


class Reverse(msgspec.Struct, frozen=True):
    """`_has`: what is asked of the resources of type `source` that refer here by `parameter`."""

    source: str
    parameter: Parameter
    inner: "Name"


class Inward(msgspec.Struct, frozen=True):
    """`_has` on a contained resource: what is asked of its container, or of one beside it, that refers to it.

    `branches`: the parameters of each that refer, with what is asked.
    """

    branches: "tuple[tuple[Parameter, Name], ...]"


Name = Leaf | Link | Reverse | Inward


class _Budget:
    """What is left of MAX_DEPTH and MAX_STEPS. `enters`: the chain also leads into contained resources."""

    __slots__ = ("depth", "enters", "steps")

    def __init__(self, *, enters: bool) -> None:
        self.depth = MAX_DEPTH
        self.steps = MAX_STEPS
        self.enters = enters

    def __enter__(self) -> None:
        self.depth -= 1
        self.steps -= 1
        if self.depth < 0:
            raise Invalid(f"A search parameter may chain over at most {MAX_DEPTH - 1} links.")
        if self.steps < 0:
            raise Invalid("A chained parameter may mean too many things. Name the types, as in subject:Patient.name.")

    def __exit__(self, *_: object) -> None:
        self.depth += 1


class Names:
    """Understands parameter names of one FHIR version."""

    def __init__(self, parameters: SearchParameters, definitions: Definitions) -> None:
        self._parameters = parameters
        self._types = definitions.resource_types
        self._known: dict[tuple[str, str], Name] = {}

    @property
    def enters(self) -> bool:
        """Whether chains also lead into contained resources."""
        return self._parameters.contained

    def resolve(self, type: str, text: str) -> Name:
        """What `text` means on `type`. Raises UnknownParameter (with the nearest known one) or Invalid."""
        found = self._known.get((type, text))
        if found is None:
            if len(text) > MAX_LENGTH:
                raise Invalid(f"A search parameter has a name of {len(text)} characters.")
            doubts = self._parameters.doubts
            enters = self.enters and text.count(".") + text.count("_has:") <= MAX_ENTERED
            found = self._resolve(type, text, _Budget(enters=enters))
            if doubts == self._parameters.doubts:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[type, text] = found
        return found

    def reference(self, type: str, code: str) -> Parameter:
        """The reference parameter `code` of `type`. Raises UnknownParameter or Invalid."""
        parameter = self._parameter(type, code)
        if parameter.type != "reference":
            raise Invalid(f"The search parameter '{code}' of {type} is not a reference but a {parameter.type}.")
        return parameter

    def parameter(self, type: str, code: str) -> Parameter:
        """The parameter `code` of `type`. Raises UnknownParameter."""
        return self._parameter(type, code)

    def references(self, type: str) -> list[Parameter]:
        """The reference parameters of `type`. Raises Unavailable when one of the specification is being built."""
        found = [p for p in self._parameters.for_type(type).values() if p.type == "reference" and p.supported]
        return [self._parameter(type, p.code) for p in found if not (p.custom and p.pending)]

    def check_type(self, type: str) -> str:
        """`type`, when it is a resource type. Raises Invalid."""
        if type not in self._types:
            raise Invalid(f"'{type}' is not a resource type.")
        return type

    def targets(self, parameter: Parameter) -> tuple[str, ...]:
        """The resource types that a reference parameter may point to."""
        if not parameter.targets or "Resource" in parameter.targets:
            return self._types
        return parameter.targets

    def _resolve(self, type: str, text: str, budget: _Budget) -> Name:
        with budget:
            return self._understand(type, text, budget)

    def _understand(self, type: str, text: str, budget: _Budget) -> Name:
        if text.startswith("_has:"):
            return self._reverse(type, text, budget)
        head, dot, rest = text.partition(".")
        code, colon, modifier = head.partition(":")
        parameter = self._parameter(type, code)
        if colon and not modifier:
            raise Invalid(f"The search parameter '{text}' has an empty modifier.")
        if dot:
            return self._link(parameter, modifier, rest, budget)
        self._check_modifier(parameter, modifier)
        return Leaf(parameter, modifier)

    def _parameter(self, type: str, code: str) -> Parameter:
        if code in _ELSEWHERE:
            raise UnknownParameter(issues=[Issue("error", "not-supported", _ELSEWHERE[code])])
        parameter = self._parameters.asked(type, code)
        if parameter is None:
            nearest = self._parameters.nearest(type, code)
            hint = f" Did you mean '{nearest}'?" if nearest else ""
            raise UnknownParameter(f"{plain_type(type)} has no search parameter '{_shown(code)}'.{hint}")
        if not parameter.supported or parameter.type not in MODIFIERS:
            where = f"contained {type[1:]}" if type.startswith(INNER) else type
            text = f"The search parameter '{code}' of {where} is not supported."
            raise UnknownParameter(issues=[Issue("error", "not-supported", text)])
        if parameter.pending:
            raise unbuilt(parameter)
        return parameter

    def _check_modifier(self, parameter: Parameter, modifier: str) -> None:
        if not modifier or modifier in (understood := _modifiers(parameter)):
            return
        known = ", ".join(understood) or "none"
        if parameter.type == "reference":
            targets = self.targets(parameter)
            if modifier in targets:
                return
            known += " and " + (", ".join(targets) if len(targets) <= 12 else "every resource type")
        text = (
            f"The modifier '{_shown(modifier)}' is not supported on the search parameter '{parameter.code}', "
            f"which is a {parameter.type}. Its modifiers are {known}."
        )
        raise Invalid(issues=[Issue("error", "not-supported", text)])

    def _link(self, parameter: Parameter, target: str, rest: str, budget: _Budget) -> Name:
        if parameter.type != "reference":
            raise Invalid(
                f"'{parameter.code}.{_shown(rest)}': {parameter.code} is a {parameter.type}, not a reference."
            )
        possible = self.targets(parameter)
        if target:
            if target not in possible:
                raise Invalid(f"'{parameter.code}' never refers to '{_shown(target)}', only to {', '.join(possible)}.")
            certain = (target, self._resolve(target, rest, budget))
            return Link(parameter, (certain, *self._entered(parameter, [target], rest, budget)))
        branches: list[tuple[str, Name]] = []
        unknown = ""
        for type in possible:
            try:
                branches.append((type, self._resolve(type, rest, budget)))
            except UnknownParameter as error:
                if len(possible) == 1:
                    raise
                unknown = str(error)
        if not branches:
            raise UnknownParameter(
                f"No type that '{parameter.code}' refers to has the search parameter '{_shown(rest)}'. {unknown}"
            )
        if len(branches) > MAX_BRANCHES:
            raise Invalid(
                f"'{parameter.code}.{_shown(rest)}' may mean {len(branches)} resource types. "
                f"Name one, such as '{parameter.code}:{branches[0][0]}.{_shown(rest)}'."
            )
        found = [type for type, _ in branches]
        return Link(parameter, (*branches, *self._entered(parameter, found, rest, budget)))

    def _entered(
        self, parameter: Parameter, types: Iterable[str], rest: str, budget: _Budget
    ) -> Iterator[tuple[str, Name]]:
        """The same of resources that are contained; not once more from one of these."""
        if not budget.enters or is_inner(parameter.resource_type):
            return
        for type in types:
            with suppress(Invalid):
                yield inner_type(type), self._resolve(inner_type(type), rest, budget)

    def _reverse(self, type: str, text: str, budget: _Budget) -> Name:
        parts = text.split(":", 3)
        if len(parts) < 4 or not parts[3]:
            raise Invalid(f"'{_shown(text)}' is not of the form _has:Observation:patient:code.")
        source = self.check_type(parts[1])
        parameter = self.reference(source, parts[2])
        if plain_type(type) not in self.targets(parameter):
            raise Invalid(f"The search parameter '{parameter.code}' of {source} never refers to a {plain_type(type)}.")
        inner = self._resolve(source, parts[3], budget)
        if not is_inner(type):
            return Reverse(source, parameter, inner)
        branches = [(parameter, inner)]
        with suppress(Invalid):  # what no contained resource has, such as _lastUpdated
            beside = inner_type(source)
            branches.append((self.reference(beside, parts[2]), self._resolve(beside, parts[3], budget)))
        return Inward(tuple(branches))


def unbuilt(parameter: Parameter) -> Unavailable:
    """The error for a search that needs index rows which are not complete yet."""
    text = f"The search parameter '{parameter.code}' of {parameter.resource_type} is being built; "
    return Unavailable(text + "$reindex tells how far it is.", headers={"Retry-After": "10"})


def _modifiers(parameter: Parameter) -> tuple[str, ...]:
    if parameter.type == "composite" or parameter.bit < 0 == bool(parameter.column):
        return ()
    if parameter.column == "id":
        return "missing", "not"
    of_type = ("of-type",) if parameter.identified else ()
    return ("missing", *MODIFIERS[parameter.type], *of_type)


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
