"""Collections of items, and what a collection is where one value is expected.

Specification: http://hl7.org/fhirpath/#singleton-evaluation-of-collections. The one thing to know: a primitive that has
extensions but no value is an item to navigation and no value to every operator and function that needs one.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from suture.fhir.fhirpath import quantities, temporal, types
from suture.fhir.fhirpath.faults import FhirPathEvaluationError
from suture.fhir.fhirpath.quantities import Measure
from suture.fhir.fhirpath.temporal import Moment
from suture.fhir.fhirpath.types import KIND_NAMES, Item, Type

Items = Sequence[Item]
"""A collection. Never changed after it was made: literals and inputs are shared."""

EMPTY: Final[Items] = ()
TRUE: Final[Items] = ((True, types.SYSTEM_BOOLEAN, None),)
FALSE: Final[Items] = ((False, types.SYSTEM_BOOLEAN, None),)


def boolean(value: bool | None) -> Items:
    """True, False or None (unknown) as a collection."""
    if value is None:
        return EMPTY
    return TRUE if value else FALSE


def string(value: str) -> Item:
    """A System.String."""
    return value, types.SYSTEM_STRING, None


def integer(value: int) -> Items:
    """A System.Integer; nothing when 32 bits cannot hold it."""
    return ((value, types.SYSTEM_INTEGER, None),) if -(2**31) <= value < 2**31 else EMPTY


def long(value: int) -> Items:
    """A System.Long; nothing when 64 bits cannot hold it."""
    return ((value, types.SYSTEM_LONG, None),) if -(2**63) <= value < 2**63 else EMPTY


def decimal(value: Decimal) -> Items:
    """A System.Decimal."""
    return ((value, types.SYSTEM_DECIMAL, None),) if value.is_finite() else EMPTY


def measure(value: Measure) -> Items:
    """A System.Quantity."""
    return ((value, types.SYSTEM_QUANTITY, None),)


def truth(items: Items) -> bool | None:
    """The collection as a Boolean: a single item that is no Boolean counts as true. Raises on several items."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathEvaluationError(f"A single Boolean is expected, there are {len(items)} items")
    value, type, _ = items[0]
    if type.kind == types.BOOLEAN and (value is None or value.__class__ is bool):
        return value
    return True


def single(items: Items, what: str = "A single item is expected") -> Item | None:
    """The only item, None if there is none. Raises on several items."""
    if not items:
        return None
    if len(items) > 1:
        raise FhirPathEvaluationError(f"{what}, there are {len(items)}")
    return items[0]


def text(items: Items, what: str = "A String") -> str | None:
    """The only item as a string. Raises on several items and on other types."""
    item = single(items, f"{what} is expected")
    if item is None or item[0] is None:
        return None
    value, type, _ = item
    if type.kind != types.STRING or not isinstance(value, str):
        raise mismatch(what, item)
    return value


def whole(items: Items, what: str = "An Integer") -> int | None:
    """The only item as an integer. Raises on several items and on other types."""
    item = single(items, f"{what} is expected")
    if item is None or item[0] is None:
        return None
    value, type, _ = item
    if type.kind == types.LONG:
        return _int64(value)
    if type.kind != types.INTEGER or not isinstance(value, int):
        raise mismatch(what, item)
    return value


def number(item: Item) -> int | Decimal | None:
    """The item as a number: int for Integer and Long, Decimal for Decimal; None if it is no number, has no value, or
    is beyond what can be calculated with."""
    value, type, _ = item
    kind = type.kind
    if kind == types.INTEGER:
        return value if value.__class__ is int else None
    if kind == types.DECIMAL:
        return quantities.decimal_of(value)
    return _int64(value) if kind == types.LONG else None


def _int64(value: Any) -> int | None:
    """FHIR writes an integer64 as text."""
    if isinstance(value, str):
        return int(value) if value.lstrip("+-").isdigit() and len(value) < 21 else None
    return value if isinstance(value, int) else None


def moment(item: Item) -> Moment | None:
    """The item as a date or time; None if it is neither."""
    value, type, _ = item
    if value.__class__ is not str:
        return None
    kind = type.kind
    if kind == types.DATETIME:
        return temporal.datetime_of(value)
    if kind == types.DATE:
        return temporal.date_of(value)
    return temporal.time_of(value) if kind == types.TIME else None


def quantity(item: Item) -> Measure | None:
    """The item as a quantity, numbers included (unit `1`); None if it is neither."""
    if item[1].kind == types.QUANTITY:
        return quantities.measure_of(item[0])
    found = number(item)
    return None if found is None else Measure(Decimal(found), "1")


def plain(item: Item) -> Any:
    """The value as plain Python: quantities as FHIR writes them."""
    value = item[0]
    return quantities.plain(value) if isinstance(value, Measure) else value


_FHIR_NAMES = {
    "Boolean": "boolean", "String": "string", "Integer": "integer", "Long": "integer64", "Decimal": "decimal",
    "Date": "date", "DateTime": "dateTime", "Time": "time", "Quantity": "Quantity",
}  # fmt: skip


def type_name(item: Item) -> str:
    """The name of an item's type; FHIRPath's own types have the names of the FHIR types like them."""
    type = item[1]
    return _FHIR_NAMES.get(type.name, type.name) if type.namespace == "System" else type.name


def mismatch(expected: str, item: Item) -> FhirPathEvaluationError:
    """The error for an item of the wrong type."""
    return FhirPathEvaluationError(f"{expected} is expected, this is {described(item[1])}")


def described(type: Type) -> str:
    """A type in a sentence."""
    if type.namespace == "FHIR":
        return f"a FHIR {type.path}"
    name = KIND_NAMES[type.kind]
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"
