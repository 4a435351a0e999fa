"""What can be known of an expression before it meets any data: mistakes in names and types.

Specification: http://hl7.org/fhirpath/#type-safety-and-strict-evaluation. The one thing to know: only what cannot be
right for any data is an error. A choice of types has an element if one of them has it; behind `children()`,
`resolve()` and contained resources nothing is known. A path that begins with the name of a type is a mistake if no
such path of the expression fits.
"""

import difflib
from collections.abc import Callable
from typing import NamedTuple

from suture.fhir.fhirpath import nodes, types
from suture.fhir.fhirpath.faults import FhirPathSemanticError
from suture.fhir.fhirpath.functions import FUNCTIONS
from suture.fhir.fhirpath.functions.reflection import CLASS_INFO
from suture.fhir.fhirpath.model import Model
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.types import Type
from suture.fhir.fhirpath.values import described
from suture.fhir.fhirpath.walk import makes

_ORDERED = frozenset(("first", "last", "tail", "skip", "take"))
_SAME = frozenset((
    "where", "single", "first", "last", "tail", "skip", "take", "distinct", "intersect", "exclude", "trace",
    "checkModifiers", "slice", "abs", "lowBoundary", "highBoundary", "min", "max",
))  # fmt: skip
_OPEN = ("Resource", "DomainResource", "Element", "BackboneElement", "BackboneType", "DataType", "Base")
_SYSTEM = tuple(types.SYSTEM_TYPES.values())


class Shape(NamedTuple):
    """What a collection holds: `types` are all that its items can have, None if anything is possible; `ordered`:
    whether the order of its items means something."""

    types: frozenset[Type] | None
    ordered: bool = True


_UNKNOWN = Shape(None)
_NOTHING = Shape(frozenset())


def _of(type: Type) -> Shape:
    return Shape(frozenset((type,)))


_BOOLEAN = _of(types.SYSTEM_BOOLEAN)
_STRING = _of(types.SYSTEM_STRING)
_INTEGER = _of(types.SYSTEM_INTEGER)


def check(tree: Node, text: str, model: Model, focus: str) -> None:
    """Raise FhirPathSemanticError for what cannot be right when the expression is applied to the type `focus`.

    `focus`: name of a type or path of an element; "" when it is not known.
    """
    shape = _UNKNOWN
    if focus:
        try:
            shape = _of(model.type(focus))
        except KeyError:
            raise FhirPathSemanticError(f"There is no type '{focus[:80]}'", text, 0) from None
    analysis = _Analysis(model, text, shape)
    analysis.shape(tree, shape, {})
    if analysis.misfits and not analysis.fits:
        node = analysis.misfits[0]
        complaint = f"The path begins with {node.name}, which is not the type of what it is applied to"
        raise FhirPathSemanticError(complaint, text, node.position)


