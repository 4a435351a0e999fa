"""What a decoded JSON value is, told to the type checker."""

from collections.abc import Callable
from typing import Any, cast

kind_of: Callable[[Any], Any] = type
"""The exact type of a decoded value, for walks that look at every node."""


def as_object(value: Any) -> dict[str, Any] | None:
    """`value` when it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_array(value: Any) -> list[Any] | None:
    """`value` when it is a JSON array, else None."""
    return cast("list[Any]", value) if isinstance(value, list) else None
