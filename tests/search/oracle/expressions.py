"""The FHIRPath of search parameters, walked over typed JSON.

Only what the published parameters use: paths, `|`, `where`, `is`, `as`, `ofType`, `resolve`, `extension`, `exists`,
`=`, `!=`, `and`, an index. Specification: http://hl7.org/fhirpath/N1/. Names of types are compared without case,
because one parameter of R4 says `DateTime`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from suture.fhir.definitions import Definitions, load
from suture.fhir.definitions.model import Element
from suture.fhir.versions import Version

R4: Definitions = load(Version.R4)
Ast = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """A value with its type. `elements`: what may lie below; `binding`: value set of a required binding, or ""."""

    type: str
    value: Any
    elements: tuple[Element, ...] = field(default=(), repr=False)
    binding: str = ""

    def child(self, name: str) -> "list[Node]":
        """The values of the element `name`, of any type when it is a choice."""
        if not isinstance(self.value, dict):
            return []
        for element in self.elements:
            if element.name in (name, name + "[x]"):
                return list(self._below(element, name))
        return []

    def _below(self, element: Element, name: str) -> "Iterator[Node]":
        if element.content_reference:
            yield from _typed(self.value.get(name), "BackboneElement", below(element), "")
            return
        binding = element.binding_value_set if element.binding_strength == "required" else ""
        for type in element.types:
            key = name + type.code[:1].upper() + type.code[1:] if element.is_choice else name
            yield from _typed(self.value.get(key), type.code, element.children or below(type.code), binding)


def root(resource: dict[str, Any]) -> Node:
    """A resource as a node."""
    type = resource["resourceType"]
    return Node(type, resource, below(type))


def _typed(value: Any, type: str, elements: tuple[Element, ...], binding: str) -> Iterator[Node]:
    for one in value if isinstance(value, list) else [value]:
        if one is not None:
            yield root(one) if type == "Resource" else Node(type, one, elements, binding)


def below(of: str | Element) -> tuple[Element, ...]:
    """The elements below a type, or below an element that is a backbone or repeats another's content."""
    if isinstance(of, Element):
        return _by_path(of.content_reference).children if of.content_reference else of.children
    structure = R4.structures.get(of)
    return structure.elements if structure and structure.kind != "primitive-type" else ()


@cache
def _by_path(path: str) -> Element:
    first, *names = path.split(".")
    elements = below(first)
    for name in names:
        found = next(element for element in elements if element.name == name)
        elements = below(found)
    return found


_TOKEN = re.compile(r"\s*('(?:[^'\\]|\\.)*'|%?[A-Za-z_]\w*|\d+|!=|[.()\[\]|=,])")


@cache
def parse(text: str) -> Ast:
    """The tree of an expression. Raises ValueError for what is not understood."""
    words = _TOKEN.findall(text)
    if "".join(words) != re.sub(r"\s+(?=(?:[^']*'[^']*')*[^']*$)", "", text):
        raise ValueError(text)
    words.append("")
    tree = _both(words)
    if words != [""]:
        raise ValueError(f"{words} is left of {text}")
    return tree


def _joined(words: list[str], sign: str, inner: Callable[[list[str]], Ast]) -> Ast:
    tree = inner(words)
    while words[0] == sign:
        tree = (words.pop(0), tree, inner(words))
    return tree


def _both(words: list[str]) -> Ast:
    return _joined(words, "and", _compared)


def _compared(words: list[str]) -> Ast:
    tree = _union(words)
    if words[0] in ("=", "!="):
        tree = (words.pop(0), tree, _union(words))
    return tree


def _union(words: list[str]) -> Ast:
    return _joined(words, "|", _cast)


def _cast(words: list[str]) -> Ast:
    tree = _path(words)
    while words[0] in ("is", "as"):
        tree = (words.pop(0), tree, words.pop(0))
    return tree


def _path(words: list[str]) -> Ast:
    tree = _start(words)
    while words[0] in (".", "["):
        if words.pop(0) == "[":
            tree = ("index", tree, int(words.pop(0)))
            assert words.pop(0) == "]"
        else:
            tree = _named(words, tree)
    return tree


