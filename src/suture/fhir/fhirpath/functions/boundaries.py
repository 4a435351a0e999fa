"""lowBoundary, highBoundary, precision, comparable (http://hl7.org/fhirpath/#utility-functions).

The one thing to know: a decimal stands for all numbers that round to it: 1.587 lies between 1.5865 and 1.5875. At
fewer digits the bound farther from zero is rounded, the one nearer to zero is cut.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from suture.fhir.fhirpath import quantities, types
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.temporal import DAY, HOUR, MONTH, YEAR, Moment, days_in, text_of, time_text_of
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import (
    EMPTY,
    Items,
    decimal,
    integer,
    measure,
    mismatch,
    moment,
    number,
    quantity,
    single,
    whole,
)

_MAX_DECIMALS = 28
_DEFAULT_DECIMALS = 8
_DIGITS = {types.DATE: (4, 6, 8), types.DATETIME: (4, 6, 8, 10, 12, 14, 17), types.TIME: (2, 4, 6, 9)}
"""Digits of a date -> how many fields that is, by position; 17 (9 in a time) are milliseconds."""
_LAST_SECOND = Decimal("59.999")
_FIRST_SECOND = Decimal("0.000")
_SYSTEM = {types.DATE: types.SYSTEM_DATE, types.DATETIME: types.SYSTEM_DATETIME, types.TIME: types.SYSTEM_TIME}


def _boundary(focus: Items, precision: Items, *, high: bool) -> Items:
    item = single(focus)
    if item is None or item[0] is None:
        return EMPTY
    digits = whole(precision, "The number of digits")
    kind = item[1].kind
    if kind in (types.INTEGER, types.LONG, types.DECIMAL):
        amount = number(item)
        found = None if amount is None else _of_number(Decimal(amount), digits, high=high)
        return EMPTY if found is None else decimal(found)
    if kind == types.QUANTITY:
        whole_amount = quantity(item)
        found = _of_number(whole_amount.value, digits, high=high) if whole_amount else None
        return EMPTY if whole_amount is None or found is None else measure(whole_amount._replace(value=found))
    if kind not in _DIGITS:
        raise mismatch("A Decimal, a Date, a DateTime, a Time or a Quantity", item)
    return _of_moment(item, kind, digits, high=high)


def _of_number(value: Decimal, digits: int | None, *, high: bool) -> Decimal | None:
    wanted = _DEFAULT_DECIMALS if digits is None else digits
    exponent = value.as_tuple().exponent
    if not 0 <= wanted <= _MAX_DECIMALS or not isinstance(exponent, int):
        return None
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    bound = value + half if high else value - half
    outward = high == (not value.is_signed())
    return bound.quantize(Decimal(1).scaleb(-wanted), ROUND_HALF_UP if outward else ROUND_DOWN)


def _of_moment(item: Item, kind: int, digits: int | None, *, high: bool) -> Items:
    start = moment(item)
    steps = _DIGITS[kind]
    wanted = steps[-1] if digits is None else digits
    if start is None or wanted not in steps:
        return EMPTY
    filled = _filled_time(start, high=high) if kind == types.TIME else _filled_date(start, kind, high=high)
    cut = _cut(filled, kind, wanted, high=high)
    text = time_text_of(cut) if kind == types.TIME else text_of(cut)
    return ((text, _SYSTEM[kind], None),)


def _filled_date(start: Moment, kind: int, *, high: bool) -> Moment:
    fields = start.fields
    if len(fields) == YEAR:
        fields = (*fields, 12 if high else 1)
    if len(fields) == MONTH:
        fields = (*fields, days_in(fields[0], fields[1]) if high else 1)
    if kind == types.DATE:
        return start._replace(fields=fields)
    if len(fields) == DAY:
        fields = (*fields, 23, 59) if high else (*fields, 0, 0)
    if len(fields) == HOUR:
        # FHIR knows no date with an hour and no minute: HL7's tests take it for its first minute
        fields = (*fields, 0)
    zone = start.suffix or ("-12:00" if high else "+14:00")
    return start._replace(fields=fields, second=_second(start.second, high=high), suffix=zone)


def _filled_time(start: Moment, *, high: bool) -> Moment:
    fields = start.fields if len(start.fields) > 1 else (*start.fields, 59 if high else 0)
    return start._replace(fields=fields, second=_second(start.second, high=high))


def _second(known: Decimal | None, *, high: bool) -> Decimal:
    if known is None:
        return _LAST_SECOND if high else _FIRST_SECOND
    exponent = known.as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    if digits >= 3:
        return known
    unknown = Decimal(10 ** (3 - digits) - 1).scaleb(-3) if high else Decimal(0)
    return (known + unknown).quantize(_FIRST_SECOND)


def _cut(filled: Moment, kind: int, digits: int, *, high: bool) -> Moment:
    count = _DIGITS[kind].index(digits) + 1
    if count <= len(filled.fields):
        suffix = filled.suffix if count > DAY and kind == types.DATETIME else ""
        return filled._replace(fields=filled.fields[:count], second=None, suffix=suffix)
    if digits in (14, 6) and filled.second is not None:
        return filled._replace(second=filled.second.quantize(Decimal(1), ROUND_DOWN))
    return filled


def _low(focus: Items, env: Environment, precision: Items = EMPTY) -> Items:
    return _boundary(focus, precision, high=False)


def _high(focus: Items, env: Environment, precision: Items = EMPTY) -> Items:
    return _boundary(focus, precision, high=True)


def _precision(focus: Items, env: Environment) -> Items:
    item = single(focus)
    if item is None or item[0] is None:
        return EMPTY
    value = number(item)
    if value is not None:
        exponent = Decimal(value).as_tuple().exponent
        return integer(max(0, -exponent)) if isinstance(exponent, int) else EMPTY
    if item[1].kind not in _DIGITS:
        raise mismatch("A Decimal, a Date, a DateTime or a Time", item)
    return integer(sum(character.isdigit() for character in _without_zone(item)))


def _without_zone(item: Item) -> str:
    found = moment(item)
    text = str(item[0])
    return text[: len(text) - len(found.suffix)] if found else ""


def _comparable(focus: Items, env: Environment, other: Items) -> bool | None:
    if len(focus) != 1 or len(other) != 1:
        return None
    left, right = quantity(focus[0]), quantity(other[0])
    return None if left is None or right is None else quantities.comparable(left, right)


_BOUNDED = (
    types.INTEGER, types.LONG, types.DECIMAL, types.QUANTITY, types.DATE, types.DATETIME, types.TIME,
)  # fmt: skip

FUNCTIONS = {
    "lowBoundary": Function(_low, 0, 1, takes=_BOUNDED),
    "highBoundary": Function(_high, 0, 1, takes=_BOUNDED),
    "precision": Function(_precision, result=types.INTEGER, takes=_BOUNDED),
    "comparable": Function(_comparable, 1, 1, predicate=True, result=types.BOOLEAN),
}
