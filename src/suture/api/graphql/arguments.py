"""The arguments of fields: their values, the filters of lists, and the parameters of searches.

Specification: https://hl7.org/fhir/R4/graphql.html#arguments and #searching. The one thing to know: names of search
parameters are written with `_` where FHIR has `-`, and the values of an array are alternatives.
"""

import difflib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

import msgspec
from graphql import FieldNode, UndefinedType, value_from_ast_untyped
from graphql.language import ListValueNode, ObjectValueNode, ValueNode, VariableNode

from suture.api.graphql.budget import Budget
from suture.api.graphql.document import Operation
from suture.api.graphql.expressions import Expression, Focus, Item
from suture.api.graphql.faults import refuse
from suture.api.graphql.shapes import Field, Shapes
from suture.api.shapes import as_array, as_object
from suture.fhir.outcomes import Invalid
from suture.search.parameters import SearchParameters

RESULT = ("_count", "_sort", "_filter", "_text", "_content", "_list")
_NEVER = ("_include", "_revinclude", "_contained", "_containedType", "_summary", "_elements", "_total", "_type")


class Filter(msgspec.Struct, frozen=True):
    """Which elements of a list are wanted. `equal`: element name -> texts of which it must have one."""

    equal: Mapping[str, frozenset[str]]
    condition: Expression | None = None
    offset: int = 0
    count: int | None = None

    def apply(self, items: list[Any], shape: str, resource: Item | None, budget: Budget) -> list[Any]:
        """The elements that meet the filter, then cut to `offset` and `count`.

        `shape`: of each of them. `resource`: around them, None when they are resources themselves.
        """
        budget.step(len(items))
        kept = [item for item in items if self._equals(item)]
        if self.condition is not None:
            focuses = [Focus(this := typed(item, shape), n, resource or this) for n, item in enumerate(kept)]
            kept = [focus.this.value for focus in focuses if self.condition.holds(focus, budget)]
        return kept[self.offset : None if self.count is None else self.offset + self.count]

    def _equals(self, item: Any) -> bool:
        if not self.equal:
            return True
        values = as_object(item) or {}
        return all(any(text in wanted for text in _texts(values.get(name))) for name, wanted in self.equal.items())


def typed(value: Any, shape: str) -> Item:
    """A value as FHIRPath sees it; a resource says itself what it is."""
    if shape == "Resource":
        return Item(value, str((as_object(value) or {}).get("resourceType")))
    return Item(value, shape)


def values_of(field: FieldNode, operation: Operation) -> dict[str, Any]:
    """The arguments of a field; one whose variable has no value is left out. Raises QueryError."""
    values: dict[str, Any] = {}
    for argument in field.arguments or ():
        name = argument.name.value
        if name in values:
            raise refuse(f"The argument {name!r} is given twice.", argument)
        value = value_of(argument.value, operation)
        if value is not None:
            values[name] = value
    return values


def value_of(node: ValueNode, operation: Operation) -> Any:
    """A value with its variables filled in; None when it is null or its variable has no value. Raises QueryError."""
    _check_variables(node, operation)
    value = value_from_ast_untyped(node, dict(operation.variables))
    return None if isinstance(value, UndefinedType) else value


def filter_of(field: FieldNode, found: Iterable[Field], values: dict[str, Any], shapes: Shapes) -> Filter | None:
    """The filter that the arguments of an element make. Raises QueryError."""
    if not values:
        return None
    fields = list(found)
    if all(one.kind == "primitive" for one in fields):
        raise refuse(f"{field.name.value} is a plain value; it takes no arguments.", field)
    equal: dict[str, frozenset[str]] = {}
    for name in values:
        if name in ("fhirpath", "_count", "_offset"):
            continue
        below = [shapes.fields(one.type).get(name) for one in fields]
        if one := next((one for one in below if one is not None), None):
            if one.kind != "primitive":
                raise refuse(f"{name} is no plain value; use fhirpath to filter {field.name.value} by it.", field)
        else:
            known = [*shapes.fields(fields[0].type), "fhirpath", "_count", "_offset"]
            raise refuse(f"{field.name.value} has no argument {name!r}.{nearest(name, known)}", field)
        equal[name] = frozenset(_texts(values[name]))
    offset, count = number(field, values, "_offset"), number(field, values, "_count")
    return Filter(equal, condition_of(field, values, shapes), offset or 0, count)


def condition_of(field: FieldNode, values: Mapping[str, Any], shapes: Shapes) -> Expression | None:
    """The argument `fhirpath`. Raises QueryError."""
    text = values.get("fhirpath")
    if text is None:
        return None
    if not isinstance(text, str):
        raise refuse("fhirpath is a text.", field)
    try:
        return Expression(text, shapes)
    except Invalid as error:
        raise refuse(str(error), field) from None


def number(field: FieldNode, values: Mapping[str, Any], name: str) -> int | None:
    """An argument that is a whole number of at least 0. Raises QueryError."""
    value = values.get(name)
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9):
        return value
    raise refuse(f"{name} is a whole number of at least 0.", field)


def search_pairs(
    field: FieldNode, type: str, values: Mapping[str, Any], parameters: SearchParameters
) -> tuple[tuple[str, str], ...]:
    """The search parameters that the arguments of a search mean. Raises QueryError."""
    codes = {code.replace("-", "_"): code for code in parameters.for_type(type)}
    codes.update((name, name) for name in RESULT)
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        code = codes.get(name)
        if name in _NEVER:
            raise refuse(f"The argument {name} has no meaning in GraphQL.", field, "not-supported")
        if name not in RESULT:
            parameters.asked(type, code or name)
        if code is None:
            raise refuse(f"{type} has no search parameter {name!r}.{nearest(name, codes)}", field)
        texts = _texts(value)
        if not texts:
            raise refuse(f"The argument {name} needs a plain value or an array of them.", field)
        pairs.append((code, ",".join(texts)))
    return tuple(pairs)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the nearest known name, "" when none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _check_variables(node: ValueNode, operation: Operation) -> None:
    match node:
        case VariableNode():
            name = node.name.value
            if name not in operation.declared:
                raise refuse(f"The variable ${name} is not declared by the operation.", node)
        case ListValueNode():
            for value in node.values:
                _check_variables(value, operation)
        case ObjectValueNode():
            for field in node.fields:
                _check_variables(field.value, operation)
        case _:
            pass


def _texts(value: Any) -> list[str]:
    """A plain value, or an array of them, as the texts that stand for them; objects are left out."""
    several = as_array(value)
    return [text for one in ([value] if several is None else several) if (text := _text(one)) is not None]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(cast("Any", value)) if isinstance(value, str | int | float) else None