class _Analysis:
    def __init__(self, model: Model, text: str, root: Shape) -> None:
        self.misfits: list[nodes.Member] = []
        self.fits = 0
        self._model = model
        self._text = text
        self._root = root

    def shape(self, node: Node, this: Shape, names: dict[str, Shape]) -> Shape:
        return self._chain(node, this, names)[0]

    def _chain(self, node: Node, this: Shape, names: dict[str, Shape]) -> tuple[Shape, dict[str, Shape]]:
        """The shape of a node, and the variables for what is applied to it."""
        match node:
            case nodes.Member():
                return self._member(node, this, names)
            case nodes.Call():
                return self._call(node, this, names)
            case nodes.Item(target=target, index=index):
                shape, after = self._chain(target, this, names)
                self.shape(index, this, names)
                self._needs_order(shape, "[ ]", node)
                return shape, after
            case nodes.Binary():
                return self._binary(node, this, names), names
            case nodes.Sign(operand=operand) | nodes.Ordered(operand=operand):
                return self.shape(operand, this, names), names
            case nodes.TypeOperation(operator=operator, operand=operand, type=type):
                self.shape(operand, this, names)
                return (_BOOLEAN if operator == "is" else self._named(type)), names
            case nodes.Instance(type=type, elements=elements):
                for _, value in elements:
                    self.shape(value, this, names)
                return self._named(type), names
            case nodes.This():
                return this, names
            case nodes.Constant(name=name):
                return self._constant(name, names), names
            case _:
                return _literal(node), names

    def _member(self, node: nodes.Member, this: Shape, names: dict[str, Shape]) -> tuple[Shape, dict[str, Shape]]:
        name = node.name
        if node.target is None:
            if name in self._model:
                return self._root_type(node, this), names
            return self._element(node, this), names
        if isinstance(node.target, nodes.Member) and node.target.target is None and node.target.name == "FHIR":
            return self._root_type(node, this), names
        shape, after = self._chain(node.target, this, names)
        return self._element(node, shape), after

    def _root_type(self, node: nodes.Member, this: Shape) -> Shape:
        wanted = self._named(node.name)
        if this.types is None or wanted.types is None:
            # some types have the names of elements (code, date)
            return wanted if node.name[0].isupper() else _UNKNOWN
        for type in this.types:
            if node.name in type.supers:
                self.fits += 1
                return this
            if any(type.name in one.supers for one in wanted.types):
                self.fits += 1
                return wanted
        if any(type.fields[node.name] is not None for type in this.types):
            return self._element(node, this)
        self.misfits.append(node)
        return wanted

    def _element(self, node: nodes.Member, shape: Shape) -> Shape:
        if shape.types is None or not shape.types:
            return shape
        found: set[Type] = set()
        known = False
        for type in shape.types:
            field = type.fields[node.name]
            if field is not None:
                known = True
                if not field.types:
                    return Shape(None, shape.ordered)
                found.update(field.types)
            elif type.name in _OPEN and type.path == type.name:
                return Shape(None, shape.ordered)
        if not known:
            raise self._missing(node, shape.types)
        return Shape(frozenset(found), shape.ordered)

    def _missing(self, node: nodes.Member, found: frozenset[Type]) -> FhirPathSemanticError:
        name = node.name
        only = next(iter(found))
        key = only.keys[name]
        if len(found) == 1 and key is not None:
            path = only.path
            return self._fault(
                f"{path} has no element '{name}' in FHIRPath; it is '{key.name}' there, whatever its type", node
            )
        near = difflib.get_close_matches(name[:60], sorted({known for type in found for known in type.names}), 1)
        label = described(only)
        subject = f"{label[0].upper()}{label[1:]} has no" if len(found) == 1 else "None of the possible types has an"
        complaint = f"{subject} element '{name[:60]}'"
        return FhirPathSemanticError(complaint, self._text, node.position, near[0] if near else "")

    def _call(self, node: nodes.Call, this: Shape, names: dict[str, Shape]) -> tuple[Shape, dict[str, Shape]]:
        if makes(node):
            return _UNKNOWN, names
        focus, after = (this, names) if node.target is None else self._chain(node.target, this, names)
        if node.name in _ORDERED:
            self._needs_order(focus, f"{node.name}()", node)
        special = _SPECIAL.get(node.name)
        if special is not None:
            return special(self, node, focus, this, after)
        for argument in node.arguments:
            self.shape(argument, this, after)
        return self._result(node, focus), after

    def _result(self, node: nodes.Call, focus: Shape) -> Shape:
        if node.name in ("children", "descendants"):
            return Shape(None, ordered=False)
        function = FUNCTIONS[node.name]
        if function.takes and focus.types and all(type.kind not in function.takes for type in focus.types):
            wanted = types.KIND_NAMES[function.takes[0]] if len(function.takes) == 1 else "another type"
            found = described(next(iter(focus.types)))
            raise self._fault(f"{node.name}() is for {wanted}; it is applied to {found}", node)
        if node.name in _SAME:
            return focus
        if function.result is not None:
            return _of(_SYSTEM[function.result])
        return self._by_name(node.name)

    def _by_name(self, name: str) -> Shape:
        match name:
            case "extension":
                return _of(self._model.type("Extension"))
            case "type":
                return _of(CLASS_INFO)
            case "split" | "toChars" | "pathname":
                return _STRING
            case _:
                return _UNKNOWN

    def _binary(self, node: nodes.Binary, this: Shape, names: dict[str, Shape]) -> Shape:
        left, right = self.shape(node.left, this, names), self.shape(node.right, this, names)
        match node.operator:
            case "|":
                return _united(left, right)
            case "&":
                return _STRING
            case "+" | "-" | "*" | "/" | "div" | "mod":
                return _UNKNOWN
            case _:
                return _BOOLEAN

    def _constant(self, name: str, names: dict[str, Shape]) -> Shape:
        if name in names:
            return names[name]
        if name == "context":
            return self._root
        if name == "resource":
            is_resource = self._root.types and all("Resource" in type.supers for type in self._root.types)
            return self._root if is_resource else _UNKNOWN
        return _UNKNOWN

    def _named(self, name: str) -> Shape:
        """The shape of a type name that the compiler has found right."""
        namespace, _, short = name.rpartition(".")
        if namespace != "System" and short in self._model:
            return _of(self._model.type(short))
        return _of(types.SYSTEM_TYPES[short]) if short in types.SYSTEM_TYPES else _UNKNOWN

    def _needs_order(self, shape: Shape, what: str, node: Node) -> None:
        if not shape.ordered:
            raise self._fault(f"{what} depends on an order, and children() and descendants() have none", node)

    def _fault(self, complaint: str, node: Node) -> FhirPathSemanticError:
        return FhirPathSemanticError(complaint, self._text, node.position)

    def scoped(self, node: nodes.Call, focus: Shape, _: Shape, names: dict[str, Shape]) -> Shape:
        """The argument on an item of the focus."""
        return self.shape(node.arguments[0], Shape(focus.types), names) if node.arguments else _UNKNOWN

    def where(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        self.scoped(node, focus, this, names)
        return focus

    def test(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        self.scoped(node, focus, this, names)
        return _BOOLEAN

    def select(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        shape = self.scoped(node, focus, this, names)
        return Shape(shape.types, shape.ordered and focus.ordered)

    def repeat(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        first = self.scoped(node, focus, this, names)
        if first.types is None:
            return first
        found = first.types
        for _ in range(8):
            try:
                more = self.scoped(node, Shape(found), this, names)
            except FhirPathSemanticError:
                # what is found need not have the element itself
                return Shape(found)
            if more.types is None:
                return more
            if more.types <= found:
                return Shape(found)
            found |= more.types
        return _UNKNOWN

    def iif(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        criterion = self.scoped(node, focus, this, names)
        if criterion.types and all(_is_plain(type) for type in criterion.types):
            found = described(next(iter(criterion.types)))
            raise self._fault(f"The criterion of iif() is a Boolean; this is {found}", node.arguments[0])
        branches = [self.shape(one, Shape(focus.types), names) for one in node.arguments[1:]]
        return _united(*branches)

    def coalesce(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        return _united(*(self.shape(one, focus, names) for one in node.arguments))

    def trace(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        self.shape(node.arguments[0], this, names)
        for projection in node.arguments[1:]:
            self.shape(projection, Shape(focus.types), names)
        return focus

    def sort(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        for one in node.arguments:
            self.shape(one, Shape(focus.types), names)
        return Shape(focus.types)

    def aggregate(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        self.scoped(node, focus, this, names)
        for start in node.arguments[1:]:
            self.shape(start, this, names)
        return _UNKNOWN

    def combine(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        return _united(focus, *(self.shape(one, this, names) for one in node.arguments[:1]))

    def typed(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        """as(type), ofType(type)."""
        parts: list[str] = []
        at: Node | None = node.arguments[0]
        while isinstance(at, nodes.Member):
            parts.append(at.name)
            at = at.target
        return Shape(self._named(".".join(reversed(parts))).types, focus.ordered)

    def is_type(self, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]) -> Shape:
        return _BOOLEAN


_Rule = Callable[[_Analysis, nodes.Call, Shape, Shape, dict[str, Shape]], tuple[Shape, dict[str, Shape]]]


def _keeping(rule: Callable[[_Analysis, nodes.Call, Shape, Shape, dict[str, Shape]], Shape]) -> _Rule:
    """A rule that makes no variable."""
    return lambda analysis, node, focus, this, names: (rule(analysis, node, focus, this, names), names)


def _define(
    analysis: _Analysis, node: nodes.Call, focus: Shape, this: Shape, names: dict[str, Shape]
) -> tuple[Shape, dict[str, Shape]]:
    name, *value = node.arguments
    shape = analysis.shape(value[0], focus, names) if value else focus
    return focus, {**names, name.value: shape} if isinstance(name, nodes.String) else names


_SPECIAL: dict[str, _Rule] = {
    "where": _keeping(_Analysis.where),
    "exists": _keeping(_Analysis.test),
    "all": _keeping(_Analysis.test),
    "select": _keeping(_Analysis.select),
    "repeat": _keeping(_Analysis.repeat),
    "repeatAll": _keeping(_Analysis.repeat),
    "iif": _keeping(_Analysis.iif),
    "coalesce": _keeping(_Analysis.coalesce),
    "trace": _keeping(_Analysis.trace),
    "sort": _keeping(_Analysis.sort),
    "aggregate": _keeping(_Analysis.aggregate),
    "union": _keeping(_Analysis.combine),
    "combine": _keeping(_Analysis.combine),
    "as": _keeping(_Analysis.typed),
    "ofType": _keeping(_Analysis.typed),
    "is": _keeping(_Analysis.is_type),
    "defineVariable": _define,
}


def _united(*shapes: Shape) -> Shape:
    ordered = all(shape.ordered for shape in shapes)
    found: frozenset[Type] = frozenset()
    for shape in shapes:
        if shape.types is None:
            return Shape(None, ordered)
        found |= shape.types
    return Shape(found, ordered)


def _is_plain(type: Type) -> bool:
    """Whether a value of the type can be no Boolean, and is none that stands for its own existence."""
    return type.namespace == "System" and type.kind != types.BOOLEAN


def _literal(node: Node) -> Shape:
    match node:
        case nodes.Empty():
            return _NOTHING
        case nodes.Boolean():
            return _BOOLEAN
        case nodes.String():
            return _STRING
        case nodes.Index():
            return _INTEGER
        case nodes.Number(value=value):
            return _INTEGER if isinstance(value, int) else _of(types.SYSTEM_DECIMAL)
        case nodes.Date():
            return _of(types.SYSTEM_DATE)
        case nodes.DateTime():
            return _of(types.SYSTEM_DATETIME)
        case nodes.Time():
            return _of(types.SYSTEM_TIME)
        case nodes.Quantity():
            return _of(types.SYSTEM_QUANTITY)
        case _:
            return _UNKNOWN
