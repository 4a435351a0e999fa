"""Cost control: a search that would read more index rows than its budget is refused, on both engines alike."""

from collections.abc import Iterator
from typing import Any

import pytest

from suture.fhir.outcomes import TooCostly
from suture.search import counting
from suture.search.query import Limits
from tests import databases
from tests.search.conftest import Driven

Resource = dict[str, Any]
BUDGET = 40
MANY = 60


def observation(n: int, rare: bool) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"o{n:02d}",
        "status": "final",
        "code": {"coding": [{"system": "urn:c", "code": "rare" if rare else "common"}]},
        "category": [{"coding": [{"system": "urn:k", "code": "lab"}]}],
        "effectiveDateTime": f"2020-01-{n % 28 + 1:02d}",
        "subject": {"reference": f"Patient/p{n % 3}"},
        "valueString": f"text {n:02d}",
        "performer": [{"reference": "Practitioner/all"}],
        "component": [{"code": {"text": "x"}, "valueQuantity": {"value": 7}}],
    }


@pytest.fixture(scope="module", params=databases.ENGINES)
def few(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    """A world whose budget is 40 rows, whose planner gathers at most 5, with 60 observations, 2 of them rare."""
    with databases.for_test(request.param, tmp_path_factory.mktemp("budget")) as url:
        one = Driven(url)
        one.world.searches = {5000: one.world.with_limits(Limits(10, 50, 40, gather=5, budget=BUDGET))}
        one.world.search = one.world.searches[5000]
        one.run(one.world.put(*(observation(n, rare=n in (3, 50)) for n in range(MANY))))
        one.run(one.world.put(*({"resourceType": "Patient", "id": f"p{n}"} for n in range(3))))
        one.run(one.world.put({"resourceType": "Practitioner", "id": "all"}))
        yield one
        one.close()


@pytest.mark.parametrize(
    "url",
    (
        "Observation?status=final&value-string:contains=nothing",  # every row would be probed
        "Observation?code:not=common,rare",
        "Observation?_sort=_id",  # all must be known before the first
        "Observation?status=final&_sort=-code",
        "Observation?status=final&_sort=value-string&value-string:contains=nothing",
        "?_type=Observation&_tag:missing=false",
        "Observation?patient.gender:missing=true&_sort=_id",
        "Observation?status=final&category=lab&_summary=count",
        "Observation?status=final&category=lab&_total=accurate",
    ),
)
def test_a_search_beyond_the_budget_is_refused_with_advice(few: Driven, url: str) -> None:
    with pytest.raises(TooCostly, match="Add") as raised:
        few.ids(url)
        few.run(few.world.count(url))
    assert raised.value.code == "too-costly"
    assert "40 index rows" in str(raised.value)
    assert "patient" in str(raised.value) or url.startswith("?")


@pytest.mark.parametrize(
    ("url", "found"),
    (
        ("Observation?status=final&_count=10", 10),
        ("Observation?code=rare", 2),
        ("Observation?code=rare&_sort=_id", 2),
        ("Observation?status=final&code=rare&_sort=-_id", 2),
        ("Observation?patient=p1&code:not=rare", 10),
        ("Observation?_sort=value-string", 10),
        ("Observation?_sort=-date&_total=accurate", 10),
        ("Observation?_id=" + ",".join(f"o{n:02d}" for n in range(MANY)) + "&_sort=-_id", 10),
    ),
)
def test_within_the_budget_everything_is_answered(few: Driven, url: str, found: int) -> None:
    assert len(few.run(few.world.page(url)).matches) == found


@pytest.mark.parametrize("more", ("", "&_total=accurate", "&_sort=name", "&gender:missing=true"))
def test_what_refers_to_one_candidate_is_looked_through_within_the_budget(few: Driven, more: str) -> None:
    """60 observations refer to this one. What is found among the first 40 needs no more."""
    url = f"Practitioner?_id=all&_has:Observation:performer:{{}}{more}"
    assert few.ids(url.format("code=common")) == ["all"]
    assert few.ids(url.format("value-string:contains=text 0")) == ["all"]
    for never in ("value-string:contains=nothing", "subject.name=nobody"):
        with pytest.raises(TooCostly, match="refer"):
            few.ids(url.format(never))
    assert few.ids("Patient?_id=p0&_has:Observation:subject:value-string:contains=nothing") == []


def test_pages_within_the_budget_reach_the_end(few: Driven) -> None:
    """A page is charged for what it reads itself, not for the pages before it."""
    assert len(few.ids("Observation?status=final&_count=10")) == MANY
    assert len(few.ids("Observation?_sort=-date,-_lastUpdated&_count=10")) == MANY


@pytest.mark.parametrize("sort", ("component-value-quantity", "-component-value-quantity"))
def test_pages_of_one_value_that_all_share_reach_the_last_of_them(few: Driven, sort: str) -> None:
    """What has no value comes after them, and to find that nothing does takes more than the budget."""
    url = f"Observation?_sort={sort}&_count=10"
    ids: list[str] = []
    cursor = ""
    for _ in range(MANY // 10):
        page = few.run(few.world.page(url + cursor))
        ids += [match.id for match in page.matches]
        cursor = f"&_cursor={page.next}"
    order = [f"o{n:02d}" for n in range(MANY)]
    assert ids == (order[::-1] if sort[0] == "-" else order)
    with pytest.raises(TooCostly):
        few.run(few.world.page(url + cursor))
    back = few.run(few.world.page(f"{url}&_cursor={page.previous}"))
    assert [match.id for match in back.matches] == ids[-20:-10]


def test_plain_lists_are_counted_beyond_the_budget(few: Driven) -> None:
    assert few.run(few.world.count("Observation?status=final")) == MANY
    assert few.run(few.world.page("Observation?_total=accurate")).total == MANY


def test_an_estimate_is_exact_for_few_and_cheap_for_many(few: Driven) -> None:
    assert few.run(few.world.page("Observation?status=final&category=lab&_total=estimate")).total == MANY


@pytest.mark.parametrize(
    ("url", "right"),
    (("Observation?status=final&category=lab", MANY),
     ("Observation?status=final&value-string:missing=false", MANY), ("Observation", MANY)),
)  # fmt: skip
def test_more_than_the_sample_is_estimated(few: Driven, monkeypatch: pytest.MonkeyPatch, url: str, right: int) -> None:
    """From a sample of the candidates and the size of their list, which PostgreSQL knows from its statistics."""
    monkeypatch.setattr(counting, "SAMPLE", 30)
    world = few.world

    async def analyzed() -> None:
        async with world.store.reading() as connection:
            await connection.execute("analyze")

    few.run(analyzed())
    total = few.run(world.page(f"{url}{'&' if '?' in url else '?'}_total=estimate")).total
    assert total is not None and right / 2 <= total <= 2 * right + 5


def test_a_hundred_thousand_ids_are_no_scan(few: Driven) -> None:
    ids = ",".join(f"x{n}" for n in range(100_000 - 1)) + ",o03"
    assert few.ids(f"Observation?_id={ids}") == ["o03"]
