"""The text of `_filter` as a tree.

Specification: https://hl7.org/fhir/R4/search_filter.html, the formal grammar. The one thing to know: `and` and `or`
have no precedence, a chain of them is read from left to right; parentheses say otherwise.
"""

import json
import re

import msgspec

from suture.fhir.outcomes import Invalid

MAX_LENGTH = 8_000
MAX_TESTS = 200
MAX_DEPTH = 20
"""Characters of a filter, tests in it, parentheses and brackets inside of each other."""

OPERATORS = (
    "eq",
    "ne",
    "co",
    "sw",
    "ew",
    "gt",
    "lt",
    "ge",
    "le",
    "ap",
    "sa",
    "eb",
    "pr",
    "po",
    "ss",
    "sb",
    "in",
    "ni",
    "re",
)

_NAME = re.compile(r"_has(?::[A-Za-z][\w-]*){2}:|[A-Za-z_][A-Za-z0-9_-]*(?::[A-Z][A-Za-z]*)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z]+", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_TOKEN = re.compile(r"[^\s)\]\"][^\s)\]]*")


class Segment(msgspec.Struct, frozen=True):
    """One name of a path. `within`: what its values must satisfy besides what follows, as in `name[…].`."""

    name: str
    within: "Expression | None" = None


class Comparison(msgspec.Struct, frozen=True):
    """`path operator value`. `at`: the character at which it begins, from 1."""

    path: tuple[Segment, ...]
    operator: str
    value: str
    at: int


class Both(msgspec.Struct, frozen=True):
    """Left and right."""

    left: "Expression"
    right: "Expression"


class Either(msgspec.Struct, frozen=True):
    """Left or right."""

    left: "Expression"
    right: "Expression"


class Negation(msgspec.Struct, frozen=True):
    """Not this."""

    item: "Expression"


Expression = Comparison | Both | Either | Negation


def parse(text: str) -> Expression:
    """The tree of a filter. Raises Invalid, which says at which character what was expected."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"_filter has {len(text)} characters, more than {MAX_LENGTH}.")
    reader = _Reader(text)
    found = reader.expression(0)
    if reader.at < len(text):
        raise reader.expected("and, or, or the end")
    return found


class _Reader:
    """Reads a filter from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._tests = 0

    def expected(self, what: str) -> Invalid:
        found = self.text[self.at : self.at + 20]
        where = f"but there is '{found}'" if found else "but the filter ends"
        return Invalid(f"_filter, character {self.at + 1}: {what} is expected, {where}.")

    def expression(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise Invalid(f"_filter has more than {MAX_DEPTH} parentheses or brackets inside of each other.")
        left = self._single(depth)
        while True:
            self._blanks()
            word = _WORD.match(self.text, self.at)
            if word is None or word[0] not in ("and", "or"):
                return left
            self.at = word.end()
            right = self._single(depth)
            left = Both(left, right) if word[0] == "and" else Either(left, right)

    def _single(self, depth: int) -> Expression:
        self._blanks()
        word = _WORD.match(self.text, self.at)
        if word is not None and word[0] == "not" and self.text[word.end() :].lstrip().startswith("("):
            self.at = word.end()
            self._blanks()
            return Negation(self._enclosed(depth, ")"))
        if self.text.startswith("(", self.at):
            return self._enclosed(depth, ")")
        return self._test(depth)

    def _enclosed(self, depth: int, end: str) -> Expression:
        self.at += 1
        found = self.expression(depth + 1)
        self._blanks()
        if not self.text.startswith(end, self.at):
            raise self.expected(f"and, or, or '{end}'")
        self.at += 1
        return found

    def _test(self, depth: int) -> Comparison:
        begin = self.at + 1
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise Invalid(f"_filter has more than {MAX_TESTS} tests.")
        path = self._path(depth)
        self._gap("a blank")
        word = _WORD.match(self.text, self.at)
        if word is None or word[0] not in OPERATORS:
            raise self.expected(f"an operator ({', '.join(OPERATORS)})")
        self.at = word.end()
        self._gap("a blank")
        return Comparison(path, word[0], self._value(), begin)

    def _path(self, depth: int) -> tuple[Segment, ...]:
        path: list[Segment] = []
        while True:
            name = _NAME.match(self.text, self.at)
            if name is None:
                raise self.expected("the name of a search parameter, 'not(' or '('")
            self.at = name.end()
            within = None
            if name[0].endswith(":"):
                path.append(Segment(name[0]))
                continue
            if self.text.startswith("[", self.at):
                within = self._enclosed(depth, "]")
                if not self.text.startswith(".", self.at):
                    raise self.expected("'.' and a name after ']'")
            path.append(Segment(name[0], within))
            if not self.text.startswith(".", self.at):
                return tuple(path)
            self.at += 1

    def _value(self) -> str:
        if self.text.startswith('"', self.at):
            found = _STRING.match(self.text, self.at)
            if found is None:
                raise self.expected("a text in quotation marks as in JSON")
            self.at = found.end()
            value = json.loads(found[0])
            if any("\ud800" <= c <= "\udfff" for c in value) or "\0" in value:
                raise Invalid(f"_filter, character {found.start() + 1}: the text is not valid Unicode.")
            return value
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            raise self.expected("a value")
        self.at = found.end()
        return found[0]

    def _gap(self, what: str) -> None:
        if not self._blanks():
            raise self.expected(what)

    def _blanks(self) -> bool:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at > begin
