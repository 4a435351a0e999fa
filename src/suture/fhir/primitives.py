"""The primitive types of FHIR: which JSON values each of them accepts, and why another value is refused.

Specification: https://hl7.org/fhir/R4/datatypes.html#primitive. The published patterns are the base, the text of the
specification adds the rest: the calendar (they let 30 February pass), 32-bit integers, 1 MB strings. `Decimal` and
`int` come from JSON numbers; `True` is an `int` to Python and never to FHIR.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from calendar import isleap, month_name, monthrange
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from suture.fhir.versions import Version

MAX_STRING = 1024 * 1024
"""Characters of one string (https://hl7.org/fhir/R4/datatypes.html#string)."""

MAX_INTEGER = 2**31 - 1
_MAX_MAGNITUDE = 10**308
_SHOWN = 80

Accepts = Callable[[Any], bool]


class Primitive(msgspec.Struct, frozen=True):
    """One primitive type. `accepts(value)`: whether a JSON value is of it. `expects`: what would be right, in words."""

    name: str
    accepts: Accepts
    expects: str

    def complaint(self, value: Any) -> str:
        """A sentence that says why `value` is refused."""
        if self.name != "boolean" and type(value) is str and not value:
            return f"The text is empty; {self.expects} is expected, or the element is left out."
        fault = _calendar_fault(value) if self.name in ("date", "dateTime", "instant") else ""
        fault = fault or _string_fault(self.name, value)
        if fault:
            return fault
        return f"{shown(value)} is not a valid {self.name}: {self.expects} is expected."


def shown(value: Any) -> str:
    """A JSON value as it appears in a message: its kind for objects and arrays, shortened otherwise."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "An object"
    if isinstance(value, list):
        return "An array"
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        return f"'{text}'"
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _calendar_fault(value: Any) -> str:
    found = _DAY(value) if isinstance(value, str) else None
    if not found:
        return ""
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 <= month <= 12 and year):
        return ""
    days = monthrange(year, month)[1]
    if day <= days:
        return ""
    return f"{shown(value)} is not a day of the calendar: {month_name[month]} {year} has {days} days."


def _string_fault(name: str, value: Any) -> str:
    if not isinstance(value, str):
        return ""
    if len(value) > MAX_STRING and name != "xhtml":
        return f"The text has {len(value)} characters; at most {MAX_STRING} are allowed."
    control = _CONTROL(value)
    if control:
        return f"The text contains the control character U+{ord(control[0]):04X}, which FHIR forbids."
    return ""


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]").search
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})").match

_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
# Every day of the calendar but 29 February, which needs the year.
_COMMON_DAY = r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"  # noqa: E501 (one pattern)
_YEAR = r"(?!0000)[0-9]{4}"


def is_text(value: Any) -> bool:
    """Whether a JSON value is a FHIR string: not empty, at most MAX_STRING characters, no control characters."""
    # isprintable() is quicker than the pattern and true for nearly all real text.
    return type(value) is str and 0 < len(value) <= MAX_STRING and (value.isprintable() or not _CONTROL(value))


def _unlimited_text(value: Any) -> bool:
    return type(value) is str and value != ""


class _Seen(set[str]):
    """Values of one type that were accepted before: codes and URIs repeat all the time. Bounded."""

    def __init__(self, accepts: Callable[[str], bool]) -> None:
        super().__init__()
        self._accepts = accepts

    def new(self, value: str) -> bool:
        """Judge a value that is not in the set, and keep it when it is accepted."""
        if not self._accepts(value):
            return False
        if len(value) <= _SEEN_LENGTH:
            if len(self) >= _SEEN_VALUES:
                self.clear()
            self.add(value)
        return True


_SEEN_VALUES = 5000
_SEEN_LENGTH = 200


def _remembered(judge: Callable[[str], bool]) -> Accepts:
    # Each type has a set of its own: what is a date need not be an instant.
    seen = _Seen(judge)
    new = seen.new

    def accepts(value: Any) -> bool:
        return type(value) is str and (value in seen or new(value))

    return accepts


def _is_uri(value: str) -> bool:
    return 0 < len(value) <= MAX_STRING and _WORD(value) is not None


_WORD = re.compile(r"[^\s\x00-\x1f]+", re.ASCII).fullmatch


def _code(pattern: str) -> Accepts:
    match = re.compile(pattern, re.ASCII).fullmatch
    return _remembered(lambda value: 0 < len(value) <= MAX_STRING and match(value) is not None)


def _boolean(value: Any) -> bool:
    return value is True or value is False


def _integer(lowest: int) -> Accepts:
    def accepts(value: Any) -> bool:
        return type(value) is int and lowest <= value <= MAX_INTEGER

    return accepts


def _integer64(value: Any) -> bool:
    return type(value) is str and _INTEGER64(value) is not None and -(2**63) <= int(value) < 2**63


_INTEGER64 = re.compile(r"0|[-+]?[1-9][0-9]{0,18}").fullmatch


def _decimal(value: Any) -> bool:
    return (type(value) is Decimal and value.is_finite()) or (
        type(value) is int and -_MAX_MAGNITUDE < value < _MAX_MAGNITUDE
    )


def _decimal_of_35_digits(value: Any) -> bool:
    """The decimal of R5: at most 18 digits before the point and 17 after it, whatever the exponent."""
    if type(value) is int:
        return -(10**18) < value < 10**18
    return type(value) is Decimal and value.is_finite() and len(value.as_tuple().digits) <= 18 + 17


def _pattern(pattern: str) -> Accepts:
    match = re.compile(pattern).fullmatch

    def accepts(value: Any) -> bool:
        return type(value) is str and match(value) is not None

    return accepts


def _dated(pattern: str, leap_pattern: str) -> Accepts:
    match = re.compile(pattern).fullmatch
    leap = re.compile(leap_pattern).fullmatch

    def accepts(value: Any) -> bool:
        return type(value) is str and (match(value) is not None or (leap(value) is not None and isleap(int(value[:4]))))

    return accepts


def _base64(value: Any) -> bool:
    """Base64 with padding; R4 allows white space between the groups of four, which senders wrap lines with."""
    if type(value) is not str or not value.isascii():
        return False
    if not value.isprintable() or " " in value:
        value = "".join(value.split(None))
    return _is_base64(value)


def _base64_unbroken(value: Any) -> bool:
    return type(value) is str and value.isascii() and _is_base64(value)


def _is_base64(text: str) -> bool:
    if not text or len(text) % 4:
        return False
    try:
        a2b_base64(text, strict_mode=True)
    except Base64Error:
        return False
    return True


@cache
def primitives(version: Version) -> Mapping[str, Primitive]:
    """The primitive types of a FHIR version by name. `xhtml` accepts any text here; see `suture.fhir.narrative`."""
    newer = version is Version.R5
    fraction = r"(?:\.[0-9]{1,9})?" if newer else r"(?:\.[0-9]+)?"
    time = _CLOCK + fraction
    moment = f"T{time}{_ZONE}"
    common = f"{_YEAR}-{_COMMON_DAY}"
    leap = f"{_YEAR}-02-29"
    month = r"(?:0[1-9]|1[0-2])"
    code_words = r"[^\s\x00-\x1f]+( [^\s\x00-\x1f]+)*" if newer else r"[^\s\x00-\x1f]+(\s[^\s\x00-\x1f]+)*"
    kinds: tuple[tuple[str, Accepts, str], ...] = (
        ("boolean", _boolean, "true or false (without quotes)"),
        ("integer", _integer(-(2**31)), "a whole number from -2147483648 to 2147483647 (without quotes)"),
        ("unsignedInt", _integer(0), "a whole number from 0 to 2147483647 (without quotes)"),
        ("positiveInt", _integer(1), "a whole number from 1 to 2147483647 (without quotes)"),
        ("decimal", _decimal_of_35_digits if newer else _decimal, "a number (without quotes)"),
        ("string", is_text, "text"),
        ("markdown", is_text, "text in Markdown"),
        ("xhtml", _unlimited_text, "text in XHTML"),
        ("uri", _remembered(_is_uri), "a URI (text without white space)"),
        ("url", _remembered(_is_uri), "a URL (text without white space)"),
        ("canonical", _remembered(_is_uri), "a canonical URL (text without white space)"),
        ("code", _code(code_words), "a code (no white space around it, single spaces inside)"),
        ("id", _pattern(r"[A-Za-z0-9\-.]{1,64}"), "an id (1 to 64 of the characters A-Z a-z 0-9 - .)"),
        ("oid", _pattern(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "an OID such as urn:oid:1.2.3"),
        (
            "uuid",
            _pattern(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
            "a UUID in small letters such as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        ),
        ("base64Binary", _base64_unbroken if newer else _base64, "Base64 text"),
        ("date", _dated(f"{_YEAR}(?:-{month})?|{common}", leap), "a date such as 2020, 2020-05 or 2020-05-17"),
        (
            "dateTime",
            _dated(f"{common}(?:{moment})?|{_YEAR}(?:-{month})?", f"{leap}(?:{moment})?"),
            "a date, or a date and time with zone such as 2020-05-17T09:30:00+02:00",
        ),
        (
            "instant",
            _dated(f"{common}{moment}", f"{leap}{moment}"),
            "a date and time to the second with zone such as 2020-05-17T09:30:00.000Z",
        ),
        ("time", _pattern(time), "a time of day such as 09:30:00"),
    )
    known = {name: Primitive(name, accepts, expects) for name, accepts, expects in kinds}
    if newer:
        known["integer64"] = Primitive("integer64", _integer64, "a whole number of 64 bits, in quotes")
    return known
