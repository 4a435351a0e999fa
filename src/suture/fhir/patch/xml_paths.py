"""The paths of XML Patch: which one node of a document is meant.

Specification: RFC 5261, section 4.1 (https://www.rfc-editor.org/rfc/rfc5261#section-4.1), a small part of XPath 1.0:
steps to children with predicates, and at the end an attribute, a text or a comment. A predicate is a position or a
comparison with a text; beyond the RFC it may look further down (`[f:system/@value='urn:x']`), because FHIR keeps all
values in attributes. There is no `//`, no function and no arithmetic, so that a path costs no more than its steps.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn

import msgspec

from suture.fhir.outcomes import Invalid, TooCostly
from suture.fhir.xml.namespaces import FHIR, XHTML
from suture.fhir.xml.tree import Comment, Element, Node, Text

MAX_LENGTH = 2000
"""Characters of one path."""

PREFIXES: Mapping[str, str] = {"f": FHIR, "h": XHTML}
"""What FHIR's own expressions call the two namespaces; a document may declare these prefixes anew."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][\w.\-]*(?::[A-Za-z_*][\w.\-]*)?(?P<call>\s*\(\s*\))?|\*)"
    r"|(?P<number>[0-9]{1,9})|(?P<text>\"[^\"]*\"|'[^']*')|(?P<mark>//|::|[/@\[\]=.]))"
)


class Budget:
    """How many nodes may still be looked at."""

    __slots__ = ("_left",)

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def spend(self, nodes: int) -> None:
        """Take note that `nodes` were looked at. Raises TooCostly."""
        self._left -= nodes
        if self._left < 0:
            raise TooCostly("The paths of the patch need too many steps on this resource.")


class Attribute(msgspec.Struct, frozen=True):
    """An attribute of an element, found by a path."""

    owner: Element
    name: str


Found = Node | Attribute


class Step(msgspec.Struct, frozen=True):
    """One step. `kind`: element | attribute | text | comment | self. `name`: local part, "*" for any."""

    kind: str
    namespace: str = ""
    name: str = "*"
    predicates: "tuple[Predicate, ...]" = ()


class Predicate(msgspec.Struct, frozen=True):
    """A position (from 1), or a path whose text must equal `text`."""

    position: int = 0
    path: tuple[Step, ...] = ()
    text: str = ""


class Path(msgspec.Struct, frozen=True):
    """A path from the document. `source`: as it was written."""

    source: str
    steps: tuple[Step, ...]

    def find(self, document: Element, budget: Budget) -> list[Found]:
        """Every node that the path leads to. `document`: the element around the root (`suture.fhir.xml.tree`).

        Raises TooCostly.
        """
        return _follow([document], self.steps, budget)


