"""`+ - * / div mod &`, signs, and `< <= > >=`.

Specification: http://hl7.org/fhirpath/#math and #comparison. What overflows or divides by zero is nothing (an empty
collection); what has no meaning, such as a text minus a number, is an error.
"""

from collections.abc import Callable
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Underflow

from suture.fhir.fhirpath import date_arithmetic, quantities, temporal, types, units
from suture.fhir.fhirpath.environment import Environment
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.quantities import Measure
from suture.fhir.fhirpath.types import Item
from suture.fhir.fhirpath.values import (
    EMPTY,
    Items,
    decimal,
    described,
    integer,
    long,
    measure,
    moment,
    number,
    quantity,
    single,
    string,
    text,
)
from suture.fhir.versions import Version

CONTEXT = Context(
    prec=34,
    Emax=quantities.MAX_EXPONENT,
    Emin=-quantities.MAX_EXPONENT,
    traps=[InvalidOperation, DivisionByZero, Overflow, Underflow],
)
"""34 digits, as many as the decimals of IEEE 754 and well over what the specification asks for."""

_NUMBERS = (types.INTEGER, types.LONG, types.DECIMAL)
_DATES = (types.DATE, types.DATETIME, types.TIME)
_ARITHMETIC = (InvalidOperation, DivisionByZero, Overflow, Underflow, ZeroDivisionError)

Operation = Callable[[Items, Items, Environment], Items]


def _operands(left: Items, right: Items, operator: str) -> tuple[Item, Item] | None:
    """Both single items, or None when one is empty or has no value. Raises on several items."""
    if not left or not right:
        return None
    if len(left) > 1 or len(right) > 1:
        raise FhirPathEvaluationError(
            f"Each side of '{operator}' takes a single item, there are {len(left)} and {len(right)}"
        )
    one, other = left[0], right[0]
    return None if one[0] is None or other[0] is None else (one, other)


def _unfit(operator: str, one: Item, other: Item) -> FhirPathEvaluationError:
    return FhirPathEvaluationError(
        f"The operator '{operator}' does not take {described(one[1])} and {described(other[1])}"
    )


def _numeric(
    one: Item,
    other: Item,
    operator: str,
    exact: Callable[[Decimal, Decimal], Decimal],
    whole: Callable[[int, int], int],
) -> Items:
    left, right = number(one), number(other)
    if left is None or right is None:
        raise _unfit(operator, one, other)
    try:
        if isinstance(left, int) and isinstance(right, int):
            result = whole(left, right)
            return long(result) if types.LONG in (one[1].kind, other[1].kind) else integer(result)
        return decimal(exact(Decimal(left), Decimal(right)))
    except _ARITHMETIC:
        return EMPTY


def _both_numbers(one: Item, other: Item) -> bool:
    return one[1].kind in _NUMBERS and other[1].kind in _NUMBERS


def _both_texts(one: Item, other: Item) -> bool:
    if one[1].kind != types.STRING or other[1].kind != types.STRING:
        return False
    return isinstance(one[0], str) and isinstance(other[0], str)


def _measures(one: Item, other: Item, operator: str) -> tuple[Measure, Measure] | None:
    """Both as quantities, None when one does not say how much. Raises when one is neither quantity nor number."""
    for item in (one, other):
        if item[1].kind != types.QUANTITY and item[1].kind not in _NUMBERS:
            raise _unfit(operator, one, other)
    left, right = quantity(one), quantity(other)
    return (left, right) if left and right else None


def add(left: Items, right: Items, env: Environment) -> Items:
    """`left + right`: numbers, quantities, texts, and a date or time with a duration."""
    pair = _operands(left, right, "+")
    if pair is None:
        return EMPTY
    one, other = pair
    if _both_numbers(one, other):
        return _numeric(one, other, "+", CONTEXT.add, int.__add__)
    if _both_texts(one, other):
        env.budget.write(len(one[0]) + len(other[0]))
        return (string(one[0] + other[0]),)
    if one[1].kind in _DATES:
        return _shift(one, other, 1, "+", env)
    return _sum(one, other, 1, "+")


def subtract(left: Items, right: Items, env: Environment) -> Items:
    """`left - right`: numbers, quantities, and a duration off a date or time."""
    pair = _operands(left, right, "-")
    if pair is None:
        return EMPTY
    one, other = pair
    if _both_numbers(one, other):
        return _numeric(one, other, "-", CONTEXT.subtract, int.__sub__)
    if one[1].kind in _DATES:
        return _shift(one, other, -1, "-", env)
    return _sum(one, other, -1, "-")


def _shift(one: Item, other: Item, sign: int, operator: str, env: Environment) -> Items:
    duration = quantity(other) if other[1].kind == types.QUANTITY else None
    if other[1].kind == types.QUANTITY and duration is None:
        return EMPTY
    start = moment(one)
    if duration is None or start is None:
        raise _unfit(operator, one, other)
    # HL7's tests for R4 have it one way, those for R5 the other
    fractions = env.model is not None and env.model.version is Version.R5
    text = date_arithmetic.shifted(start, one[1].kind, duration, sign, fractions=fractions)
    return ((text, _SYSTEM_DATES[one[1].kind], None),)


_SYSTEM_DATES = {
    types.DATE: types.SYSTEM_DATE,
    types.DATETIME: types.SYSTEM_DATETIME,
    types.TIME: types.SYSTEM_TIME,
}


