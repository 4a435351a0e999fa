"""The GraphQL schema of a FHIR version, for clients that ask what there is.

Specification: https://hl7.org/fhir/R4/graphql.html#conformance. The one thing to know: the schema describes, it does
not decide; queries are checked against the shapes, which are more forgiving (fields of a referenced resource need no
fragment). Searches inside of a resource are listed where a search parameter names its type; those that lead to any
resource work as well and are left out, because there would be twenty thousand of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLDirective,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    specified_directives,
)

from suture.api.graphql.arguments import RESULT
from suture.api.graphql.shapes import Field, Shapes, type_name
from suture.search.parameters import SearchParameters

_PLAIN = {
    "boolean": GraphQLBoolean,
    "string": GraphQLString,
    "integer": GraphQLInt,
    "decimal": GraphQLFloat,
}
_MOST_TARGETS = 30
"""Targets of a reference parameter up to which searches by it are listed on each of them."""

Arguments = dict[str, GraphQLArgument]


def build(shapes: Shapes, parameters: SearchParameters) -> GraphQLSchema:
    """The schema with all its types; takes about a second."""
    return _Builder(shapes, parameters).schema()


class _Builder:
    def __init__(self, shapes: Shapes, parameters: SearchParameters) -> None:
        self._shapes = shapes
        self._parameters = parameters
        self._objects: dict[str, GraphQLObjectType] = {}
        self._scalars: dict[str, GraphQLScalarType] = {}
        self._value = GraphQLScalarType("Value", description="A text, a number, true, false, or a word.")
        self._values = GraphQLList(self._value)
        self._searches: dict[str, Arguments] = {}
        self._resource = GraphQLInterfaceType("Resource", self._common, description="Any resource.")

    def schema(self) -> GraphQLSchema:
        resources = [self._object(type) for type in self._shapes.resources]
        query = GraphQLObjectType("Query", self._root)
        return GraphQLSchema(query, types=resources, directives=[*specified_directives, *_directives()])

    def _common(self) -> dict[str, GraphQLField]:
        patient = self._shapes.fields("Patient")
        names = ("resourceType", "id", "meta", "implicitRules", "language")
        return {name: self._field(patient[name]) for name in names}

    def _root(self) -> dict[str, GraphQLField]:
        fields: dict[str, GraphQLField] = {}
        identified = {"id": GraphQLArgument(GraphQLNonNull(self._scalar("id")))}
        for type in self._shapes.resources:
            fields[type] = GraphQLField(self._object(type), identified)
            fields |= self._lookups(type, {})
        return fields

    def _lookups(self, type: str, more: Arguments) -> dict[str, GraphQLField]:
        """The searches for a type. `more`: arguments that they have besides those of the type."""
        arguments = self._arguments(type) | more
        paged = arguments if more else arguments | {"_cursor": GraphQLArgument(GraphQLString)}
        return {
            f"{type}List": GraphQLField(GraphQLList(self._object(type)), arguments),
            f"{type}Connection": GraphQLField(self._object(f"{type}Connection"), paged),
        }

    def _arguments(self, type: str) -> Arguments:
        known = self._searches.get(type)
        if known is None:
            names = [code.replace("-", "_") for code, parameter in self._parameters.for_type(type).items()
                     if parameter.supported and not (parameter.custom and parameter.pending)]  # fmt: skip
            known = {name: GraphQLArgument(self._values) for name in (*names, *RESULT)}
            known["fhirpath"] = GraphQLArgument(GraphQLString)
            self._searches[type] = known
        return known

    def _object(self, shape: str) -> GraphQLObjectType:
        known = self._objects.get(shape)
        if known is None:
            interfaces = [self._resource] if self._shapes.is_resource(shape) else []
            known = GraphQLObjectType(type_name(shape), self._fields_of(shape), interfaces)
            self._objects[shape] = known
        return known

    def _fields_of(self, shape: str) -> Callable[[], dict[str, GraphQLField]]:
        def fields() -> dict[str, GraphQLField]:
            made = {name: self._field(field) for name, field in self._shapes.fields(shape).items()}
            if shape in self._shapes.resources:
                made |= self._referring(shape)
            return made

        return fields

    def _referring(self, type: str) -> dict[str, GraphQLField]:
        """The searches for what refers to resources of `type`."""
        reference = {"_reference": GraphQLArgument(GraphQLNonNull(self._value))}
        fields: dict[str, GraphQLField] = {}
        for source in self._shapes.resources:
            parameters = self._parameters.for_type(source).values()
            if any(p.type == "reference" and len(p.targets) <= _MOST_TARGETS and type in p.targets for p in parameters):
                fields |= self._lookups(source, reference)
        return fields

    def _field(self, field: Field) -> GraphQLField:
        type = self._type(field)
        arguments: Arguments = {}
        if field.kind == "target":
            arguments = {"type": GraphQLArgument(self._values), "optional": GraphQLArgument(GraphQLBoolean)}
        elif field.kind == "object" and field.repeats:
            below = self._shapes.fields(field.type).items()
            arguments = {name: GraphQLArgument(self._value) for name, one in below if one.kind == "primitive"}
            arguments["fhirpath"] = GraphQLArgument(GraphQLString)
            arguments["_count"] = arguments["_offset"] = GraphQLArgument(GraphQLInt)
        return GraphQLField(GraphQLList(type) if field.repeats else type, arguments)

    def _type(self, field: Field) -> Any:
        if field.kind == "primitive":
            return _PLAIN.get(field.type) or self._scalar(field.type)
        if field.kind == "object":
            return self._object(field.type)
        return self._object(field.targets[0]) if len(field.targets) == 1 else self._resource

    def _scalar(self, name: str) -> GraphQLScalarType:
        return self._scalars.setdefault(name, GraphQLScalarType(name))


def _directives() -> list[GraphQLDirective]:
    place = [DirectiveLocation.FIELD]
    path: Mapping[str, GraphQLArgument] = {"path": GraphQLArgument(GraphQLNonNull(GraphQLString))}
    return [
        GraphQLDirective("flatten", place, description="Put the fields below in the place of this field."),
        GraphQLDirective("first", place, description="Take only the first value."),
        GraphQLDirective("singleton", place, description="One value, not a list, inside of a flattened field."),
        GraphQLDirective("slice", place, dict(path), description="Name each value by the result of a FHIRPath."),
    ]
