"""Composite search parameters: where their components lie, and which rows answer them.

Specification: https://hl7.org/fhir/R4/search.html#composite. Where the components are values of the whole resource
(`code-value-quantity`), the rows of their own parameters say all there is to say; where such a parameter has values of
further datatypes in the same element (SampledData beside Quantity), resources with these are marked. Where they belong
together in an element that repeats (`component-code-value-quantity`), the element has rows of its own, whose hash is
made of the parts. The definitions are not always right (components that name no parameter, or one of another datatype),
so the expression counts first, then the parameter, then the datatype of the values.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from suture.fhir.definitions import SearchComponent, SearchParameter
from suture.fhir.fhirpath import FhirPathError, Node, nodes, parse
from suture.search.extraction.conditions import UnroutableError
from suture.search.extraction.datatypes import parts
from suture.search.extraction.routes import Router
from suture.search.extraction.steps import Child, Route, Step
from suture.search.parameter import Composed, Parameter
from suture.search.sharing import Draft, draft

HASHED = frozenset({"token", "reference"})
"""Types of components that go into the hash of a composite row with their value. The others have a range or a text."""


class ElementPart(msgspec.Struct, frozen=True):
    """One component of an element: the parameter that its values are hashed for, and the routes to them.

    `anywhere`: the routes begin at the resource, not at the element. `invented`: no parameter has these values.
    """

    parameter: Parameter
    routes: tuple[Route, ...]
    anywhere: bool
    invented: bool


class Element(msgspec.Struct, frozen=True):
    """Elements that have composite rows: `steps` lead to them, `rows` is the name of the rows."""

    rows: str
    steps: tuple[Step, ...]
    parts: tuple[ElementPart, ...]

    @property
    def ranged(self) -> tuple[ElementPart, ...]:
        """The parts that do not go into the hash with their value: one, none, or two numbers."""
        return tuple(part for part in self.parts if part.parameter.type not in HASHED)


class Mark(msgspec.Struct, frozen=True):
    """A token of every resource with a value at `steps`, under the names of the parameter's rows and of the place."""

    steps: tuple[Step, ...]
    rows: str
    place: str


