"""What can be seen of an expression without evaluating it: that it surely holds for a value, or surely does not.

Most invariants of FHIR say something about elements that a value does not have (`data.empty() or …`), or compare a
code. A look at the keys of the JSON object answers these in a fraction of the time that an evaluation takes. The one
thing to know: "surely" is never wrong, but often not known; then the expression must be evaluated. Values are those
of resources whose structure was checked: what is there is not empty, and of its type.
"""

# JSON values have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any, NamedTuple

from suture.fhir.fhirpath import nodes, types
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.scoped import FIXED
from suture.fhir.fhirpath.types import Field, Json, Type
from suture.fhir.fhirpath.walk import below

Test = Callable[[Json], bool]
"""Says of a JSON object whether something is sure."""

_STAYS_EMPTY = frozenset((
    "where", "select", "first", "last", "tail", "single", "skip", "take", "ofType", "as", "extension", "resolve",
    "trace", "distinct", "intersect", "exclude", "descendants", "children", "repeat", "substring", "toInteger",
    "startsWith", "contains", "matches", "hasExtension",
))  # fmt: skip
"""Functions that give nothing when they are applied to nothing."""

_TIMES = frozenset((types.DATE, types.DATETIME))
_DATE_LENGTH = len("2020-02-29")
_ZONE_LENGTH = len("+01:00")


class Evident(NamedTuple):
    """Tests of whether an expression is surely true, surely false, and surely empty; None where there is none."""

    true: Test | None = None
    false: Test | None = None
    empty: Test | None = None


_NOTHING = Evident()


def holds(tree: Node, focus: Type) -> Test | None:
    """A test for JSON objects of the type `focus`: True only if the expression surely is true for the object."""
    return None if focus.primitive else _evident(tree, focus).true


def _evident(node: Node, focus: Type) -> Evident:
    match node:
        case nodes.Boolean(value=value):
            return Evident(true=_always if value else None, false=None if value else _always)
        case nodes.Binary():
            return _of_binary(node, focus)
        case nodes.Call(target=target, name=name, arguments=arguments):
            return _of_call(target, name, arguments, focus)
        case nodes.Member() | nodes.Item():
            return Evident(empty=_empty(node, focus))
        case _:
            return _NOTHING


def _of_binary(node: nodes.Binary, focus: Type) -> Evident:
    if node.operator in ("=", "!=", "in", "<=", ">="):
        compared = _of_comparison(node, focus)
        if compared is not None:
            return compared
    left, right = _evident(node.left, focus), _evident(node.right, focus)
    match node.operator:
        case "or":
            return Evident(_any(left.true, right.true), _all(left.false, right.false))
        case "and":
            return Evident(_all(left.true, right.true), _any(left.false, right.false))
        case "implies":
            return Evident(_any(left.false, right.true), _all(left.true, right.false))
        case "=" | "!=" | "xor" if not (_compares(node.left) or _compares(node.right)):
            same = _any(_all(left.true, right.true), _all(left.false, right.false))
            other = _any(_all(left.true, right.false), _all(left.false, right.true))
            nothing = _any(left.empty, right.empty)
            return Evident(same, other, nothing) if node.operator == "=" else Evident(other, same, nothing)
        case "|":
            return Evident(empty=_all(left.empty, right.empty))
        case ">" if node.right == nodes.Number(value=0, position=node.right.position):
            return Evident(true=_counted(node.left, focus))
        case _:
            return _NOTHING


def _of_comparison(node: nodes.Binary, focus: Type) -> Evident | None:
    """A single text with constants, or a single date with another."""
    left = _single(node.left, focus)
    if left is None:
        return None
    key, kind = left
    missing = frozenset((key, "_" + key)).isdisjoint
    if node.operator in ("<=", ">="):
        right = _single(node.right, focus)
        if right is None or kind not in _TIMES or right[1] not in _TIMES:
            return None
        first, second = (key, right[0]) if node.operator == "<=" else (right[0], key)

        def is_in_order(value: Json) -> bool:
            return _in_order(value.get(first), value.get(second))

        return Evident(true=is_in_order)
    wanted = _constants(node.right)
    if not wanted or kind != types.STRING or (node.operator != "in" and len(wanted) > 1):
        return None

    def is_one(value: Json) -> bool:
        text = value.get(key)
        return text.__class__ is str and text in wanted

    def is_none(value: Json) -> bool:
        text = value.get(key)
        return text.__class__ is str and text not in wanted

    return Evident(is_none, is_one, missing) if node.operator == "!=" else Evident(is_one, is_none, missing)


