"""From the selections of a query to a tree that is ready to run, with every name checked against the definitions.

Specification: https://hl7.org/fhir/R4/graphql.html#fields and https://spec.graphql.org/October2021/#sec-Validation. The
one thing to know: a selection is compiled for all shapes that may stand there (the targets of a reference), and each
node knows the shapes for which it has a field; fragments are gone afterwards, their type conditions live on as those
shapes.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode, print_ast

from suture.api.graphql.arguments import Filter, filter_of, nearest, values_of
from suture.api.graphql.directives import Directives, directives_of, only_conditions, wanted
from suture.api.graphql.document import Operation
from suture.api.graphql.faults import MOST, Fault, QueryError, place_of, refuse
from suture.api.graphql.searches import Lookup, Search, lookup, may_lead
from suture.api.graphql.shapes import QUERY, Field, Shapes
from suture.api.shapes import as_array
from suture.search.parameters import SearchParameters

Place = tuple[int, int] | None
Role = Literal["element", "typename", "lookup"]

_TYPENAME = Field("__typename", "primitive", "string")


class Node(msgspec.Struct, frozen=True, eq=False):
    """One field of the answer.

    - `key`: its name in the answer. `fields`: by shape; an object of another shape does not have it.
    - `children`: what is selected below. `occurrence`: how often the key stood in the same selection before.
    - `written`: the field as text, without what is below it. `place`: where it stands in the query.
    - `filter`: of the elements of a list. `optional`, `types`: the arguments of `resource` of a Reference.
    - `lookup`: the read or search that answers it, for the role `lookup`.
    """

    key: str
    role: Role
    fields: Mapping[str, Field]
    children: "tuple[Node, ...]"
    occurrence: int
    written: str
    place: Place
    directives: Directives
    filter: Filter | None = None
    optional: bool = False
    types: frozenset[str] = frozenset()
    lookup: Lookup | None = None


class Scope(msgspec.Struct, frozen=True):
    """What may stand somewhere: shapes, and for a Reference the types of its targets (() for all)."""

    shapes: frozenset[str]
    targets: frozenset[str] = frozenset()


class Compiler:
    """Compiles the selections of one operation. `depth`, `fields`: the limits of the query.

    `only`: the resource type whose lookups may stand at the root ("" for all).
    """

    def __init__(
        self,
        operation: Operation,
        shapes: Shapes,
        parameters: SearchParameters,
        depth: int,
        fields: int,
        only: str = "",
    ) -> None:
        self._operation = operation
        self._shapes = shapes
        self._parameters = parameters
        self._depth = depth
        self._most = self._left = fields
        self._only = only
        self._faults: list[Fault] = []

    def compile(self, shape: str) -> tuple[Node, ...]:
        """The tree for a root of `shape`. Raises QueryError with everything that is wrong, and TooCostly."""
        nodes = self._selections(self._operation.root.selection_set, Scope(frozenset((shape,))), 1, ())
        if self._faults:
            raise QueryError(self._faults)
        return nodes

    def _selections(
        self, selected: SelectionSetNode, scope: Scope, depth: int, inside: tuple[str, ...]
    ) -> tuple[Node, ...]:
        nodes: list[Node] = []
        counts: dict[str, int] = {}
        for selection in selected.selections:
            try:
                if not wanted(selection.directives, self._operation):
                    continue
                match selection:
                    case FieldNode():
                        nodes.append(self._field(selection, scope, depth, inside, counts))
                    case InlineFragmentNode():
                        only_conditions(selection.directives)
                        condition = selection.type_condition.name.value if selection.type_condition else ""
                        nodes += self._fragment(selection, selection.selection_set, condition, scope, depth, inside)
                    case FragmentSpreadNode():
                        only_conditions(selection.directives)
                        nodes += self._spread(selection, scope, depth, inside)
                    case _:
                        raise refuse("A selection is a field or a fragment.", selection)
            except _Limit:
                raise
            except QueryError as error:
                self._faults += error.faults
                if len(self._faults) >= MOST:
                    raise QueryError(self._faults) from None
        return tuple(nodes)

    def _spread(
        self, spread: FragmentSpreadNode, scope: Scope, depth: int, inside: tuple[str, ...]
    ) -> tuple[Node, ...]:
        name = spread.name.value
        fragment = self._operation.fragments.get(name)
        if fragment is None:
            raise refuse(f"There is no fragment {name!r}.{nearest(name, self._operation.fragments)}", spread)
        if name in inside:
            raise refuse(f"The fragment {name!r} contains itself.", spread)
        condition = fragment.type_condition.name.value
        self._count(spread)
        return self._fragment(spread, fragment.selection_set, condition, scope, depth, (*inside, name))

    def _fragment(
        self,
        at: InlineFragmentNode | FragmentSpreadNode,
        selected: SelectionSetNode,
        condition: str,
        scope: Scope,
        depth: int,
        inside: tuple[str, ...],
    ) -> tuple[Node, ...]:
        if not condition:
            return self._selections(selected, scope, depth, inside)
        kept = frozenset(shape for shape in scope.shapes if self._shapes.accepts(condition, shape))
        if kept:
            return self._selections(selected, Scope(kept, scope.targets), depth, inside)
        if not self._shapes.exists(condition):
            raise refuse(f"There is no type {condition[:80]!r}.{nearest(condition, self._shapes.resources)}", at)
        self._selections(selected, Scope(frozenset((condition,))), depth, inside)
        return ()

    def _count(self, node: FieldNode | FragmentSpreadNode) -> None:
        self._left -= 1
        if self._left < 0:
            text = f"The query selects more than {self._most} fields (setting graphql_fields)."
            raise _Limit([Fault(text, "too-costly", place_of(node))], 403)

    def _field(
        self, node: FieldNode, scope: Scope, depth: int, inside: tuple[str, ...], counts: dict[str, int]
    ) -> Node:
        self._count(node)
        if depth > self._depth:
            text = f"The query nests deeper than {self._depth} fields (setting graphql_depth)."
            raise _Limit([Fault(text, "too-costly", place_of(node))], 403)
        name = node.name.value
        key = node.alias.value if node.alias else name
        selected = node.selection_set
        occurrence = counts.get(key, 0) if selected is not None else 0
        counts[key] = counts.get(key, 0) + 1
        directives = directives_of(node.directives, self._operation, self._shapes)
        made = _Draft(key, occurrence, _written(node), place_of(node), directives)
        values = values_of(node, self._operation)
        if name == "__typename":
            if selected is not None or values:
                raise refuse("__typename has neither arguments nor fields.", node)
            return made.node("typename", dict.fromkeys(scope.shapes, _TYPENAME), ())
        found = {shape: field for shape in scope.shapes if (field := self._shapes.fields(shape).get(name))}
        if not found:
            return self._looked_up(node, made, scope, values, depth, inside)
        fields = self._fitting(node, found, selected is not None)
        if selected is None:
            if directives.flatten:
                raise refuse(f"@flatten is for fields with fields below them, and {name} is a plain value.", node)
            filter_of(node, fields.values(), values, self._shapes)
            return made.node("element", fields, ())
        if any(field.kind == "target" for field in fields.values()):
            types, optional = self._target(node, values)
            below = self._below(fields, scope, types)
            children = self._selections(selected, below, depth + 1, inside)
            return made.node("element", fields, children, types=types, optional=optional)
        filter = filter_of(node, fields.values(), values, self._shapes)
        children = self._selections(selected, self._below(fields, scope, frozenset()), depth + 1, inside)
        return made.node("element", fields, children, filter=filter)

    def _fitting(self, node: FieldNode, found: dict[str, Field], selects: bool) -> dict[str, Field]:
        """The shapes whose field is a plain value or an object, as the query has it. Raises QueryError."""
        fields = {shape: field for shape, field in found.items() if (field.kind == "primitive") != selects}
        if fields:
            return fields
        name, one = node.name.value, next(iter(found.values()))
        if selects:
            raise refuse(f"{name} is a plain value ({one.type}); it has no fields.", node)
        raise refuse(f"{name} is a {one.type}; say which of its fields are wanted.", node)

    def _below(self, fields: Mapping[str, Field], scope: Scope, types: frozenset[str]) -> Scope:
        shapes: set[str] = set()
        targets: set[str] = set()
        limited = True
        for field in fields.values():
            match field.kind:
                case "target":
                    shapes |= types or scope.targets or self._shapes.all_types
                case "resource":
                    shapes |= frozenset(field.targets) or self._shapes.all_types
                case _:
                    shapes.add(field.type)
                    targets.update(field.targets)
                    limited = limited and bool(field.targets)
        return Scope(frozenset(shapes), frozenset(targets) if limited else frozenset())

    def _target(self, node: FieldNode, values: dict[str, Any]) -> tuple[frozenset[str], bool]:
        """The arguments `type` and `optional` of `resource`. Raises QueryError."""
        for name in values:
            if name not in ("type", "optional"):
                raise refuse(f"resource has no argument {name!r}, only type and optional.", node)
        optional = values.get("optional", False)
        if not isinstance(optional, bool):
            raise refuse("optional is true or false.", node)
        given = values.get("type", [])
        several = as_array(given)
        types = [given] if several is None else several
        for type in types:
            if type not in self._shapes.all_types:
                raise refuse(f"There is no resource type {str(type)[:80]!r}.", node)
        return frozenset(types), optional

    def _looked_up(
        self, node: FieldNode, made: "_Draft", scope: Scope, values: dict[str, Any], depth: int, inside: tuple[str, ...]
    ) -> Node:
        """A read or search: at the root, or of what refers to a resource."""
        at_root = QUERY in scope.shapes
        found = lookup(node, values, scope.shapes, self._shapes, self._parameters)
        if found is None:
            raise refuse(self._unknown(node.name.value, scope), node)
        if at_root and self._only and found.type != self._only:
            raise refuse(f"Here only {self._only} can be looked up; use [base]/$graphql for other types.", node)
        if node.selection_set is None:
            raise refuse(f"{node.name.value} needs the fields that are wanted of each {found.type}.", node)
        field = found.field
        holders = (QUERY,) if at_root else self._referred(found, scope)
        shape = field.type if field.kind == "object" else found.type
        children = self._selections(node.selection_set, Scope(frozenset((shape,))), depth + 1, inside)
        if isinstance(found, Search) and found.paged:
            counted = any(child.fields and "count" in {one.name for one in child.fields.values()} for child in children)
            found = msgspec.structs.replace(found, counted=counted)
        return made.node("lookup", dict.fromkeys(holders, field), children, lookup=found)

    def _referred(self, found: Lookup, scope: Scope) -> tuple[str, ...]:
        """The resource types in `scope` that a search inside of a resource may ask about."""
        assert isinstance(found, Search)
        targets = self._parameters.for_type(found.type)[found.reference].targets
        return tuple(shape for shape in scope.shapes if self._shapes.is_resource(shape) and may_lead(targets, (shape,)))

    def _unknown(self, name: str, scope: Scope) -> str:
        if name in ("__schema", "__type"):
            return f"{name} stands at the root of a query that asks for nothing else."
        if QUERY in scope.shapes:
            known = [made for type in self._shapes.resources for made in (type, f"{type}List", f"{type}Connection")]
            return f"There is no field {name[:80]!r} at the root.{nearest(name, known)}"
        known = {field for shape in scope.shapes for field in self._shapes.fields(shape)}
        choices = [k for shape in scope.shapes for k, f in self._shapes.fields(shape).items() if f.choice == name]
        hint = f" It has a type in its name: {', '.join(choices[:8])}." if choices else nearest(name, known)
        where = next(iter(scope.shapes)) if len(scope.shapes) == 1 else "what may stand here"
        return f"{where} has no field {name[:80]!r}.{hint}"


class _Limit(QueryError):
    """A limit was met; nothing else matters."""


class _Draft(msgspec.Struct, frozen=True):
    key: str
    occurrence: int
    written: str
    place: Place
    directives: Directives

    def node(
        self,
        role: Role,
        fields: Mapping[str, Field],
        children: tuple[Node, ...],
        *,
        filter: Filter | None = None,
        optional: bool = False,
        types: frozenset[str] = frozenset(),
        lookup: Lookup | None = None,
    ) -> Node:
        return Node(
            self.key,
            role,
            fields,
            children,
            self.occurrence,
            self.written,
            self.place,
            self.directives,
            filter,
            optional,
            types,
            lookup,
        )


def _written(node: FieldNode) -> str:
    parts = sorted(print_ast(argument) for argument in node.arguments or ())
    marks = sorted(print_ast(directive) for directive in node.directives or ())
    return " ".join((node.name.value, *parts, *marks))
