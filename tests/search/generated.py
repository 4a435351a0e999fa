"""Resources made from the definitions: for a search parameter, one that it must find and ones that it must not.

For each way on which the expression of a parameter reaches a value (each branch, each datatype), `cases` gives a
minimal valid resource with that value, a search for it, and near misses: another value, or the same value where the
expression's condition does not hold. The one thing to know: the server decides what is valid, so a definition that
the generator misunderstands fails loudly.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from suture.fhir.definitions.model import Element, SearchParameter
from tests.search.least import UCUM, codes_of, key_of, minimal, some
from tests.search.oracle.expressions import R4, Ast, below, is_a, parse
from tests.search.oracle.matching import escape

Resource = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One element on the way, taken as one of its types, under conditions."""

    element: Element
    type: str
    conditions: tuple[Ast, ...] = ()

    @property
    def key(self) -> str:
        return key_of(self.element, self.type)


@dataclass(frozen=True)
class Route:
    """A way from a resource to a value. `type`: of the value; `elements`: what lies below it."""

    steps: tuple[Step, ...]
    type: str
    elements: tuple[Element, ...]

    def child(self, name: str) -> "list[Route]":
        for element in self.elements:
            if element.name in (name, name + "[x]"):
                kept = below(element)
                types = element.types or (None,)
                return [
                    Route((*self.steps, Step(element, code)), code, kept or below(code))
                    for code in (type.code if type else "BackboneElement" for type in types)
                ]
        return []

    def under(self, condition: Ast) -> "Route":
        last = self.steps[-1]
        return replace(self, steps=(*self.steps[:-1], replace(last, conditions=(*last.conditions, condition))))


@dataclass(frozen=True)
class Case:
    """`hit` must be found by `value`, `misses` must not. `way`: how the value is reached, in words."""

    code: str
    way: str
    value: str
    hit: Resource
    misses: tuple[Resource, ...]


def routes(tree: Ast, start: Route, whole: Route) -> list[Route]:
    """The ways of an expression from `start`. Raises ValueError for what it does not understand."""
    match tree:
        case ("name", None, "%resource"):
            return [whole]
        case ("name", None, name):
            if name[0].isupper():
                return [start] if is_a(start.type, name) else []
            return start.child(name)
        case ("name", before, name):
            return [found for one in routes(before, start, whole) for found in one.child(name)]
        case ("|", left, right):
            return routes(left, start, whole) + routes(right, start, whole)
        case ("index", before, _):
            return routes(before, start, whole)
        case ("as", before, type) | ("call", before, "as" | "ofType", ("name", None, type)):
            return [one for one in routes(before, start, whole) if is_a(one.type, type)]
        case ("call", before, "where", condition):
            return [one.under(condition) for one in routes(before, start, whole)]
        case ("call", before, "extension", ("literal", url)):
            at = [one for way in routes(before, start, whole) for one in way.child("extension")]
            named = ("=", ("name", None, "url"), ("literal", url))
            return [value for one in at for value in one.under(named).child("value")]
    raise ValueError(tree)


