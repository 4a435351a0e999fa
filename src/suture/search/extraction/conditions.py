"""The criteria of `where` and the boolean search expressions, as closures over JSON values.

Only what search parameters use: paths, literals, `= !=`, `and or xor implies`, `exists() empty() not()` and
`hasExtension()`. Three-valued as FHIRPath demands (http://hl7.org/fhirpath/N1/#boolean-logic): a test gives True,
False, or None for the empty collection.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

from suture.fhir.fhirpath import nodes, to_text
from suture.fhir.fhirpath.nodes import Node
from suture.search.extraction.steps import Child, Compute, Route, Step, Test, Where

Relative = Callable[[Node], tuple[Route, ...]]
"""Finds the routes of an expression from the value under test."""

_Reader = Callable[[Any], list[Any]]


class UnroutableError(Exception):
    """The expression uses something that search parameters cannot. The message says what."""


def compile_test(relative: Relative, criteria: Node) -> Test:
    """A function that tells whether a JSON value meets `criteria`. Raises UnroutableError."""
    match criteria:
        case nodes.Boolean(value=value):
            return lambda _: value
        case nodes.Binary(operator="and" | "or" | "xor" | "implies" as operator, left=left, right=right):
            combine = _LOGIC[operator]
            a, b = compile_test(relative, left), compile_test(relative, right)
            return lambda value: combine(a(value), b(value))
        case nodes.Binary(operator="=" | "!=" as operator, left=left, right=right):
            return _comparison(_reader(relative, left), _reader(relative, right), operator == "=")
        case nodes.Call(target=target, name="exists" | "empty" as name, arguments=()) if target is not None:
            read = _reader(relative, target)
            wanted = name == "exists"
            return lambda value: bool(read(value)) is wanted
        case nodes.Call(target=target, name="exists", arguments=(inner,)) if target is not None:
            filtered = nodes.Call(target=target, name="where", arguments=(inner,))
            return compile_test(relative, nodes.Call(target=filtered, name="exists", arguments=()))
        case nodes.Call(target=target, name="hasExtension", arguments=(nodes.String() as url,)):
            extension = nodes.Call(target=target, name="extension", arguments=(url,))
            return compile_test(relative, nodes.Call(target=extension, name="exists", arguments=()))
        case nodes.Call(target=target, name="not", arguments=()) if target is not None:
            test = compile_test(relative, target)
            return lambda value: None if (found := test(value)) is None else not found
        case nodes.Member() | nodes.This():
            return _truth(_reader(relative, criteria))
        case _:
            raise UnroutableError(f"the criterion '{to_text(criteria)[:80]}'")


def simple_comparison(relative: Relative, criteria: Node) -> tuple[str, str] | None:
    """(member, text) when `criteria` only compares one text member of the value with a literal text."""
    match criteria:
        case nodes.Binary(operator="=", left=nodes.Member() as left, right=nodes.String(value=text)):
            match relative(left):
                case (Route(steps=(Child(name=name, repeats=False),)) as route,) if route.type in _TEXTS:
                    return name, text
                case _:
                    return None
        case _:
            return None


_TEXTS = frozenset({"code", "string", "uri", "url", "canonical", "id", "oid", "uuid"})


def _reader(relative: Relative, node: Node) -> _Reader:
    match node:
        case nodes.String(value=literal) | nodes.Boolean(value=literal) | nodes.Number(value=literal):
            return lambda _: [literal]
        case nodes.Empty():
            return lambda _: []
        case _:
            readers = [reader(route.steps) for route in relative(node)]
            return lambda value: [found for read in readers for found in read(value)]


def reader(steps: tuple[Step, ...]) -> Callable[[Any], list[Any]]:
    """A function from a JSON value to the values at the end of `steps`."""

    def read(value: Any) -> list[Any]:
        values: list[Any] = [value]
        for step in steps:
            values = [found for v in values for found in _take(step, v)]
        return values

    return read


def _take(step: Step, value: Any) -> list[Any]:
    match step:
        case Child(name=name, repeats=repeats, index=index):
            found = cast(dict[str, Any], value).get(name) if isinstance(value, dict) else None
            if found is None:
                return []
            if not repeats:
                return [found]
            items = [item for item in cast(list[Any], found) if item is not None] if isinstance(found, list) else []
            return items if index is None else items[index : index + 1]
        case Where(test=test):
            return [value] if test(value) is True else []
        case Compute(test=test):
            result = test(value)
            return [] if result is None else [result]
        case _:
            raise UnroutableError("first() inside of criteria")


def _comparison(left: _Reader, right: _Reader, equal: bool) -> Test:
    def test(value: Any) -> bool | None:
        a, b = left(value), right(value)
        if not a or not b:
            return None
        return (len(a) == len(b) and all(map(_same, a, b))) is equal

    return test


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | Decimal) and isinstance(b, int | Decimal):
        return a == b
    return type(a) is type(b) and a == b


def _truth(read: _Reader) -> Test:
    def test(value: Any) -> bool | None:
        found = read(value)
        if not found:
            return None
        return found[0] if len(found) == 1 and isinstance(found[0], bool) else True

    return test


def _and(a: bool | None, b: bool | None) -> bool | None:
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def _xor(a: bool | None, b: bool | None) -> bool | None:
    return None if a is None or b is None else a is not b


def _implies(a: bool | None, b: bool | None) -> bool | None:
    return _or(None if a is None else not a, b)


_LOGIC: dict[str, Callable[[bool | None, bool | None], bool | None]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