def _sum(one: Item, other: Item, sign: int, operator: str) -> Items:
    pair = _measures(one, other, operator)
    if pair is None:
        return EMPTY
    left, right = pair
    if quantities.same_unit(left, right):
        converted: Measure | None = right
    elif "1" in (left.unit, right.unit) and not (left.foreign or right.foreign):
        # a bare number takes the unit of the other side
        unit = right.unit if left.unit == "1" else left.unit
        left, converted = Measure(left.value, unit), Measure(right.value, unit)
    elif {left.word, right.word} & {"year", "month"}:
        return EMPTY
    else:
        converted = quantities.converted(right, left.unit)
    if converted is None:
        return EMPTY
    value = CONTEXT.add(left.value, converted.value if sign > 0 else -converted.value)
    return measure(Measure(value, left.unit, left.foreign))


def multiply(left: Items, right: Items, env: Environment) -> Items:
    """`left * right`: numbers and quantities."""
    pair = _operands(left, right, "*")
    if pair is None:
        return EMPTY
    one, other = pair
    if _both_numbers(one, other):
        return _numeric(one, other, "*", CONTEXT.multiply, int.__mul__)
    measures = _measures(one, other, "*")
    return _product(*measures, CONTEXT.multiply, ".") if measures else EMPTY


def divide(left: Items, right: Items, env: Environment) -> Items:
    """`left / right`: a Decimal, or a quantity."""
    pair = _operands(left, right, "/")
    if pair is None:
        return EMPTY
    one, other = pair
    if _both_numbers(one, other):
        first, second = number(one), number(other)
        if first is None or second is None:
            raise _unfit("/", one, other)
        try:
            return decimal(CONTEXT.divide(Decimal(first), Decimal(second)))
        except _ARITHMETIC:
            return EMPTY
    measures = _measures(one, other, "/")
    return _product(*measures, CONTEXT.divide, "/") if measures else EMPTY


def _product(left: Measure, right: Measure, operation: Callable[[Decimal, Decimal], Decimal], sign: str) -> Items:
    if left.foreign or right.foreign:
        return EMPTY
    unit = left.unit
    try:
        value = operation(left.value, right.value)
        if right.unit != "1":
            joined = units.product(left, right, sign)
            if joined is None:
                return EMPTY
            unit, factor = joined
            value = CONTEXT.multiply(value, CONTEXT.divide(Decimal(factor.numerator), Decimal(factor.denominator)))
    except _ARITHMETIC:
        return EMPTY
    return measure(Measure(value, unit))


def truncated_quotient(left: Items, right: Items, env: Environment) -> Items:
    """`left div right`."""
    pair = _operands(left, right, "div")
    return _numeric(*pair, "div", CONTEXT.divide_int, _whole_quotient) if pair else EMPTY


def remainder(left: Items, right: Items, env: Environment) -> Items:
    """`left mod right`: it has the sign of `left`."""
    pair = _operands(left, right, "mod")
    return _numeric(*pair, "mod", CONTEXT.remainder, _whole_remainder) if pair else EMPTY


def _whole_quotient(left: int, right: int) -> int:
    magnitude = abs(left) // abs(right)
    return magnitude if (left < 0) == (right < 0) else -magnitude


def _whole_remainder(left: int, right: int) -> int:
    return left - right * _whole_quotient(left, right)


def concatenate(left: Items, right: Items, env: Environment) -> Items:
    """`left & right`: nothing counts as the empty text."""
    one = text(left, "A String on the left of '&'") or ""
    other = text(right, "A String on the right of '&'") or ""
    env.budget.write(len(one) + len(other))
    return (string(one + other),)


def negate(items: Items) -> Items:
    """`-items`."""
    item = single(items, "The sign takes a single number")
    if item is None or item[0] is None:
        return EMPTY
    value = number(item)
    if value is None:
        found = quantity(item) if item[1].kind == types.QUANTITY else None
        if found is None:
            raise FhirPathEvaluationError(f"A sign does not go with {described(item[1])}")
        return measure(found._replace(value=CONTEXT.minus(found.value)))
    if isinstance(value, Decimal):
        return decimal(CONTEXT.minus(value))
    return long(-value) if item[1].kind == types.LONG else integer(-value)


def posit(items: Items) -> Items:
    """`+items`."""
    return negate(negate(items))


def order(left: Items, right: Items, operator: str) -> int | None:
    """-1, 0 or 1 as `left` is less than, equal to or greater than `right`; None if nobody can know.

    Raises on several items and on types that have no common order.
    """
    pair = _operands(left, right, operator)
    return None if pair is None else order_items(*pair, operator)


def order_items(one: Item, other: Item, operator: str) -> int | None:
    """The same for two items."""
    kind, other_kind = one[1].kind, other[1].kind
    if _both_texts(one, other):
        return (one[0] > other[0]) - (one[0] < other[0])
    if kind in _NUMBERS and other_kind in _NUMBERS:
        left, right = number(one), number(other)
        return None if left is None or right is None else (left > right) - (left < right)
    if types.QUANTITY in (kind, other_kind):
        measures = _measures(one, other, operator)
        return quantities.compare(*measures) if measures else None
    times = (kind == types.TIME) + (other_kind == types.TIME)
    if kind in _DATES and other_kind in _DATES and times != 1:
        first, second = moment(one), moment(other)
        return None if first is None or second is None else temporal.compare(first, second)
    raise _unfit(operator, one, other)
