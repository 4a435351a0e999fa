"""New values: `Coding { system: 's', code: 'c' }` and `%factory.Coding('s', 'c')`.

Specification: http://hl7.org/fhirpath/#instance-selector and https://hl7.org/fhir/R5/fhirpath.html#factory. The one
thing to know: a value is put into an element as the type that the element has; a choice of types takes the type of the
value itself.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from suture.fhir.fhirpath import nodes, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.navigation import Code
from suture.fhir.fhirpath.types import Field, Item, Json, Type
from suture.fhir.fhirpath.values import EMPTY, Items, described, number, plain, text

if TYPE_CHECKING:
    from suture.fhir.fhirpath.compiler import Compiler, Names

_PARAMETERS = {
    "Extension": ("url", "value"),
    "Identifier": ("system", "value", "use", "type"),
    "HumanName": ("family", "given", "prefix", "suffix", "text", "use"),
    "ContactPoint": ("system", "value", "use"),
    "Address": ("line", "city", "state", "postalCode", "country", "use", "type"),
    "Quantity": ("system", "code", "value", "unit"),
    "Coding": ("system", "code", "display", "version"),
    "CodeableConcept": ("coding", "text"),
}
"""What the functions of %factory take, in this order; each may be left out."""
_OF_PRIMITIVES = ("value", "extension")
_CHANGES = {"withExtension": ("an instance", "a url", "a value"), "withProperty": ("an instance", "a name", "a value")}


def selector(compiler: "Compiler", node: nodes.Instance, names: "Names") -> Code:
    """`Type { element: value, … }`."""
    type = _type(compiler, node.type, node)
    for name, _ in node.elements:
        if type.fields[name] is None:
            raise compiler.fault(f"{type.name} has no element '{name[:60]}'", node)
    given = [(name, compiler.code(value, names)) for name, value in node.elements]

    def run(this: Items, env: Environment) -> Items:
        if len(this) > 1:
            raise FhirPathEvaluationError(f"{type.name} {{ … }} is applied to a single item, there are {len(this)}")
        return (made(type, {name: code(this, env) for name, code in given}, env),) if this else EMPTY

    return run


def factory(compiler: "Compiler", node: nodes.Call, names: "Names") -> Code:
    """A function of %factory."""
    count = len(node.arguments)
    if node.name == "create":
        if count != 1:
            raise compiler.fault("create() takes the name of a type", node)
        (wanted,) = compiler.type_name(node.arguments[0]) - {"System.Quantity"}
        type = _type(compiler, wanted, node)
        return lambda this, env: (made(type, {}, env),)
    arguments = [compiler.code(argument, names) for argument in node.arguments]
    if node.name in _CHANGES:
        if count != 3:
            raise compiler.fault(f"{node.name}() takes {', '.join(_CHANGES[node.name])}", node)
        change = _with_extension if node.name == "withExtension" else _with_property
        instance, name, value = arguments
        return lambda this, env: change(instance(this, env), name(this, env), value(this, env), env)
    type = _type(compiler, node.name, node)
    parameters = _PARAMETERS.get(node.name, _OF_PRIMITIVES if type.primitive else None)
    if parameters is None:
        raise compiler.fault(f"%factory has no function {node.name[:60]}(); create() makes values of any type", node)
    if count > len(parameters):
        raise compiler.fault(f"{node.name}() takes {', '.join(parameters)}", node)
    named = list(zip(parameters, arguments, strict=False))
    return lambda this, env: (made(type, {name: code(this, env) for name, code in named}, env),)


def _type(compiler: "Compiler", name: str, node: nodes.Node) -> Type:
    short = name.removeprefix("FHIR.")
    if short not in compiler.model:
        raise compiler.fault(f"There is no type '{name[:80]}'", node)
    return compiler.model.type(short)


def made(type: Type, values: Mapping[str, Items], env: Environment) -> Item:
    """A value of the type with these elements; those without items are left out."""
    if type.primitive:
        return _primitive(type, values, env)
    written: Json = {"resourceType": type.name} if "Resource" in type.supers else {}
    for name, items in values.items():
        _put(written, type, name, items, env)
    return written, type, None


def _primitive(type: Type, values: Mapping[str, Items], env: Environment) -> Item:
    sibling: Json = {}
    for name, items in values.items():
        if name != "value":
            _put(sibling, type, name, items, env)
    items = values.get("value", EMPTY)
    if len(items) > 1:
        raise FhirPathEvaluationError(f"A FHIR {type.name} has one value, there are {len(items)}")
    return _fitted(items[0], type) if items else None, type, sibling or None


def _put(written: Json, owner: Type, name: str, items: Items, env: Environment) -> None:
    """Set an element of a JSON object, in place of what it has."""
    field = owner.fields[name]
    if field is None:
        raise FhirPathEvaluationError(f"{owner.name} has no element '{name[:60]}'")
    for key in [key for key in written if owner.keys[key] is field]:
        del written[key]
    if not items:
        return
    if len(items) > 1 and not field.repeats:
        raise FhirPathEvaluationError(f"{owner.name}.{name} has one value, there are {len(items)}")
    env.budget.hold(len(items))
    type = _chosen(field, items[0])
    key = f"{name}{type.name[0].upper()}{type.name[1:]}" if field.path.endswith("[x]") else name
    fitted = [_fitted(item, type) for item in items]
    written[key] = fitted if field.repeats else fitted[0]
    siblings = [item[2] for item in items]
    if type.primitive and any(siblings):
        written[f"_{key}"] = siblings if field.repeats else siblings[0]


def _chosen(field: Field, item: Item) -> Type:
    """The type that a value has in an element."""
    if len(field.types) == 1:
        return field.types[0]
    own = item[1]
    for type in field.types:
        if own.namespace == "FHIR" and type.name == own.name:
            return type
    for type in field.types:
        # of one of FHIRPath's own types, FHIR's with its name comes first: String, string
        if own.namespace == "System" and type.name.lower() == own.name.lower():
            return type
    for type in field.types:
        if type.name in own.supers or (own.kind == type.kind and own.kind != types.COMPLEX):
            return type
    raise FhirPathEvaluationError(f"{field.name} cannot be {described(own)}")


def _fitted(item: Item, type: Type) -> Any:
    """The JSON value of an item as a value of the type."""
    value, own, _ = item
    if value is None:
        return None
    if type.primitive:
        if own.kind == type.kind or (own.kind == types.DATE and type.kind == types.DATETIME):
            return value
        found = number(item)
        if type.kind == types.DECIMAL and found is not None:
            return Decimal(found)
    elif own.kind == type.kind == types.QUANTITY or type.name in own.supers or own.path == type.path:
        return plain(item)
    elif own.name == "Element" and isinstance(value, dict):
        return cast(Json, value)
    raise FhirPathEvaluationError(f"A FHIR {type.name} cannot be made of {described(own)}")


def _with_extension(instance: Items, url: Items, value: Items, env: Environment) -> Items:
    if not instance or env.model is None:
        return EMPTY
    extension = made(env.model.type("Extension"), {"url": url, "value": value}, env)[0]
    held, type, sibling = _only(instance)
    changed = dict(sibling or {}) if type.primitive else dict(cast(Json, held))
    changed["extension"] = [*changed.get("extension", ()), extension]
    return ((held, type, changed) if type.primitive else (changed, type, sibling),)


def _with_property(instance: Items, name: Items, value: Items, env: Environment) -> Items:
    wanted = text(name, "The name of an element")
    if not instance or wanted is None:
        return EMPTY
    held, type, sibling = _only(instance)
    if not isinstance(held, dict):
        raise FhirPathEvaluationError(f"withProperty() changes structures, this is {described(type)}")
    changed = dict(cast(Json, held))
    _put(changed, type, wanted, value, env)
    return ((changed, type, sibling),)


def _only(instance: Items) -> Item:
    if len(instance) > 1:
        raise FhirPathEvaluationError(f"A single instance is expected, there are {len(instance)}")
    return instance[0]
