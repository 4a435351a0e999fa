"""Running a compiled query: wave by wave, so that all references of one level are read together.

Specification: https://hl7.org/fhir/R4/graphql.html. The one thing to know: walking through resources that are there is
plain, synchronous work; where something must be read, the rest of the walk is put aside, and when nothing else is left,
everything that was put aside is read at once and goes on.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from suture.api.graphql.arguments import Filter, typed
from suture.api.graphql.budget import Budget
from suture.api.graphql.expressions import Focus, Item
from suture.api.graphql.faults import Fault, Path, QueryError
from suture.api.graphql.loading import Found, Loader, Many, One, Result, Want
from suture.api.graphql.output import RESULTS, Around, Output, Spot
from suture.api.graphql.searches import Read, Search
from suture.api.graphql.selection import Node
from suture.api.graphql.shapes import QUERY, Field, Shapes, type_name
from suture.api.shapes import as_array, as_object
from suture.fhir.references import parse_literal

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch

_YIELD = 64
"""Walks that go on before other requests get their turn."""


class _Step(NamedTuple):
    """One field to answer for objects of a certain shape, with all that is selected below it."""

    node: Node
    field: Field
    children: tuple[Node, ...]


class _Waiting(NamedTuple):
    want: Want
    go_on: Callable[[Result], None]


class Execution:
    """One query at work. `base`: this server's own URL, ending in a slash."""

    def __init__(self, shapes: Shapes, loader: Loader, budget: Budget, base: str) -> None:
        self._shapes = shapes
        self._loader = loader
        self._budget = budget
        self._base = base
        self._waiting: list[_Waiting] = []
        self._plans: dict[tuple[int, str], tuple[tuple[Node, ...], list[_Step]]] = {}

    async def run(self, nodes: tuple[Node, ...], resource: dict[str, Any] | None) -> dict[str, Any]:
        """The data for the selections `nodes` of `resource` (None: of the root). Raises FhirError."""
        output = Output(())
        value = resource or {}
        shape = str(resource["resourceType"]) if resource is not None else QUERY
        self._fields(nodes, value, shape, Around(value, value, stored=resource is not None), Spot(output))
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            found = await self._loader.load(one.want for one in waiting)
            for number, one in enumerate(waiting):
                one.go_on(found[one.want])
                if number % _YIELD == _YIELD - 1:
                    await asyncio.sleep(0)
        return output.rendered()

    def _fields(self, nodes: tuple[Node, ...], value: dict[str, Any], shape: str, around: Around, spot: Spot) -> None:
        for step in self._plan(nodes, shape):
            self._budget.step()
            if step.node.role == "typename":
                self._put(step, [type_name(shape)], around, spot)
            elif step.node.role == "lookup":
                self._look_up(step, shape, around, spot)
            elif step.field.kind == "target":
                self._target(step, value, around, spot)
            else:
                self._element(step, value, around, spot)

    def _plan(self, nodes: tuple[Node, ...], shape: str) -> list[_Step]:
        """The fields of `nodes` that `shape` has; those that come from several fragments are merged."""
        key = id(nodes), shape
        known = self._plans.get(key)
        if known is None:
            groups: dict[tuple[str, int], list[Node]] = {}
            for node in nodes:
                if shape in node.fields:
                    groups.setdefault((node.key, node.occurrence), []).append(node)
            known = self._plans[key] = nodes, [_merged(group, shape) for group in groups.values()]
        return known[1]

    def _element(self, step: _Step, value: dict[str, Any], around: Around, spot: Spot) -> None:
        found = value.get(step.field.name)
        if found is None:
            return
        several = as_array(found)
        items = [found] if several is None else [item for item in several if item is not None]
        if step.node.filter is not None:
            items = step.node.filter.apply(items, step.field.type, _focused(around.resource), self._budget)
        self._put(step, items, around, spot)

    def _put(self, step: _Step, items: list[Any], around: Around, spot: Spot) -> None:
        """Write values into the answer as the directives say."""
        node, field = step.node, step.field
        self._budget.step(len(items))
        directives = node.directives
        if directives.first:
            items = items[:1]
        repeats = field.repeats and not directives.first
        several = (repeats or spot.several) and not directives.singleton
        for index, item in enumerate(items):
            suffix = spot.suffix
            if directives.slice is not None:
                this = typed(item, field.type)
                focus = Focus(this, index, _focused(around.resource) or this)
                suffix = f"{suffix}.{directives.slice.name(focus, self._budget)}"
            if directives.flatten:
                below = Spot(spot.output, repeats or spot.several, suffix, True)
                self._inside(step, item, around, below)
                continue
            name = node.key + suffix
            slot = spot.output.slot(name, several, directives.singleton, node.place)
            if spot.gathered:
                self._check_type(slot.type, field, item, node, (*spot.output.path, name))
                slot.type = _type_of(field, item)
            if field.kind == "primitive":
                slot.values.append(item)
                continue
            path = (*spot.output.path, name, *((len(slot.values),) if slot.several else ()))
            output = Output(path)
            slot.values.append(output)
            self._inside(step, item, around, Spot(output))

    def _inside(self, step: _Step, item: Any, around: Around, spot: Spot) -> None:
        """Go on with the fields of one object."""
        value = as_object(item)
        if value is None:
            return
        field = step.field
        if field.kind == "object":
            self._fields(step.children, value, field.type, around, spot)
            return
        within = not around.results and (field.kind == "target" or field.name == "contained")
        entered = Around(value, around.container if within else value, stored=around.results)
        self._fields(step.children, value, str(value.get("resourceType")), entered, spot)

    def _look_up(self, step: _Step, shape: str, around: Around, spot: Spot) -> None:
        """A read or search that the query asks for, at the root or of what refers to the resource around."""
        wanted = step.node.lookup
        if isinstance(wanted, Read):
            one = One(wanted.type, wanted.id)
            if not _ID(wanted.id):
                self._was_read(step, wanted, spot, None)
            else:
                self._waiting.append(_Waiting(one, partial(self._was_read, step, wanted, spot)))
        elif wanted is not None and (not wanted.reference or around.stored):
            pairs = wanted.pairs
            if wanted.reference:
                pairs = (*pairs, (wanted.reference, f"{shape}/{around.resource['id']}"))
            search = Many(wanted.type, pairs, wanted.paged, wanted.counted, wanted.cursor, wanted.offset)
            self._waiting.append(_Waiting(search, partial(self._was_found, step, wanted, spot)))

    def _was_read(self, step: _Step, wanted: Read, spot: Spot, found: Result) -> None:
        if not isinstance(found, dict):
            text = f"There is no {wanted.type}/{wanted.id[:80]}."
            raise QueryError([Fault(text, "not-found", step.node.place, (*spot.output.path, step.node.key))], 404)
        self._put(step, [found], RESULTS, spot)

    def _was_found(self, step: _Step, wanted: Search, spot: Spot, found: Result) -> None:
        assert isinstance(found, Found)
        resources = found.resources
        if wanted.condition is not None:
            chosen = Filter({}, wanted.condition)
            resources = chosen.apply(resources, "Resource", None, self._budget)
        self._put(step, [_connection(found, resources)] if wanted.paged else resources, RESULTS, spot)

    def _target(self, step: _Step, reference: Mapping[str, Any], around: Around, spot: Spot) -> None:
        """The resource that a Reference leads to."""
        node, text = step.node, reference.get("reference")
        if not isinstance(text, str):
            return
        if text.startswith("#"):
            self._resolved(step, text, around, spot, _contained(around.container, text[1:]))
            return
        literal = parse_literal(text)
        if literal is None or literal.base not in ("", self._base) or literal.type not in self._shapes.all_types:
            self._resolved(step, text, around, spot, None)
        elif not node.types or literal.type in node.types:
            one = One(literal.type, literal.id, literal.version)
            self._waiting.append(_Waiting(one, partial(self._resolved, step, text, RESULTS, spot)))

    def _resolved(self, step: _Step, text: str, around: Around, spot: Spot, found: Result) -> None:
        """Go on with what a reference led to; None when it leads nowhere that this caller may see."""
        node = step.node
        if isinstance(found, dict):
            if not node.types or found.get("resourceType") in node.types:
                self._put(step, [found], around, spot)
        elif not node.optional:
            fault = f"The reference {text[:200]!r} cannot be resolved; with resource(optional: true) it is left out."
            raise QueryError([Fault(fault, "not-found", node.place, (*spot.output.path, node.key))], 422)

    def _check_type(self, before: str, field: Field, item: Any, node: Node, path: Path) -> None:
        if before and before != _type_of(field, item):
            text = f"@flatten brings together values of the types {before} and {_type_of(field, item)}."
            raise QueryError([Fault(text, "structure", node.place, path)], 422)


