"""Literals as collections."""

from collections.abc import Callable
from decimal import Decimal

from suture.fhir.fhirpath import nodes, temporal, types
from suture.fhir.fhirpath.nodes import Node
from suture.fhir.fhirpath.quantities import CALENDAR_UNITS, Measure
from suture.fhir.fhirpath.values import EMPTY, FALSE, TRUE, Items, decimal, integer, long, measure, string


def literal(node: Node, fault: Callable[[str, Node], Exception]) -> Items:
    """The collection of a literal. `fault(complaint, node)`: makes the error for a value that is none."""
    match node:
        case nodes.Empty():
            return EMPTY
        case nodes.Boolean(value=value):
            return TRUE if value else FALSE
        case nodes.String(value=value):
            return (string(value),)
        case nodes.Number(value=Decimal() as number):
            return decimal(number)
        case nodes.Number(value=int() as number):
            if number >= 2**31:
                raise fault("An Integer has 32 bits", node)
            return integer(number)
        case nodes.Long(value=number):
            if number >= 2**63:
                raise fault("A Long has 64 bits", node)
            return long(number)
        case nodes.Date(value=value):
            if temporal.date_of(value) is None:
                raise fault(f"@{value} is not a date", node)
            return ((value, types.SYSTEM_DATE, None),)
        case nodes.DateTime(value=value):
            value = value.removesuffix("T")
            if temporal.datetime_of(value) is None:
                raise fault(f"@{value} is not a date and time", node)
            return ((value, types.SYSTEM_DATETIME, None),)
        case nodes.Time(value=value):
            if temporal.time_of(value) is None:
                raise fault(f"@T{value} is not a time", node)
            return ((value, types.SYSTEM_TIME, None),)
        case nodes.Quantity(value=number, unit=unit):
            known = unit in CALENDAR_UNITS or len(unit) <= 200
            if not known:
                raise fault("The unit is too long", node)
            return measure(Measure(Decimal(number), unit))
        case _:
            raise fault("This is not understood", node)
