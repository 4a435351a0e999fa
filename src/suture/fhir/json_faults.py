"""Say what is wrong with a JSON document and where: the slow half of `suture.fhir.json`.

Only called when the fast path refuses or suspects something, so it may be thorough: it reads the document
again with the standard library, keeping every pair of an object, and walks it with the path at hand.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple, cast

from suture.fhir.json_places import place_of

_BYTE = re.compile(r" \(byte (\d+)\)$")
_PLACE = re.compile(r"[A-Z][A-Za-z0-9]{0,63}(?:\._?[A-Za-z][A-Za-z0-9]{0,63}(?:\[[0-9]{1,9}\])?){0,64}").fullmatch
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Fault(NamedTuple):
    """What is wrong: a sentence, and the FHIRPath location of the element, "" when it has none."""

    text: str
    place: str = ""


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in order, repeats included."""


class _Number(str):
    """The text of a number with a point or an exponent."""

    __slots__ = ()


def syntax_fault(raw: bytes, reason: str) -> Fault:
    """Why `raw` is not JSON. `reason`: what the decoder said."""
    if not raw.strip():
        return Fault("The body is empty; a JSON document is expected.")
    if raw.startswith(b"\xef\xbb\xbf"):
        return Fault("The JSON starts with a byte order mark (UTF-8 BOM), which is not allowed; send it without.")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Fault("The JSON is not in UTF-8 (it starts with a UTF-16 byte order mark).")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _fault_at(raw, error.start, f"The JSON is not valid UTF-8: {error.reason}")
    found = _BYTE.search(reason)
    if "surrogate" in reason or (not found and _SURROGATE.search(raw)):
        escape = _SURROGATE.search(raw)
        text = "The JSON is malformed: a \\u escape is half of a surrogate pair only"
        return _fault_at(raw, escape.start(), text) if escape else Fault(f"{text}.")
    if "out of range" in reason:
        return Fault("The JSON holds an integer with more digits than can be handled.")
    if not found:
        return _fault_at(raw, len(raw), "The JSON is malformed: it ends before the document is complete,")
    text = _BYTE.sub("", reason).removeprefix("JSON is malformed: ")
    return _fault_at(raw, int(found[1]), f"The JSON is malformed: {text}")


def _fault_at(raw: bytes, offset: int, text: str) -> Fault:
    return Fault(f"{text} at {_place(raw, offset)}.", place_of(raw, offset))


def _place(raw: bytes, offset: int) -> str:
    line = raw.count(b"\n", 0, offset) + 1
    column = offset - (raw.rfind(b"\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def fault_in(raw: bytes, max_exponent: int, max_number_length: int) -> Fault | None:
    """The first duplicate key, control character or number out of range in valid JSON; or None."""
    document = json.loads(raw, object_pairs_hook=_Pairs, parse_float=_Number)
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, _Pairs) and not path:
            path = next((str(v) for k, v in value if k == "resourceType" and isinstance(v, str)), "")
            path = path if path.isidentifier() else ""
        text = _fault(value, _at(path), max_exponent, max_number_length)
        if text:
            return Fault(text, path.replace("._", ".") if _PLACE(path) else "")
        if isinstance(value, _Pairs):
            stack.extend((f"{path}.{k}" if path else k, v) for k, v in reversed(value))
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            stack.extend((f"{path}[{n}]", items[n]) for n in range(len(items) - 1, -1, -1))
    return None


def _fault(value: Any, at: str, max_exponent: int, max_number_length: int) -> str:
    """What is wrong with one value, not with what is inside of it; "" for nothing."""
    if isinstance(value, _Number):
        if not -max_exponent <= Decimal(value).adjusted() <= max_exponent:
            return f"The number {_short(value)}{at} is outside of the range that can be handled."
        if len(value) > max_number_length:
            return f"The number {_short(value)}{at} has more than {max_number_length} characters."
    elif isinstance(value, str):
        found = _control(value)
        if found:
            return f"The text{at} contains the control character {found}, which FHIR forbids."
    elif isinstance(value, _Pairs):
        return _key_fault(value, at)
    return ""


def _key_fault(pairs: _Pairs, at: str) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return f"The key {_short(json.dumps(key))} appears more than once{at}."
        found = _control(key)
        if found:
            return f"A key{at} contains the control character {found}, which FHIR forbids."
        seen.add(key)
    return ""


def _control(text: str) -> str:
    for character in text:
        if character < " " and character not in "\t\n\r":
            return f"U+{ord(character):04X}"
    return ""


def _at(path: str) -> str:
    return f" at {path}" if path else ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def deeper_than(value: Any, limit: int) -> bool:
    """Whether a decoded document nests more than `limit` levels of objects and arrays."""
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    for _ in range(limit):
        level = [below for item in level for below in _inside(item) if type(below) is dict or type(below) is list]
        if not level:
            return False
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    return cast("dict[str, Any]", value).values() if type(value) is dict else value
