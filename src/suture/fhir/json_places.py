"""Which element a byte of a broken JSON text belongs to: `Patient.name[0].given` for a comma too many in that array.

Reads tokens from the start to the byte, with the names and numbers of what is open, and expects nothing to be right.
Specification of the locations: https://hl7.org/fhir/R4/operationoutcome-definitions.html#OperationOutcome.issue.expression.
"""

import re

MAX_OFFSET = 128 * 1024
"""Bytes that are read to find a place; what lies behind has none."""

MAX_DEPTH = 64

_TOKEN = re.compile(rb'[ \t\r\n]++|"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]|[^ \t\r\n{}\[\],:"]++', re.DOTALL).match
_ROOT = re.compile(rb'\bresourceType"?\s*+:\s*+"?([A-Z][A-Za-z]{1,63})').search
_NAME = re.compile(rb"_?([A-Za-z][A-Za-z0-9]{0,63})").fullmatch
_CLOSED_BY = {b"{": b"}", b"[": b"]"}


class _Open:
    """An object or array that is open, in it the current member. `awaits`: a value must come next."""

    __slots__ = ("awaits", "bracket", "name", "number")

    def __init__(self, bracket: bytes) -> None:
        self.bracket = bracket
        self.name = b""
        self.number = 0
        self.awaits = bracket == b"["

    def comma(self) -> None:
        """Go on to the next member."""
        self.number += 1
        self.name = b""
        self.awaits = self.bracket == b"["


def place_of(raw: bytes, offset: int) -> str:
    """The location of the innermost element that the byte at `offset` belongs to; "" where none can be told.

    A value that is none is located itself; what is wrong between values is located at the object or array around it.
    """
    if offset > MAX_OFFSET:
        return ""
    found = _ROOT(raw)
    if found is None:
        return ""
    stack = _opened(raw, offset)
    if stack is None:
        return ""
    path = found[1].decode("ascii")
    for open_ in stack:
        if open_ is stack[-1] and not open_.awaits:
            break
        if open_.bracket == b"[":
            path += f"[{open_.number}]"
            continue
        name = _NAME(open_.name)
        if name is None:
            break
        path += "." + name[1].decode("ascii")
    return path


def _opened(raw: bytes, offset: int) -> list[_Open] | None:
    """What is open at `offset`; None when it nests too deep or closes what was not open."""
    stack: list[_Open] = []
    position = 0
    first = b""
    while position < offset:
        token = _TOKEN(raw, position)
        if token is None:
            return None
        start, position = position, token.end()
        if raw[start : start + 1] in b" \t\r\n":
            continue
        first = raw[start : start + 1]
        if first in (b"{", b"["):
            if len(stack) == MAX_DEPTH:
                return None
            stack.append(_Open(first))
        elif not stack:
            continue
        elif first in (b"}", b"]"):
            if first != _CLOSED_BY[stack.pop().bracket]:
                return None
            if stack:
                stack[-1].awaits = False
        elif first == b",":
            stack[-1].comma()
        elif first == b":":
            stack[-1].awaits = True
        elif stack[-1].awaits:
            # A value that reaches up to the byte is the one that is wrong.
            stack[-1].awaits = position >= offset
        elif stack[-1].bracket == b"{":
            stack[-1].name = token[0].strip(b'"')
    if stack and first == b"," and raw[offset : offset + 1] == b"]":
        # No value is missing there: the comma is one too many.
        stack[-1].awaits = False
    return stack