def read_path(text: str, prefixes: Mapping[str, str]) -> Path:
    """Read a path. `prefixes`: the namespaces at its place, "" for names without a prefix.

    Names without a prefix are FHIR's where there is no default namespace. Raises Invalid with the position.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid(f"The path is longer than {MAX_LENGTH} characters.")
    return Path(text, _Reader(text, {**PREFIXES, "": FHIR, **prefixes}).path())


class _Reader:
    def __init__(self, text: str, prefixes: Mapping[str, str]) -> None:
        self._text = text
        self._prefixes = prefixes
        self._position = 0

    def path(self) -> tuple[Step, ...]:
        if self._peek("/"):
            self._next()
        steps = self._steps(outer=True)
        if self._text[self._position :].strip():
            self._fail("the end")
        return steps

    def _steps(self, *, outer: bool) -> tuple[Step, ...]:
        steps = [self._step(outer=outer)]
        while self._peek("/"):
            if steps[-1].kind != "element":
                self._fail("the end, because only elements have something inside")
            self._next()
            steps.append(self._step(outer=outer))
        return tuple(steps)

    def _step(self, *, outer: bool) -> Step:
        token = self._next()
        if token is None:
            self._fail("a step")
        if token["mark"] == "@":
            name = self._next()
            if name is None or not name["name"] or name["call"]:
                self._fail("the name of an attribute")
            return Step("attribute", "", name["name"])
        if token["mark"] == "." and not outer:
            return Step("self")
        if not token["name"]:
            self._fail("the name of an element")
        name = "".join(token["name"].split())
        if name in ("text()", "comment()"):
            return Step(name[:-2], predicates=self._predicates(positions_only=True))
        if token["call"]:
            self._fail("a name, text() or comment(); other functions are not part of patch paths")
        prefix, colon, local = name.rpartition(":")
        if colon and prefix not in self._prefixes:
            raise Invalid(f"The prefix {prefix!r} in the path {self._text!r} is not declared.")
        namespace = "*" if name == "*" else self._prefixes[prefix]
        return Step("element", namespace, local, self._predicates(positions_only=False) if outer else ())

    def _predicates(self, *, positions_only: bool) -> tuple[Predicate, ...]:
        found: list[Predicate] = []
        while self._peek("["):
            self._next()
            start = self._position
            token = self._next()
            if token and token["number"] and int(token["number"]):
                found.append(Predicate(position=int(token["number"])))
            elif positions_only:
                self._fail("a position")
            else:
                self._position = start
                path = self._steps(outer=False)
                self._expect("=")
                value = self._next()
                if value is None or value["text"] is None:
                    self._fail("a text in quotes")
                found.append(Predicate(path=path, text=value["text"][1:-1]))
            self._expect("]")
        return tuple(found)

    def _peek(self, mark: str) -> bool:
        found = _TOKEN.match(self._text, self._position)
        return found is not None and found["mark"] == mark

    def _next(self) -> "re.Match[str] | None":
        found = _TOKEN.match(self._text, self._position)
        if found is not None:
            self._position = found.end()
        return found

    def _expect(self, mark: str) -> None:
        token = self._next()
        if token is None or token["mark"] != mark:
            self._fail(f"'{mark}'")

    def _fail(self, wanted: str) -> NoReturn:
        place = self._position + 1
        raise Invalid(f"The path {self._text!r} cannot be read near character {place}: {wanted} is expected.")


def _follow(nodes: Iterable[Found], steps: tuple[Step, ...], budget: Budget) -> list[Found]:
    found = list(nodes)
    for step in steps:
        below: list[Found] = []
        for node in found:
            if isinstance(node, Element):
                below += _one_step(node, step, budget)
        found = below
    return found


def _one_step(element: Element, step: Step, budget: Budget) -> list[Found]:
    budget.spend(1 + len(element.children))
    match step.kind:
        case "self":
            return [element]
        case "attribute":
            if step.name == "*":
                return [Attribute(element, name) for name in element.attributes]
            return [Attribute(element, step.name)] if step.name in element.attributes else []
        case "text":
            found: list[Found] = [child for child in element.children if type(child) is Text]
        case "comment":
            found = [child for child in element.children if isinstance(child, Comment)]
        case _:
            found = [
                child
                for child in element.elements()
                if step.namespace in ("*", child.namespace) and step.name in ("*", child.name)
            ]
    for predicate in step.predicates:
        if predicate.position:
            found = found[predicate.position - 1 : predicate.position]
        else:
            found = [node for node in found if _holds(node, predicate, budget)]
    return found


def _holds(node: Found, predicate: Predicate, budget: Budget) -> bool:
    return any(_text(found, budget) == predicate.text for found in _follow([node], predicate.path, budget))


def _text(found: Found, budget: Budget) -> str:
    """The string value of XPath."""
    if isinstance(found, Attribute):
        return found.owner.attributes[found.name]
    inside = list(found.walk()) if isinstance(found, Element) else [found]
    budget.spend(len(inside))
    return "".join(node.text for node in inside if isinstance(node, Text) and not isinstance(node, Comment))
