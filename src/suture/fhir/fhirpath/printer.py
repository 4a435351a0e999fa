"""A syntax tree back to text, in one canonical form: two trees mean the same text exactly when they print alike."""

import re

from suture.fhir.fhirpath import nodes
from suture.fhir.fhirpath.nodes import Node

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORDS = frozenset({"implies", "or", "xor", "and", "div", "mod", "true", "false", "in", "contains", "is", "as"})


def to_text(node: Node) -> str:
    """FHIRPath text of `node`, operators always in parentheses. `parse(to_text(n))` prints the same again."""
    match node:
        case nodes.Empty():
            return "{}"
        case nodes.Boolean(value=value):
            return "true" if value else "false"
        case nodes.String(value=value):
            return _quote(value, "'")
        case nodes.Number(value=number):
            return f"{number:f}" if not isinstance(number, int) else str(number)
        case nodes.Long(value=number):
            return f"{number}L"
        case nodes.Date(value=value) | nodes.DateTime(value=value):
            return f"@{value}"
        case nodes.Time(value=value):
            return f"@T{value}"
        case nodes.Quantity(value=number, unit=unit, calendar=calendar):
            return f"({number} {unit if calendar else _quote(unit, chr(39))})"
        case nodes.This():
            return "$this"
        case nodes.Index():
            return "$index"
        case nodes.Total():
            return "$total"
        case nodes.Constant(name=name):
            return f"%{_name(name)}"
        case nodes.Member(target=target, name=name):
            return _after(target) + _name(name)
        case nodes.Call(target=target, name=name, arguments=arguments):
            return f"{_after(target)}{_name(name)}({', '.join(map(to_text, arguments))})"
        case nodes.Item(target=target, index=index):
            return f"{to_text(target)}[{to_text(index)}]"
        case nodes.Sign(operator=operator, operand=operand):
            return f"({operator}{to_text(operand)})"
        case nodes.Ordered(operand=operand, descending=descending):
            return f"{to_text(operand)} {'desc' if descending else 'asc'}"
        case nodes.TypeOperation(operator=operator, operand=operand, type=type):
            return f"({to_text(operand)} {operator} {'.'.join(map(_name, type.split('.')))})"
        case nodes.Instance(type=type, elements=elements):
            inside = ", ".join(f"{_name(name)}: {to_text(value)}" for name, value in elements)
            return f"{'.'.join(map(_name, type.split('.')))} {{ {inside or ':'} }}"
        case nodes.Binary(operator=operator, left=left, right=right):
            return f"({to_text(left)} {operator} {to_text(right)})"


def _after(target: Node | None) -> str:
    return "" if target is None else to_text(target) + "."


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name not in _WORDS else _quote(name, "`")


def _quote(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
    return mark + "".join(_escape(c) for c in escaped) + mark


def _escape(c: str) -> str:
    return c if c >= " " else f"\\u{ord(c):04x}"
