"""Items and syntax trees as the public FHIRPath servers write them, in parts of a Parameters resource.

Form: https://github.com/brianpos/fhirpath-lab/blob/master/server-api.md. The one thing to know: what a `value[x]`
cannot hold (elements without a type of their own, partial times) is JSON text in an extension, so nothing is lost.
"""

from typing import Any

from suture.fhir import json
from suture.fhir.fhirpath import nodes
from suture.fhir.fhirpath.lexer import extent
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.navigation import path_of
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.printer import to_text
from suture.fhir.fhirpath.stepping import Step
from suture.fhir.fhirpath.types import COMPLEX, Item, Json
from suture.fhir.fhirpath.values import plain, type_name
from suture.fhir.primitives import primitives

JSON_VALUE = "http://fhir.forms-lab.com/StructureDefinition/json-value"
RESOURCE_PATH = "http://fhir.forms-lab.com/StructureDefinition/resource-path"


def part(item: Item, model: Model) -> Json:
    """An item as a part: named for its type, with its value, and where it was found."""
    _, type, sibling = item
    name = type_name(item)
    path = path_of(item, short=True)
    where = [{"url": RESOURCE_PATH, "valueString": path}] if path else []
    value = plain(item)
    written: Json = {"name": type.path if "." in type.path else name}
    if value == "":
        return {"name": "empty-string", **({"extension": where} if where else {})}
    if "Resource" in type.supers:
        return {**written, **({"extension": where} if where else {}), "resource": value}
    if not _fits(name, value, model):
        text = json.encode(sibling if value is None else value).decode()
        where.append({"url": JSON_VALUE, "valueString": text})
        return {**written, "extension": where}
    key = f"value{name[0].upper()}{name[1:]}"
    if where:
        written["extension"] = where
    if value is not None:
        written[key] = value
    if sibling:
        written[f"_{key}"] = sibling
    return written


def step_part(step: Step, model: Model) -> Json:
    """A step of an evaluation as a part, with its result, what it was applied to, `$this` and `$index`."""
    parts = [_seen(item, "", model) for item in step.result]
    parts += [_seen(item, "focus-", model) for item in step.focus]
    parts += [_seen(item, "this-", model) for item in step.this]
    if step.place is not None:
        parts.append({"name": "index", "valueInteger": step.place})
    return {"name": step.label, **({"part": parts} if parts else {})}


def _seen(item: Item, prefix: str, model: Model) -> Json:
    """An item of a step: of a structure of the resource the place is enough."""
    path = path_of(item, short=True)
    if path is not None and item[1].kind == COMPLEX:
        return {"name": f"{prefix}resource-path", "valueString": path}
    written = part(item, model)
    return {**written, "name": f"{prefix}{written['name']}"}


def _fits(name: str, value: Any, model: Model) -> bool:
    """Whether `value[x]` of a parameter can hold a value of this type."""
    field = model.type("Parameters.parameter").fields["value"]
    if field is None or not any(type.name == name for type in field.types):
        return False
    primitive = primitives(model.version).get(name)
    return primitive is None or value is None or primitive.accepts(value)


_KINDS: dict[type[Node], str] = {
    nodes.Member: "ChildExpression",
    nodes.Call: "FunctionCallExpression",
    nodes.Item: "IndexerExpression",
    nodes.Binary: "BinaryExpression",
    nodes.Sign: "UnaryExpression",
    nodes.Ordered: "UnaryExpression",
    nodes.TypeOperation: "BinaryExpression",
    nodes.Instance: "NewNodeListInitExpression",
    nodes.Constant: "VariableRefExpression",
    nodes.This: "AxisExpression",
    nodes.Index: "AxisExpression",
    nodes.Total: "AxisExpression",
}


def outline(node: Node, text: str) -> Json:
    """The syntax tree of a text as JSON: ExpressionType, Name, Position, Length, Arguments."""
    match node:
        case nodes.Member(target=target, name=name):
            below = [target] if target is not None else []
        case nodes.Call(target=target, name=name, arguments=arguments):
            below = [*([target] if target is not None else []), *arguments]
        case nodes.Item(target=target, index=index):
            name, below = "[]", [target, index]
        case nodes.Binary(operator=name, left=left, right=right):
            below = [left, right]
        case nodes.Sign(operator=name, operand=operand):
            below = [operand]
        case nodes.Ordered(operand=operand, descending=descending):
            name, below = "desc" if descending else "asc", [operand]
        case nodes.TypeOperation(operator=operator, operand=operand, type=type):
            name, below = f"{operator} {type}", [operand]
        case nodes.Instance(type=name, elements=elements):
            below = [value for _, value in elements]
        case nodes.Constant(name=name):
            below: list[Node] = []
        case _:
            name, below = to_text(node), []
    written: Json = {
        "ExpressionType": _KINDS.get(node.__class__, "ConstantExpression"),
        "Name": name,
        "Position": node.position,
        "Length": extent(text, node.position),
    }
    if below:
        written["Arguments"] = [outline(one, text) for one in below]
    return written
