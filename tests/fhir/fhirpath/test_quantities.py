"""Quantities and units (http://hl7.org/fhirpath/#quantity, https://hl7.org/fhir/R4/fhirpath.html#quantity)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhirpath import FhirPathError
from tests.fhir.fhirpath.given import answer

ANSWERS: dict[str, list[Any]] = {
    # equality, equivalence, comparison
    "1 'cm' = 10.0 'mm'": [True], "1 'cm' = 1 'm'": [False], "1 'cm' = 1 's'": [], "1 'cm' = 1 'nonsense'": [],
    "23 'Cel' = 73.4 '[degF]'": [], "23 'Cel' = 23.0 'Cel'": [True], "1 hour = 3600 's'": [True],
    "7 days = 1 'wk'": [True], "1 year = 12 months": [True], "1 year = 1 'a'": [], "1 year ~ 1 'a'": [True],
    "1 month = 30 days": [True], "1 'mo' > 1 month": [], "6 months > 1 year": [False], "1 day = 24 hours": [True],
    "21 'mm' ~ 2 'cm'": [True], "4 'g' ~ 4040 'mg'": [True], "4.0 'g' ~ 4.4 'g'": [True], "4 'g' ~ 4 's'": [False],
    "1 '[in_i]' ~ 2.5 'cm'": [True], "37.0 'Cel' ~ 37 'Cel'": [True], "37 'Cel' ~ 98.6 '[degF]'": [False],
    "3 'min' > 1 'h'": [False], "4 'm' > 4 'cm'": [True], "4 'm' > 4 's'": [],
    "1 'cm'.comparable(1 '[in_i]')": [True], "1 'cm'.comparable(1 's')": [False], "1.comparable(2)": [True],
    "1 year.comparable(1 'a')": [False], "1 'mmol/L' > 1 'mol/L'": [False],
    # arithmetic
    "(3 'm' + 3 'cm').toString()": ["3.03 'm'"], "(3 'cm' - 3 'm').toString()": ["-297 'cm'"],
    "(60 's' + 2 minutes).toString()": ["180 's'"], "1 year + 12 months": [], "(1 + 2 'cm').toString()": ["3 'cm'"],
    "1 'm' + 1 's'": [], "(12 'cm' * 3 'cm').toString()": ["36 'cm2'"], "(10 'm/s' * 10 's').toString()": ["100 'm'"],
    "(120 'm' / 60 's').toString()": ["2 'm/s'"], "(60 / 1 's').toString()": ["60 '/s'"], "12 days * 45 'm'": [],
    "6 days / 2 days": [], "(3 * 2 days).toString()": ["6 days"], "(6 days / 2).toString()": ["3 days"],
    "(1.0 * 5 '%').toString()": ["5.0 '%'"], "(1 year + 2 years).toString()": ["3 year"], "1 year = 1 years": [True],
    "(1 'km' / 1 'm').toString()": ["1000 '1'"], "1 'm' / 0 's'": [],
    "2.0 'cm' * 2.0 'm' = 0.040 'm2'": [True], "(2 'mm[Hg]' * 2 'mm[Hg]').toString()": ["4 'mm[Hg]2'"],
    "(1.55 'mg').round(1).toString()": ["1.6 'mg'"], "(-1.5 'mg').abs().toString()": ["1.5 'mg'"],
    "(1 'mg' | 2 'mg').sum().toString()": ["3 'mg'"], "(1 'm' | 50 'cm').max().unit": ["m"],
    # conversions
    "'4 days'.toQuantity() = 4 days": [True], "'10 \\'mg\\''.toQuantity() = 10 'mg'": [True], "'1 wk'.toQuantity()": [],
    "'1 \\'xyz\\''.toQuantity()": [], "1.toQuantity() = 1 '1'": [True], "true.toQuantity() = 1 '1'": [True],
    "52 'cm'.toQuantity('m').value": [Decimal("0.52")], "24 'm'.toQuantity('kg')": [], "45.toQuantity('m').unit": ["m"],
    "1 'a'.toQuantity('d').value": [Decimal("365.25")], "7 days.toQuantity('wk').toString()": ["1 'wk'"],
    "10 'Cel'.convertsToQuantity('[degF]')": [False], "4 days.toString()": ["4 days"],
    "1.0 'g'.toString()": ["1.0 'g'"],
}  # fmt: skip


@pytest.mark.parametrize("expression", ANSWERS)
def test_a_quantity_gives(expression: str) -> None:
    assert answer(expression) == ANSWERS[expression]


def test_a_quantity_is_given_as_fhir_writes_it() -> None:
    ucum = "http://unitsofmeasure.org"
    assert answer("4.50 'mg'") == [{"value": Decimal("4.50"), "unit": "mg", "system": ucum, "code": "mg"}]
    calendar = "http://hl7.org/fhirpath/CodeSystem/calendar-units"
    assert answer("4 days") == [{"value": Decimal(4), "unit": "days", "system": calendar, "code": "day"}]


def observation(**quantity: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "valueQuantity": quantity}


def test_quantities_of_fhir_are_quantities() -> None:
    weight = observation(value=Decimal("70.0"), unit="kilos", system="http://unitsofmeasure.org", code="kg")
    assert answer("value = 70000 'g'", weight) == [True]
    assert answer("value > 70 'kg'", weight) == [False]
    assert answer("(value + 1 'kg').value", weight) == [Decimal("71.0")]
    assert answer("value.value.type().name", weight) == ["decimal"]
    assert answer("today() + 3 days > today()", weight) == [True]


def test_a_unit_that_nobody_knows_is_only_the_same_as_itself() -> None:
    pills = observation(value=2, unit="pills")
    assert answer("value = value", pills) == [True]
    assert answer("value > 1 'g'", pills) == []
    assert answer("value = 2 'g'", pills) == []
    assert answer("value ~ value", pills) == [True]
    assert answer("value ~ 2 'g'", pills) == [False]


def test_a_comparator_leaves_open_how_much() -> None:
    trace = observation(value=5, comparator="<", system="http://unitsofmeasure.org", code="mg")
    assert answer("value < 10 'mg'", trace) == []
    assert answer("value = value", trace) == [True]


def test_an_age_moves_a_date() -> None:
    condition = {
        "resourceType": "Condition",
        "onsetAge": {"value": 3, "system": "http://unitsofmeasure.org", "code": "d"},
    }
    assert answer("@2020-01-01 + onset.ofType(Age)", condition) == ["2020-01-04"]
    with pytest.raises(FhirPathError, match="not such a unit"):
        answer("@2020-01-01 + 3 'kg'", condition)


amounts = st.decimals(min_value=-1000, max_value=1000, places=3, allow_nan=False)
units = st.sampled_from(("g", "mg", "kg", "m", "cm", "[in_i]", "s", "min", "1", "mm[Hg]", "kPa"))


def literal(amount: Decimal, unit: str) -> str:
    return f"({amount:f} '{unit}')"


@settings(derandomize=True, max_examples=150, deadline=None)
@given(amounts, units, amounts, units)
def test_comparisons_agree_with_each_other(left: Decimal, unit: str, right: Decimal, other: str) -> None:
    one, two = literal(left, unit), literal(right, other)
    comparable = answer(f"{one}.comparable({two})") == [True]
    less, equal, more = (answer(f"{one} {operator} {two}") for operator in ("<", "=", ">"))
    assert [less, equal, more].count([True]) == (1 if comparable else 0)
    assert answer(f"({one} | {two}).count()") == [1 if equal == [True] else 2]
    if equal == [True]:
        assert answer(f"{one} ~ {two}") == [True]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(amounts, units)
def test_a_unit_converted_there_and_back_is_the_same(amount: Decimal, unit: str) -> None:
    same = {"g": "kg", "mg": "g", "kg": "mg", "m": "cm", "cm": "m", "s": "min", "min": "s"}.get(unit, unit)
    one = literal(amount, unit)
    assert answer(f"{one}.toQuantity('{same}').toQuantity('{unit}') ~ {one}") == [True]
