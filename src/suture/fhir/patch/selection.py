"""FHIRPath to places: evaluates the path of a patch operation to the elements that it names.

FHIRPath (http://hl7.org/fhirpath/N1/) yields values; a patch needs to know where they lie, so this evaluator
carries `Location`s. It knows the part of the language that picks elements out of a resource; a function that
is not in `FUNCTIONS` is refused when the patch is read. Work is bounded by a budget of steps per patch.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from suture.fhir.fhirpath import Node, nodes
from suture.fhir.outcomes import Invalid, Unprocessable
from suture.fhir.patch.comparison import LOGIC, Found, Moment, equal_items, equivalent, ordered, plain
from suture.fhir.patch.elements import Location, Tree

MAX_STEPS = 200_000
"""Elements that the paths of one patch may look at."""

_OVER_ITEMS = ("where", "exists", "all")
_BY_TYPE = ("ofType", "as", "is")

OPERATORS = frozenset({"=", "!=", "~", "!~", "<", "<=", ">", ">=", "and", "or", "xor", "implies", "in", "contains"})


def check(node: Node) -> None:
    """Refuse what `Selector` does not know. Raises Invalid that says what it is."""
    match node:
        case nodes.Call(target, name, arguments):
            if name == "resolve":
                raise Invalid("resolve() leads out of the resource that is patched, which a patch must not do")
            if name not in FUNCTIONS:
                raise Invalid(f"the function {name}() is not supported in the path of a patch; known are: {_KNOWN}")
            fewest, most, _ = FUNCTIONS[name]
            if not fewest <= len(arguments) <= most:
                raise Invalid(f"{name}() was given {len(arguments)} argument(s)")
            parts: Sequence[Node | None] = (target, *(() if name in _BY_TYPE else arguments))
        case nodes.Binary(operator, left, right):
            if operator not in OPERATORS:
                raise Invalid(f"the operator {operator!r} is not supported in the path of a patch")
            parts = (left, right)
        case nodes.TypeOperation(_, operand, _):
            parts = (operand,)
        case nodes.Member(target, _):
            parts = (target,)
        case nodes.Item(target, index):
            parts = (target, index)
        case nodes.Sign(_, operand):
            parts = (operand,)
        case nodes.Constant(name):
            if name not in ("resource", "context"):
                raise Invalid(f"%{name} is not known in the path of a patch")
            parts = ()
        case nodes.Quantity() | nodes.Total():
            raise Invalid("quantities and $total are not supported in the path of a patch")
        case _:
            parts = ()
    for part in parts:
        if part is not None:
            check(part)


class Selector:
    """Evaluates paths over one resource."""

    __slots__ = ("_steps", "tree")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._steps = MAX_STEPS

    def locations(self, node: Node) -> list[Location]:
        """The elements that `node` names. Raises Unprocessable when it yields anything else."""
        found = self.evaluate(node, [self.tree.root], 0)
        for item in found:
            if not isinstance(item, Location):
                raise Unprocessable("the path gives a computed value, not an element of the resource")
        return found

    def evaluate(self, node: Node, focus: Found, index: int) -> Found:
        """Evaluate `node` for the collection `focus`; `index` is `$index`."""
        match node:
            case nodes.Member(target, name):
                if target is None:
                    return self._first_name(name, focus)
                return self._children(self.evaluate(target, focus, index), name)
            case nodes.Item(target, position):
                return self._item(self.evaluate(target, focus, index), self.evaluate(position, focus, index))
            case nodes.Call(target, name, arguments):
                source = focus if target is None else self.evaluate(target, focus, index)
                if name in _OVER_ITEMS:
                    return self._over_items(name, source, arguments)
                if name in _BY_TYPE:
                    return self._by_type(name, source, _type_name(arguments[0]))
                values = [self.evaluate(argument, focus, index) for argument in arguments]
                return FUNCTIONS[name][2](self, source, *values)
            case nodes.Binary(operator, left, right):
                return self._binary(operator, self.evaluate(left, focus, index), self.evaluate(right, focus, index))
            case nodes.TypeOperation(operator, operand, type):
                return self._by_type(operator, self.evaluate(operand, focus, index), type)
            case nodes.Sign(operator, operand):
                return [-value if operator == "-" else value for value in self.evaluate(operand, focus, index)]
            case nodes.This():
                return focus
            case nodes.Index():
                return [index]
            case nodes.Constant():
                return [self.tree.root]
            case nodes.Boolean(value) | nodes.String(value) | nodes.Number(value):
                return [value]
            case nodes.Date(text) | nodes.DateTime(text):
                return [Moment(text.removesuffix("T"))]
            case nodes.Time(text):
                return [Moment(text)]
            case _:
                return []

    def where(self, source: Found, criteria: Node) -> Found:
        """The items of `source` for which `criteria` is true."""
        return [
            item for index, item in enumerate(source) if self._truth(self.evaluate(criteria, [item], index)) is True
        ]

    def extension(self, source: Found, url: Found) -> Found:
        """`extension(url)`: the extensions with that url."""
        wanted = [_url(item) for item in url]
        return [item for item in self._children(source, "extension") if [_url(item)] == wanted]

    def _first_name(self, name: str, focus: Found) -> Found:
        if len(focus) == 1 and isinstance(focus[0], Location) and focus[0].owner is None:
            if self.tree.is_a(focus[0].type, name):
                return focus
            if name in self.tree.definitions.resource_types:
                raise Unprocessable(f"the path begins with {name}, but the resource is of type {focus[0].type}")
        return self._children(focus, name)

    def _children(self, source: Found, name: str) -> list[Any]:
        found: list[Location] = []
        for item in source:
            if not isinstance(item, Location):
                raise Unprocessable(f"{name!r} is asked of a computed value, which has no elements")
            found += self.tree.children(item, name)
        self._steps -= len(source) + len(found)
        if self._steps < 0:
            raise Unprocessable("the paths of this patch look at too many elements")
        return found

    def _item(self, source: Found, position: Found) -> Found:
        if len(position) != 1 or not isinstance(position[0], int) or isinstance(position[0], bool):
            raise Unprocessable("an index must be one whole number")
        return source[position[0] : position[0] + 1] if position[0] >= 0 else []

    def _over_items(self, name: str, source: Found, arguments: Sequence[Node]) -> Found:
        kept = self.where(source, arguments[0]) if arguments else source
        if name == "where":
            return kept
        if name == "all":
            return [len(kept) == len(source)]
        return [bool(kept)]

    def _by_type(self, name: str, source: Found, type: str) -> Found:
        short = type.rpartition(".")[2]
        fits = [item for item in source if isinstance(item, Location) and self.tree.is_a(item.type, short)]
        return [bool(fits)] if name == "is" else fits

    def _truth(self, found: Found) -> bool | None:
        if len(found) > 1:
            raise Unprocessable("a condition gives several values where true or false is needed")
        value = plain(found[0]) if found else None
        return value if isinstance(value, bool) or not found else True

    def _binary(self, operator: str, left: Found, right: Found) -> Found:
        match operator:
            case "and" | "or" | "xor" | "implies":
                value = LOGIC[operator](self._truth(left), self._truth(right))
                return [] if value is None else [value]
            case "in" | "contains":
                few, many = (left, right) if operator == "in" else (right, left)
                return [any(equal_items(few[0], item) for item in many)] if len(few) == 1 else []
            case "=" | "!=":
                if not left or not right:
                    return []
                same = len(left) == len(right) and all(map(equal_items, left, right))
                return [same if operator == "=" else not same]
            case "~" | "!~":
                same = len(left) == len(right) and all(map(equivalent, left, right))
                return [same if operator == "~" else not same]
            case _:
                return ordered(operator, left, right)


def _url(item: Any) -> Any:
    value = plain(item)
    return cast("dict[str, Any]", value).get("url") if isinstance(value, dict) else value


def _type_name(node: Node) -> str:
    match node:
        case nodes.Member(None, name):
            return name
        case nodes.Member(nodes.Member(None, _), name):
            return name
        case nodes.String(value):
            return value
        case _:
            raise Unprocessable("ofType(), as() and is() take the name of a type")


def _not(_: Selector, source: Found) -> Found:
    if len(source) != 1:
        return []
    value = plain(source[0])
    return [not value] if isinstance(value, bool) else [False]


def _single(_: Selector, source: Found) -> Found:
    if len(source) > 1:
        raise Unprocessable(f"single() was given {len(source)} elements")
    return source


def _skip(_: Selector, source: Found, number: Found) -> Found:
    return source[max(_whole(number), 0) :]


def _take(_: Selector, source: Found, number: Found) -> Found:
    return source[: max(_whole(number), 0)]


def _whole(number: Found) -> int:
    if len(number) != 1 or not isinstance(number[0], int) or isinstance(number[0], bool):
        raise Unprocessable("skip() and take() need one whole number")
    return number[0]


def _has_value(_: Selector, source: Found) -> Found:
    return [len(source) == 1 and plain(source[0]) is not None and not isinstance(plain(source[0]), dict)]


def _first(_: Selector, source: Found) -> Found:
    return source[:1]


def _last(_: Selector, source: Found) -> Found:
    return source[-1:]


def _tail(_: Selector, source: Found) -> Found:
    return source[1:]


def _count(_: Selector, source: Found) -> Found:
    return [len(source)]


def _empty(_: Selector, source: Found) -> Found:
    return [not source]


def _starts_with(_: Selector, source: Found, part: Found) -> Found:
    return _over_text(str.startswith, source, part)


def _ends_with(_: Selector, source: Found, part: Found) -> Found:
    return _over_text(str.endswith, source, part)


def _contains(_: Selector, source: Found, part: Found) -> Found:
    return _over_text(str.__contains__, source, part)


def _over_text(test: Callable[[str, str], bool], source: Found, part: Found) -> Found:
    if len(source) != 1 or len(part) != 1:
        return []
    text, wanted = plain(source[0]), plain(part[0])
    if not isinstance(text, str) or not isinstance(wanted, str):
        raise Unprocessable("startsWith(), endsWith() and contains() compare strings")
    return [test(text, wanted)]


_Function = Callable[..., Found]


def _handled_by_selector(_: Selector, source: Found, *__: Any) -> Found:
    return source


FUNCTIONS: dict[str, tuple[int, int, _Function]] = {
    "where": (1, 1, _handled_by_selector),
    "exists": (0, 1, _handled_by_selector),
    "all": (1, 1, _handled_by_selector),
    "ofType": (1, 1, _handled_by_selector),
    "as": (1, 1, _handled_by_selector),
    "is": (1, 1, _handled_by_selector),
    "extension": (1, 1, Selector.extension),
    "first": (0, 0, _first),
    "last": (0, 0, _last),
    "tail": (0, 0, _tail),
    "single": (0, 0, _single),
    "skip": (1, 1, _skip),
    "take": (1, 1, _take),
    "count": (0, 0, _count),
    "empty": (0, 0, _empty),
    "not": (0, 0, _not),
    "hasValue": (0, 0, _has_value),
    "startsWith": (1, 1, _starts_with),
    "endsWith": (1, 1, _ends_with),
    "contains": (1, 1, _contains),
}
"""The functions that a path may use: fewest and most arguments, and what each does."""

_KNOWN = ", ".join(sorted(FUNCTIONS))
