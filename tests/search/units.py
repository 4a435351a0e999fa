"""What quantities of different UCUM units mean, for the naive evaluator: powers of ten apart."""

from typing import Any

from tests.search import naive
from tests.search.population import UCUM

POWERS = {"mg": -3, "g": 0, "kg": 3}


def quantity_matches(value: str, resource: dict[str, Any]) -> bool:
    """`5.4|http://unitsofmeasure.org|g` finds 5400 mg; everything else as in `naive`."""
    number, *unit = value.split("|")
    quantity = resource.get("valueQuantity", {})
    ucum = unit[:1] == [UCUM] and quantity.get("system") == UCUM
    if not ucum or not {unit[1], quantity["code"]} <= POWERS.keys():
        return naive.quantity_matches(value, resource)
    power = POWERS[unit[1]] - POWERS[quantity["code"]]
    return naive.number_matches(f"{number}e{power}", [(naive.Fraction(str(quantity["value"])),) * 2])