def _of_call(target: Node | None, name: str, arguments: tuple[Node, ...], focus: Type) -> Evident:
    if target is None:
        return Evident(empty=_unmet(arguments[0], focus)) if name == "where" and len(arguments) == 1 else _NOTHING
    match name, arguments:
        case "not", ():
            inner = _evident(target, focus)
            return Evident(inner.false, inner.true, inner.empty)
        case "trace", _:
            return _evident(target, focus)
        case "exists", ():
            return Evident(_present(target, focus), _empty(target, focus))
        case "empty", ():
            return Evident(_empty(target, focus), _present(target, focus))
        case "all", (_,):
            return Evident(true=_empty(target, focus))
        case "isDistinct", ():
            return Evident(true=_empty(target, focus))
        case "hasValue", ():
            return Evident(false=_empty(target, focus))
        case "startsWith", (nodes.String(value=start),):
            return _of_start(target, start, focus)
        case _:
            return Evident(empty=_empty(target, focus)) if name in _STAYS_EMPTY else _NOTHING


def _compares(node: Node) -> bool:
    """Whether there is a comparison inside: each would double the work of the one around it."""
    return any(isinstance(one, nodes.Binary) and one.operator in ("=", "!=", "xor") for one in below(node))


def _selects(node: Node) -> bool:
    """Whether there is a selection inside: as with comparisons, one inside of the other is left to evaluation."""
    return any(isinstance(one, nodes.Call) and one.name == "where" for one in below(node))


def _counted(node: Node, focus: Type) -> Test | None:
    """Whether a sum of counts is surely more than nothing."""
    match node:
        case nodes.Binary(operator="+", left=left, right=right):
            return _any(_counted(left, focus), _counted(right, focus))
        case nodes.Call(target=target, name="count", arguments=()) if target is not None:
            return _present(target, focus)
        case _:
            return None


def _of_start(target: Node, start: str, focus: Type) -> Evident:
    single = _single(target, focus)
    if single is None or single[1] != types.STRING:
        return Evident(empty=_empty(target, focus))
    key = single[0]

    def begins(value: Json) -> bool:
        text: Any = value.get(key)
        return text.__class__ is str and text.startswith(start)

    def begins_otherwise(value: Json) -> bool:
        text: Any = value.get(key)
        return text.__class__ is str and not text.startswith(start)

    return Evident(begins, begins_otherwise, _empty(target, focus))


def _empty(node: Node, focus: Type) -> Test | None:
    """Whether a path surely leads to nothing: its first element is not there, or none of its items is meant."""
    match node:
        case nodes.Call(target=None, name="where", arguments=(criteria,)):
            return _unmet(criteria, focus)
        case nodes.Call(target=nodes.Member() as path, name="where", arguments=(criteria,)):
            return _any(_empty(path, focus), _each(path, focus, lambda type: _unmet(criteria, type), every=True))
        case nodes.Binary(operator="|"):
            return _all(_empty(node.left, focus), _empty(node.right, focus))
        case nodes.Call(target=target, name=name) if target is not None and name in _STAYS_EMPTY:
            return _empty(target, focus)
        case nodes.Item(target=target):
            return _empty(target, focus)
        case nodes.Member(target=target):
            return _path_ends(node, focus) or (_empty(target, focus) if target is not None else None)
        case _:
            return None


def _met(criteria: Node, focus: Type) -> Test | None:
    return None if _selects(criteria) else _evident(criteria, focus).true


def _unmet(criteria: Node, focus: Type) -> Test | None:
    if _selects(criteria):
        return None
    met = _evident(criteria, focus)
    return _any(met.false, met.empty)


def _path_ends(node: nodes.Member, focus: Type) -> Test | None:
    """Whether a path of plain structures surely ends before its last element."""
    names = _names(node)
    tests: list[tuple[str, Test]] = []
    type = focus
    for name in names:
        field = _field(type, name)
        if field is None and type is not focus and "Resource" in type.supers:
            tests.append((name, _without(name)))
            return _ends(tests)
        if field is None:
            return None
        tests.append((name, frozenset(_keys(field)).isdisjoint))
        if _is_choice(field) or len(field.types) != 1 or field.types[0].primitive:
            break
        type = field.types[0]
    return _ends(tests)


def _ends(tests: list[tuple[str, Test]]) -> Test | None:
    if not tests:
        return None
    missing = tests[0][1]
    if len(tests) == 1:
        return missing

    def run(value: Json) -> bool:
        if missing(value):
            return True
        items: list[Any] = [value]
        for name, lacks in tests:
            found: list[Any] = []
            for item in items:
                if item.__class__ is not dict:
                    return False
                if not lacks(item):
                    found += _listed(item.get(name)) or (None,)
            if not found:
                return True
            items = found
        return False

    return run