def asked(parameter: SearchParameter, type: str, element: Element, leaf: Any) -> str | None:
    """The value of a search that must find `leaf`; None when a parameter of this type has no use for the datatype."""
    match parameter.type, type:
        case "token", "code" | "string" | "markdown" | "id" | "uri" | "url" | "canonical" | "oid" | "uuid":
            return escape(leaf)
        case "token", "boolean":
            return str(leaf).lower()
        case "token", "integer" | "positiveInt" | "unsignedInt":
            return str(leaf)
        case "token", "CodeableConcept":
            return asked(parameter, "Coding", element, leaf["coding"][0])
        case "token", "Coding":
            return f"{leaf['system']}|{leaf['code']}"
        case "token", "Identifier":
            return f"{leaf['system']}|{leaf['value']}"
        case "token", "ContactPoint":
            return leaf["value"]
        case "string", "string" | "markdown" | "HumanName" | "Address":
            return "grunw"
        case "string", "code" | "id":
            return leaf
        case "date", "date" | "dateTime" | "instant" | "Period" | "Timing":
            return "2011-03-05"
        case "number", "integer" | "positiveInt" | "unsignedInt" | "decimal":
            return str(leaf)
        case "number" | "quantity", "Range":
            return "5.4" if parameter.type == "number" else f"5.4|{UCUM}|mg"
        case "quantity", "Quantity" | "SampledData":
            return f"5.4|{UCUM}|mg"
        case "quantity", "Age" | "Duration" | "Distance" | "Count":
            return f"{leaf['value']}|{leaf['system']}|{leaf['code']}"
        case "quantity", "Money":
            return f"5.40|urn:iso:std:iso:4217|{leaf['currency']}"
        case "quantity", "decimal" | "integer" | "positiveInt":
            return str(leaf)
        case "reference", "Reference":
            return leaf["reference"]
        case "reference", "Resource":
            return f"{leaf['resourceType']}/{leaf['id']}"
        case "reference" | "uri", "canonical" | "uri" | "url" | "oid" | "uuid":
            return escape(leaf)
    return None


def leaf_of(parameter: SearchParameter, route: Route, n: int) -> Any:
    """The value at the end of a way."""
    last = route.steps[-1]
    if route.type == "Reference":
        return {"reference": f"{target_of(parameter, last)}/v{n}"}
    if route.type == "Resource":
        return minimal(parameter.targets[0], below(parameter.targets[0])) | {"id": f"v{n}"}
    return some(route.type, last.element, n)


def target_of(parameter: SearchParameter, step: Step) -> str:
    """A type that the reference may have, which the conditions and the parameter allow."""
    for condition in step.conditions:
        if condition[0] == "is":
            return condition[2]
    allowed = [target for type in step.element.types for target in type.targets]
    for target in parameter.targets:
        if target in allowed or not allowed or "Resource" in allowed or step.element.name == "value[x]":
            return target
    return next((target for target in allowed if target in R4.resource_types), "Patient")


def put(resource: Resource, steps: tuple[Step, ...], leaf: Any, *, hold: bool = True) -> Resource:
    """`resource` with `leaf` at the end of the way. `hold`: whether the conditions on the way hold."""
    at = resource
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if step.element.is_choice:
            for key in [key for key in at if key.startswith(step.element.name[:-3]) and key != step.key]:
                del at[key]
        held = at.get(step.key)
        inner = held[0] if isinstance(held, list) else held
        value = leaf if last else inner or some(step.type, step.element, 2, 1)
        for condition in step.conditions:
            value = _conditioned(value, step, condition, hold)
        at[step.key] = [value] if step.element.repeats else value
        at = value
    return resource


def _conditioned(value: Any, step: Step, condition: Ast, hold: bool) -> Any:
    match condition:
        case ("=", ("name", None, name), ("literal", wanted)):
            element = next(one for one in below(step.type) or step.element.children if one.name == name)
            other = wanted + "/x" if name == "url" else next(code for _, code in codes_of(element) if code != wanted)
            return {**value, name: wanted if hold else other}
        case ("is", _, _):
            if not hold:
                other = next(t for type in step.element.types for t in (*type.targets, "Group") if t != condition[2])
                other = "Group" if other == "Resource" else other
                return {"reference": f"{other}/{value['reference'].partition('/')[2]}"}
            return value
        case ("call", None, "hasExtension", ("literal", url)):
            return {**value, "extension": [{"url": url if hold else url + "/other", "valueBoolean": True}]}
    raise ValueError(condition)


