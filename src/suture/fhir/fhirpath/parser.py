"""FHIRPath text to a syntax tree, by precedence climbing.

Implements the whole grammar of http://hl7.org/fhirpath/N1/#formal-specifications. The one thing to know:
length and depth are limited, and the depth limit holds for the tree as well, so that whoever walks a
parsed tree by recursion cannot run out of stack.
"""

from decimal import Decimal

from suture.fhir.fhirpath import nodes
from suture.fhir.fhirpath.faults import FhirPathError, shorten
from suture.fhir.fhirpath.lexer import (
    DATE,
    DATETIME,
    END,
    LONG,
    NAME,
    NUMBER,
    QUOTED,
    STRING,
    SYMBOL,
    TIME,
    VARIABLE,
    Token,
    tokens,
)
from suture.fhir.fhirpath.nodes import Node

MAX_LENGTH = 32_768
"""Characters of an expression."""
MAX_DEPTH = 128
"""Levels of the syntax tree."""
_MAX_DIGITS = 64

_TYPE_LEVEL = 8
_SIGN_LEVEL = 11
_LEVELS = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<=": 6,
    "<": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": _TYPE_LEVEL,
    "as": _TYPE_LEVEL,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_RESERVED = frozenset({"implies", "or", "xor", "and", "div", "mod", "true", "false"})
_UNITS = frozenset(
    unit + plural
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)

_Deep = tuple[Node, int]  # a node and how many levels it has


