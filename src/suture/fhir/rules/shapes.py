"""Looks into decoded JSON whose shape is not yet known to be right: what is not as it should be is simply not there."""

from collections.abc import Iterator
from typing import Any, cast

Json = dict[str, Any]


def text(value: Any, *keys: str) -> str:
    """The text at `keys` below an object; "" when there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return ""
        value = cast("Json", value).get(key)
    return value if isinstance(value, str) else ""


def below(value: Any, *keys: str) -> Json:
    """The object at `keys` below an object; an empty one when there is none."""
    for key in keys:
        if not isinstance(value, dict):
            return {}
        value = cast("Json", value).get(key)
    return cast("Json", value) if isinstance(value, dict) else {}


def listed(value: Any, key: str) -> list[Json]:
    """The objects of an array member."""
    return [item for _, item in numbered(value, key)]


def numbered(value: Any, key: str) -> Iterator[tuple[int, Json]]:
    """The objects of an array member, each with its place in the array."""
    found = cast("Json", value).get(key) if isinstance(value, dict) else None
    if isinstance(found, list):
        for number, item in enumerate(cast("list[Any]", found)):
            if isinstance(item, dict):
                yield number, cast("Json", item)


def texts(value: Any, key: str) -> list[str]:
    """The texts of an array member."""
    found = cast("Json", value).get(key) if isinstance(value, dict) else None
    return [item for item in cast("list[Any]", found) if isinstance(item, str)] if isinstance(found, list) else []


def choice(value: Any, name: str) -> tuple[str, Any]:
    """A choice element: (the part of its key that names the type, its value), ("", None) when absent.

    `choice({"valueString": "x"}, "value")` is `("String", "x")`.
    """
    if isinstance(value, dict):
        for key, found in cast("Json", value).items():
            if key.startswith(name) and key[len(name) : len(name) + 1].isupper():
                return key[len(name) :], found
    return "", None


def extensions(value: Any, url: str) -> list[Json]:
    """The extensions with a URL, in their order."""
    return [item for item in listed(value, "extension") if item.get("url") == url]


def extension_value(value: Any, url: str) -> Any:
    """The value of the first extension with a URL, of whatever type; None when there is none."""
    for item in extensions(value, url):
        return choice(item, "value")[1]
    return None


def objects(value: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """(path below `value`, object) of `value` itself and of every object inside it, in the order of the document."""
    stack: list[tuple[str, Any]] = [(path, value)]
    while stack:
        place, found = stack.pop()
        if isinstance(found, dict):
            members = cast("Json", found)
            yield place, members
            dot = "." if place else ""
            stack.extend((f"{place}{dot}{key}", item) for key, item in reversed(members.items()))
        elif isinstance(found, list):
            items = cast("list[Any]", found)
            stack.extend((f"{place}[{number}]", items[number]) for number in range(len(items) - 1, -1, -1))
