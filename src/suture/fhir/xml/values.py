"""From the text of a value attribute to the JSON value of its type.

Specification: https://hl7.org/fhir/R4/datatypes.html. Only booleans and numbers change; every other type is text in
JSON too. Decimals keep their digits: `1.10` stays `1.10`.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from suture.fhir.json import MAX_EXPONENT, MAX_NUMBER_LENGTH

Convert = Callable[[str], bool | int | Decimal | None]
"""The value of a text, or None when the text is not a value of the type."""

_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_POSITIVE = re.compile(r"\+?[1-9][0-9]*").fullmatch
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= MAX_NUMBER_LENGTH and _INTEGER(text) else None


def _positive(text: str) -> int | None:
    return int(text) if len(text) <= MAX_NUMBER_LENGTH and _POSITIVE(text) else None


def _decimal(text: str) -> int | Decimal | None:
    if len(text) > MAX_NUMBER_LENGTH or not _DECIMAL(text):
        return None
    if _INTEGER(text):
        return int(text)
    value = Decimal(text)
    return value if -MAX_EXPONENT <= value.adjusted() <= MAX_EXPONENT else None


CONVERSIONS: dict[str, Convert] = {
    "boolean": _BOOLEANS.get,
    "integer": _integer,
    "unsignedInt": _integer,
    "positiveInt": _positive,
    "decimal": _decimal,
}
"""By type code."""
