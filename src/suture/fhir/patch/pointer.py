"""JSON Pointer, RFC 6901: `/name/0/given/1`, with `~1` for a slash and `~0` for a tilde in a name.

A pointer is kept as the tuple of its unescaped tokens. Whether `0` means an index or a member is decided
by the value it meets, so a token stays text until then.
"""

import re
from typing import Any, cast

from suture.fhir.outcomes import Invalid, Unprocessable

Pointer = tuple[str, ...]

MAX_POINTER = 2048
"""Longest pointer text that is read, in characters."""

_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")


def read_pointer(text: Any) -> Pointer:
    """Read a pointer. Raises Invalid with a sentence that says what is wrong with it."""
    if not isinstance(text, str):
        raise Invalid("a JSON Pointer is a string")
    if len(text) > MAX_POINTER:
        raise Invalid(f"the pointer is longer than {MAX_POINTER} characters")
    if not text:
        return ()
    if text[0] != "/":
        raise Invalid(f"the pointer {text!r} does not begin with '/'")
    if _BAD_ESCAPE.search(text):
        raise Invalid(f"the pointer {text!r} has a '~' that is not followed by 0 or 1")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))


def write_pointer(pointer: Pointer) -> str:
    """The text of a pointer, the reverse of `read_pointer`."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in pointer)


def resolve(document: Any, pointer: Pointer) -> Any:
    """The value that `pointer` names in `document`. Raises Unprocessable when there is none."""
    value: Any = document
    for depth, token in enumerate(pointer):
        if isinstance(value, dict):
            if token not in value:
                raise Unprocessable(f"there is nothing at {write_pointer(pointer[: depth + 1])!r}")
            value = cast("dict[str, Any]", value)[token]
        elif isinstance(value, list):
            array = cast("list[Any]", value)
            value = array[array_index(array, pointer[: depth + 1], last=len(array) - 1)]
        else:
            raise Unprocessable(f"{_place(pointer[:depth])} is neither an object nor an array")
    return value


def array_index(array: list[Any], pointer: Pointer, *, last: int) -> int:
    """The last token of `pointer` as an index into `array`, at most `last`. Raises Unprocessable."""
    token = pointer[-1]
    if not _INDEX.match(token):
        raise Unprocessable(f"{token!r} is no index, but {_place(pointer[:-1])} is an array")
    index = int(token)
    if index > last:
        raise Unprocessable(f"there is nothing at {write_pointer(pointer)!r}: the array has {len(array)} element(s)")
    return index


def _place(pointer: Pointer) -> str:
    return repr(write_pointer(pointer)) if pointer else "the document"
