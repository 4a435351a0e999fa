"""Operators (http://hl7.org/fhirpath/#operations)."""

from decimal import Decimal
from typing import Any

import pytest

from suture.fhirpath import FhirPathError
from tests.fhir.fhirpath.given import PATIENT, answer

ANSWERS: dict[str, list[Any]] = {
    # equality: http://hl7.org/fhirpath/#equality
    "1 = 1.0": [True], "1.10 = 1.1": [True], "'a' = 'A'": [False], "{} = {}": [], "1 = {}": [],
    "(1 | 2 | 3) = (3 | 2 | 1)": [False], "(1 | 2) = (1 | 2 | 3)": [False], "23 = 23 '1'": [True],
    "true = 1": [False], "'1' = 1": [False], "@2020 != @T10": [True],
    # equivalence
    "{} ~ {}": [True], "1 ~ {}": [False], "'a b' ~ 'A\\tB'": [True], "(1 | 2 | 3) ~ (3 | 2 | 1)": [True],
    "1.2 / 1.8 ~ 0.67": [True], "1 ~ 1.0": [True], "(1 | 2) !~ (1 | 3)": [True],
    # comparison
    "10 > 5.0": [True], "'abc' > 'ABC'": [True], "1 < {}": [], "5 'mg' > 4": [],
    # membership
    "'a' in ('a' | 'b')": [True], "{} in (1 | 2)": [], "1 in {}": [False], "(1 | 2) contains 2": [True],
    "{} contains 1": [False], "(1 | 2) contains {}": [],
    # arithmetic
    "0.1 + 0.2 = 0.3": [True], "'a' + 'b'": ["ab"], "'a' & {} & 'b'": ["ab"], "'a' + {}": [],
    "5 div 2": [2], "-5 div 2": [-2], "5.5 div 0.7": [Decimal(7)], "-10 mod 3": [-1], "5.5 mod 0.7": [Decimal("0.6")],
    "1 / 0": [], "1 mod 0": [], "4 / 2": [Decimal(2)], "2147483647 + 1": [], "5L + 4.5": [Decimal("9.5")],
    "5L div 2": [2], "-(3)": [-3], "+2.50": [Decimal("2.50")], "-(4 'mg') = -4 'mg'": [True],
    # union
    "(1 | 2 | 2 | 1).count()": [2], "('a' | {}).count()": [1], "1 'm' | 100 'cm' | 2 'm'": 2 * [None],
    # precedence: http://hl7.org/fhirpath/#operator-precedence
    "1 + 2 * 3": [7], "1 | 2 = 2": [False], "true or false and false": [True], "-1.abs()": [-1], "(-1).abs()": [1],
    # types: http://hl7.org/fhirpath/#types
    "1 is Integer": [True], "1 is System.Integer": [True], "1 is integer": [False], "1 is System.Any": [True],
    "1.0 as Decimal": [Decimal("1.0")], "1 as String": [], "{} is Integer": [], "1 'mg' is Quantity": [True],
}  # fmt: skip


@pytest.mark.parametrize("expression", ANSWERS)
def test_an_operator_gives(expression: str) -> None:
    found, wanted = answer(expression), ANSWERS[expression]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert other is None or (one == other and type(one) is type(other))


@pytest.mark.parametrize(
    "expression",
    [
        "1 + 'a'", "'a' - 'b'", "true > false", "1 < 'a'", "(1 | 2) + 1", "(1 | 2) > 1", "('a' | 'b') in ('a')",
        "-('a')", "-(1 | 2)", "(1 | 2) is Integer", "(1 | 2) as Integer", "(1 | 2) and true", "1 & 2", "@2020 + 7",
        "{} contains (1 | 2)", "@2020 * 2", "1 + true", "1 div 'a'", "(1 | 2)['a']",
    ],
)  # fmt: skip
def test_an_operation_without_meaning_is_an_error(expression: str) -> None:
    with pytest.raises(FhirPathError):
        answer(expression)


TRUTHS = {"true": True, "false": False, "{}": None}
TABLES = {
    "and": lambda a, b: False if a is False or b is False else None if a is None or b is None else True,
    "or": lambda a, b: True if a is True or b is True else None if a is None or b is None else False,
    "xor": lambda a, b: None if a is None or b is None else a is not b,
    "implies": lambda a, b: True if a is False or b is True else None if a is None or b is None else b,
}


@pytest.mark.parametrize("operator", TABLES)
def test_logic_has_three_values(operator: str) -> None:
    for left, a in TRUTHS.items():
        for right, b in TRUTHS.items():
            wanted = TABLES[operator](a, b)
            assert answer(f"{left} {operator} {right}") == ([] if wanted is None else [wanted]), (left, right)


def test_a_single_item_that_is_no_boolean_counts_as_true() -> None:
    assert answer("name.first() and gender.empty().not()", PATIENT) == [True]
    assert answer("0 or false") == [True]
    with pytest.raises(FhirPathError, match="A single Boolean is expected, there are 2 items"):
        answer("name and true", PATIENT)


def test_an_element_without_value_is_there_but_has_no_value() -> None:
    assert answer("gender.exists() and gender.hasValue().not()", PATIENT) == [True]
    assert answer("gender = 'male'", PATIENT) == []
    assert answer("gender & 'x'", PATIENT) == ["x"]
    assert answer("gender.extension('http://why').value", PATIENT) == ["unknown"]


def test_structures_are_equal_when_all_their_elements_are() -> None:
    period = {"start": "2020-01-01T10:00:00Z", "end": "2021"}
    same = {"start": "2020-01-01T11:00:00+01:00", "end": "2021"}
    unsure = {"start": "2020-01-01T11:00:00+01:00", "end": "2021-01"}
    patient = {"resourceType": "Patient", "identifier": [{"period": one} for one in (period, same, unsure)]}
    periods = "identifier[{}].period = identifier[{}].period"
    assert answer(periods.format(0, 1), patient) == [True]
    assert answer(periods.format(0, 2), patient) == []
    assert answer("identifier.period.distinct().count()", patient) == [2]
    assert answer("name[0] = name[1]", PATIENT) == [False]
    assert answer("name = name", PATIENT) == [True]
