"""Questions about the types: `__schema` and `__type`.

Specification: https://spec.graphql.org/October2021/#sec-Introspection. The one thing to know: the schema is big, so it
is built when it is first asked for, off the event loop, the last answers are kept as bytes, and each list of the schema
may stand only once on the way down (as in what the usual tools ask for).
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import graphql
import msgspec
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    SelectionSetNode,
    validate,
)

from suture.api.graphql.document import Operation
from suture.api.graphql.faults import Fault, QueryError, refuse
from suture.api.graphql.schema import build
from suture.api.graphql.shapes import Shapes
from suture.fhir.outcomes import Unavailable
from suture.search.parameters import SearchParameters

_ROOTS = ("__schema", "__type")
_LISTS = frozenset(
    ("types", "fields", "args", "inputFields", "interfaces", "possibleTypes", "enumValues", "directives")
)
_MOST_LISTS = 4
"""How often each of the lists may stand in one question."""
_KEPT = 4
"""Answers that are kept."""
_MOST_WAITING = 4
"""Questions that may wait for the one thread that answers them."""

_execute = cast("Callable[..., ExecutionResult]", getattr(graphql, "execute_sync"))  # noqa: B009 (partly untyped)


def is_about_types(operation: Operation) -> bool:
    """Whether a query asks about the types. Raises QueryError when it asks about resources as well."""
    names = set(_at_root(operation, operation.root.selection_set, set()))
    about = names & set(_ROOTS)
    if about and not names <= {*_ROOTS, "__typename"}:
        raise refuse(f"{min(about)} stands in a query that asks for nothing else.", operation.root)
    return bool(about)


class Introspection:
    """What can be told of the types of one FHIR version."""

    def __init__(self, shapes: Shapes, parameters: SearchParameters) -> None:
        self._shapes = shapes
        self._parameters = parameters
        self._thread: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._schema: GraphQLSchema | None = None
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()

    async def answer(self, operation: Operation, query: str, depth: int, fields: int) -> bytes:
        """The data as JSON; a big one takes seconds the first time. `query`: the text. `depth`, `fields`: the limits.

        Raises QueryError, and Unavailable when too many new questions wait.
        """
        _Limits(operation, depth, fields).check()
        name = operation.root.name.value if operation.root.name else ""
        key = msgspec.json.encode((query, name, dict(operation.variables)))
        found = self._answers.get(key)
        if found is not None:
            return found
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("Too many questions about the types wait for their answer.", headers={"Retry-After": "5"})
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "graphql-schema")
        self._waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._told, operation, name)
        finally:
            self._waiting -= 1
        self._answers[key] = found
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return found

    def _told(self, operation: Operation, name: str) -> bytes:
        if self._schema is None:
            self._schema = build(self._shapes, self._parameters)
        errors = validate(self._schema, operation.document)
        if errors:
            raise _refused(errors)
        result = _execute(self._schema, operation.document, None, None, dict(operation.variables), name or None)
        if result.errors:
            raise _refused(result.errors)
        return msgspec.json.encode(result.data)


class _Limits:
    """Counts what a question about the types would unfold."""

    def __init__(self, operation: Operation, depth: int, fields: int) -> None:
        self._operation = operation
        self._depth = depth
        self._left = fields
        self._lists: Counter[str] = Counter()

    def check(self) -> None:
        """Raises QueryError for a question that would have too long an answer."""
        self._walk(self._operation.root.selection_set, frozenset(), 1, ())

    def _walk(self, selected: SelectionSetNode, above: frozenset[str], depth: int, inside: tuple[str, ...]) -> None:
        for selection in selected.selections:
            self._left -= 1
            if self._left < 0 or depth > self._depth:
                raise _too_much(selection, "The question about the types has too many fields, or nests too deeply.")
            match selection:
                case FieldNode():
                    self._field(selection, above, depth, inside)
                case InlineFragmentNode():
                    self._walk(selection.selection_set, above, depth, inside)
                case FragmentSpreadNode():
                    name = selection.name.value
                    fragment = self._operation.fragments.get(name)
                    if fragment is not None and name not in inside:
                        self._walk(fragment.selection_set, above, depth, (*inside, name))
                case _:
                    pass

    def _field(self, field: FieldNode, above: frozenset[str], depth: int, inside: tuple[str, ...]) -> None:
        name = field.name.value
        if name in _LISTS:
            self._lists[name] += 1
            if name in above or self._lists[name] > _MOST_LISTS:
                raise _too_much(field, f"{name} may stand only once on the way down, and {_MOST_LISTS} times.")
            above = above | {name}
        if field.selection_set is not None:
            self._walk(field.selection_set, above, depth + 1, inside)


def _at_root(operation: Operation, selected: SelectionSetNode, seen: set[str]) -> Iterator[str]:
    """The names of the fields of a selection and of its fragments, each of which is looked at once."""
    for selection in selected.selections:
        match selection:
            case FieldNode():
                yield selection.name.value
            case InlineFragmentNode():
                yield from _at_root(operation, selection.selection_set, seen)
            case FragmentSpreadNode() if selection.name.value not in seen:
                seen.add(selection.name.value)
                fragment = operation.fragments.get(selection.name.value)
                if fragment is not None:
                    yield from _at_root(operation, fragment.selection_set, seen)
            case _:
                pass


def _too_much(field: Node, text: str) -> QueryError:
    return refuse(text, field, "too-costly")


def _refused(errors: list[GraphQLError]) -> QueryError:
    return QueryError([Fault(error.message, "invalid", _place(error)) for error in errors])


def _place(error: GraphQLError) -> tuple[int, int] | None:
    return (error.locations[0].line, error.locations[0].column) if error.locations else None
