"""Dates and times: comparison, arithmetic, parts, boundaries (http://hl7.org/fhirpath/#datetime-equality)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhirpath import FhirPathError, evaluate
from tests.fhir.fhirpath.given import answer

ANSWERS: dict[str, list[Any]] = {
    # as precise as both sides are
    "@2012 = @2012": [True], "@2012 = @2013": [False], "@2012-01 = @2012": [], "@2012 ~ @2012-01": [False],
    "@2012-01-01T10:30:31.0 = @2012-01-01T10:30:31": [True], "@2012-01-01T10:30:31 = @2012-01-01T10:30": [],
    "@2018-03 > @2018-03-01": [], "@2018-04 > @2018-03-01": [True], "@T10 > @T10:30": [], "@T11 > @T10:30": [True],
    "@2012-04-15 = @2012-04-15T": [True],
    # zones
    "@2012-04-15T15:00:00+02:00 = @2012-04-15T13:00:00Z": [True],
    "@2018-01-01T16:00:00+12:00 < @2018-01-01T15:00:00.0+10:00": [True],
    "@2012-04-15T15:00:00Z = @2012-04-15T10:00:00": [], "@2012-04-15T15:00:00Z < @2012-04-18T10:00:00": [True],
    "@0001-01-01T00:00:00+14:00 < @9999-12-31T23:59:59-12:00": [True],
    # arithmetic: http://hl7.org/fhirpath/#datetime-arithmetic
    "@1973-12-25 + 7.9 days": ["1974-01-01"], "@2026-01-31 + 1 month": ["2026-02-28"],
    "@2020-02-29 + 1 year": ["2021-02-28"], "@2020-02-29 - 4 years": ["2016-02-29"],
    "@2019-03-01 + 1 'd'": ["2019-03-02"],
    "@2019-03-01 - 24 months": ["2017-03-01"], "@2026-01-01T13:00:00 + 30 minutes": ["2026-01-01T13:30:00"],
    "@2026-12-31T23:59:59Z + 1 second": ["2027-01-01T00:00:00Z"],
    "@1973-12-25T00:00:00.000+10:00 + 42.53 seconds": ["1973-12-25T00:00:42.530+10:00"],
    "@T23:30:00 + 1 hour": ["00:30:00"], "@T00:30:00 - 1 hour": ["23:30:00"], "@T01:00:00 + 48 hours": ["01:00:00"],
    "@2014 + 23 months": ["2015"], "@2016 + 365 days": ["2017"], "@2026-02 + 5 weeks": ["2026-03"],
    "@2026-02 - 1 day": ["2026-02"], "@2014-01-01T10 + 90 minutes": ["2014-01-01T11"], "@2020 + {}": [],
    # parts
    "@2014-01-05T10:30:00.250.yearOf()": [2014], "@2012.monthOf()": [], "@2014-01-05.dayOf()": [5],
    "@2014-01-05T10:30:00.250.millisecondOf()": [250], "@2014-01-05.hourOf()": [], "@T10:30.minuteOf()": [30],
    "@2012-01-01T12:30:00.000-07:00.timeOf()": ["12:30:00.000"], "@2012-01-01T12:30:00Z.dateOf()": ["2012-01-01"],
    # the time between: http://hl7.org/fhirpath/#date-and-time-interval-functions
    "@2025-01-02.duration(@2025-01-07, 'week')": [0], "@2025-01-02.difference(@2025-01-07, 'week')": [1],
    "@2024-12-01.duration(@2025-09-01, 'year')": [0], "@2024-12-01.difference(@2025-09-01, 'year')": [1],
    "@2025-03-10.duration(@2025-01-09, 'month')": [-2], "@T10:00.difference(@T12:30, 'hour')": [2],
    "@2025.duration(@2026, 'day')": [],
    # boundaries
    "@2014.lowBoundary(6)": ["2014-01"], "@2016-02.highBoundary()": ["2016-02-29"],
    "@T10:30.highBoundary()": ["10:30:59.999"], "@T10.highBoundary()": ["10:59:59.999"],
    "@T10.lowBoundary()": ["10:00:00.000"],
    "@2014-01-05T10.lowBoundary()": ["2014-01-05T10:00:00.000+14:00"], "@2014-01-05.highBoundary(4)": ["2014"],
    "@2014T.highBoundary()": ["2014-12-31T23:59:59.999-12:00"],
    "@2014-01-05T10:30:15.2Z.highBoundary()": ["2014-01-05T10:30:15.299Z"],
    "@2014.lowBoundary(5)": [], "@2014-01-05T10:30.precision()": [12], "@T10:30:00.000.precision()": [9],
    # conversions
    "'2015-02-04'.toDate()": ["2015-02-04"], "'2015-02-30'.toDate()": [], "@2015-02-04T10:00.toDate()": ["2015-02-04"],
    "'15-01-2024 08:05 pm'.toDateTime('dd-MM-yyyy hh:mm a')": ["2024-01-15T20:05"],
    "'12-27'.toDate('MM-yy')": ["2027-12"],
    "'x'.convertsToDate()": [False], "@2015.toDateTime()": ["2015"], "'14:30'.toTime()": ["14:30"],
    "'24:00'.toTime()": [],
    "'20240115'.toDate('yyyyMMdd')": ["2024-01-15"], "'2024'.toDate('dd')": [],
}  # fmt: skip


@pytest.mark.parametrize("expression", ANSWERS)
def test_a_date_gives(expression: str) -> None:
    assert answer(expression) == ANSWERS[expression]


@pytest.mark.parametrize(
    "expression",
    [
        "@2020-13", "@2020-02-30", "@0000", "@T24", "@T10:60", "@2020-01-01T10:00+15:00", "@1974-12-25 + 7",
        "@1974-12-25 + 1 'mo'", "@1974-12-25 + 1 'a'", "@1974-12-25 - 1 'cm'", "@1974-12-25 + 1 hour",
        "@T10:00 + 1 day",
        "@9999-12-31 + 1 day", "@0001-01-01 - 1 day", "@2020 < 1", "@2020 < 'x'", "@T10 < @2020",
        "@2025-01-01.duration(@2025-01-02, 'hour')", "@2025-01-01.duration(@T10, 'day')",
        "@2020 + 9999999999999999 days",
    ],
)  # fmt: skip
def test_a_date_that_is_none_and_arithmetic_without_meaning_are_errors(expression: str) -> None:
    with pytest.raises(FhirPathError):
        answer(expression)


def test_a_fraction_of_a_definite_second_counts_as_the_tests_of_the_version_have_it() -> None:
    later = "@1973-12-25T00:00:00.000+10:00 + 0.1 's'"
    assert answer(later) == ["1973-12-25T00:00:00.000+10:00"]
    assert evaluate(later, None, version="r5") == ["1973-12-25T00:00:00.100+10:00"]
    assert answer(later.replace("'s'", "seconds")) == ["1973-12-25T00:00:00.100+10:00"]


def test_the_clock_stands_still_during_an_evaluation() -> None:
    steps = "(1 | 2 | 3 | 4 | 5).select(now()).distinct().count()"
    assert answer(f"now() = now() and timeOfDay() = timeOfDay() and today() = now().toDate() and {steps} = 1") == [True]


days = st.dates().map(lambda day: f"@{day.isoformat()}")
partials = st.builds(lambda day, length: day[:length], days, st.sampled_from((5, 8, 11)))
moments = st.builds(
    lambda day, hour, minute, zone: f"{day}T{hour:02d}:{minute:02d}:00{zone}",
    days, st.integers(0, 23), st.integers(0, 59), st.sampled_from(("", "Z", "+14:00", "-12:00", "+05:30")),
)  # fmt: skip
anything = partials | moments


@settings(derandomize=True, max_examples=200, deadline=None)
@given(anything, anything)
def test_order_is_the_same_from_both_sides(left: str, right: str) -> None:
    less, more = answer(f"{left} < {right}"), answer(f"{right} > {left}")
    assert less == more
    equal = answer(f"{left} = {right}")
    assert equal == answer(f"{right} = {left}")
    if equal == [True]:
        assert less == [False]
        assert answer(f"({left} | {right}).count()") == [1]
    else:
        assert answer(f"({left} | {right}).count()") == [2]
    if less == [True]:
        assert equal == [False]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(days, st.integers(-20_000, 20_000))
def test_days_that_are_added_are_the_difference(day: str, count: int) -> None:
    try:
        later = answer(f"{day} + {count} days" if count >= 0 else f"{day} - {-count} days")[0]
    except FhirPathError:
        return
    assert answer(f"{day}.difference(@{later}, 'day')") == [count]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(anything)
def test_a_moment_lies_between_its_boundaries(text: str) -> None:
    low, high = answer(f"{text}.lowBoundary()")[0], answer(f"{text}.highBoundary()")[0]
    assert answer(f"@{low} > @{high}") != [True]
    assert answer(f"{text} < @{low}") != [True]
    assert answer(f"{text} > @{high}") != [True]