def cases(type: str, parameter: SearchParameter) -> Iterator[Case]:
    """Every case of a parameter of a type. Raises ValueError for an expression that it does not understand."""
    start = Route((), type, below(type))
    if parameter.type == "composite":
        yield from _composites(start, parameter)
        return
    if (type, parameter.code) in SPECIAL:
        yield SPECIAL[type, parameter.code]
        return
    for route in routes(parse(parameter.expression), start, start):
        leaf = leaf_of(parameter, route, 0)
        value = asked(parameter, route.type, route.steps[-1].element, leaf)
        if value is None:
            continue
        way = ".".join(step.key for step in route.steps)
        base = minimal(type, below(type))
        other = leaf_of(parameter, route, 1)
        misses = [put(copy.deepcopy(base), route.steps, other)] if other != leaf else []
        if any(step.conditions for step in route.steps):
            misses.append(put(copy.deepcopy(base), route.steps, copy.deepcopy(leaf), hold=False))
        last = route.steps[-1].element
        if not misses and not last.min:
            misses.append(copy.deepcopy(base))
        yield Case(parameter.code, way, value, put(copy.deepcopy(base), route.steps, leaf), tuple(misses))


def _place(latitude: str, longitude: str) -> Resource:
    return {"resourceType": "Location", "position": {"latitude": Decimal(latitude), "longitude": Decimal(longitude)}}


def _patient(**elements: Any) -> Resource:
    return {"resourceType": "Patient", **elements}


SPECIAL = {
    ("Location", "near"): Case(
        "near",
        "position",
        "48.2|16.37|20|km",
        _place("48.21", "16.30"),
        (_place("48.2", "16.9"), _place("-48.2", "16.37"), {"resourceType": "Location", "name": "nowhere"}),
    ),
    ("Patient", "deceased"): Case(
        "deceased",
        "deceasedDateTime",
        "true",
        _patient(deceasedDateTime="2011-03-05"),
        (_patient(deceasedBoolean=False), _patient(gender="male")),
    ),
}
"""Parameters whose expression is not the path of a value."""


def _composites(start: Route, parameter: SearchParameter) -> Iterator[Case]:
    """The first usable way of each component, for each base. A near miss has the values in different elements."""
    by_url = {one.url: one for one in R4.search_parameters}
    for base in routes(parse(parameter.expression), start, start):
        picked: list[tuple[SearchParameter, Route]] = []
        for component in parameter.components:
            part = by_url[component.definition]
            able = [
                route
                for route in routes(parse(component.expression), base, start)
                if asked(part, route.type, route.steps[-1].element, leaf_of(part, route, 0)) is not None
            ]
            picked += [(part, route) for route in able[:1]]
        if len(picked) != len(parameter.components):
            continue
        leaves = [[leaf_of(part, route, n) for part, route in picked] for n in (0, 1)]
        values = [
            asked(part, route.type, route.steps[-1].element, leaf)
            for (part, route), leaf in zip(picked, leaves[0], strict=True)
        ]
        mixed = [
            _filled(start, picked, [leaves[n == other][n] for n in range(len(picked))]) for other in range(len(picked))
        ]
        way = ".".join(step.key for step in base.steps) or start.type
        misses = [*mixed, _crossed(mixed, base)] if base.steps and base.steps[-1].element.repeats else mixed
        yield Case(
            parameter.code,
            way + ": " + ", ".join(route.steps[-1].key for _, route in picked),
            "$".join(value or "" for value in values),
            _filled(start, picked, leaves[0]),
            tuple(misses),
        )


def _filled(start: Route, picked: list[tuple[SearchParameter, Route]], leaves: list[Any]) -> Resource:
    resource = minimal(start.type, start.elements)
    for (_, route), leaf in zip(picked, leaves, strict=True):
        put(resource, route.steps, copy.deepcopy(leaf))
    return resource


def _crossed(resources: list[Resource], base: Route) -> Resource:
    """One resource that holds the elements of all: each value of the composite is there, but not side by side."""
    crossed = copy.deepcopy(resources[0])
    key = base.steps[0].key
    crossed[key] = [element for one in resources for element in one[key]]
    return crossed
