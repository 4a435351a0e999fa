"""XML Patch, RFC 5261, on the XML form of a resource. FHIR side: https://hl7.org/fhir/R4/http.html#patch

The one thing to know: a resource is kept as JSON; for the patch it is written as XML, changed, and read again by the
strict rules of `suture.fhir.xml`. So an element that is added must stand where the definition has it (`pos="before"`
and `pos="after"` say where), and a narrative that the patch leaves alone keeps every byte.
"""

import re
from typing import Any

import msgspec

from suture.fhir import xml
from suture.fhir.definitions import Definitions
from suture.fhir.outcomes import Invalid, Issue, Unprocessable
from suture.fhir.patch.xml_paths import Attribute, Budget, Found, Path, read_path
from suture.fhir.xml.tree import Comment, Element, Node, Text, read_tree

MAX_OPERATIONS = 1000
"""Operations in one patch."""

MAX_VISITED = 2_000_000
"""Nodes that the paths of a patch may look at."""

_ATTRIBUTES = {
    "add": frozenset(("sel", "type", "pos")),
    "replace": frozenset(("sel",)),
    "remove": frozenset(("sel", "ws")),
}
_LINE = re.compile(r"Line \d+: ")
_POSITIONS = ("before", "after", "prepend")


class XmlOperation(msgspec.Struct, frozen=True):
    """One operation. `op`: add | replace | remove. `type`, `position`: the attributes `type` and `pos` of an add."""

    op: str
    path: Path
    content: tuple[Node, ...] = ()
    type: str = ""
    position: str = ""

    @property
    def text(self) -> str:
        """The content as the value of an attribute or a text."""
        return "".join(node.text for node in self.content if type(node) is Text)

    @property
    def nodes(self) -> list[Node]:
        """The content as nodes of its own, without the white space around elements."""
        mixed = any(isinstance(node, Element | Comment) for node in self.content)
        return [
            node.copy()
            for node in self.content
            if not (mixed and type(node) is Text and node.text.isspace())
        ]  # fmt: skip


class XmlPatch:
    """An XML Patch that was read and can be applied any number of times."""

    __slots__ = ("_definitions", "operations")

    def __init__(self, operations: tuple[XmlOperation, ...], definitions: Definitions) -> None:
        self.operations = operations
        self._definitions = definitions

    @classmethod
    def read(cls, data: bytes, definitions: Definitions) -> "XmlPatch":
        """Read the patch document: an element with add, replace and remove elements inside, whatever its name.

        Raises Invalid, naming the index (from 0) of the first operation that is wrong.
        """
        root = next(read_tree(data).elements())
        operations: list[XmlOperation] = []
        for number, element in enumerate(root.elements()):
            if number >= MAX_OPERATIONS:
                raise Invalid(f"A patch has at most {MAX_OPERATIONS} operations.")
            try:
                operations.append(_read_operation(element))
            except Invalid as error:
                raise Invalid(f"operation {number}: {error}") from None
        if not operations:
            raise Invalid("The patch has no operations; it has elements <add>, <replace> and <remove>.")
        return cls(tuple(operations), definitions)

    def apply(self, resource: Any) -> dict[str, Any]:
        """The patched resource. Raises Unprocessable where the patch does not fit, or the result is not FHIR XML."""
        document = read_tree(xml.encode(resource, self._definitions))
        self.apply_to(document)
        try:
            return xml.decode("".join(child.write("") for child in document.children).encode(), self._definitions)
        except Invalid as error:
            issues = [
                Issue(
                    issue.severity, issue.code, f"After the patch: {_LINE.sub('', issue.diagnostics)}", issue.expression
                )
                for issue in error.issues
            ]
            raise Unprocessable(issues=issues) from None

    def apply_to(self, document: Element) -> None:
        """Change a document (`suture.fhir.xml.tree.read_tree`) in place. Raises Unprocessable."""
        budget = Budget(MAX_VISITED)
        for number, operation in enumerate(self.operations):
            found = operation.path.find(document, budget)
            if len(found) != 1:
                many = f"leads to {len(found)} nodes" if found else "leads nowhere"
                raise Unprocessable(
                    f"operation {number}: the path {operation.path.source!r} {many}; it must lead to one."
                )
            try:
                _APPLY[operation.op](operation, found[0])
            except Unprocessable as error:
                raise Unprocessable(f"operation {number}: {error}") from None


