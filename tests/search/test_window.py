"""A date filter reads a window of the lists, whatever reaches into the range from outside."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.fhir.dates import EARLIEST, LATEST, bounds
from suture.fhir.definitions import load
from suture.fhir.versions import Version
from suture.search.extraction.clinical_dates import REACH
from suture.search.filters import And, Range
from suture.search.parameters import SearchParameters
from suture.search.query import Limits
from suture.search.ranges import date_filter
from suture.search.window import window
from suture.store.keys import Keys
from tests import databases
from tests.search.conftest import Driven

Resource = dict[str, Any]
KEYS = Keys(bytes(16))
DATE = SearchParameters(load(Version.R4)).for_type("Observation")["date"]

days = st.integers(-4000, 4000).map(lambda day: day * 86_400_000_000)
spans = st.tuples(days, st.integers(0, REACH // 2)).map(lambda span: (span[0], span[0] + span[1]))
asked = st.tuples(
    st.sampled_from(("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),
    st.dates(date(1960, 1, 1), date(1980, 12, 31)),
).map(lambda parts: parts[0] + parts[1].isoformat())


def passes(filter: Range, span: tuple[int, int]) -> bool:
    compare = {"<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}
    ends = {"lo": span[0], "hi": span[1]}
    tests = [(compare[how](ends[end], int(value)), True) for end, how, value in filter.every]
    some = [compare[how](ends[end], int(value)) for end, how, value in filter.some]
    return all(passed for passed, _ in tests) and (not some or any(some))


@given(st.lists(spans, min_size=1, max_size=3), st.lists(asked, min_size=1, max_size=3))
def test_every_match_that_does_not_reach_far_lies_in_the_window(found: list[tuple[int, int]], texts: list[str]) -> None:
    filters = [date_filter(DATE, KEYS, text, now=0) for text in texts]
    assert all(isinstance(filter, Range) for filter in filters)
    sdate, reach = min(lo for lo, _ in found), max(hi for _, hi in found)
    matches = all(any(passes(filter, span) for span in found) for filter in filters if isinstance(filter, Range))
    if not matches or reach - sdate > REACH:
        return
    where = window(filters)
    if where is not None:
        assert where.low is None or where.low <= sdate
        assert where.high is None or sdate <= where.high


def test_a_filter_that_need_not_hold_gives_no_window() -> None:
    assert window([And((date_filter(DATE, KEYS, "ge2020", now=0),))]) is None
    assert window([date_filter(DATE, KEYS, "ne2020", now=0)]) is None
    found = window([date_filter(DATE, KEYS, "ge2020", now=0), date_filter(DATE, KEYS, "lt2021", now=0)])
    assert found is not None
    assert (found.low, found.high) == (bounds("2020")[0] - REACH, bounds("2021")[0])
    assert EARLIEST < bounds("0001")[0] - REACH < bounds("9999")[1] < LATEST


LASTING = {
    "open": {"start": "2001-01-01"},
    "ended": {"end": "2030-01-01"},
    "long": {"start": "2001-01-01", "end": "2019-12-31"},
    "short": {"start": "2018-12-01", "end": "2019-03-01"},
}
MANY = 300


def observation(id: str, **when: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": "common"}]},
        **when,
    }


@pytest.fixture(scope="module", params=databases.ENGINES)
def dated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """300 observations of one code over as many months, and four that last; no search may read more than 60 rows."""
    with databases.for_test(request.param, tmp_path_factory.mktemp("window")) as url:
        one = Driven(url)
        one.world.searches = {5000: one.world.with_limits(Limits(10, 50, 40, gather=20, budget=60))}
        one.world.search = one.world.searches[5000]
        many = (
            observation(f"m{n:03d}", effectiveDateTime=f"{2000 + n // 12}-{n % 12 + 1:02d}-15") for n in range(MANY)
        )
        lasting = (observation(id, effectivePeriod=period) for id, period in LASTING.items())
        one.run(one.world.put(*many, *lasting, observation("timed", effectiveTiming={"event": ["2002", "2019-02-03"]})))
        yield one
        one.close()


@pytest.mark.parametrize("scope", ("code=common&", ""))
@pytest.mark.parametrize(
    ("dates", "found"),
    (
        ("date=ge2019-02-01&date=lt2019-03-01", "ended m229 short open long timed"),
        ("date=2019-02", "m229"),
        ("date=lt2000-02-01", "ended m000"),
        ("date=eb2000-02-01", "m000"),
        ("date=sa2024-11-30", "m299"),
        ("date=gt2024-11-30", "ended m299 open"),
        ("date=ge2030-01-02", "open"),
        ("date=le1999", "ended"),
        ("date=ap2031-06-01,2000-01-15&date=lt2000-01-16&date=eb2000-01-16", "m000"),
    ),
)
def test_what_reaches_into_the_range_is_found_without_reading_the_rest(
    dated: Driven, scope: str, dates: str, found: str
) -> None:
    expected = sorted(found.split())
    assert sorted(dated.ids(f"Observation?{scope}{dates}&_sort=-date")) == expected
    assert sorted(dated.ids(f"Observation?{scope}{dates}&_sort=date")) == expected
    newest = dated.ids(f"Observation?{scope}{dates}&_sort=-date")
    assert dated.ids(f"Observation?{scope}{dates}&_sort=-date&_count=2") == newest  # page by page
