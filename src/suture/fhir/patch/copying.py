"""A copy of decoded JSON that shares no object or array with it."""

from typing import Any, cast


def copied(value: Any) -> Any:
    """The same value; texts and numbers, which nobody can change, are shared."""
    if isinstance(value, dict):
        return {name: copied(member) for name, member in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [copied(member) for member in cast("list[Any]", value)]
    return value
