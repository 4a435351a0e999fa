"""Functions on numbers and quantities (http://hl7.org/fhirpath/#math)."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Any

from suture.fhir.fhirpath import types
from suture.fhir.fhirpath.arithmetic import CONTEXT
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.functions.function import Function
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import (
    EMPTY,
    Items,
    decimal,
    integer,
    long,
    measure,
    mismatch,
    number,
    quantity,
    single,
    whole,
)

# More digits than the results keep, so that 16.log(2) is 4 and not 3.99….
_EXACT = Context(prec=50, Emax=400, Emin=-400)
_MAX_ROUNDING = 28


def _number(focus: Items) -> Decimal | None:
    item = single(focus, "A single number is expected")
    if item is None or item[0] is None:
        return None
    value = number(item)
    if value is None:
        raise mismatch("A number", item)
    return Decimal(value)


def _each(focus: Items, change: Callable[[Decimal], Decimal], wrap: Callable[[Decimal, Item], Items]) -> Items:
    """Change a number or the number of a quantity; `wrap` makes the result of a number."""
    item = single(focus, "A single number is expected")
    if item is None or item[0] is None:
        return EMPTY
    if item[1].kind == types.QUANTITY:
        found = quantity(item)
        return EMPTY if found is None else measure(found._replace(value=change(found.value)))
    value = number(item)
    if value is None:
        raise mismatch("A number or a quantity", item)
    return wrap(change(Decimal(value)), item)


def _same_type(value: Decimal, item: Item) -> Items:
    if item[1].kind == types.DECIMAL:
        return decimal(value)
    return long(int(value)) if item[1].kind == types.LONG else integer(int(value))


def _as_integer(value: Decimal, item: Item) -> Items:
    return integer(int(value))


def _abs(focus: Items, env: Environment) -> Items:
    return _each(focus, Decimal.copy_abs, _same_type)


def _ceiling(focus: Items, env: Environment) -> Items:
    return _each(focus, lambda value: value.to_integral_value(ROUND_CEILING), _as_integer)


def _floor(focus: Items, env: Environment) -> Items:
    return _each(focus, lambda value: value.to_integral_value(ROUND_FLOOR), _as_integer)


def _truncate(focus: Items, env: Environment) -> Items:
    return _each(focus, lambda value: value.to_integral_value(ROUND_DOWN), _as_integer)


def _round(focus: Items, env: Environment, precision: Items = EMPTY) -> Items:
    digits = whole(precision, "The number of decimals") or 0
    if digits < 0:
        raise FhirPathEvaluationError("round() takes a number of decimals of at least 0")

    def rounded(value: Decimal) -> Decimal:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or -exponent <= digits or digits > _MAX_ROUNDING:
            return value
        return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)

    return _each(focus, rounded, lambda value, _: decimal(value))


def _computed(compute: Callable[[], Decimal]) -> Items:
    """A result, or nothing where there is none."""
    try:
        value = compute()
        if not value.is_finite():
            return EMPTY
        value = CONTEXT.plus(value).normalize()
        exponent = value.as_tuple().exponent
        whole_number = isinstance(exponent, int) and 0 < exponent < 30
        return decimal(value.quantize(Decimal(1), context=_EXACT) if whole_number else value)
    except DecimalException:
        return EMPTY


def _exp(focus: Items, env: Environment) -> Items:
    value = _number(focus)
    return EMPTY if value is None else _computed(lambda: _EXACT.exp(value))


def _ln(focus: Items, env: Environment) -> Items:
    value = _number(focus)
    return EMPTY if value is None or value <= 0 else _computed(lambda: _EXACT.ln(value))


def _log(focus: Items, env: Environment, base: Items) -> Items:
    value, to = _number(focus), _number(base)
    if value is None or to is None:
        return EMPTY
    if value <= 0 or to <= 0:
        raise FhirPathEvaluationError("log() takes a number and a base that are greater than 0")
    if to == 1:
        return EMPTY
    return _computed(lambda: _EXACT.divide(_EXACT.ln(value), _EXACT.ln(to)))


def _sqrt(focus: Items, env: Environment) -> Items:
    value = _number(focus)
    return EMPTY if value is None or value < 0 else _computed(lambda: _EXACT.sqrt(value))


def _power(focus: Items, env: Environment, exponent: Items) -> Items:
    value, by = _number(focus), _number(exponent)
    if value is None or by is None or (value < 0 and by != by.to_integral_value()) or (value == 0 and by < 0):
        return EMPTY
    found = decimal(Decimal(1)) if by == 0 else _computed(lambda: _EXACT.power(value, by))
    whole_numbers = all(items[0][1].kind == types.INTEGER for items in (focus, exponent))
    if whole_numbers and by >= 0 and found:
        return integer(int(found[0][0]))
    return found


_NUMERIC = (types.INTEGER, types.LONG, types.DECIMAL)
_MEASURED = (*_NUMERIC, types.QUANTITY)


def _of_number(call: Callable[..., Any], most: int = 0) -> Function:
    return Function(call, most, most, result=types.DECIMAL, takes=_NUMERIC)


FUNCTIONS = {
    "abs": Function(_abs, takes=_MEASURED),
    "ceiling": Function(_ceiling, takes=_MEASURED),
    "floor": Function(_floor, takes=_MEASURED),
    "truncate": Function(_truncate, takes=_MEASURED),
    "round": Function(_round, 0, 1, takes=_MEASURED),
    "exp": _of_number(_exp),
    "ln": _of_number(_ln),
    "log": _of_number(_log, 1),
    "sqrt": _of_number(_sqrt),
    "power": Function(_power, 1, 1, takes=_NUMERIC),
}
