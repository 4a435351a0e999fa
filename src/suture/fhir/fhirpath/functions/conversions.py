"""toX and convertsToX (http://hl7.org/fhirpath/#conversion).

The one thing to know: what cannot be converted gives nothing; several items are an error.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from suture.fhir.fhirpath import quantities, temporal, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.functions import date_formats
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.quantities import CALENDAR_UNITS, Measure
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import (
    EMPTY,
    FALSE,
    TRUE,
    Items,
    decimal,
    integer,
    long,
    measure,
    number,
    quantity,
    single,
    string,
    text,
)
from suture.fhir.ucum import is_unit

_TRUE_WORDS = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_FALSE_WORDS = frozenset(("false", "f", "no", "n", "0", "0.0"))
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}").fullmatch
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?").fullmatch
_QUANTITY = re.compile(r"([+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?)\s*(?:'([^']+)'|([a-zA-Z]+))?").fullmatch

Convert = Callable[[Item, Items], Items]


def _boolean(item: Item, _: Items) -> Items:
    value, type, _sibling = item
    if type.kind == types.BOOLEAN:
        return TRUE if value else FALSE
    if type.kind == types.STRING:
        word = str(value).lower()
        return TRUE if word in _TRUE_WORDS else FALSE if word in _FALSE_WORDS else EMPTY
    amount = number(item)
    return TRUE if amount == 1 else FALSE if amount == 0 else EMPTY


def _integer_of(item: Item) -> int | None:
    value, type, _ = item
    if type.kind == types.BOOLEAN:
        return int(value)
    if type.kind == types.STRING:
        return int(value) if _WHOLE(value) else None
    amount = number(item)
    return amount if isinstance(amount, int) else None


def _integer(item: Item, _: Items) -> Items:
    found = _integer_of(item)
    return EMPTY if found is None else integer(found)


def _long(item: Item, _: Items) -> Items:
    found = _integer_of(item)
    return EMPTY if found is None else long(found)


def _decimal(item: Item, _: Items) -> Items:
    value, type, _sibling = item
    if type.kind == types.BOOLEAN:
        return decimal(Decimal("1.0") if value else Decimal("0.0"))
    if type.kind == types.STRING:
        return decimal(Decimal(value)) if _NUMBER(value) else EMPTY
    amount = number(item)
    return EMPTY if amount is None else decimal(Decimal(amount))


def _date(item: Item, form: Items) -> Items:
    value, type, _ = item
    if type.kind == types.DATETIME:
        value = value.partition("T")[0]
    elif type.kind == types.STRING:
        value = _formatted(value, form)
    elif type.kind != types.DATE:
        return EMPTY
    return ((value, types.SYSTEM_DATE, None),) if value and temporal.date_of(value) else EMPTY


def _datetime(item: Item, form: Items) -> Items:
    value, type, _ = item
    if type.kind == types.STRING:
        value = (_formatted(value, form) or "").removesuffix("T")
    elif type.kind not in (types.DATE, types.DATETIME):
        return EMPTY
    return ((value, types.SYSTEM_DATETIME, None),) if value and temporal.datetime_of(value) else EMPTY


def _formatted(value: str, form: Items) -> str | None:
    template = text(form, "A format")
    return value if template is None else date_formats.read(value, template)


def _time(item: Item, _: Items) -> Items:
    value, type, _sibling = item
    if type.kind not in (types.STRING, types.TIME):
        return EMPTY
    return ((value, types.SYSTEM_TIME, None),) if temporal.time_of(value) else EMPTY


def _string(item: Item, _: Items) -> Items:
    value, type, _sibling = item
    if type.kind == types.BOOLEAN:
        return (string("true" if value else "false"),)
    if type.kind in (types.INTEGER, types.LONG, types.DECIMAL):
        amount = number(item)
        return EMPTY if amount is None else (string(f"{Decimal(amount):f}"),)
    if type.kind == types.QUANTITY:
        found = quantity(item)
        return EMPTY if found is None else (string(str(found)),)
    return EMPTY if type.kind == types.COMPLEX else (string(str(value)),)


def _quantity(item: Item, unit: Items) -> Items:
    wanted = text(unit, "A unit")
    found = _measure(item)
    if found is None:
        return EMPTY
    if wanted is None:
        return measure(found)
    converted = quantities.converted(found, wanted)
    return EMPTY if converted is None else measure(converted)


def _measure(item: Item) -> Measure | None:
    value, type, _ = item
    if type.kind == types.BOOLEAN:
        return Measure(Decimal("1.0") if value else Decimal("0.0"), "1")
    if type.kind != types.STRING:
        return quantity(item)
    found = _QUANTITY(value)
    if not found:
        return None
    amount, unit, word = Decimal(found[1]), found[2], found[3]
    if word is not None and word not in CALENDAR_UNITS:
        return None
    if unit is not None and unit not in CALENDAR_UNITS and not is_unit(unit):
        return None
    return Measure(amount, word or unit or "1")


def _has_value(item: Item | None) -> bool:
    """Whether there is a value, of the sort that its type says (data may be wrong)."""
    if item is None or item[0] is None:
        return False
    if item[1].kind == types.BOOLEAN:
        return isinstance(item[0], bool)
    texts = (types.STRING, types.DATE, types.DATETIME, types.TIME)
    return item[1].kind not in texts or isinstance(item[0], str)


def _converting(convert: Convert) -> Callable[..., Items]:
    def to(focus: Items, env: Environment, *arguments: Items) -> Items:
        item = single(focus)
        return convert(item, arguments[0] if arguments else EMPTY) if _has_value(item) and item else EMPTY

    return to


def _testing(convert: Convert) -> Callable[..., bool | None]:
    def converts(focus: Items, env: Environment, *arguments: Items) -> bool | None:
        item = single(focus)
        if not _has_value(item) or item is None:
            return None
        return bool(convert(item, arguments[0] if arguments else EMPTY))

    return converts


_CONVERSIONS: dict[str, tuple[Convert, int, int]] = {
    "Boolean": (_boolean, 0, types.BOOLEAN),
    "Integer": (_integer, 0, types.INTEGER),
    "Long": (_long, 0, types.LONG),
    "Decimal": (_decimal, 0, types.DECIMAL),
    "Date": (_date, 1, types.DATE),
    "DateTime": (_datetime, 1, types.DATETIME),
    "Time": (_time, 0, types.TIME),
    "String": (_string, 0, types.STRING),
    "Quantity": (_quantity, 1, types.QUANTITY),
}

FUNCTIONS: dict[str, Function] = {}
for _name, (_convert, _most, _kind) in _CONVERSIONS.items():
    _to: Any = _converting(_convert)
    FUNCTIONS[f"to{_name}"] = Function(_to, 0, _most, result=_kind)
    FUNCTIONS[f"convertsTo{_name}"] = Function(_testing(_convert), 0, _most, predicate=True, result=types.BOOLEAN)
