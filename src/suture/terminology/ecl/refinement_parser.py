"""The parser of refinements: attributes, groups, and how they are joined.

The one thing to know: a parenthesis may begin an attribute's name, attributes that are joined, or a whole refinement.
The parser tries them in that order and keeps what came of it at each place, so no text makes it try again and again.
"""

import re
from collections.abc import Callable

from suture.fhir.outcomes import Invalid
from suture.terminology.ecl.comparison_parser import comparison
from suture.terminology.ecl.nodes import Attribute, Group, Joined, Refinement, Sub
from suture.terminology.ecl.scanner import Scanner

MAX_NESTING = 40
"""How deep refinements may be nested."""

_GROUP = re.compile(r"(?:\[[^\[\]]{0,200}\](?:[ \t\r\n]|/\*(?:[^*]|\*(?!/))*+\*/)*+)?\{(?!\{)")


class RefinementParser:
    """`sub`: parses a constraint that is a name or a value."""

    def __init__(self, scanner: Scanner, sub: Callable[[], Sub]) -> None:
        self._scanner = scanner
        self._sub = sub
        self._nesting = 0
        self._known: dict[tuple[str, int], tuple[Refinement, int] | Invalid] = {}

    def refinement(self) -> Refinement:
        """All that follows a colon."""
        return self._joined(self._part)

    def _part(self) -> Refinement:
        """Attributes that are joined alike, a group, or a refinement between parentheses."""
        if self._at_group():
            return self._group()
        if not self._scanner.sees("("):
            return self._attributes()
        return self._either("attributes", self._attributes, "refinement", lambda: self._nested(self.refinement))

    def _attributes(self) -> Refinement:
        return self._joined(self._attribute_or_nested)

    def _attribute_or_nested(self) -> Refinement:
        if not self._scanner.sees("("):
            return self._attribute()
        return self._either("attribute", self._attribute, "nested", lambda: self._nested(self._attributes))

    def _joined(self, part: Callable[[], Refinement]) -> Refinement:
        """Parts that are all joined by AND, or all by OR; what does not go on like that is left for others."""
        scanner = self._scanner
        start = scanner.position
        parts = [part()]
        kind = ""
        while True:
            position = scanner.position
            following = "and" if scanner.take(",") else scanner.take_word("and", "or")
            if not following:
                break
            if (kind and following != kind) or (part == self._attribute_or_nested and self._at_group()):
                scanner.back_to(position)
                break
            try:
                parts.append(part())
            except Invalid:
                if part != self._attribute_or_nested:
                    raise
                scanner.back_to(position)
                break
            kind = following
        return Joined(start, kind, tuple(parts)) if kind else parts[0]

    def _nested(self, content: Callable[[], Refinement]) -> Refinement:
        scanner = self._scanner
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise scanner.wrong(f"refinements are nested more than {MAX_NESTING} deep")
        scanner.expect("(", "before a nested refinement")
        try:
            found = content()
        finally:
            self._nesting -= 1
        scanner.expect(")", "after a nested refinement")
        return found

    def _either(
        self, first: str, read: Callable[[], Refinement], second: str, otherwise: Callable[[], Refinement]
    ) -> Refinement:
        position = self._scanner.position
        try:
            return self._once(first, read)
        except Invalid:
            self._scanner.back_to(position)
            return self._once(second, otherwise)

    def _once(self, rule: str, read: Callable[[], Refinement]) -> Refinement:
        """What `read` gives at this place; it is asked only once for each place."""
        scanner = self._scanner
        key = (rule, scanner.position)
        known = self._known.get(key)
        if known is None:
            try:
                known = (read(), scanner.position)
            except Invalid as error:
                known = error
            self._known[key] = known
        if isinstance(known, Invalid):
            raise known
        found, scanner.position = known
        return found

    def _at_group(self) -> bool:
        return _GROUP.match(self._scanner.text, self._scanner.position) is not None

    def _group(self) -> Group:
        scanner = self._scanner
        start = scanner.position
        least, most = self._cardinality()
        scanner.expect("{", "before an attribute group")
        content = self._attributes()
        scanner.expect("}", "after an attribute group")
        assert isinstance(content, Joined | Attribute)
        return Group(start, content, least, most)

    def _attribute(self) -> Attribute:
        scanner = self._scanner
        start = scanner.position
        least, most = self._cardinality()
        reverse = bool(scanner.take_word("r", "reverseof"))
        name = self._sub()
        return Attribute(start, name, comparison(scanner, self._sub, "exact"), least, most, reverse)

    def _cardinality(self) -> tuple[int, int | None]:
        """`[least..most]`; what is meant when nothing is said is at least one."""
        scanner = self._scanner
        start = scanner.position
        if not scanner.take("["):
            return 1, None
        least = scanner.number("in a cardinality such as [0..1]")
        if not (scanner.take("..") or scanner.take_word("to")):
            raise scanner.wrong(".. was expected in a cardinality such as [0..1]")
        many = scanner.take("*") or scanner.take_word("many")
        most = None if many else scanner.number("in a cardinality such as [0..1]")
        scanner.expect("]", "after a cardinality")
        if most is not None and most < least:
            raise scanner.wrong(
                f"a cardinality goes from the smaller to the larger number, not [{least}..{most}]", start
            )
        return least, most