def parse(text: str) -> Node:
    """Parse one expression. Raises FhirPathError, whose message names the place."""
    if len(text) > MAX_LENGTH:
        raise FhirPathError(f"An expression may have {MAX_LENGTH} characters", text, MAX_LENGTH)
    parser = _Parser(text)
    node = parser.expression(0, 1)[0]
    parser.expect_end()
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._token = self._tokens[0]

    def expression(self, level: int, depth: int) -> _Deep:
        """Parse operators that bind tighter than `level`; `depth`: levels above this expression."""
        self._limit(depth)
        left, height = self._signed(depth)
        while (operator := self._operator(level)) is not None:
            self._advance()
            if _LEVELS[operator.text] == _TYPE_LEVEL:
                left = nodes.TypeOperation(
                    operator=operator.text, operand=left, type=self._qualified_name(), position=operator.position
                )
                height += 1
            else:
                right, right_height = self.expression(_LEVELS[operator.text], depth + 1)
                left = nodes.Binary(operator=operator.text, left=left, right=right, position=operator.position)
                height = max(height, right_height) + 1
            self._limit(height)
        return left, height

    def expect_end(self) -> None:
        if self._token.kind != END:
            raise self._unexpected("an operator or the end")

    def _operator(self, level: int) -> Token | None:
        token = self._token
        if token.kind in (NAME, SYMBOL) and _LEVELS.get(token.text, 0) > level:
            return token
        return None

    def _signed(self, depth: int) -> _Deep:
        token = self._token
        if token.kind == SYMBOL and token.text in "+-":
            self._advance()
            operand, height = self.expression(_SIGN_LEVEL, depth + 1)
            return nodes.Sign(operator=token.text, operand=operand, position=token.position), height + 1
        return self._path(depth)

    def _path(self, depth: int) -> _Deep:
        node, height = self._term(depth)
        while self._token.kind == SYMBOL:
            start = self._token.position
            if self._token.text == ".":
                self._advance()
                node, height = self._invocation(node, height, depth)
            elif self._token.text == "[":
                self._advance()
                index, index_height = self.expression(0, depth + 1)
                self._expect("]")
                node, height = nodes.Item(target=node, index=index, position=start), max(height, index_height) + 1
            else:
                break
            self._limit(height)
        return node, height

    def _term(self, depth: int) -> _Deep:
        token = self._token
        match token.kind:
            case k if k == SYMBOL:
                return self._symbol_term(token, depth)
            case k if k == NUMBER:
                return self._number(), 1
            case k if k == LONG:
                return self._long(), 1
            case k if k == STRING:
                self._advance()
                return nodes.String(value=token.text, position=token.position), 1
            case k if k == DATE:
                self._advance()
                return nodes.Date(value=token.text, position=token.position), 1
            case k if k == DATETIME:
                self._advance()
                return nodes.DateTime(value=token.text, position=token.position), 1
            case k if k == TIME:
                self._advance()
                return nodes.Time(value=token.text, position=token.position), 1
            case k if k == NAME and token.text in ("true", "false"):
                self._advance()
                return nodes.Boolean(value=token.text == "true", position=token.position), 1
            case _:
                return self._invocation(None, 0, depth)

    def _symbol_term(self, token: Token, depth: int) -> _Deep:
        if token.text == "(":
            self._advance()
            inner = self.expression(0, depth + 1)
            self._expect(")")
            return inner
        if token.text == "{":
            self._advance()
            self._expect("}")
            return nodes.Empty(position=token.position), 1
        if token.text == "%":
            self._advance()
            name = self._token.text if self._token.kind == STRING else None
            if name is None:
                name = self._identifier("the name of a constant")
            else:
                self._advance()
            return nodes.Constant(name=name, position=token.position), 1
        raise self._unexpected("an expression")

    def _invocation(self, target: Node | None, height: int, depth: int) -> _Deep:
        token = self._token
        if token.kind == VARIABLE:
            if target is not None:
                # the grammar allows `a.$this`; it means $this
                target = None
            self._advance()
            kind = {"$this": nodes.This, "$index": nodes.Index, "$total": nodes.Total}[token.text]
            return kind(position=token.position), 1
        name = self._word() if target is not None else self._identifier("an expression")
        if not self._sees("("):
            member = nodes.Member(target=target, name=name, position=token.position)
            return self._instance(member, depth) if self._sees("{") else (member, height + 1)
        self._advance()
        arguments: list[Node] = []
        if not self._sees(")"):
            while True:
                argument, argument_height = self._argument(name, depth + 1)
                arguments.append(argument)
                height = max(height, argument_height)
                if not self._sees(","):
                    break
                self._advance()
        self._expect(")")
        return nodes.Call(target=target, name=name, arguments=tuple(arguments), position=token.position), height + 1

    def _instance(self, named: nodes.Member, depth: int) -> _Deep:
        """`Coding { system: 's', code: 'c' }`, or `Coding { : }` for one without elements."""
        names: list[str] = []
        at: Node | None = named
        while isinstance(at, nodes.Member):
            names.append(at.name)
            at = at.target
        if at is not None:
            raise self._unexpected("an operator or the end")
        self._advance()
        elements: list[tuple[str, Node]] = []
        height = 0
        if self._sees(":"):
            self._advance()
        else:
            while True:
                name = self._word()
                self._expect(":")
                value, value_height = self.expression(0, depth + 1)
                elements.append((name, value))
                height = max(height, value_height)
                if not self._sees(","):
                    break
                self._advance()
        self._expect("}")
        type = ".".join(reversed(names))
        return nodes.Instance(type=type, elements=tuple(elements), position=named.position), height + 1

    def _argument(self, function: str, depth: int) -> _Deep:
        argument, height = self.expression(0, depth)
        token = self._token
        if function == "sort" and token.kind == NAME and token.text in ("asc", "desc"):
            self._advance()
            return nodes.Ordered(operand=argument, descending=token.text == "desc", position=token.position), height + 1
        return argument, height

    def _long(self) -> Node:
        token = self._token
        if len(token.text) > _MAX_DIGITS:
            raise FhirPathError(f"A number may have {_MAX_DIGITS} digits", self._text, token.position)
        self._advance()
        return nodes.Long(value=int(token.text[:-1]), position=token.position)

    def _number(self) -> Node:
        token = self._token
        if len(token.text) > _MAX_DIGITS:
            raise FhirPathError(f"A number may have {_MAX_DIGITS} digits", self._text, token.position)
        value = Decimal(token.text) if "." in token.text else int(token.text)
        self._advance()
        unit = self._token
        if unit.kind == STRING or (unit.kind == NAME and unit.text in _UNITS):
            self._advance()
            calendar = unit.kind == NAME
            return nodes.Quantity(value=value, unit=unit.text, calendar=calendar, position=token.position)
        return nodes.Number(value=value, position=token.position)

    def _qualified_name(self) -> str:
        parts = [self._identifier("the name of a type")]
        while self._token.kind == SYMBOL and self._token.text == ".":
            self._advance()
            parts.append(self._identifier("the name of a type"))
        return ".".join(parts)

    def _identifier(self, wanted: str) -> str:
        token = self._token
        if token.kind == QUOTED or (token.kind == NAME and token.text not in _RESERVED):
            self._advance()
            return token.text
        raise self._unexpected(wanted)

    def _word(self) -> str:
        """The name behind a dot: no operator can stand there, so `text.div` needs no backticks."""
        token = self._token
        if token.kind not in (NAME, QUOTED):
            raise self._unexpected("a name")
        self._advance()
        return token.text

    def _expect(self, symbol: str) -> None:
        if not self._sees(symbol):
            raise self._unexpected(f"'{symbol}'")
        self._advance()

    def _sees(self, symbol: str) -> bool:
        return self._token.kind == SYMBOL and self._token.text == symbol

    def _advance(self) -> None:
        self._at += 1
        self._token = self._tokens[self._at]

    def _limit(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise FhirPathError(f"An expression may be {MAX_DEPTH} levels deep", self._text, self._token.position)

    def _unexpected(self, wanted: str) -> FhirPathError:
        found = "the end" if self._token.kind == END else f"'{shorten(self._token.text)}'"
        return FhirPathError(f"Expected {wanted}, found {found}", self._text, self._token.position)
