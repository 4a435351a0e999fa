"""A small XML document in memory, made to be changed: for patches that address nodes.

The one thing to know: a narrative that nobody changed is written again as the text that it was, byte by byte.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self
from xml.sax.saxutils import escape

from suture.fhir.outcomes import Invalid
from suture.fhir.xml.guards import guarded, make_parser, parse
from suture.fhir.xml.namespaces import START, XHTML, Scope
from suture.fhir.xml.narrative import cut_out

MAX_DEPTH = 150
"""Elements inside of each other."""

_QUOTED = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class Node(ABC):
    """One node. `parent`: the element that it stands in, None outside of a document."""

    __slots__ = ("parent",)

    def __init__(self) -> None:
        self.parent: Element | None = None

    @abstractmethod
    def write(self, outer: str) -> str:
        """The node as text, where the default namespace is `outer`."""

    @abstractmethod
    def copy(self) -> "Node":
        """The same outside of any document."""


class Text(Node):
    """Text between tags."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def write(self, outer: str) -> str:
        """The text with its special characters escaped."""
        return escape(self.text, {"\r": "&#13;"})

    def copy(self) -> "Text":
        """The same outside of any document."""
        return Text(self.text)


class Comment(Text):
    """A comment. `text`: without its marks."""

    __slots__ = ()

    def write(self, outer: str) -> str:
        """The comment with its marks."""
        return f"<!--{self.text}-->"

    def copy(self) -> "Comment":
        """The same outside of any document."""
        return Comment(self.text)


class Element(Node):
    """An element. `scope`: the namespaces at its place. `source`: the text it was read from, None once it changed."""

    __slots__ = ("attributes", "children", "name", "namespace", "scope", "source")

    def __init__(self, namespace: str, name: str, attributes: dict[str, str], scope: Scope) -> None:
        super().__init__()
        self.namespace = namespace
        self.name = name
        self.attributes = attributes
        self.scope = scope
        self.children: list[Node] = []
        self.source: str | None = None

    def elements(self) -> Iterator[Self]:
        """The elements directly inside."""
        return (child for child in self.children if isinstance(child, type(self)))

    def walk(self) -> Iterator[Node]:
        """The element and all nodes inside, in the order of the document."""
        todo: list[Node] = [self]
        while todo:
            node = todo.pop()
            yield node
            if isinstance(node, Element):
                todo.extend(reversed(node.children))

    def insert(self, position: int, nodes: Sequence[Node]) -> None:
        """Put nodes among the children."""
        self.changed()
        for node in nodes:
            node.parent = self
        self.children[position:position] = nodes

    def remove(self, node: Node) -> int:
        """Take a child out, and say where it stood."""
        self.changed()
        position = self.children.index(node)
        del self.children[position]
        node.parent = None
        return position

    def changed(self) -> None:
        """Forget the text that this element and those around it were read from."""
        element: Element | None = self
        while element is not None:
            element.source = None
            element = element.parent

    def write(self, outer: str) -> str:
        """The element with everything inside; its namespace is declared where it differs from `outer`."""
        if self.source is not None:
            return self.source
        declared = "" if self.namespace == outer else f' xmlns="{escape(self.namespace, _QUOTED)}"'
        attributes = "".join(f' {name}="{escape(value, _QUOTED)}"' for name, value in self.attributes.items())
        start = f"<{self.name}{declared}{attributes}"
        if not self.children:
            return f"{start}/>"
        inside = "".join(child.write(self.namespace) for child in self.children)
        return f"{start}>{inside}</{self.name}>"

    def copy(self) -> "Element":
        """The same outside of any document."""
        made = Element(self.namespace, self.name, dict(self.attributes), self.scope)
        made.insert(0, [child.copy() for child in self.children])
        made.source = self.source
        return made


def read_tree(data: bytes | bytearray | memoryview) -> Element:
    """The document as an element without a name, whose one child element is the root. Raises Invalid."""
    return _Builder(guarded(data)).document


class _Builder:
    def __init__(self, data: bytes) -> None:
        self.document = Element("", "", {}, START)
        self._data = data
        self._starts: list[int] = []
        self._open = self.document
        parser: Any = make_parser()
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parse(parser, data)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._starts) >= MAX_DEPTH:
            raise Invalid(f"The XML nests deeper than {MAX_DEPTH} elements.")
        above = self._open
        scope, rest = above.scope.within(attributes)
        namespace, local = scope.resolve(name)
        if namespace is None:
            raise Invalid(f"Line {self._parser.CurrentLineNumber}: The prefix of <{name[:80]}> is not declared.")
        element = Element(namespace, local, rest, scope)
        element.parent = above
        above.children.append(element)
        self._open = element
        alone = name == "div" and attributes.get("xmlns") == XHTML and above.namespace != XHTML
        alone = alone and above.scope.is_self_contained
        self._starts.append(self._parser.CurrentByteIndex if alone else -1)

    def _end(self, name: str) -> None:
        element, start = self._open, self._starts.pop()
        if start >= 0:
            element.source = cut_out(self._data, start, self._parser.CurrentByteIndex)
        assert element.parent is not None
        self._open = element.parent

    def _text(self, text: str) -> None:
        self._add(Text(text))

    def _comment(self, text: str) -> None:
        self._add(Comment(text))

    def _add(self, node: Node) -> None:
        node.parent = self._open
        self._open.children.append(node)
