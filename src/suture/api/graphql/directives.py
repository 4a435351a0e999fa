"""The directives of a field: @skip and @include, and FHIR's @flatten, @first, @singleton and @slice.

Specification: https://hl7.org/fhir/R4/graphql.html#flattening and https://spec.graphql.org/October2021/#sec--skip.
"""

from collections.abc import Sequence

import msgspec
from graphql.language import DirectiveNode, Node

from suture.api.graphql.arguments import value_of
from suture.api.graphql.document import Operation
from suture.api.graphql.expressions import Expression
from suture.api.graphql.faults import refuse
from suture.api.graphql.shapes import Shapes
from suture.fhir.outcomes import Invalid

FLATTENING = ("flatten", "first", "singleton", "slice")
KNOWN = ("skip", "include", *FLATTENING)


class Directives(msgspec.Struct, frozen=True):
    """How the values of a field are put into the answer. `slice`: what names each of them."""

    flatten: bool = False
    first: bool = False
    singleton: bool = False
    slice: Expression | None = None


PLAIN = Directives()


def wanted(directives: Sequence[DirectiveNode] | None, operation: Operation) -> bool:
    """Whether @skip and @include leave a selection in. Raises QueryError."""
    keep = True
    for directive in directives or ():
        if directive.name.value in ("skip", "include"):
            condition = _argument(directive, operation, ("if",))
            if not isinstance(condition, bool):
                raise refuse(f"@{directive.name.value} needs the argument if: true or false.", directive)
            keep = keep and condition == (directive.name.value == "include")
    return keep


def only_conditions(directives: Sequence[DirectiveNode] | None) -> None:
    """Refuse other directives than @skip and @include, on a fragment. Raises QueryError."""
    for directive in directives or ():
        if directive.name.value not in ("skip", "include"):
            raise refuse(f"@{directive.name.value} cannot stand on a fragment.", directive)


def directives_of(nodes: Sequence[DirectiveNode] | None, operation: Operation, shapes: Shapes) -> Directives:
    """The flattening directives of a field. Raises QueryError."""
    if not nodes:
        return PLAIN
    by_name: dict[str, DirectiveNode] = {}
    for node in nodes:
        name = node.name.value
        if name not in KNOWN:
            raise refuse(f"The directive @{name} is not known; known are {', '.join('@' + k for k in KNOWN)}.", node)
        if name in by_name:
            raise refuse(f"@{name} is given twice.", node)
        if name in ("flatten", "first", "singleton") and node.arguments:
            raise refuse(f"@{name} takes no arguments.", node)
        by_name[name] = node
    if "first" in by_name and "slice" in by_name:
        raise refuse("@first and @slice exclude each other.", by_name["slice"])
    if "flatten" in by_name and "singleton" in by_name:
        raise refuse("@singleton belongs on the fields inside of a flattened one.", by_name["singleton"])
    slice = by_name.get("slice")
    return Directives(
        "flatten" in by_name,
        "first" in by_name,
        "singleton" in by_name,
        _compiled(slice, operation, shapes) if slice is not None else None,
    )


def _compiled(directive: DirectiveNode, operation: Operation, shapes: Shapes) -> Expression:
    path = _argument(directive, operation, ("path", "fhirpath"))
    if not isinstance(path, str):
        raise refuse('@slice needs the argument path, such as @slice(path: "use").', directive)
    try:
        return Expression(path, shapes)
    except Invalid as error:
        raise refuse(str(error), directive) from None


def _argument(directive: DirectiveNode, operation: Operation, names: tuple[str, ...]) -> object:
    arguments = directive.arguments or ()
    place: Node = directive
    if len(arguments) != 1 or arguments[0].name.value not in names:
        raise refuse(f"@{directive.name.value} takes the one argument {names[0]}.", place)
    return value_of(arguments[0].value, operation)