def _start(words: list[str]) -> Ast:
    if words[0] == "(":
        words.pop(0)
        tree = _both(words)
        assert words.pop(0) == ")"
        return tree
    if words[0].startswith("'"):
        return ("literal", words.pop(0)[1:-1])
    if words[0] in ("true", "false"):
        return ("literal", words.pop(0) == "true")
    return _named(words, None)


def _named(words: list[str], before: Ast | None) -> Ast:
    name = words.pop(0)
    if words[0] != "(":
        return ("name", before, name)
    words.pop(0)
    argument = None if words[0] == ")" else _both(words)
    assert words.pop(0) == ")"
    return ("call", before, name, argument)


def find(expression: str, focus: Node, whole: Node) -> list[Node]:
    """The values of an expression on `focus`, which is `whole` or lies inside of it."""
    return _eval(parse(expression), focus, whole)


def _eval(tree: Ast, focus: Node, whole: Node) -> list[Node]:
    match tree:
        case ("literal", value):
            return [Node("boolean" if isinstance(value, bool) else "string", value)]
        case ("name", None, "%resource"):
            return [whole]
        case ("name", None, name):
            if name[0].isupper():
                return [focus] if is_a(focus.type, name) else []
            return focus.child(name)
        case ("name", before, name):
            return [found for node in _eval(before, focus, whole) for found in node.child(name)]
        case ("|", left, right):
            return _eval(left, focus, whole) + _eval(right, focus, whole)
        case ("index", before, number):
            return _eval(before, focus, whole)[number : number + 1]
        case ("as", before, type):
            return [node for node in _eval(before, focus, whole) if is_a(node.type, type)]
        case ("is", before, type):
            found = _eval(before, focus, whole)
            return [Node("boolean", is_a(node.type, type)) for node in found[:1]]
        case ("and", left, right):
            return [Node("boolean", _true(_eval(left, focus, whole)) and _true(_eval(right, focus, whole)))]
        case ("=" | "!=" as sign, left, right):
            a, b = _eval(left, focus, whole), _eval(right, focus, whole)
            if not a or not b:
                return []
            return [Node("boolean", ([n.value for n in a] == [n.value for n in b]) == (sign == "="))]
        case ("call", before, name, argument):
            return _call(name, argument, [focus] if before is None else _eval(before, focus, whole), whole)
    raise ValueError(tree)


def _call(name: str, argument: Ast | None, nodes: list[Node], whole: Node) -> list[Node]:
    match name:
        case "where" if argument:
            return [node for node in nodes if _true(_eval(argument, node, whole))]
        case "exists":
            return [Node("boolean", bool(nodes))]
        case "as" | "ofType" if argument:
            return [node for node in nodes if is_a(node.type, argument[2])]
        case "resolve":
            return [found for node in nodes for found in _resolved(node, whole)]
        case "extension" | "hasExtension" if argument:
            found = [x for node in nodes for x in node.child("extension") if x.value.get("url") == argument[1]]
            return found if name == "extension" else [Node("boolean", bool(found))]
    raise ValueError(name)


def _true(nodes: list[Node]) -> bool:
    return len(nodes) == 1 and nodes[0].value is True


def is_a(type: str, name: str) -> bool:
    """Whether `type` is the type `name` or derived from it; a primitive type is only itself, as a choice means it."""
    while type:
        if type.casefold() == name.casefold():
            return True
        structure = R4.structures.get(type)
        type = structure.base if structure and structure.kind != "primitive-type" else ""
    return False


def _resolved(node: Node, whole: Node) -> list[Node]:
    if node.type != "Reference":
        return []
    text = node.value.get("reference", "")
    if text.startswith("#"):
        return [root(one) for one in whole.value.get("contained", ()) if "#" + one.get("id", "") == text]
    type = kind_of(text) or node.value.get("type", "")
    return [Node(type, {})] if type else []


def kind_of(reference: str) -> str:
    """The resource type that a literal reference names, or ""."""
    parts = reference.partition("/_history/")[0].rsplit("/", 2)
    return parts[-2] if len(parts) > 1 and parts[-2] in R4.structures else ""
