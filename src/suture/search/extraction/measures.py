"""Dates and amounts of complex datatypes as ranges.

Specification: https://hl7.org/fhir/R4/search.html#date, #number and #quantity. Everything here gives None where
a value says nothing that could be found.
"""

import math
from decimal import Decimal, InvalidOperation
from typing import Any

from suture.fhir.dates import EARLIEST, LATEST, bounds

CURRENCIES = "urn:iso:std:iso:4217"
"""The code system of Money.currency."""

Span = tuple[int, int]
Amount = tuple[float, float]


def period(value: dict[str, Any]) -> Span | None:
    """Microseconds from start to end; an absent end is open."""
    start, end = value.get("start"), value.get("end")
    if start is None and end is None:
        return None
    return bounds(start)[0] if start is not None else EARLIEST, bounds(end)[1] if end is not None else LATEST


def timing(value: dict[str, Any]) -> Span | None:
    """The outer limits of a Timing: of its events and of repeat.boundsPeriod."""
    spans = [bounds(event) for event in value.get("event") or () if event is not None]
    repeat: dict[str, Any] = value.get("repeat") or {}
    limits = repeat.get("boundsPeriod")
    if limits is not None and (span := period(limits)) is not None:
        spans.append(span)
    if not spans:
        return None
    return min(lo for lo, _ in spans), max(hi for _, hi in spans)


def clinical(span: Span) -> Span:
    """The instant that stands for a span in the order of results, its start, or its end where the start is open; and
    how far it reaches from there, which is LATEST for an open end, and for an open start."""
    return span if span[0] != EARLIEST else (span[1], LATEST)


def quantity(value: dict[str, Any]) -> Amount | None:
    """The value, as `compared`."""
    number = value.get("value")
    if number is None:
        return None
    return compared(float(number), value.get("comparator"))


def compared(exact: float, comparator: str | None) -> Amount:
    """The number, or the open range that a comparator makes of it."""
    match comparator:
        case "<":
            return -math.inf, math.nextafter(exact, -math.inf)
        case "<=":
            return -math.inf, exact
        case ">":
            return math.nextafter(exact, math.inf), math.inf
        case ">=":
            return exact, math.inf
        case _:
            return exact, exact


def quantity_range(value: dict[str, Any]) -> Amount | None:
    """From low to high; an absent end is open."""
    low, high = _number(value.get("low")), _number(value.get("high"))
    if low is None and high is None:
        return None
    return -math.inf if low is None else low, math.inf if high is None else high


def range_unit(value: dict[str, Any]) -> dict[str, Any]:
    """The quantity of a Range that tells its unit."""
    return value.get("low") or value.get("high") or {}


def sampled_unit(value: dict[str, Any]) -> dict[str, Any]:
    """The quantity of a SampledData that tells its unit."""
    return value.get("origin") or {}


def sampled(value: dict[str, Any]) -> Amount | None:
    """The lowest and the highest of the sampled values; beyond the limits of the device the range is open."""
    origin = _number(value.get("origin")) or 0.0
    factor = float(value.get("factor") or 1)
    points: list[float] = []
    for word in (value.get("data") or "").split():
        if word == "L":
            points.append(-math.inf)
        elif word == "U":
            points.append(math.inf)
        elif word != "E":
            try:
                point = float(Decimal(word)) * factor + origin
            except InvalidOperation:
                continue
            if math.isfinite(point):
                points.append(point)
    return (min(points), max(points)) if points else None


def _number(quantity: dict[str, Any] | None) -> float | None:
    number = quantity.get("value") if quantity else None
    return None if number is None else float(number)


def position(value: dict[str, Any], hs: tuple[int, int]) -> list[tuple[int, float, float]]:
    """The rows of a position: of its latitude under the first of `hs`, of its longitude under the second."""
    found = ((h, value.get(member)) for h, member in zip(hs, ("latitude", "longitude"), strict=True))
    return [(h, float(number), float(number)) for h, number in found if number is not None]
