"""What can be wrong with an XML document that is well-formed, in words, each with its line.

Specification: https://hl7.org/fhir/R4/xml.html. The issues come out in document order.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from suture.fhir.outcomes import Issue
from suture.fhir.primitives import shown
from suture.fhir.xml.frames import Frame
from suture.fhir.xml.shapes import Form, Part, Root

MAX_ISSUES = 100
"""Problems listed for one document."""

_MAX_GUESSES = 20
"""Searches for a similar name, which are slow, in one document."""


class Enough(Exception):
    """So many problems are found that more would not help."""


class Complaints:
    """The problems of one document. `issues`: those found so far. `parser`: knows the line."""

    __slots__ = ("_guesses", "_parser", "issues")

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._guesses = _MAX_GUESSES
        self.issues: list[Issue] = []

    def add(self, code: str, complaint: str, path: str) -> None:
        """Keep one complaint, a sentence without its full stop. Raises Enough."""
        if len(self.issues) >= MAX_ISSUES:
            note = f"Only the first {MAX_ISSUES} problems are listed; there may be more."
            self.issues.append(Issue("information", "incomplete", note))
            raise Enough
        end = "" if complaint.endswith("?") else "."
        text = f"Line {self._parser.CurrentLineNumber}: {complaint}{end}"
        self.issues.append(Issue("error", code, text, path))

    def foreign(self, name: str, namespace: str | None, wanted: str, above: Frame, path: str) -> None:
        """`name` as written is in another namespace than the one `wanted`; None: its prefix is not declared."""
        if namespace is None:
            complaint = f"The prefix of <{name[:80]}> is not declared"
        else:
            found = f"the namespace {shown(namespace)}" if namespace else "no namespace"
            root = "" if above.part.name else "The root element "
            complaint = f'{root}<{name[:80]}> is in {found}; it must be in {wanted} (xmlns="{wanted}")'
        self.add("structure", complaint, path)

    def unknown_type(self, name: str, known: Iterable[str], number: str, path: str) -> None:
        """A resource of a type that FHIR `number` does not have."""
        complaint = f"<{name[:80]}> is not a resource type of FHIR {number}{self._hint(name, known)}"
        self.add("structure", complaint, path)

    def unknown(self, name: str, above: Frame, path: str) -> None:
        """An element that the type does not have."""
        type = above.shape.name if above.part.form is not Form.PRIMITIVE else f"A primitive such as <{above.part.name}>"
        self.add("structure", f"{type} has no element <{name[:80]}>{self._hint(name, above.parts)}", path)

    def attribute(self, part: Part | Root, name: str, text: str, path: str) -> None:
        """An attribute that the element cannot have, or that is empty."""
        if not text:
            complaint = f"The attribute {name[:80]!r} of <{part.name}> is empty; leave it out instead"
        else:
            complaint = f"<{part.name}> cannot have the attribute {name[:80]!r}"
            if name == "value":
                complaint += "; only primitive elements have a value"
            elif part.form is Form.PRIMITIVE:
                complaint += "; its value stands in the attribute 'value'"
        self.add("structure", complaint, path)

    def misplaced(self, above: Frame, part: Part | Root, path: str) -> None:
        """An element that stands behind one that follows it in the definition."""
        names = (p for p in above.parts.values() if isinstance(p, Part) and p.order == above.order)
        before = next(p.source.choice or p.name for p in names)
        self.add(
            "structure",
            f"<{part.name}> stands after <{before}>, and it must stand before it: the order of elements matters in XML",
            path,
        )

    def not_a_value(self, part: Part, text: str, path: str) -> None:
        """A value that is none of its type."""
        self.add("value", f"{shown(text)} is not a valid {part.source.type}: {part.expects} is expected", path)

    def empty(self, part: Part | Root, path: str) -> None:
        """An element without anything in it."""
        wanted = "a resource" if part.form is Form.WRAPPER else "content"
        self.add("structure", f"<{part.name}> is empty; it must have {wanted}, or be left out", path)

    def text(self, text: str, path: str) -> None:
        """Text where only elements may stand."""
        rule = 'in FHIR values are attributes, as in <code value="…"/>'
        self.add("structure", f"The text {shown(text.strip())} stands between elements; {rule}", path)

    def _hint(self, name: str, known: Iterable[str]) -> str:
        self._guesses -= 1
        near = get_close_matches(name[:60], list(known), n=1, cutoff=0.75) if self._guesses >= 0 else []
        return f"; did you mean <{near[0]}>?" if near else ""
