"""From the text of a request to one operation with the values of its variables.

Specification: https://spec.graphql.org/October2021/#sec-Executing-Requests. The one thing to know: length, tokens and
nesting are limited before anything is looked at, and only queries are answered, no mutations and no subscriptions.
"""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    value_from_ast_untyped,
)
from graphql.language import ListTypeNode, NonNullTypeNode, TypeNode, VariableDefinitionNode

from suture.api.graphql.faults import Fault, QueryError, refuse
from suture.fhir.outcomes import NotSupported

LONGEST = 64 * 1024
"""Characters of a query."""

MOST_TOKENS = 10_000
"""Words and marks of a query."""

MOST_VARIABLES = 200

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "Boolean": (bool,),
    "Int": (int,),
    "Float": (int, float),
    "String": (str,),
    "ID": (str, int),
}


class Asked(msgspec.Struct, frozen=True):
    """What a client sent: the text, the values of variables, and the name of the operation ("" for the only one)."""

    query: str
    variables: Mapping[str, Any]
    operation: str = ""


class Operation(msgspec.Struct, frozen=True):
    """One query that can be answered. `variables`: by name; those without a value are not in it."""

    document: DocumentNode
    root: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    declared: frozenset[str]


def read(asked: Asked) -> Operation:
    """Parse a query and choose its operation. Raises QueryError and NotSupported."""
    if len(asked.query) > LONGEST:
        raise refuse(f"The query has {len(asked.query)} characters; {LONGEST} are accepted.", code="too-long")
    try:
        document = parse(asked.query, max_tokens=MOST_TOKENS)
    except GraphQLSyntaxError as error:
        place = (error.locations[0].line, error.locations[0].column) if error.locations else None
        raise QueryError([Fault(error.message, "invalid", place)]) from None
    except RecursionError:
        raise refuse("The query nests too deeply.", code="too-costly") from None
    operations: list[OperationDefinitionNode] = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        match definition:
            case OperationDefinitionNode():
                operations.append(definition)
            case FragmentDefinitionNode() if definition.name.value not in fragments:
                fragments[definition.name.value] = definition
            case FragmentDefinitionNode():
                raise refuse(f"There are two fragments {definition.name.value!r}.", definition)
            case _:
                raise refuse("A query holds operations and fragments, not definitions of types.", definition)
    root = _chosen(operations, asked.operation)
    if root.operation != OperationType.QUERY:
        raise NotSupported(f"Only queries are answered here, not a {root.operation.value}; write by the REST API.")
    if root.directives:
        raise refuse("An operation takes no directives.", root.directives[0])
    variables = _variables(root, asked.variables)
    declared = frozenset(definition.variable.name.value for definition in root.variable_definitions or ())
    return Operation(document, root, fragments, variables, declared)


def _chosen(operations: list[OperationDefinitionNode], name: str) -> OperationDefinitionNode:
    names = [operation.name.value if operation.name else "" for operation in operations]
    if len(set(names)) != len(names):
        raise refuse("The operations of a query need different names.")
    if not name and len(operations) == 1:
        return operations[0]
    if not operations:
        raise refuse("The query has no operation.")
    known = ", ".join(filter(None, names))
    if not name:
        raise refuse(f"The query has several operations; say with operationName which one of {known}.")
    if name not in names:
        raise refuse(f"There is no operation {name[:80]!r} in the query{f', only {known}' if known else ''}.")
    return operations[names.index(name)]


def _variables(root: OperationDefinitionNode, given: Mapping[str, Any]) -> Mapping[str, Any]:
    definitions = root.variable_definitions or ()
    if len(definitions) > MOST_VARIABLES:
        raise refuse(f"An operation may have {MOST_VARIABLES} variables.", root)
    values: dict[str, Any] = {}
    for definition in definitions:
        name = definition.variable.name.value
        if name in values:
            raise refuse(f"The variable ${name} is declared twice.", definition)
        if name in given:
            values[name] = given[name]
        elif definition.default_value is not None:
            values[name] = value_from_ast_untyped(definition.default_value)
        elif isinstance(definition.type, NonNullTypeNode):
            raise refuse(f"The variable ${name} needs a value.", definition)
        else:
            continue
        _check(values[name], definition.type, definition)
    return values


def _check(value: Any, type: TypeNode, definition: VariableDefinitionNode) -> None:
    """Whether a value is of the type that the operation declares. Raises QueryError."""
    name = definition.variable.name.value
    if isinstance(type, NonNullTypeNode):
        if value is None:
            raise refuse(f"The variable ${name} must not be null.", definition)
        return _check(value, type.type, definition)
    if value is None:
        return None
    if isinstance(type, ListTypeNode):
        for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
            _check(item, type.type, definition)
        return None
    wanted = cast("Any", type).name.value
    allowed = _SCALARS.get(wanted, (str, int, float, bool))
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise refuse(f"The variable ${name} must be of the type {wanted}.", definition)
    return None
