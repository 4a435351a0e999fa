"""`near`: locations within a distance of a point on the earth.

Specification: https://hl7.org/fhir/R4/location.html#positions, `near=latitude|longitude|distance|units`. Distances are
along great circles of a sphere (WGS 84 differs by at most half a percent). The one thing to know: a band of latitudes
is what the index is read for, the exact distance is a probe.
"""

import math

from suture.fhir.outcomes import Invalid
from suture.fhir.ucum import canonical
from suture.search.escapes import split, unescape
from suture.search.filters import Filter, Near, Range, all_of
from suture.search.parameters import Parameter
from suture.search.ranges import number
from suture.search.values import NEAR_LATITUDE, NEAR_LONGITUDE
from suture.store.keys import Keys

EARTH = 6_371_008.8
"""Mean radius in metres (IUGG)."""

DEFAULT_DISTANCE = 10_000.0
"""Metres, where the value names no distance."""

_UNITS = {"mi": "[mi_i]", "ft": "[ft_i]", "": "km"}


def near_filter(parameter: Parameter, keys: Keys, value: str) -> Filter:
    """The filter for one value of `near`. Raises Invalid."""
    parts = [unescape(part).strip() for part in split(value, "|")]
    if not 2 <= len(parts) <= 4:
        raise _invalid(value)
    try:
        latitude, longitude = number(parts[0]), number(parts[1])
        metres = number(parts[2]) * _metres(parts[3] if len(parts) == 4 else "") if len(parts) > 2 else DEFAULT_DISTANCE
    except ValueError:
        raise _invalid(value) from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180 and metres >= 0):
        raise _invalid(value)
    angle = min(metres / EARTH, math.pi)
    band = math.degrees(angle) * (1 + 1e-9) + 1e-9
    type = parameter.resource_type
    at_latitude, at_longitude = keys.parameter(type, NEAR_LATITUDE), keys.parameter(type, NEAR_LONGITUDE)
    reach = math.sin(angle / 2) ** 2 + 1e-18
    return all_of(
        (
            Range("qty", at_latitude, (("lo", ">=", latitude - band), ("lo", "<=", latitude + band))),
            Near(at_latitude, at_longitude, (latitude, longitude), reach),
        )
    )


def _metres(unit: str) -> float:
    found = canonical(_UNITS.get(unit, unit))
    if found is None or found.dimension != "m":
        raise ValueError(unit)
    return float(found.factor)


def _invalid(value: str) -> Invalid:
    return Invalid(
        f"The value '{value[:60]}' of near is not of the form latitude|longitude|distance|units, such as "
        "52.37|4.89|5|km. Degrees are decimal; units are km (where none is given), m, mi and other UCUM lengths."
    )
