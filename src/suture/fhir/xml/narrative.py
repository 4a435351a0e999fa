"""The div of a narrative inside of an XML document, as the text that stands in JSON.

Specification: https://hl7.org/fhir/R4/narrative.html and https://hl7.org/fhir/R4/json.html#xhtml. The one thing to
know: the text is cut out of the document byte by byte, so that nothing changes, white space, comments and all. Only
where it leans on namespaces declared further out is it written anew.
"""

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from suture.fhir.xml.namespaces import XHTML, Scope

_END_TAG = re.compile(rb"</div\s*>").match

Attributes = dict[str, str]


class Narrative:
    """Listens to the parser from the start of a div to its end. `done` gets the text, and takes the parser back."""

    __slots__ = ("_data", "_depth", "_done", "_name", "_parser", "_pieces", "_scopes", "_start")

    def __init__(
        self, parser: Any, data: bytes, scope: Scope, name: str, attributes: Attributes, done: Callable[[str], None]
    ) -> None:
        self._parser = parser
        self._data = data
        self._name = name
        self._done = done
        self._depth = 1
        self._start = parser.CurrentByteIndex
        if name == "div" and attributes.get("xmlns") == XHTML and scope.is_self_contained:
            parser.StartElementHandler = self._deeper
            parser.EndElementHandler = self._shallower
            parser.CharacterDataHandler = None
            return
        self._scopes = [scope]
        self._pieces: list[str] = []
        parser.StartElementHandler = self._write_start
        parser.EndElementHandler = self._write_end
        parser.CharacterDataHandler = self._write_text
        parser.CommentHandler = self._write_comment
        self._write_start(name, {"xmlns": XHTML, **_local(attributes)}, scope.within(attributes)[0])

    # Cut out

    def _deeper(self, _: str, __: Attributes) -> None:
        self._depth += 1

    def _shallower(self, _: str) -> None:
        self._depth -= 1
        if self._depth:
            return
        self._done(cut_out(self._data, self._start, self._parser.CurrentByteIndex))

    # Written anew

    def _write_start(self, name: str, attributes: Attributes, scope: Scope | None = None) -> None:
        scope = scope or self._scopes[-1].within(attributes)[0]
        self._scopes.append(scope)
        attributes = attributes if len(self._scopes) == 2 else _local(attributes)
        shown = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
        self._pieces.append(f"<{_name(scope, name)}{shown}>")

    def _write_end(self, name: str) -> None:
        self._pieces.append(f"</{_name(self._scopes.pop(), name)}>")
        if len(self._scopes) == 1:
            self._parser.CommentHandler = None
            self._done("".join(self._pieces))

    def _write_text(self, text: str) -> None:
        self._pieces.append(escape(text))

    def _write_comment(self, text: str) -> None:
        self._pieces.append(f"<!--{text}-->")


def cut_out(data: bytes, start: int, end: int) -> str:
    """The text of a div. `start`, `end`: where the parser stood when it told of its start and its end."""
    tag = _END_TAG(data, end)
    return data[start : tag.end() if tag else end].decode("utf-8")


def _name(scope: Scope, name: str) -> str:
    """A name without its prefix where it is XHTML; others stay, for the check of the narrative to refuse."""
    namespace, local = scope.resolve(name)
    return local if namespace == XHTML else name


def _local(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if name.partition(":")[0] != "xmlns"}