def _without(name: str) -> Test:
    """Whether an object of any type has no element of this name, nor a choice with it."""
    return lambda value: not any(key.startswith((name, "_" + name)) for key in value)


def _present(node: Node, focus: Type) -> Test | None:
    """Whether a path surely leads to something."""
    match node:
        case nodes.Call(target=nodes.Member() as path, name="where", arguments=(criteria,)):
            return _each(path, focus, lambda type: _met(criteria, type), every=False)
        case nodes.Binary(operator="|"):
            return _any(_present(node.left, focus), _present(node.right, focus))
        case nodes.Member(target=None, name=name):
            field = _field(focus, name)
            if field is None:
                return None
            missing = frozenset(_keys(field)).isdisjoint
            return lambda value: not missing(value)
        case _:
            return None


def _each(node: nodes.Member, focus: Type, test_of: Callable[[Type], Test | None], *, every: bool) -> Test | None:
    """A test of every item (or of one) that a path of structures leads to."""
    type, keys = focus, list[str]()
    for name in _names(node):
        field = _field(type, name)
        if field is None or len(field.types) != 1 or _is_choice(field):
            return None
        type = field.types[0]
        if type.primitive or not type.names or "Resource" in type.supers:
            return None
        keys.append(name)
    test = test_of(type) if keys else None
    if test is None:
        return None

    def run(value: Json) -> bool:
        if keys[0] not in value:
            return every
        items: list[Any] = [value]
        for key in keys:
            items = [one for item in items if item.__class__ is dict for one in _listed(item.get(key))]
        if any(item.__class__ is not dict for item in items):
            return False
        return all(test(item) for item in items) if every else any(test(item) for item in items)

    return run


def _names(node: Node | None) -> list[str]:
    """The names of a path that begins with the value itself; none for any other expression."""
    names: list[str] = []
    while isinstance(node, nodes.Member):
        names.append(node.name)
        node = node.target
    return names[::-1] if node is None else []


def _listed(value: Any) -> Any:
    if value.__class__ is list:
        return value
    return () if value is None else (value,)


def _single(node: Node, focus: Type) -> tuple[str, int] | None:
    """The JSON key and the kind of an element that is a single primitive of one type."""
    if isinstance(node, nodes.Call) and node.name == "trace" and node.target is not None:
        return _single(node.target, focus)
    if not isinstance(node, nodes.Member) or node.target is not None:
        return None
    field = _field(focus, node.name)
    if field is None or field.repeats or _is_choice(field) or len(field.types) != 1 or not field.types[0].primitive:
        return None
    return node.name, field.types[0].kind


def _field(focus: Type, name: str) -> Field | None:
    # A name that begins a path may be that of a type.
    return focus.fields[name] if focus.names and name not in focus.supers else None


def _is_choice(field: Field) -> bool:
    return field.path.endswith("[x]")


def _keys(field: Field) -> list[str]:
    names = [field.name + type.name[:1].upper() + type.name[1:] for type in field.types]
    keys = names if _is_choice(field) else [field.name]
    return [*keys, *("_" + key for key in keys)]


def _constants(node: Node) -> frozenset[str]:
    """The texts of a constant, or of a union of constants; none for anything else."""
    match node:
        case nodes.String(value=value):
            return frozenset((value,))
        case nodes.Constant(name=name):
            return frozenset((FIXED[name],)) if name in FIXED else frozenset()
        case nodes.Binary(operator="|", left=left, right=right):
            one, other = _constants(left), _constants(right)
            return one | other if one and other else frozenset()
        case _:
            return frozenset()


def _in_order(first: Any, second: Any) -> bool:
    """Whether a date is surely not after another: both as precise as the other, and in the same time zone."""
    if first.__class__ is not str or second.__class__ is not str or len(first) != len(second):
        return False
    same_zone = len(first) <= _DATE_LENGTH or first[-_ZONE_LENGTH:] == second[-_ZONE_LENGTH:]
    return same_zone and first <= second


def _always(value: Json) -> bool:
    return True


def _any(one: Test | None, other: Test | None) -> Test | None:
    if one is None or other is None:
        return one or other
    if _always in (one, other):
        return _always
    return lambda value: one(value) or other(value)


def _all(one: Test | None, other: Test | None) -> Test | None:
    if one is None or other is None:
        return None
    return lambda value: one(value) and other(value)
