"""Comparing values: fixed values, patterns, smallest and largest values.

Specification: https://hl7.org/fhir/R4/elementdefinition.html#ElementDefinition.fixed_x_. The one thing to know:
numbers of a definition may come as floats where it was decoded without care for decimals; they are compared by
their digits.
"""

# JSON values and ElementDefinitions have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple


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


class Departure(NamedTuple):
    """Where a value is not as it must be. `below`: the place (`.system`), "" for the value itself."""

    below: str
    text: str


def misfits(value: Any, pattern: Any, below: str = "") -> Iterator[Departure]:
    """Where a value lacks something of a pattern. Of arrays no item is at fault: the holder lacks one that fits."""
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            yield Departure(below, f"{brief(value)} stands here, where there must be an object")
            return
        for key, wanted in pattern.items():
            if key not in value:
                yield Departure(below, f"{key!r} is missing")
            elif isinstance(wanted, list):
                yield from _missing_items(value[key], wanted, key, below)
            else:
                yield from misfits(value[key], wanted, f"{below}.{key}")
    elif not fits(value, pattern):
        yield Departure(below, f"{brief(value)} stands here, where there must be {brief(pattern)}")


def _missing_items(value: Any, wanted: list[Any], key: str, below: str) -> Iterator[Departure]:
    items = value if isinstance(value, list) else []
    for one in wanted:
        if not any(fits(item, one) for item in items):
            yield Departure(below, f"no {key!r} is {brief(one)}")


def differences(value: Any, fixed: Any, below: str = "") -> Iterator[Departure]:
    """Where a value is not exactly the fixed one."""
    if isinstance(fixed, dict) and isinstance(value, dict):
        for key in fixed.keys() - value.keys():
            yield Departure(below, f"{key!r} is missing")
        for key, item in value.items():
            if key not in fixed:
                yield Departure(f"{below}.{key}", f"{key!r} may not be here")
            elif isinstance(item, list) and isinstance(fixed[key], list):
                yield from _different_items(item, fixed[key], key, below)
            else:
                yield from differences(item, fixed[key], f"{below}.{key}")
    elif not same(value, fixed):
        yield Departure(below, f"{brief(value)} stands here, where there must be {brief(fixed)}")


def _different_items(value: list[Any], fixed: list[Any], key: str, below: str) -> Iterator[Departure]:
    if len(value) != len(fixed):
        yield Departure(below, f"{key!r} has {len(value)} items, where there must be {len(fixed)}")
        return
    for number, (item, wanted) in enumerate(zip(value, fixed, strict=True)):
        yield from differences(item, wanted, f"{below}.{key}[{number}]")


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
