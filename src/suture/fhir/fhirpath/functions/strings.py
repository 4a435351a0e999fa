"""String functions (http://hl7.org/fhirpath/#string-manipulation). Lengths and positions count Unicode characters."""

import html
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.values import EMPTY, Items, integer, mismatch, string, text, whole

_BLANKS = " \t\r\n"


def _index_of(focus: Items, env: Environment, part: Items) -> Items:
    whole_text, wanted = text(focus), text(part)
    return EMPTY if whole_text is None or wanted is None else integer(whole_text.find(wanted))


def _last_index_of(focus: Items, env: Environment, part: Items) -> Items:
    whole_text, wanted = text(focus), text(part)
    return EMPTY if whole_text is None or wanted is None else integer(whole_text.rfind(wanted))


def _substring(focus: Items, env: Environment, start: Items, length: Items = EMPTY) -> Items:
    value, first, count = text(focus), whole(start, "An Integer as start"), whole(length, "An Integer as length")
    if value is None or first is None or not 0 <= first < len(value):
        return EMPTY
    return (string(value[first:] if count is None else value[first : first + max(0, count)]),)


def _starts_with(focus: Items, env: Environment, prefix: Items) -> bool | None:
    value, wanted = text(focus), text(prefix)
    return None if value is None or wanted is None else value.startswith(wanted)


def _ends_with(focus: Items, env: Environment, suffix: Items) -> bool | None:
    value, wanted = text(focus), text(suffix)
    return None if value is None or wanted is None else value.endswith(wanted)


def _contains(focus: Items, env: Environment, part: Items) -> bool | None:
    value, wanted = text(focus), text(part)
    return None if value is None or wanted is None else wanted in value


def _upper(focus: Items, env: Environment) -> Items:
    return _changed(focus, env, str.upper)


def _lower(focus: Items, env: Environment) -> Items:
    return _changed(focus, env, str.lower)


def _trim(focus: Items, env: Environment) -> Items:
    return _changed(focus, env, lambda value: value.strip(_BLANKS))


def _changed(focus: Items, env: Environment, change: Callable[[str], str]) -> Items:
    value = text(focus)
    if value is None:
        return EMPTY
    env.budget.write(len(value))
    return (string(change(value)),)


def _replace(focus: Items, env: Environment, pattern: Items, substitution: Items) -> Items:
    value, old, new = text(focus), text(pattern), text(substitution)
    if value is None or old is None or new is None:
        return EMPTY
    env.budget.write(len(value) + (value.count(old) if old else len(value) + 1) * len(new))
    return (string(value.replace(old, new)),)


def _length(focus: Items, env: Environment) -> Items:
    value = text(focus)
    return EMPTY if value is None else integer(len(value))


def _to_chars(focus: Items, env: Environment) -> Items:
    value = text(focus) or ""
    env.budget.hold(len(value))
    return [string(character) for character in value]


def _split(focus: Items, env: Environment, separator: Items) -> Items:
    value, between = text(focus), text(separator)
    if value is None or between is None:
        return EMPTY
    env.budget.hold(value.count(between) if between else len(value))
    return [string(part) for part in (value.split(between) if between else value)]


def _join(focus: Items, env: Environment, separator: Items = EMPTY) -> Items:
    if not focus:
        return EMPTY
    between = text(separator) or ""
    for item in focus:
        if item[1].kind != types.STRING:
            raise mismatch("A String", item)
    parts = [item[0] for item in focus if isinstance(item[0], str)]
    env.budget.write(sum(map(len, parts)) + len(between) * len(parts))
    return (string(between.join(parts)),)


def _ascii(value: str) -> str:
    return value.encode("ascii", "replace").decode("ascii")


_ENCODINGS: dict[str, Callable[[str], str]] = {
    "hex": lambda value: value.encode().hex(),
    "base64": lambda value: b64encode(value.encode()).decode(),
    "urlbase64": lambda value: urlsafe_b64encode(value.encode()).decode(),
    "ascii": _ascii,
}
_DECODINGS: dict[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda value: b64decode(value, validate=True),
    "urlbase64": urlsafe_b64decode,
}
_JSON_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"}
_JSON_ESCAPED = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt]))')
_JSON_MEANING = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _chosen(table: dict[str, Any], choice: Items, what: str) -> Any:
    name = text(choice, f"The name of {what}")
    if name is None:
        return None
    if name not in table:
        raise FhirPathEvaluationError(f"'{name[:40]}' is not {what}; those are {', '.join(table)}")
    return table[name]


def _encode(focus: Items, env: Environment, encoding: Items) -> Items:
    value, encode = text(focus), _chosen(_ENCODINGS, encoding, "an encoding")
    if value is None or encode is None:
        return EMPTY
    env.budget.write(len(value) * 8)
    return (string(encode(value)),)


def _decode(focus: Items, env: Environment, encoding: Items) -> Items:
    value, decode = text(focus), _chosen(_DECODINGS, encoding, "an encoding")
    if value is None or decode is None:
        return EMPTY
    env.budget.write(len(value))
    try:
        return (string(decode(value).decode()),)
    except ValueError:
        return EMPTY


def _escape_json(value: str) -> str:
    return "".join(_JSON_ESCAPES.get(c) or (c if c >= " " else f"\\u{ord(c):04x}") for c in value)


def _unescape_json(value: str) -> str:
    def meant(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _JSON_MEANING.get(found[2], found[2])

    return _JSON_ESCAPED.sub(meant, value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_ESCAPES: dict[str, Callable[[str], str]] = {"html": html.escape, "json": _escape_json}
_UNESCAPES: dict[str, Callable[[str], str]] = {"html": html.unescape, "json": _unescape_json}


def _escape(focus: Items, env: Environment, target: Items) -> Items:
    change = _chosen(_ESCAPES, target, "a target")
    return EMPTY if change is None else _changed(focus, env, change)


def _unescape(focus: Items, env: Environment, target: Items) -> Items:
    change = _chosen(_UNESCAPES, target, "a target")
    return EMPTY if change is None else _changed(focus, env, change)


_STRING = (types.STRING,)


def _text_function(call: Callable[..., Any], fewest: int = 0, most: int | None = None) -> Function:
    return Function(call, fewest, fewest if most is None else most, result=types.STRING, takes=_STRING)


def _predicate(call: Callable[..., Any]) -> Function:
    return Function(call, 1, 1, predicate=True, result=types.BOOLEAN, takes=_STRING)


FUNCTIONS = {
    "indexOf": Function(_index_of, 1, 1, result=types.INTEGER, takes=_STRING),
    "lastIndexOf": Function(_last_index_of, 1, 1, result=types.INTEGER, takes=_STRING),
    "substring": _text_function(_substring, 1, 2),
    "startsWith": _predicate(_starts_with),
    "endsWith": _predicate(_ends_with),
    "contains": _predicate(_contains),
    "upper": _text_function(_upper),
    "lower": _text_function(_lower),
    "trim": _text_function(_trim),
    "replace": _text_function(_replace, 2),
    "length": Function(_length, result=types.INTEGER, takes=_STRING),
    "toChars": Function(_to_chars, takes=_STRING),
    "split": Function(_split, 1, 1, takes=_STRING),
    "join": _text_function(_join, 0, 1),
    "encode": _text_function(_encode, 1),
    "decode": _text_function(_decode, 1),
    "escape": _text_function(_escape, 1),
    "unescape": _text_function(_unescape, 1),
}
