"""JSON to plain dicts and back, stricter than JSON itself and exact in its decimals.

Specification: https://hl7.org/fhir/R4/json.html. `decode` refuses what other readers quietly repair: duplicate
keys, control characters, bad UTF-8, a byte order mark, lone surrogates, nesting deeper than the limit, NaN and
Infinity, numbers beyond a double's range. Numbers with a point or an exponent become `Decimal`, so that `1.10` stays
`1.10`; what changes on the way is notation only (`1e5` -> `1E+5`, `1.20e-3` -> `0.00120`, `-0` -> `0`).

The fast path costs one decode and one encode in C: a key that the decoder dropped shows as a missing colon in the
re-encoded bytes. Only when something is suspicious does `json_faults` look closely and find the place.
"""

import re
from decimal import Decimal
from functools import lru_cache
from time import gmtime, strftime
from typing import Any

import msgspec

from suture.fhir.json_faults import Fault, deeper_than, fault_in, syntax_fault
from suture.fhir.outcomes import Invalid

MAX_DEPTH = 64
"""Levels of objects and arrays that one document may nest."""

MAX_EXPONENT = 308
"""Decimal magnitude that a number may reach: what an index column (a double) can hold."""

MAX_NUMBER_LENGTH = 400
"""Characters of one number."""


class _OutOfRange(Exception):
    """A number is too large, too small or too long."""


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT or len(text) > MAX_NUMBER_LENGTH:
        raise _OutOfRange
    return value


# Escapes of control characters, and of the colon: an escaped one would make up for one that a dropped key took away.
# The first pattern is quick and may mistake an escaped backslash; the second one counts the backslashes.
_SUSPECT = re.compile(rb"\\(?:[bf]|u00(?:[01]|3[aA]))").search
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:[bf]|u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F]|3[aA]))").search

_decode = msgspec.json.Decoder(float_hook=_decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def decode(data: bytes | bytearray | memoryview, *, max_depth: int = MAX_DEPTH) -> Any:
    """Read one JSON document into dict, list, str, int, bool, None and Decimal.

    Raises Invalid (400) that says what is wrong and where: the element, and line and column for broken JSON.
    Integers of any size are returned as they are; the structure rules limit them.
    """
    raw = data if isinstance(data, bytes) else bytes(data)
    try:
        value = _decode(raw)
    except _OutOfRange:
        raise _invalid(
            _fault(raw, max_depth) or Fault("A number is outside of the range that can be handled.")
        ) from None
    except RecursionError:
        raise Invalid(_too_deep(max_depth)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(syntax_fault(raw, str(error))) from None
    if raw.count(b"{") + raw.count(b"[") > max_depth and deeper_than(value, max_depth):
        raise Invalid(_too_deep(max_depth))
    again = _encode(value)
    if again.count(b":") != raw.count(b":") or (b"\\" in raw and _SUSPECT(raw) and _ESCAPED(raw)):
        fault = _fault(raw, max_depth)
        if fault is not None:
            raise _invalid(fault)
    return value


def reread(data: bytes) -> Any:
    """Read JSON that `decode` has accepted before, such as a stored body: its faults are not looked for again."""
    return _decode(data)


def _fault(raw: bytes, max_depth: int) -> Fault | None:
    try:
        return fault_in(raw, MAX_EXPONENT, MAX_NUMBER_LENGTH)
    except RecursionError:
        return Fault(_too_deep(max_depth))


def _invalid(fault: Fault) -> Invalid:
    return Invalid(fault.text, expression=fault.place)


def _too_deep(limit: int) -> str:
    return f"The JSON nests deeper than {limit} levels, the most that is accepted."


def encode(value: Any) -> bytes:
    """Write a value as compact JSON in UTF-8; decimals keep their digits."""
    return _encode(value)


def encode_pretty(value: Any) -> bytes:
    """Write a value as JSON with two spaces of indentation, for people."""
    return msgspec.json.format(_encode(value), indent=2)


def format_pretty(data: bytes) -> bytes:
    """Indent JSON bytes without decoding them."""
    return msgspec.json.format(data, indent=2)


_SERVER_META = ("versionId", "lastUpdated", "_versionId", "_lastUpdated")


def split_body(resource: dict[str, Any]) -> tuple[bytes, bytes]:
    """Cut a resource into the two pieces that the store keeps: `Prepared.meta` and `Prepared.rest`.

    Each member has a leading comma; id, versionId and lastUpdated are left out, because `join_body` sets them. The
    resource is not changed.
    """
    rest = {key: value for key, value in resource.items() if key != "meta" and key != "id" and key != "resourceType"}
    meta = resource.get("meta")
    return (_members({k: v for k, v in meta.items() if k not in _SERVER_META}) if meta else b""), _members(rest)


def _members(value: dict[str, Any]) -> bytes:
    return b"," + _encode(value)[1:-1] if value else b""


def join_body(type: str, id: str, version: int, updated_us: int, meta: bytes, rest: bytes) -> bytes:
    """The JSON of one version: the pieces of `split_body` with type, id and meta put in front.

    `type` and `id` must be valid (ASCII without quotes). `updated_us`: microseconds since 1970 UTC, written
    as an instant with milliseconds.
    """
    seconds, micros = divmod(updated_us, 1_000_000)
    head = (
        f'{{"resourceType":"{type}","id":"{id}","meta":{{"versionId":"{version}",'
        f'"lastUpdated":"{_second(seconds)}.{micros // 1000:03d}Z"'
    )
    return b"".join((head.encode("ascii"), meta, b"}", rest, b"}"))


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
