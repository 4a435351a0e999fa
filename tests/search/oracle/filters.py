"""`_filter`: its grammar and operators, https://hl7.org/fhir/R4/search_filter.html, by plain recursion over sets.

`ne` of tokens and references takes what docs/search.md says: there is a value, and none is equal.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.search.naive import moments, plain
from tests.search.oracle.matching import Refused, escape

if TYPE_CHECKING:
    from tests.search.oracle.world import World

_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]]+)')
_PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def evaluate(world: "World", type: str, text: str) -> frozenset[str]:
    """The resources of a type that meet a filter. Raises Refused."""
    words = [*_WORD.findall(text), ""]
    found = _chain(world, type, words)
    if words != [""]:
        raise Refused(f"{words} is left of {text}")
    return found


def _chain(world: "World", type: str, words: list[str]) -> frozenset[str]:
    """From left to right: `and` and `or` have no precedence."""
    found = _one(world, type, words)
    while words[0] in ("and", "or"):
        word = words.pop(0)
        right = _one(world, type, words)
        found = found & right if word == "and" else found | right
    return found


def _one(world: "World", type: str, words: list[str]) -> frozenset[str]:
    every = frozenset(world.of(type))
    if words[0] == "not":
        words.pop(0)
        return every - _group(world, type, words)
    if words[0] == "(":
        return _group(world, type, words)
    path, operator, value = words.pop(0), words.pop(0), words.pop(0)
    return _compared(world, type, path, operator, _plain_value(value))


def _group(world: "World", type: str, words: list[str]) -> frozenset[str]:
    if words.pop(0) != "(":
        raise Refused("a parenthesis is missing")
    found = _chain(world, type, words)
    if words.pop(0) != ")":
        raise Refused("a parenthesis is missing")
    return found


def _plain_value(word: str) -> str:
    if word.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", word[1:-1])
    return word


def _compared(world: "World", type: str, path: str, operator: str, value: str) -> frozenset[str]:
    if operator == "pr":
        return world.meeting(type, path + ":missing", "false" if value == "true" else "true")
    if "." in path:
        head, _, rest = path.partition(".")
        code, _, target = head.partition(":")
        possible = (target,) if target else world.parameter(type, code).targets
        able = [one for one in possible if rest.partition(".")[0].partition(":")[0] in world.parameters(one)]
        return world.linked(type, code, able, lambda one: _compared(world, one, rest, operator, value))
    kind = world.parameter(type, path).type
    if kind == "string":
        return _strings(world, type, path, operator, value)
    if kind in ("date", "number", "quantity"):
        if operator == "po" and kind == "date":
            a, b = moments(value)
            return frozenset(
                key for key in world.of(type) if any(lo <= b and hi >= a for lo, hi in world.values(key, path))
            )
        if operator not in _PREFIXES:
            raise Refused(operator)
        return world.meeting(type, path, operator + value)
    if kind == "uri" and operator in STRINGS:
        return frozenset(
            key for key in world.of(type) if any(STRINGS[operator](text, value) for text in world.values(key, path))
        )
    if kind == "token" and operator in ("co", "sw", "ew"):
        test, part = STRINGS[operator], value.casefold()
        return frozenset(
            key for key in world.of(type) if any(test((v.code or "").casefold(), part) for v in world.values(key, path))
        )
    if kind in ("token", "reference"):
        found = world.meeting(type, path, value if kind == "token" else escape(value))
        if operator in ("eq", "re"):
            return found
        if operator == "ne":
            return frozenset(key for key in world.of(type) if world.nodes(key, path)) - found
    raise Refused(f"{operator} on a {kind}")


def _strings(world: "World", type: str, path: str, operator: str, value: str) -> frozenset[str]:
    if operator not in STRINGS:
        raise Refused(operator)
    test, wanted = STRINGS[operator], plain(value)
    return frozenset(
        key for key in world.of(type) if any(test(plain(text), wanted) for text in world.values(key, path))
    )


STRINGS: dict[str, Callable[[str, str], bool]] = {
    "eq": str.__eq__,
    "ne": str.__ne__,
    "co": str.__contains__,
    "sw": str.startswith,
    "ew": str.endswith,
    "gt": str.__gt__,
    "lt": str.__lt__,
    "ge": str.__ge__,
    "le": str.__le__,
}