def _read_operation(element: Element) -> XmlOperation:
    allowed = _ATTRIBUTES.get(element.name)
    if allowed is None:
        raise Invalid(f"<{element.name[:40]}> is not an operation; there are <add>, <replace> and <remove>.")
    strange = element.attributes.keys() - allowed
    if strange:
        raise Invalid(f"<{element.name}> cannot have the attribute {min(strange)[:40]!r}.")
    path = read_path(element.attributes.get("sel", ""), element.scope.prefixes)
    type, position = element.attributes.get("type", ""), element.attributes.get("pos", "")
    if position and (position not in _POSITIONS or type):
        raise Invalid(f"pos is one of {', '.join(_POSITIONS)}, and only for nodes.")
    if type and not type.startswith(("@", "namespace::")):
        raise Invalid("type is an attribute such as '@value', or a namespace such as 'namespace::x'.")
    if element.name == "remove" and element.children:
        raise Invalid("<remove> has no content.")
    return XmlOperation(element.name, path, tuple(element.children), type, position)


def _add(operation: XmlOperation, found: Found) -> None:
    if operation.type:
        _add_attribute(operation, found)
        return
    nodes = operation.nodes
    if not nodes:
        raise Unprocessable("there is nothing to add.")
    if operation.position in ("before", "after"):
        parent, position = _place(found)
        parent.insert(position + (operation.position == "after"), nodes)
    elif isinstance(found, Element):
        found.insert(0 if operation.position == "prepend" else len(found.children), nodes)
    else:
        raise Unprocessable("something can only be added inside of an element.")


def _add_attribute(operation: XmlOperation, found: Found) -> None:
    if not isinstance(found, Element):
        raise Unprocessable("only elements have attributes.")
    if not operation.type.startswith("@"):
        return  # A declared prefix says nothing by itself; names carry their namespace here.
    name = operation.type.removeprefix("@")
    if name in found.attributes:
        raise Unprocessable(f"the attribute {name[:40]!r} is already there.")
    if ":" in name or not name.isidentifier():
        raise Unprocessable(f"{name[:40]!r} cannot be the name of an attribute here.")
    found.changed()
    found.attributes[name] = operation.text


def _replace(operation: XmlOperation, found: Found) -> None:
    if isinstance(found, Attribute):
        found.owner.changed()
        found.owner.attributes[found.name] = operation.text
        return
    nodes = operation.nodes
    if type(found) is not Text and (len(nodes) != 1 or type(nodes[0]) is not type(found)):
        raise Unprocessable("an element is replaced by one element, and a comment by one comment.")
    parent, position = _place(found)
    parent.remove(found)
    parent.insert(position, [Text(operation.text)] if type(found) is Text else nodes)


def _remove(operation: XmlOperation, found: Found) -> None:
    if isinstance(found, Attribute):
        found.owner.changed()
        del found.owner.attributes[found.name]
        return
    parent = _place(found)[0]
    if parent.parent is None and isinstance(found, Element):
        raise Unprocessable("the root of a document cannot be removed.")
    parent.remove(found)


def _place(found: Found) -> tuple[Element, int]:
    """The element around a node, and the position of the node in it."""
    if isinstance(found, Attribute) or found.parent is None:
        raise Unprocessable("an attribute has no place among other nodes.")
    return found.parent, found.parent.children.index(found)


_APPLY = {"add": _add, "replace": _replace, "remove": _remove}
