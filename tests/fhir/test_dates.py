"""Dates stand for spans of time (https://hl7.org/fhir/R4/search.html#date)."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.dates import DAY, bounds, from_us, to_us

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE = timedelta(microseconds=1)

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-12-31"), timezones=zones)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // ONE


@pytest.mark.parametrize(
    ("text", "first", "beyond"),
    [
        ("2024", "2024-01-01T00:00:00", "2025-01-01T00:00:00"),
        ("2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("2023-12", "2023-12-01T00:00:00", "2024-01-01T00:00:00"),
        ("2024-02-29", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("2024-05-17T08:30Z", "2024-05-17T08:30:00", "2024-05-17T08:31:00"),
        ("2024-05-17T08:30", "2024-05-17T08:30:00", "2024-05-17T08:31:00"),
        ("2024-05-17T08:30:15Z", "2024-05-17T08:30:15", "2024-05-17T08:30:16"),
        ("2024-05-17T08:30:15+02:00", "2024-05-17T06:30:15", "2024-05-17T06:30:16"),
        ("2024-05-17T08:30:15-05:30", "2024-05-17T14:00:15", "2024-05-17T14:00:16"),
        ("2024-05-17T08:30:15.2Z", "2024-05-17T08:30:15.2", "2024-05-17T08:30:15.3"),
        ("2024-05-17T08:30:15.250", "2024-05-17T08:30:15.250", "2024-05-17T08:30:15.251"),
        ("2024-05-17T08:30:15.123456789Z", "2024-05-17T08:30:15.123456", "2024-05-17T08:30:15.123457"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00", "2017-01-01T00:00:01"),
    ],
)
def test_a_date_spans_its_precision(text: str, first: str, beyond: str) -> None:
    start = us(datetime.fromisoformat(first).replace(tzinfo=UTC))
    end = us(datetime.fromisoformat(beyond).replace(tzinfo=UTC))
    assert bounds(text) == (start, end - 1)


@pytest.mark.parametrize(
    "text",
    [
        "", "24", "202", "20240", "2024-", "2024-1", "2024-13", "2024-00", "0000", "2024-02-30", "2023-02-29",
        "2024-1-01", "2024-05-17T", "2024-05-17T08", "2024-05-17 08:30:15", "2024-05-17T24:00:00Z",
        "2024-05-17T08:60:00Z", "2024-05-17T08:30:61Z", "2024-05-17T08:30:15.Z",
        "2024-05-17T08:30:15+15:00", "2024-05-17T08:30:15+14:30",
        "2024-05-17T08:30:15+0200", "2024-05-17T08:30:15z", "2024-05-17t08:30:15Z", "2024-05-17T08:30.5Z", "20240517",
        "2024-W20-5", "+2024-05-17", "2024-05-17\n", "2024-05-17T08:30:15Z\n", "٢٠٢٤", "2024-05-1٧", "2024-05-17Z",
        "2024-05-17T08:30:15.1234567890123456789Z", "gt2024", "x" * 10_000,
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date such as 2024") as refusal:
        bounds(text)
    assert len(str(refusal.value)) < 160


@settings(derandomize=True, max_examples=200)
@given(moments)
def test_an_instant_means_what_the_calendar_says(moment: datetime) -> None:
    assert bounds(moment.isoformat(timespec="microseconds")) == (us(moment), us(moment))
    whole = moment.replace(microsecond=0)
    assert bounds(whole.isoformat(timespec="seconds")) == (us(whole), us(whole) + 999_999)


@settings(derandomize=True, max_examples=200)
@given(moments)
def test_a_coarser_date_contains_the_finer_one(moment: datetime) -> None:
    texts = [moment.strftime("%Y").zfill(4), moment.strftime("%m"), moment.strftime("%d")]
    day = "-".join(texts)
    spans = [bounds(t) for t in ("-".join(texts[:1]), "-".join(texts[:2]), day, f"{day}T08:30", f"{day}T08:30:15")]
    for (outer_lo, outer_hi), (lo, hi) in pairwise(spans):
        assert outer_lo <= lo <= hi <= outer_hi


@settings(derandomize=True, max_examples=200)
@given(st.dates(date(1, 1, 2), date(9999, 12, 30)))
def test_days_follow_one_another_without_gap(day: date) -> None:
    today = day.isoformat()
    tomorrow = (day + timedelta(days=1)).isoformat()
    assert bounds(today)[1] + 1 == bounds(tomorrow)[0]
    assert bounds(today)[1] - bounds(today)[0] == DAY - 1


@settings(derandomize=True, max_examples=200)
@given(moments)
def test_an_instant_text_and_its_microseconds_are_the_same(moment: datetime) -> None:
    at = us(moment)
    text = from_us(at)
    assert len(text) == 24 and text.endswith("Z")
    assert to_us(text) == at // 1000 * 1000


@settings(derandomize=True, max_examples=300)
@given(st.text(alphabet="0123456789-T:.+Z ", max_size=32))
def test_nothing_but_a_value_error_comes_of_a_bad_text(text: str) -> None:
    try:
        lo, hi = bounds(text)
    except ValueError:
        return
    assert lo <= hi
