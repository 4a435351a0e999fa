"""FHIR XML to the dicts that FHIR JSON gives, in one pass over the text, strict about names, order and values.

Specification: https://hl7.org/fhir/R4/xml.html. The one thing to know: there is no tree; the parser (expat) calls with
each start and end, and every open element has a `Frame`. Comments and processing instructions are passed over.
"""

import contextlib
from typing import Any

from suture.fhir.definitions import Definitions
from suture.fhir.json import MAX_DEPTH
from suture.fhir.outcomes import Invalid, Issue
from suture.fhir.xml.complaints import Complaints, Enough
from suture.fhir.xml.frames import Frame, location
from suture.fhir.xml.guards import guarded, make_parser, parse
from suture.fhir.xml.namespaces import FHIR, START, XHTML, Scope
from suture.fhir.xml.narrative import Narrative
from suture.fhir.xml.shapes import Form, Part, Root, shapes

_USUAL = frozenset(("value", "id", "url"))

Attributes = dict[str, str]


class Reader:
    """Reads one document; used once."""

    __slots__ = ("_complain", "_data", "_leaf", "_parser", "_shapes", "_skipped", "_stack")

    def __init__(self, definitions: Definitions, data: bytes | bytearray | memoryview) -> None:
        self._shapes = shapes(definitions)
        self._data = guarded(data)
        self._skipped = 0
        self._leaf: Part | Root | None = None
        self._stack = [Frame(Root(self._shapes, ""), self._shapes.resources, {}, START, 0)]
        self._parser = make_parser()
        self._complain = Complaints(self._parser)
        self._listen()

    @property
    def issues(self) -> list[Issue]:
        """What is wrong with the document besides broken XML, in its order."""
        return self._complain.issues

    def read(self) -> dict[str, Any] | None:
        """The resource, None when there is none. Raises Invalid for text that is not XML, or too deep."""
        with contextlib.suppress(Enough):
            parse(self._parser, self._data)
        return self._stack[0].value.get("resource")

    # Elements

    def _start(self, name: str, attributes: Attributes) -> None:
        if self._leaf is not None:
            self._open_leaf()
        above = self._stack[-1]
        scope = above.scope
        part = above.parts.get(name) if scope.plain else None
        if (
            part is not None
            and len(attributes) == 1
            and part.order >= above.order
            and self._simple(above, part, attributes)
        ):
            return
        given = attributes
        if attributes and not attributes.keys() <= _USUAL:
            scope, attributes = scope.within(attributes)
            part = above.parts.get(name) if scope.plain else None
        if part is None or part.form is Form.NARRATIVE:
            part = self._find(above, name, scope)
            if part is None:
                self._skip()
                return
        if part.order < above.order:
            self._complain.misplaced(above, part, self._within(above, part))
        above.order = part.order
        form = part.form
        if form is Form.PRIMITIVE:
            self._primitive(above, part, attributes, scope)
        elif form is Form.OBJECT:
            self._object(above, part, attributes, scope)
        elif form is Form.NARRATIVE:
            self._narrative(above, part, name, given)
        elif form is Form.RESOURCE:
            self._resource(above, part, attributes, scope)
        else:
            self._wrapper(above, part, attributes, scope)

    def _simple(self, above: Frame, part: Part | Root, attributes: Attributes) -> bool:
        """Keep a primitive in its place with a sound value and no other attribute, as nearly all; it needs no frame."""
        text = attributes.get("value")
        if not text or part.form is not Form.PRIMITIVE:
            return False
        value = text if part.convert is None else part.convert(text)
        if value is None:
            return False
        above.order = part.order
        members, name = above.value, part.name
        if part.many:
            items = members.get(name)
            if items is None:
                members[name] = [value]
            else:
                items.append(value)
        elif name in members or part.sibling in members:
            return False
        else:
            members[name] = value
        self._leaf = part
        return True

    def _open_leaf(self) -> None:
        """Something stands inside of the last simple primitive, so it needs a frame after all."""
        part, self._leaf = self._leaf, None
        assert part is not None
        above = self._stack[-1]
        frame = Frame(part, part.shape, {}, above.scope, above.depth + 1 + part.many)
        if part.many:
            frame.index = len(above.value[part.name]) - 1
        self._push(frame)

    def _primitive(self, above: Frame, part: Part | Root, attributes: Attributes, scope: Scope) -> None:
        assert isinstance(part, Part)
        extra: dict[str, Any] = {}
        self._place(above, Frame(part, part.shape, extra, scope, above.depth + 1 + part.many))
        text = attributes.get("value")
        value: Any = text or None
        if text and part.convert is not None:
            value = part.convert(text)
            if value is None:
                value = text
                self._complain.not_a_value(part, text, self._here)
        for name, other in attributes.items():
            if name == "id" and other:
                extra["id"] = other
            elif name != "value" or not other:
                self._complain.attribute(part, name, other, self._here)
        if part.many:
            above.value[part.name].append(value)
            if value is None:
                above.mark(part.name)
        elif value is not None:
            above.value[part.name] = value

    def _object(self, above: Frame, part: Part | Root, attributes: Attributes, scope: Scope) -> None:
        value: dict[str, Any] = {}
        shape = part.shape
        self._place(above, Frame(part, shape, value, scope, above.depth + 1 + part.many))
        for name, text in attributes.items():
            if name in shape.attributes and text:
                value[name] = text
            else:
                self._complain.attribute(part, name, text, self._here)
        if part.many:
            above.value[part.name].append(value)
        else:
            above.value[part.name] = value

    def _wrapper(self, above: Frame, part: Part | Root, attributes: Attributes, scope: Scope) -> None:
        self._place(above, Frame(part, part.shape, {}, scope, above.depth + 1 + part.many))
        for name, text in attributes.items():
            self._complain.attribute(part, name, text, self._here)

    def _resource(self, above: Frame, part: Part | Root, attributes: Attributes, scope: Scope) -> None:
        if "resource" in above.value:
            complaint = f"<{part.name}> is a second resource; <{above.part.name}> holds one only"
            self._complain.add("structure", complaint, self._here)
        value: dict[str, Any] = {"resourceType": part.name}
        above.value["resource"] = value
        self._push(Frame(part, part.shape, value, scope, above.depth or 1))
        for name, text in attributes.items():
            self._complain.attribute(part, name, text, self._here)

    def _narrative(self, above: Frame, part: Part | Root, name: str, attributes: Attributes) -> None:
        self._place(above, Frame(part, part.shape, {}, above.scope, above.depth + 1))
        Narrative(self._parser, self._data, above.scope, name, attributes, self._read_narrative)

    def _read_narrative(self, text: str) -> None:
        """The div is over: `text` is what stands in JSON."""
        frame = self._stack.pop()
        self._stack[-1].value[frame.part.name] = text
        self._listen()

    def _end(self, _: str) -> None:
        if self._leaf is not None:
            self._leaf = None
            return
        frame = self._stack.pop()
        part, value = frame.part, frame.value
        if frame.ragged:
            frame.even_out()
        if part.form is Form.WRAPPER:
            self._close_wrapper(frame)
        elif part.form is Form.PRIMITIVE:
            if value:
                self._keep_sibling(frame)
            elif not self._has_value(frame):
                self._complain.empty(part, self._at(frame))
        elif not value:
            self._complain.empty(part, self._at(frame))

    # Places

    def _place(self, above: Frame, frame: Frame) -> None:
        """Make room for an element below `above`, and open it."""
        part = frame.part
        self._push(frame)
        if part.many:
            items: list[Any] = above.value.setdefault(part.name, [])
            frame.index = len(items)
        elif part.name in above.value or part.sibling in above.value:
            complaint = f"<{part.name}> appears more than once; at most one is allowed"
            self._complain.add("structure", complaint, self._here)

    def _push(self, frame: Frame) -> None:
        if frame.depth > MAX_DEPTH:
            raise Invalid(f"The XML nests deeper than {MAX_DEPTH} levels (as JSON), the most that is accepted.")
        self._stack.append(frame)

    def _has_value(self, frame: Frame) -> bool:
        value: Any = self._stack[-1].value.get(frame.part.name)
        return value is not None and (not frame.part.many or value[frame.index] is not None)

    def _keep_sibling(self, frame: Frame) -> None:
        above, part = self._stack[-1], frame.part
        if not part.sibling:
            complaint = f"<{part.name}> can only have a value, no id and no extensions"
            self._complain.add("structure", complaint, self._at(frame))
        elif not part.many:
            above.value[part.sibling] = frame.value
        else:
            siblings: list[Any] = above.value.setdefault(part.sibling, [])
            siblings += [None] * (frame.index - len(siblings))
            siblings.append(frame.value)
            above.mark(part.name)

    def _close_wrapper(self, frame: Frame) -> None:
        above, part = self._stack[-1], frame.part
        resource = frame.value.get("resource")
        if resource is None:
            self._complain.empty(part, self._at(frame))
        if part.many:
            above.value[part.name].append(resource)
        else:
            above.value[part.name] = resource

    @property
    def _here(self) -> str:
        """The location of the innermost open element."""
        return location(self._stack[1:])

    def _within(self, above: Frame, part: Part | Root) -> str:
        """The location of an element that is about to be opened below `above`, the innermost open one."""
        frame = Frame(part, above.shape, {}, above.scope, above.depth)
        frame.index = len(above.value.get(part.name, ())) if part.many else 0
        return location([*self._stack[1:], frame])

    def _at(self, frame: Frame) -> str:
        """The location of an element that has just been closed."""
        return location([*self._stack[1:], frame])

    def _find(self, above: Frame, name: str, scope: Scope) -> Part | Root | None:
        """The part for a name that is not plain, after complaining when there is none."""
        namespace, local = scope.resolve(name)
        part = above.parts.get(local)
        wanted = XHTML if part is not None and part.form is Form.NARRATIVE else FHIR
        if namespace != wanted:
            path = self._within(above, part) if part else self._here
            self._complain.foreign(name, namespace, wanted, above, path)
            return None
        if part is None and above.shape is self._shapes.resources:
            self._complain.unknown_type(local, above.parts, self._shapes.version.number, self._here)
        elif part is None:
            self._complain.unknown(local, above, self._here)
        return part

    def _text(self, text: str) -> None:
        if not text.isspace():
            if self._leaf is not None:
                self._open_leaf()
            self._complain.text(text, self._here)

    # Parts that are passed over

    def _listen(self) -> None:
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def _skip(self) -> None:
        """Pass over an element with everything in it."""
        self._skipped = 1
        self._parser.StartElementHandler = self._skip_start
        self._parser.EndElementHandler = self._skip_end
        self._parser.CharacterDataHandler = None

    def _skip_start(self, _: str, __: Attributes) -> None:
        self._skipped += 1

    def _skip_end(self, _: str) -> None:
        self._skipped -= 1
        if not self._skipped:
            self._listen()
