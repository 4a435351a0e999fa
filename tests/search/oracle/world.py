"""All resources of a server, and what a search over them must find.

Specification: https://hl7.org/fhir/R4/search.html and https://hl7.org/fhir/R4/compartmentdefinition.html. The one
thing to know: a search is evaluated to sets of `Type/id`, one parameter at a time, without any shortcut.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import pairwise
from typing import Any

from suture.fhir.definitions.model import SearchParameter
from tests.search.naive import EVER, plain
from tests.search.oracle import matching, values
from tests.search.oracle.expressions import R4, Node, find, kind_of, root
from tests.search.oracle.filters import evaluate
from tests.search.oracle.matching import Refused

Resource = dict[str, Any]
Keys = frozenset[str]

CLINICAL = {
    "CarePlan": "date", "CareTeam": "date", "Claim": "created", "Condition": "onset-date", "DiagnosticReport": "date",
    "Encounter": "date", "ExplanationOfBenefit": "created", "Goal": "start-date", "ImagingStudy": "started",
    "Immunization": "date", "MedicationRequest": "authoredon", "MedicationAdministration": "effective-time",
    "Observation": "date", "Procedure": "date", "AllergyIntolerance": "date", "List": "date", "ValueSet": "date",
    "QuestionnaireResponse": "authored", "RiskAssessment": "date",
}  # fmt: skip
"""The primary clinical date by which docs/search.md orders a type. Without a value it is older than everything; a
period without a start is placed by its end."""


@dataclass(frozen=True)
class Answer:
    """`matches`, `included`: `Type/id`. `compare`: the order of two matches: negative, 0 for a tie, positive."""

    matches: Keys
    included: Keys
    compare: Callable[[str, str], int]


def key_of(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


INNER = "#"
"""Begins the name of a type of contained resources, whose keys are `Type/id#id`."""


class World:
    """`base`: the server's base URL ending in a slash, as it may stand in references."""

    def __init__(self, resources: Iterable[Resource], base: str = "") -> None:
        self.resources: dict[str, Resource] = {key_of(one): one for one in resources}
        self.base = base
        self._roots = {key: root(one) for key, one in self.resources.items()}
        self._of: dict[str, list[str]] = defaultdict(list)
        for key, one in self.resources.items():
            self._of[one["resourceType"]].append(key)
            for inner in one.get("contained", ()):
                self._roots[f"{key}#{inner['id']}"] = root(inner)
                self._of[INNER + inner["resourceType"]].append(f"{key}#{inner['id']}")
        self._nodes: dict[tuple[str, str], list[Node]] = {}
        self._seen: dict[tuple[str, str], list[Any]] = {}
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}

    # --- definitions and values

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types that are there."""
        return tuple(sorted(type for type in self._of if not type.startswith(INNER)))

    @property
    def contained_types(self) -> tuple[str, ...]:
        """The types of contained resources that are there."""
        return tuple(sorted(type[1:] for type in self._of if type.startswith(INNER)))

    def of(self, type: str) -> Sequence[str]:
        """The keys of a type."""
        return self._of.get(type, ())

    def parameters(self, type: str) -> Mapping[str, SearchParameter]:
        """The search parameters of a type by code; those of the type itself before those of all types."""
        type = type.removeprefix(INNER)
        if type not in self._parameters:
            found: dict[str, SearchParameter] = {}
            for owner in (type, R4.structures[type].base, "Resource"):
                for one in R4.search_parameters:
                    if owner in one.base:
                        found.setdefault(one.code, one)
            self._parameters[type] = found
        return self._parameters[type]

    def parameter(self, type: str, code: str) -> SearchParameter:
        found = self.parameters(type).get(code)
        if found is None:
            raise Refused(f"{type} has no {code}")
        return found

    def root(self, key: str) -> Node:
        """A resource as a typed value."""
        return self._roots[key]

    def nodes(self, key: str, code: str) -> list[Node]:
        """The typed values of a parameter in a resource."""
        if (key, code) not in self._nodes:
            focus = self._roots[key]
            parameter = self.parameter(focus.type, code)
            found = find(parameter.expression, focus, focus)
            whole = [node for node in found if node.type not in R4.resource_types or node.type in parameter.targets]
            held = found if parameter.type == "composite" else whole
            self._nodes[key, code] = [inner for node in held for inner in values.unwrapped(node)]
        return self._nodes[key, code]

    def _logical(self, key: str, code: str) -> list[Node]:
        """The references of a parameter; those without a literal part may be of any type."""
        focus = self._roots[key]
        loose = re.sub(r"\.where\(resolve\(\) is \w+\)", "", self.parameter(focus.type, code).expression)
        sure = self.nodes(key, code)
        open_ = [n for n in find(loose, focus, focus) if n.type == "Reference" and "reference" not in n.value]
        return [n for n in sure if n.type == "Reference"] + open_

    def values(self, key: str, code: str) -> list[Any]:
        """The comparable forms of a parameter in a resource, by the parameter's type."""
        if (key, code) not in self._seen:
            type = self.parameter(self._roots[key].type, code).type
            self._seen[key, code] = [one for node in self.nodes(key, code) for one in READERS[type](node)]
        return self._seen[key, code]

    def targets(self, key: str, code: str, wanted: Iterable[str] = ()) -> list[str]:
        """`Type/id` of the literal references of a parameter, whether they exist or not."""
        types = tuple(wanted) or self._allowed(key, code)
        found = [self.local(text) for text in self.values(key, code)]
        return [one for one in found if kind_of(one) in types and one.count("/") == 1]

    def inner_targets(self, key: str, code: str) -> list[str]:
        """The keys of those contained resources to which a parameter of their container, or of one in it, refers."""
        found = [node.value.get("reference", "") for node in self.nodes(key, code) if node.type == "Reference"]
        return [key.partition("#")[0] + text for text in found if text.startswith("#")]

    def _allowed(self, key: str, code: str) -> tuple[str, ...]:
        return self.parameter(self._roots[key].type, code).targets or R4.resource_types

    def local(self, reference: str) -> str:
        """A reference without the server's own base and without a version."""
        return reference.removeprefix(self.base).partition("/_history/")[0]

    # --- searching

    def ask(self, type: str, pairs: Sequence[tuple[str, str]], compartment: str = "") -> Answer:
        """A search in `type` ("": all types), perhaps in the compartment of `Patient/1`. Raises Refused."""
        asked = [part for name, value in pairs if name == "_type" for part in value.split(",")]
        types = (type,) if type else tuple(asked) or self.types
        contained = dict(pairs).get("_contained", "false")
        if contained != "false":
            return self._ask_contained(types, pairs, compartment, contained)
        matches = frozenset(key for one in types for key in self.of(one))
        if compartment:
            matches &= self.members(compartment)
        sort = ""
        includes: list[tuple[str, str]] = []
        for name, value in pairs:
            if name.startswith(("_include", "_revinclude")):
                includes.append((name, value))
            elif name == "_sort":
                sort = value
            elif name not in RESULT:
                matches &= frozenset(key for one in types for key in self.meeting(one, name, value))
        return Answer(matches, self.included(matches, includes), self._order(types, sort))

    def _ask_contained(
        self, types: Sequence[str], pairs: Sequence[tuple[str, str]], compartment: str, contained: str
    ) -> Answer:
        """A search for contained resources: their containers, or with `_containedType=contained` themselves."""
        asked = [INNER + one for one in types] + ([*types] if contained == "both" else [])
        matches = frozenset(key for one in asked for key in self.of(one))
        for name, value in pairs:
            if name == "_lastUpdated":
                updated = frozenset(key for one in self.types for key in self.meeting(one, name, value))
                matches = frozenset(key for key in matches if key.partition("#")[0] in updated)
            elif name not in (*RESULT, "_sort"):
                matches &= frozenset(key for one in asked for key in self.meeting(one, name, value))
        if compartment:
            members = self.members(compartment)
            matches = frozenset(key for key in matches if key.partition("#")[0] in members)
        if dict(pairs).get("_containedType") != "contained":
            matches = frozenset(key.partition("#")[0] for key in matches)
        order = self._order((), dict(pairs).get("_sort", ""))
        return Answer(matches, frozenset(), lambda a, b: order(a.partition("#")[0], b.partition("#")[0]))

    def meeting(self, type: str, name: str, value: str) -> Keys:
        """The resources of a type that meet one parameter with all its alternatives."""
        if name == "_filter":
            return evaluate(self, type, value)
        if name == "_list":
            return self._listed(type, value)
        if name.startswith("_has:"):
            _, source, code, inner = name.split(":", 3)
            found = self.meeting(source, inner, value)
            if type.startswith(INNER):  # its container refers to it, or another one in that
                beside = self.meeting(INNER + source, inner, value) if self.of(INNER + source) else frozenset()
                named = frozenset(one for key in found | beside for one in self.inner_targets(key, code))
                return named.intersection(self.of(type))
            return frozenset(one for key in found for one in self.targets(key, code)).intersection(self.of(type))
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return self._chained(type, code, modifier, rest, value)
        test = self._test(type, code, modifier, value)
        return frozenset(key for key in self.of(type) if test(key))

    def _chained(self, type: str, code: str, target: str, rest: str, value: str) -> Keys:
        first = rest.partition(".")[0].partition(":")[0]
        possible = (target,) if target else self.parameter(type, code).targets or self.types
        able = [one for one in possible if first in ("_has", "_list") or first in self.parameters(one)]
        return self.linked(type, code, able, lambda one: self.meeting(one, rest, value), first == "_list")

    def linked(
        self, type: str, code: str, able: Sequence[str], found: Callable[[str], Keys], stored: bool = False
    ) -> Keys:
        """The resources of a type that refer to what is found of one of the types `able`.

        Unless only `stored` ones may, those that are contained are found too, but not from others that are.
        """
        wanted = frozenset(key for one in able for key in found(one))
        linked = frozenset(key for key in self.of(type) if wanted.intersection(self.targets(key, code, able)))
        if stored or type.startswith(INNER):
            return linked
        inside = frozenset(key for one in able if self.of(INNER + one) for key in found(INNER + one))
        return linked | frozenset(key for key in self.of(type) if inside.intersection(self.inner_targets(key, code)))

    def _listed(self, type: str, value: str) -> Keys:
        lists = [key for key in (f"List/{id}" for id in value.split(",")) if key in self.resources]
        if type.startswith(INNER):
            inside = frozenset(one for key in lists for one in self.inner_targets(key, "item"))
            return inside.intersection(self.of(type))
        entries = [text for key in lists for text in self.values(key, "item")]
        return frozenset(map(self.local, entries)).intersection(self.of(type))

    def _test(self, type: str, code: str, modifier: str, text: str) -> Callable[[str], bool]:
        parameter = self.parameter(type, code)
        if modifier == "missing":
            return lambda key: (not self.nodes(key, code)) == (text == "true")
        parts = matching.split(text, ",")
        if code == "_id":
            return lambda key: (re.split("[/#]", key)[-1] in parts) != (modifier == "not")
        if parameter.type == "composite":
            return self._composite(parameter, parts)
        if parameter.type == "reference":
            return self._reference(type, code, modifier, parts)
        tests = [TESTS[parameter.type](part, modifier) for part in parts]
        negated = modifier == "not"
        return lambda key: any(test(self.values(key, code)) for test in tests) != negated

    def _reference(self, type: str, code: str, modifier: str, parts: Sequence[str]) -> Callable[[str], bool]:
        if modifier == "identifier":
            tests = [matching.token_test(part, "") for part in parts]

            def logical(key: str) -> bool:
                held = [n for node in self._logical(key, code) for n in node.child("identifier")]
                return any(test([token for n in held for token in values.tokens(n)]) for test in tests)

            return logical
        wanted = [matching.unescape(part).removeprefix(self.base) for part in parts]
        types = (modifier,) if modifier else self.parameter(type, code).targets or R4.resource_types

        def literal(key: str) -> bool:
            held = [text.removeprefix(self.base) for text in self.values(key, code)]
            return any(_refers(text, one, types, bool(modifier)) for text in held for one in wanted)

        return literal

    def _composite(self, parameter: SearchParameter, parts: Sequence[str]) -> Callable[[str], bool]:
        by_url = {one.url: one for one in R4.search_parameters}
        pieces = [(by_url[c.definition].type, c.expression) for c in parameter.components]
        asked = [matching.split(part, "$") for part in parts]
        if any(len(one) != len(pieces) for one in asked):
            raise Refused(parameter.code)
        tests = [[TESTS[type](text, "") for (type, _), text in zip(pieces, one, strict=True)] for one in asked]

        def found(key: str) -> bool:
            whole = self._roots[key]
            for focus in find(parameter.expression, whole, whole):
                held = [
                    [value for node in find(path, focus, whole) for value in READERS[type](node)]
                    for type, path in pieces
                ]
                if any(all(test(of) for test, of in zip(one, held, strict=True)) for one in tests):
                    return True
            return False

        return found

    def members(self, owner: str) -> Keys:
        """The compartment of `owner`, itself included."""
        found = {owner} & self.resources.keys()
        for type, codes in R4.compartments[owner.partition("/")[0]].items():
            for key in self.of(type):
                if any(owner in self.targets(key, code) for code in codes if code in self.parameters(type)):
                    found.add(key)
        return frozenset(found)

    # --- includes and order

    def included(self, matches: Keys, includes: Sequence[tuple[str, str]]) -> Keys:
        """What the includes add to the matches."""
        found: set[str] = set()
        fresh, active = set(matches), list(includes)
        while fresh and active:
            added = {key for name, value in active for key in self._follow(fresh, name, value)}
            fresh = (added & self.resources.keys()) - matches - found
            found |= fresh
            active = [one for one in active if one[0].endswith(":iterate")]
        return frozenset(found)

    def _follow(self, start: set[str], name: str, value: str) -> Iterable[str]:
        source, code, target = (*value.split(":"), "", "")[:3]
        if name.startswith("_include"):
            for key in start:
                if source in ("*", key.partition("/")[0]):
                    for one in self._referred(key, code or "*"):
                        if target in ("", kind_of(one)):
                            yield one
            return
        for key in self.resources if source == "*" else self.of(source):
            for one in self._referred(key, code or "*"):
                if one in start and target in ("", kind_of(one)):
                    yield key

    def _referred(self, key: str, code: str) -> list[str]:
        if code != "*":
            return self.targets(key, code)
        codes = [one.code for one in self.parameters(self._roots[key].type).values() if one.type == "reference"]
        return [one for code in codes for one in self.targets(key, code)]

    def _order(self, types: Sequence[str], text: str) -> Callable[[str, str], int]:
        natural = CLINICAL.get(types[0], "") if len(types) == 1 else "_lastUpdated"
        keys = [part for part in (text or (natural and "-" + natural)).split(",") if part]
        return lambda a, b: next((c for key in keys if (c := self._compared(a, b, key))), 0)

    def _compared(self, a: str, b: str, key: str) -> int:
        code, descending = key.removeprefix("-"), key.startswith("-")
        x, y = self._place(a, code, descending), self._place(b, code, descending)
        if x is None or y is None:
            oldest = CLINICAL.get(a.partition("/")[0]) == code and not descending
            return ((x is None) - (y is None)) * (-1 if oldest else 1)
        return ((x > y) - (x < y)) * (-1 if descending else 1)

    def _place(self, key: str, code: str, descending: bool) -> Any:
        held = self.sort_values(key, code)
        best = max if descending else min
        if held and best(held) == -EVER and CLINICAL.get(key.partition("/")[0]) == code:
            held = [high for _, high in self.values(key, code)]
        return best(held) if held else None

    def sort_values(self, key: str, path: str) -> list[Any]:
        """The values by which a resource is sorted: of a parameter, or of the targets of `subject:Patient.family`."""
        head, dot, rest = path.partition(".")
        code, _, target = head.partition(":")
        if dot:
            found = [one for one in self.targets(key, code, (target,) if target else ()) if one in self.resources]
            return [value for one in found for value in self.sort_values(one, rest)]
        type = self.parameter(key.partition("/")[0], code).type
        if code == "_id":
            return [key.partition("/")[2]]
        if type == "reference":
            nodes = [node for node in self.nodes(key, code) if node.type in values.URIS]
            if nodes:
                return [text for node in nodes for text in _references(node)]
            return [one.partition("/")[2] for one in self.targets(key, code) if one in self.resources]
        return [by for value in self.values(key, code) for by in _sorted_by(type, value)]


