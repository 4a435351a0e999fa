"""Comparing values: fixed values, patterns, smallest and largest values.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.fixed_x_. The one thing to know:
numbers of a definition may come as floats where it was decoded without care for decimals; they are compared by
their digits.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from decimal import Decimal
from typing import Any


def same(value: Any, fixed: Any) -> bool:
    """Whether a value is exactly the fixed one."""
    if isinstance(fixed, dict):
        return (
            isinstance(value, dict)
            and value.keys() == fixed.keys()
            and all(same(value[key], item) for key, item in fixed.items())
        )
    if isinstance(fixed, list):
        return (
            isinstance(value, list)
            and len(value) == len(fixed)
            and all(same(one, other) for one, other in zip(value, fixed, strict=True))
        )
    return _same_primitive(value, fixed)


def fits(value: Any, pattern: Any) -> bool:
    """Whether a value has everything that a pattern has: its members, and for each item of an array one that fits."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(key in value and fits(value[key], item) for key, item in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(fits(item, wanted) for item in value) for wanted in pattern)
    return _same_primitive(value, pattern)


def misfit(value: Any, pattern: Any, path: str = "") -> str:
    """Where a value first departs from a pattern, in words; "" where it fits."""
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return f"{path or 'it'} is not an object"
        for key, item in pattern.items():
            below = f"{path}.{key}" if path else key
            if key not in value:
                return f"{below} is missing"
            found = misfit(value[key], item, below)
            if found:
                return found
        return ""
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return f"{path or 'it'} is not an array"
        for wanted in pattern:
            if not any(fits(item, wanted) for item in value):
                if len(value) == 1:
                    return misfit(value[0], wanted, f"{path}[0]")
                return f"no item of {path or 'it'} fits {brief(wanted)}"
        return ""
    return "" if _same_primitive(value, pattern) else f"{path or 'it'} is {brief(value)}, not {brief(pattern)}"


def _same_primitive(value: Any, other: Any) -> bool:
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(other, (int, float, Decimal)):
        return isinstance(value, (int, float, Decimal)) and number(value) == number(other)
    return value == other


def number(value: Any) -> Decimal | None:
    """A JSON number as a Decimal; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    return value if isinstance(value, Decimal) else None


_LONGEST = 120


def brief(value: Any) -> str:
    """A value as it appears in a message."""
    if isinstance(value, dict):
        text = ", ".join(f"{key} {brief(item)}" for key, item in list(value.items())[:6])
        text = f"({text})"
    elif isinstance(value, list):
        text = "[" + ", ".join(brief(item) for item in value[:4]) + "]"
    elif isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