def _merged(nodes: list[Node], shape: str) -> _Step:
    """One field for all nodes that stand for it. Raises QueryError when they do not mean the same."""
    first = nodes[0]
    for node in nodes[1:]:
        if node.written != first.written:
            text = f"{node.key!r} means both {first.written[:80]!r} and {node.written[:80]!r}; give one an alias."
            raise QueryError([Fault(text, "invalid", node.place)])
    children = first.children if len(nodes) == 1 else tuple(child for node in nodes for child in node.children)
    return _Step(first, first.fields[shape], children)


def _connection(found: Found, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A page of a search as the fields of a connection."""
    connection: dict[str, Any] = {"offset": found.offset, "pagesize": found.size}
    if found.count is not None:
        connection["count"] = found.count
    connection["edges"] = [{"mode": "match", "resource": resource} for resource in resources]
    cursors = {"first": found.first, "previous": found.previous, "next": found.next, "last": found.last}
    return connection | {name: cursor for name, cursor in cursors.items() if cursor}


def _contained(container: dict[str, Any], id: str) -> dict[str, Any] | None:
    """The contained resource with this id; the container itself for ""."""
    if not id:
        return container
    inside = map(as_object, as_array(container.get("contained")) or ())
    return next((resource for resource in inside if resource is not None and resource.get("id") == id), None)


def _type_of(field: Field, item: Any) -> str:
    if field.kind in ("resource", "target"):
        return str((as_object(item) or {}).get("resourceType"))
    return field.type


def _focused(resource: dict[str, Any]) -> Item | None:
    return typed(resource, "Resource") if resource else None