def in_order(found: Sequence[str], compare: Callable[[str, str], int]) -> bool:
    """Whether each is not after the next one; ties may be in any order."""
    return all(compare(a, b) <= 0 for a, b in pairwise(found))


def ranked(found: Iterable[str], compare: Callable[[str, str], int]) -> list[str]:
    """`found` in order."""
    return sorted(found, key=cmp_to_key(compare))


def _sorted_by(type: str, value: Any) -> list[Any]:
    match type:
        case "string":
            return [plain(value)]
        case "token":
            return [value.code.casefold()] if value.code else []
        case "date" | "number":
            return [value[0]]
        case "quantity":
            return [value.low]
    return [value]


def _refers(held: str, wanted: str, types: Sequence[str], typed: bool) -> bool:
    plainly, _, version = held.partition("|")
    if "/" not in wanted and ":" not in wanted and "|" not in wanted:
        return any(held.partition("/_history/")[0] == f"{type}/{wanted}" for type in types)
    if typed and kind_of(wanted) not in types:
        return False
    if version and wanted == plainly:
        return True
    return wanted in (held, held.partition("/_history/")[0])


def _references(node: Node) -> list[str]:
    if node.type == "Reference":
        text = node.value.get("reference", "")
        return [] if not text or text[0] == "#" else [text]
    if node.type in values.URIS:
        return [node.value.partition("#")[0]]
    if isinstance(node.value, dict) and "resourceType" in node.value and "id" in node.value:
        return [key_of(node.value)]
    return []


READERS: dict[str, Callable[[Node], list[Any]]] = {
    "token": values.tokens,
    "string": values.strings,
    "date": values.dates,
    "number": values.numbers,
    "quantity": values.quantities,
    "uri": lambda node: [node.value] if node.type in values.URIS else [],
    "reference": _references,
    "composite": lambda node: [node],
    "special": lambda node: [],
}

RESULT = ("_type", "_count", "_total", "_summary", "_contained", "_containedType")
"""Parameters that say nothing about what matches."""

TESTS: dict[str, Callable[[str, str], Callable[[Any], bool]]] = {
    "token": matching.token_test,
    "string": matching.string_test,
    "date": lambda text, _: matching.date_test(text),
    "number": lambda text, _: matching.number_test(matching.unescape(text)),
    "quantity": lambda text, _: matching.quantity_test(text),
    "uri": matching.uri_test,
    "reference": lambda text, _: (
        lambda held: any(_refers(one, matching.unescape(text), R4.resource_types, False) for one in held)
    ),
}