class Composites:
    """The composite parameters of one resource type. `composed`: by code; `elements`: those that have rows; `marks`:
    what tells the values that a component does not mean.

    `drafts`: the other parameters of the type, `finished`: makes the Parameter of one.
    """

    def __init__(
        self,
        type: str,
        router: Router,
        by_url: Mapping[str, SearchParameter],
        drafts: Mapping[str, Draft],
        finished: Callable[[Draft], Parameter],
    ) -> None:
        self._type = type
        self._router = router
        self._by_url = by_url
        self._drafts = drafts
        self._finished = finished
        self._rows: dict[Any, Element] = {}
        self.composed: dict[str, tuple[Composed, ...]] = {}
        self._marks: dict[Any, Mark] = {}

    @property
    def elements(self) -> tuple[Element, ...]:
        """The elements that have composite rows."""
        return tuple(self._rows.values())

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The values that are marked."""
        return tuple(self._marks.values())

    def add(self, definitions: Sequence[SearchParameter]) -> None:
        """Work out composite parameters. Those that look at one kind of element only name the rows of it."""
        found = [(definition, self._focuses(definition)) for definition in definitions]
        for definition, focuses in sorted(found, key=lambda pair: len(pair[1])):
            ways = [self._way(definition, focus) for focus in focuses]
            self.composed[definition.code] = tuple(way for way in ways if way is not None)

    def _focuses(self, definition: SearchParameter) -> tuple[Route, ...]:
        try:
            return self._router.routes(self._type, parse(definition.expression))
        except (UnroutableError, FhirPathError):
            return ()

    def _way(self, definition: SearchParameter, focus: Route) -> Composed | None:
        if not focus.steps:
            whole = [self._whole(component, focus) for component in definition.components]
            ordinary = [found for found in whole if found is not None]
            if ordinary and len(ordinary) == len(whole):
                others = {(mark.rows, mark.place): mark for _, marks in ordinary for mark in marks}
                self._marks.update(others)
                return Composed("", tuple(parameter for parameter, _ in ordinary), tuple(others))
        found = [self._part(definition, n, focus) for n in range(len(definition.components))]
        if any(part is None for part in found):
            return None
        element = Element(definition.code, focus.steps, tuple(part for part in found if part is not None))
        if not _storable(element):
            return None
        element = self._rows.setdefault(_key(element), element)
        return Composed(element.rows, tuple(part.parameter for part in element.parts))

    # --- components of the whole resource

    def _whole(self, component: SearchComponent, focus: Route) -> tuple[Parameter, list[Mark]] | None:
        """The parameter that has the values of a component, and marks of what it has besides."""
        type, routes, _ = self._routes(component, focus)
        places = _places(routes)
        able = [
            other
            for other in self._drafts.values()
            if places and other.definition.type == type and places <= _places(other.routes) and other.leads
        ]
        able = [draft for draft in able if self._alternatives(draft, places)]
        best = min(able, key=lambda other: len(other.routes), default=None)
        if best is None:
            return None
        others = [route for route in best.routes if (route.path, route.type) not in places]
        return self._finished(best), [Mark(route.steps, best.rows[0], _named(route.steps)) for route in others]

    def _alternatives(self, draft: Draft, places: set[tuple[Any, str]]) -> bool:
        """Whether what `draft` has elsewhere than at `places` stands in place of that."""
        meant = [route for route in draft.routes if (route.path, route.type) in places]
        others = [route for route in draft.routes if (route.path, route.type) not in places]
        return not others or (
            len(draft.rows) == 1
            and all(self._router.exclusive(self._type, a.steps, b.steps) for a in meant for b in others)
        )

    # --- components of an element

    def _part(self, definition: SearchParameter, n: int, focus: Route) -> ElementPart | None:
        type, routes, anywhere = self._routes(definition.components[n], focus)
        if not routes:
            return None
        full = routes if anywhere else tuple(focus.then(*route.steps) for route in routes)
        places = {(way.path, route.type) for way, route in zip(full, routes, strict=True)}
        for other in self._drafts.values():
            own = other.definition.type == type and other.rows == (other.definition.code,)
            if own and places <= _places(other.routes):
                return ElementPart(self._finished(other), routes, anywhere, invented=False)
        code = f"{definition.code}${n + 1}"
        invented = msgspec.structs.replace(definition, code=code, type=type, url="", expression="", components=())
        parameter = self._finished(draft(invented, routes))
        return ElementPart(parameter, routes, anywhere, invented=True)

    def _routes(self, component: SearchComponent, focus: Route) -> tuple[str, tuple[Route, ...], bool]:
        """(parameter type, routes from the focus, or from the resource when the third is True)."""
        node = _parsed(component.expression)
        if node is None:
            return "", (), False
        local = _without_resource(node)
        anywhere = local is not node
        start = self._router.start(self._type) if anywhere else focus
        node = local
        named = self._by_url.get(component.definition)
        tries: list[tuple[str, Node]] = []
        if named is not None:
            tries.append((named.type, node))
            if isinstance(node, nodes.Member) and node.target is not None:
                tries.append((named.type, node.target))  # `location.reference` means the Reference
        for type, expression in tries:
            if found := _usable(self._relative(start, expression), type):
                return type, found, anywhere
        routes = self._relative(start, node)
        types = {_type_of(route.type) for route in routes}
        if len(types) == 1 and (type := types.pop()):
            return type, _usable(routes, type), anywhere
        known = self._drafts.get(named.code) if named is not None and not focus.steps else None
        return (known.definition.type, known.routes, False) if known is not None else ("", (), False)

    def _relative(self, start: Route, expression: Node) -> tuple[Route, ...]:
        try:
            return self._router.relative(start, expression)
        except UnroutableError:
            return ()


def _named(steps: tuple[Step, ...]) -> str:
    return ".".join(step.name if isinstance(step, Child) else step.text for step in steps)


def _parsed(expression: str) -> Node | None:
    try:
        return parse(expression)
    except FhirPathError:
        return None


def _without_resource(node: Node) -> Node:
    """`a.b` for `%resource.a.b`; the very same node when it does not begin so."""
    if isinstance(node, nodes.Constant) and node.name == "resource":
        return nodes.This()
    if isinstance(node, nodes.Member) and node.target is not None:
        target = _without_resource(node.target)
        return node if target is node.target else nodes.Member(target=target, name=node.name)
    return node


def _usable(routes: tuple[Route, ...], type: str) -> tuple[Route, ...]:
    return tuple(route for route in routes if parts(type, route.type))


def _places(routes: tuple[Route, ...]) -> set[tuple[Any, str]]:
    return {(route.path, route.type) for route in routes}


def _storable(element: Element) -> bool:
    """At least one value to hash, and at most one range, or a pair of numbers that are the ends of one."""
    types = [part.parameter.type for part in element.ranged]
    if "composite" in types or "special" in types or len(types) == len(element.parts):
        return False
    return len(types) < 2 or types == ["number", "number"]


def _key(element: Element) -> Any:
    return (
        tuple(step.key for step in element.steps),
        tuple((part.parameter.type, frozenset(_places(part.routes)), part.anywhere) for part in element.parts),
    )


_PLAIN = {"string": "string", "markdown": "string", "code": "token", "id": "token", "canonical": "reference"}


def _type_of(datatype: str) -> str:
    """The type that a parameter of values of this datatype has, "" for none."""
    if datatype in _PLAIN:
        return _PLAIN[datatype]
    order = ("uri", "reference", "date", "number", "quantity", "token", "string")
    return next((type for type in order if parts(type, datatype)), "")
