"""What a decoded JSON value is, told to the type checker."""

from typing import Any, cast


def as_object(value: Any) -> dict[str, Any] | None:
    """`value` when it is a JSON object, else None."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def as_array(value: Any) -> list[Any] | None:
    """`value` when it is a JSON array, else None."""
    return cast("list[Any]", value) if isinstance(value, list) else None
