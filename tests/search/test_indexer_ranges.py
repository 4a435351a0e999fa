"""Strings, dates, numbers and quantities of each datatype (https://hl7.org/fhir/R4/search.html)."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from suture.fhir.dates import EARLIEST, LATEST, bounds
from suture.fhir.outcomes import InvalidStructure
from suture.fhir.ucum import canonical
from suture.fhir.versions import Version
from suture.search.values import NEAR_LATITUDE, NEAR_LONGITUDE, unit_code, unit_dimension, unit_full
from suture.store.rows import NO_DATE
from tests.search.indexing import Indexed, observation, patient

UCUM = "http://unitsofmeasure.org"


def test_every_part_of_a_name_is_a_string() -> None:
    name = {
        "text": "Dr Ann Mary O'Neil PhD",
        "family": "O'Neil",
        "given": ["Ann", "Mary"],
        "prefix": ["Dr"],
        "suffix": ["PhD"],
    }
    found = Indexed(patient(name=[name, {"family": "Müller"}]))
    assert found.norms("name") == {"dr ann mary o'neil phd", "o'neil", "ann", "mary", "dr", "phd", "muller"}
    assert found.strings("family") == {("o'neil", "O'Neil"), ("muller", "Müller")}
    assert found.norms("given") == {"ann", "mary"}
    assert found.norms("phonetic") == set()  # shares the rows of name
    assert found.has("phonetic")


def test_every_part_of_an_address_is_a_string() -> None:
    address = {
        "text": "whole", "line": ["1 Main St", "Flat 2"], "city": "Ulm", "district": "Mitte", "state": "BW",
        "postalCode": "89073", "country": "DE", "use": "home",
    }  # fmt: skip
    found = Indexed(patient(address=[address]))
    assert found.norms("address") == {"whole", "1 main st", "flat 2", "ulm", "mitte", "bw", "89073", "de"}
    assert found.norms("address-city") == {"ulm"} and found.norms("address-postalcode") == {"89073"}
    assert found.has_token("address-use", "home")


def test_strings_and_texts_of_concepts() -> None:
    assert Indexed(observation(valueString="Positive")).strings("value-string") == {("positive", "Positive")}
    assert Indexed(observation(valueCodeableConcept={"text": "neg"})).strings("value-string") == {("neg", "")}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"effectiveDateTime": "2024-05"}, bounds("2024-05")),
        ({"effectiveInstant": "2024-05-17T08:30:15.250Z"}, bounds("2024-05-17T08:30:15.250Z")),
        (
            {"effectivePeriod": {"start": "2024-05-17", "end": "2024-06"}},
            (bounds("2024-05-17")[0], bounds("2024-06")[1]),
        ),
        ({"effectivePeriod": {"start": "2024-05-17"}}, (bounds("2024-05-17")[0], LATEST)),
        ({"effectivePeriod": {"end": "2024-06"}}, (EARLIEST, bounds("2024-06")[1])),
        (
            {
                "effectiveTiming": {
                    "event": ["2024-05-17", "2024-01-01"],
                    "repeat": {"boundsPeriod": {"end": "2024-07"}},
                }
            },
            (EARLIEST, bounds("2024-07")[1]),
        ),
        (
            {"effectiveTiming": {"event": ["2024-05-17", "2024-01-01T08:00:00Z"]}},
            (bounds("2024-01-01T08:00:00Z")[0], bounds("2024-05-17")[1]),
        ),
    ],
)
def test_dates_periods_and_timings_are_spans(members: dict[str, Any], expected: tuple[int, int]) -> None:
    assert Indexed(observation(**members)).dates("date") == {expected}


@pytest.mark.parametrize("members", [{"effectivePeriod": {"id": "x"}}, {"effectiveTiming": {"repeat": {"count": 3}}}])
def test_spans_without_limits_are_present_and_have_no_row(members: dict[str, Any]) -> None:
    found = Indexed(observation(**members))
    assert found.has("date") and found.dates("date") == set() and found.rows.sdate == NO_DATE


def test_the_clinical_date_is_the_beginning() -> None:
    assert Indexed(observation(effectiveDateTime="2024-05-17")).rows.sdate == bounds("2024-05-17")[0]
    period = {"start": "2024-05-17", "end": "2025"}
    assert Indexed(observation(effectivePeriod=period)).rows.sdate == bounds("2024-05-17")[0]
    assert Indexed(observation(effectivePeriod={"end": "2025"})).rows.sdate == bounds("2025")[1]
    assert Indexed(observation()).rows.sdate == NO_DATE
    assert Indexed(patient(birthDate="1980-01-01")).rows.sdate == NO_DATE


def test_other_dates_of_a_type_do_not_move_its_clinical_date() -> None:
    found = Indexed(observation(effectiveDateTime="2024-05-17", valueDateTime="1999-01-01"))
    assert found.rows.sdate == bounds("2024-05-17")[0]
    assert found.dates("value-date") == {bounds("1999-01-01")}


def test_a_quantity_is_found_without_unit_by_unit_by_code_and_by_system() -> None:
    value = {"value": Decimal("5.40"), "unit": "drops", "system": "urn:units", "code": "gtt"}
    found = Indexed(observation(valueQuantity=value))
    for unit in (None, unit_code("gtt"), unit_code("drops"), unit_full("urn:units", "gtt")):
        assert found.amounts("value-quantity", unit) == {(5.4, 5.4)}
    assert found.amounts("value-quantity", unit_code("Gtt")) == set()
    assert found.amounts("combo-value-quantity") == set()  # asks for the rows of value-quantity


@pytest.mark.parametrize(
    ("value", "unit", "dimension", "expected"),
    [
        ("5.4", "g", "g", 5.4),
        ("5400", "mg", "g", 5.4),
        ("0.1", "mg", "g", 0.0001),
        ("37", "Cel", "K", 310.15),
        ("98.6", "[degF]", "K", 310.15),
        ("120", "mm[Hg]", "g.m-1.s-2", 15_998_640.0),
    ],
)
def test_units_of_one_dimension_meet_in_its_base_units(value: str, unit: str, dimension: str, expected: float) -> None:
    quantity = {"value": Decimal(value), "unit": "x", "system": UCUM, "code": unit}
    found = Indexed(observation(valueQuantity=quantity))
    base = canonical(unit)
    assert base is not None and base.dimension == dimension
    (row,) = found.amounts("value-quantity", unit_dimension(dimension))
    exact = float(Fraction(value) * base.factor + base.offset)
    assert row == (exact, exact) and exact == pytest.approx(expected)
    assert found.amounts("value-quantity", unit_code(unit)) == {(float(value), float(value))}
    assert found.amounts("value-quantity", unit_full(UCUM, unit)) == set()


def test_a_comparator_opens_the_range_in_base_units_too() -> None:
    quantity = {"value": Decimal(5), "comparator": "<", "system": UCUM, "code": "mg"}
    found = Indexed(observation(valueQuantity=quantity))
    assert found.amounts("value-quantity", unit_dimension("g")) == {(-math.inf, math.nextafter(0.005, -math.inf))}


def test_units_that_ucum_does_not_know_are_compared_as_they_are() -> None:
    found = Indexed(observation(valueQuantity={"value": 5, "system": UCUM, "code": "furlong"}))
    assert found.amounts("value-quantity", unit_full(UCUM, "furlong")) == {(5.0, 5.0)}


def test_positions_are_two_numbers() -> None:
    position = {"longitude": Decimal("-83.69"), "latitude": Decimal("42.25")}
    found = Indexed({"resourceType": "Location", "position": position})
    assert found.amounts(NEAR_LATITUDE) == {(42.25, 42.25)} and found.amounts(NEAR_LONGITUDE) == {(-83.69, -83.69)}
    assert found.has("near") and not Indexed({"resourceType": "Location"}).has("near")


@pytest.mark.parametrize(
    ("comparator", "expected"),
    [
        ("<", (-math.inf, math.nextafter(5.0, -math.inf))),
        ("<=", (-math.inf, 5.0)),
        (">", (math.nextafter(5.0, math.inf), math.inf)),
        (">=", (5.0, math.inf)),
    ],
)
def test_a_comparator_opens_the_range(comparator: str, expected: tuple[float, float]) -> None:
    found = Indexed(observation(valueQuantity={"value": 5, "comparator": comparator}))
    assert found.amounts("value-quantity") == {expected}


def test_a_quantity_without_value_is_present_and_has_no_row() -> None:
    found = Indexed(observation(valueQuantity={"unit": "mg"}))
    assert found.has("value-quantity") and found.rows.qty == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("10 20 -5", {(-9.0, 41.0)}),
        ("10 E 20", {(21.0, 41.0)}),
        ("L 20", {(-math.inf, 41.0)}),
        ("10 U", {(21.0, math.inf)}),
        ("E E", set()),
        ("NaN 10 x", {(21.0, 21.0)}),
    ],
)
def test_sampled_data_span_their_values(data: str, expected: set[tuple[float, float]]) -> None:
    sampled = {"origin": {"value": 1, "code": "mV", "system": UCUM}, "factor": 2, "dimensions": 1, "data": data}
    found = Indexed(observation(valueSampledData=sampled))
    assert found.amounts("value-quantity") == expected
    assert found.amounts("value-quantity", unit_code("mV")) == expected
    base = canonical("mV")
    assert base is not None
    scaled = {(lo * float(base.factor), hi * float(base.factor)) for lo, hi in expected}
    assert found.amounts("value-quantity", unit_dimension(base.dimension)) == scaled


def test_ranges_and_ages_are_quantities() -> None:
    def condition(**onset: Any) -> Indexed:
        return Indexed({"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **onset})

    years = {"value": 40, "unit": "a", "code": "a", "system": UCUM}
    assert condition(onsetAge=years).amounts("onset-age", unit_code("a")) == {(40.0, 40.0)}
    assert condition(onsetRange={"low": years}).amounts("onset-age", unit_code("a")) == {(40.0, math.inf)}
    in_seconds = condition(onsetRange={"low": years}).amounts("onset-age", unit_dimension("s"))
    assert in_seconds == {(40.0 * 31557600, math.inf)}
    assert condition(onsetRange={"high": years}).amounts("onset-age") == {(-math.inf, 40.0)}
    assert condition(onsetRange={"id": "x"}).amounts("onset-age") == set()


def test_money_is_a_quantity_of_its_currency() -> None:
    invoice = {
        "resourceType": "Invoice",
        "status": "issued",
        "totalNet": {"value": Decimal("12.30"), "currency": "EUR"},
    }
    found = Indexed(invoice)
    for unit in (None, unit_code("EUR"), unit_full("urn:iso:std:iso:4217", "EUR")):
        assert found.amounts("totalnet", unit) == {(12.3, 12.3)}


def test_numbers_and_ranges_of_numbers() -> None:
    def risk(**probability: Any) -> Indexed:
        subject = {"reference": "Patient/1"}
        return Indexed({"resourceType": "RiskAssessment", "subject": subject, "prediction": [probability]})

    assert risk(probabilityDecimal=Decimal("0.25")).amounts("probability") == {(0.25, 0.25)}
    span = {"low": {"value": Decimal("0.1")}, "high": {"value": Decimal("0.3")}}
    assert risk(probabilityRange=span).amounts("probability") == {(0.1, 0.3)}


def test_first_takes_only_the_first_value_in_r5() -> None:
    period = [{"start": "2024-01-01"}, {"start": "2025-01-01"}]
    both = Indexed(
        {"resourceType": "Appointment", "start": "2023-06-01T08:00:00Z", "requestedPeriod": period}, Version.R5
    )
    assert both.dates("date") == {bounds("2023-06-01T08:00:00Z")}
    assert len(both.dates("requested-period")) == 2
    wish = Indexed({"resourceType": "Appointment", "requestedPeriod": period}, Version.R5)
    assert wish.dates("date") == {bounds("2024-01-01")}


def test_a_date_that_is_none_is_a_client_error() -> None:
    with pytest.raises(InvalidStructure, match="'soon' is not a date"):
        Indexed(patient(birthDate="soon"))


def test_an_unknown_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Indexed({"resourceType": "Nothing"})
