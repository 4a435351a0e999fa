"""The parser of expression constraints: brief and long syntax, from left to right.

Grammar: https://docs.snomed.org/snomed-ct-specifications/snomed-ct-expression-constraint-language (chapter 5).
"""

import re
from functools import lru_cache

from suture.fhir.outcomes import Invalid
from suture.terminology.ecl.filter_parser import FilterParser
from suture.terminology.ecl.nodes import (
    Alternate,
    Compound,
    Containing,
    Dotted,
    Expression,
    MemberOf,
    Operator,
    Reference,
    Refined,
    Sub,
    Wildcard,
)
from suture.terminology.ecl.refinement_parser import RefinementParser
from suture.terminology.ecl.scanner import Scanner

MAX_DEPTH = 40
"""How deep constraints may be nested."""

SHORT = 1_000
"""Characters of constraints that are kept when they have been read."""

_IDENTIFIER = re.compile(r"[1-9][0-9]{5,17}(?![0-9])")
_TERM = re.compile(r"\|[^|]*\|")
_ALTERNATES = (
    re.compile(r"([A-Za-z][A-Za-z0-9-]*)#([A-Za-z0-9._-]+)"),
    re.compile(r'"([A-Za-z][A-Za-z0-9-]*)#([^"\\]+)"'),
    re.compile(r'([A-Za-z][A-Za-z0-9-]*)#"([^"\\]+)"'),  # as in the text of the specification, not in its grammar
)
_FIELD = re.compile(r"[A-Za-z]+")

_SYMBOLS = ("<<!", "<<", "<!", "<", ">>!", ">>", ">!", ">", "!!>", "!!<")
_WORDS = {
    "descendantof": Operator.DESCENDANTS,
    "descendantorselfof": Operator.DESCENDANTS_OR_SELF,
    "childof": Operator.CHILDREN,
    "childorselfof": Operator.CHILDREN_OR_SELF,
    "ancestorof": Operator.ANCESTORS,
    "ancestororselfof": Operator.ANCESTORS_OR_SELF,
    "parentof": Operator.PARENTS,
    "parentorselfof": Operator.PARENTS_OR_SELF,
    "top": Operator.TOP,
    "bottom": Operator.BOTTOM,
}


def parse(text: str) -> Expression:
    """The constraint that a text is. Raises Invalid, with the position; TooCostly."""
    return _kept(text) if len(text) <= SHORT else _parsed(text)


@lru_cache(maxsize=256)
def _kept(text: str) -> Expression:
    return _parsed(text)


def _parsed(text: str) -> Expression:
    scanner = Scanner(text)
    try:
        expression = _Parser(scanner).expression()
        if not scanner.at_end():
            raise scanner.wrong("the constraint should end here")
    except Invalid as error:
        raise (scanner.error or error) from None
    return expression


class _Parser:
    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._depth = 0
        self._filters = FilterParser(scanner, self.sub, self.expression)
        self._refinements = RefinementParser(scanner, self.sub)

    def expression(self) -> Expression:
        """A whole constraint, or one between parentheses."""
        if self._depth == MAX_DEPTH:
            raise self._scanner.wrong(f"constraints are nested more than {MAX_DEPTH} deep")
        self._depth += 1
        try:
            return self._expression()
        finally:
            self._depth -= 1

    def _expression(self) -> Expression:
        scanner = self._scanner
        start = scanner.position
        first = self.sub()
        if scanner.take(":"):
            return Refined(start, first, self._refinements.refinement())
        if not scanner.sees("."):
            return self._compound(start, first)
        attributes: list[Sub] = []
        while scanner.take("."):
            attributes.append(self.sub())
        return Dotted(start, first, tuple(attributes))

    def _compound(self, start: int, first: Sub) -> Expression:
        scanner = self._scanner
        kind = self._connector()
        if not kind:
            return first
        parts = [first, self.sub()]
        position = scanner.position
        while following := self._connector():
            if following != kind or kind == "minus":
                raise scanner.wrong(f"put parentheses around what {kind.upper()} joins before going on", position)
            parts.append(self.sub())
            position = scanner.position
        return Compound(start, kind, tuple(parts))

    def _connector(self) -> str:
        """and | or | minus when one comes next, taken; else ""."""
        return "and" if self._scanner.take(",") else self._scanner.take_word("and", "or", "minus")

    def sub(self) -> Sub:
        """A focus with operator, member of, filters and history."""
        scanner = self._scanner
        start = scanner.position
        operator = self._operator()
        member_of = self._member_of()
        focus: Wildcard | Reference | Alternate | Expression
        if scanner.take("("):
            focus = self.expression()
            scanner.expect(")", "after the nested constraint")
        else:
            focus = self._concept()
        member_filters, filters, history = self._filters.read(member=member_of is not None)
        return Sub(start, focus, operator, member_of, member_filters, filters, history)

    def _operator(self) -> Operator | None:
        symbol = self._scanner.take(*_SYMBOLS)
        if symbol:
            return Operator(symbol)
        word = self._scanner.take_word(*_WORDS)
        return _WORDS[word] if word else None

    def _member_of(self) -> MemberOf | Containing | None:
        scanner = self._scanner
        if scanner.take("^R") or scanner.take_word("refsetcontainingany"):
            return Containing()
        if not (scanner.take("^") or scanner.take_word("memberof")):
            return None
        if not scanner.take("["):
            return MemberOf()
        fields: list[str] = []
        if scanner.take("*"):
            fields.append("*")
        else:
            while True:
                match = scanner.take_pattern(_FIELD)
                if match is None:
                    raise scanner.wrong("the name of a reference set's field was expected")
                fields.append(match[0])
                if not scanner.take(","):
                    break
        scanner.expect("]", "after the fields of a reference set")
        return MemberOf(tuple(fields))

    def _concept(self) -> Wildcard | Reference | Alternate:
        scanner = self._scanner
        start = scanner.position
        if scanner.take("*"):
            return Wildcard(start)
        match = scanner.take_pattern(_IDENTIFIER)
        if match is not None:
            self._term()
            return Reference(start, match[0])
        match = next((found for form in _ALTERNATES if (found := scanner.take_pattern(form)) is not None), None)
        if match is not None:
            self._term()
            return Alternate(start, match[1], match[2])
        if scanner.take_word("any"):
            return Wildcard(start)
        raise scanner.wrong("a concept identifier, * or ( was expected")

    def _term(self) -> None:
        """A term between bars after an identifier, which means nothing."""
        if self._scanner.sees("|") and self._scanner.take_pattern(_TERM) is None:
            raise self._scanner.wrong("this term has no end, a second | is missing")
