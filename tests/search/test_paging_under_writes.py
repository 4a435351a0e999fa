"""Paging while others write, over HTTP: what stays in the result is on exactly one page, in both directions.

Random walks, next and back, with creates, updates and deletes between the pages. The steady resources, which match all
the time and keep what they are sorted by (though they may be updated otherwise), must come as an unbroken run: each
page goes on exactly where the last one ended. `SUTURE_TEST_SEED` sets the seed.
"""

import itertools
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests import databases
from tests.search.live import Live
from tests.search.oracle import World
from tests.search.oracle.world import in_order, key_of

SEED = int(os.environ.get("SUTURE_TEST_SEED", "20"))
Resource = dict[str, Any]

SORTS = (
    "", "date", "-date", "value-quantity", "-value-quantity,date", "subject", "-patient,_id", "_id", "-_id",
    "_lastUpdated", "-_lastUpdated",
    "code", "-code,-date", "status,code", "-subject:Patient.family,date", "patient.birthdate",
)  # fmt: skip
FILTERS = (
    "", "status=final", "patient=Patient/p1", "code=a,b", "date=ge2020-06", "patient.family=x", "value-quantity=lt5",
    "status:not=final", "patient=Patient/p1&code=a", "category=lab&date=lt2021", "_tag=t",
)  # fmt: skip
FAMILIES = ("x", "xa", "X", "y", "")


class Crowd:
    """Patients and observations that come, change and go. `steady`: those that may only be touched."""

    def __init__(self, live: Live, choose: random.Random, prefix: str) -> None:
        self.live, self._choose = live, choose
        self._names = (f"{prefix}{n:03d}" for n in itertools.count())
        self.patients = [self._patient(f"p{n}") for n in range(5)]
        self.observations: dict[str, Resource] = {}
        for _ in range(40):
            one = self._observation(next(self._names))
            self.observations[one["id"]] = one
        live.put(*self.patients, *self.observations.values())
        self.steady: set[str] = set()
        self.gone: list[str] = []

    def _patient(self, id: str) -> Resource:
        family, birth = self._choose.choice(FAMILIES), self._choose.choice(("1950", "1950-03", "2001-01-01", ""))
        patient: Resource = {"resourceType": "Patient", "id": id, "name": [{"family": family}]}
        if not family:
            del patient["name"]
        return patient | {"birthDate": birth} if birth else patient

    def _observation(self, id: str) -> Resource:
        choose = self._choose
        one: Resource = {
            "resourceType": "Observation",
            "id": id,
            "status": choose.choice(("final", "final", "amended")),
            "category": [{"coding": [{"system": "urn:c", "code": choose.choice(("lab", "vital"))}]}],
            "code": {
                "coding": [{"system": "urn:s", "code": code} for code in choose.sample("abc", choose.choice((1, 2)))]
            },
        }
        if choose.random() < 0.85:
            one["subject"] = {"reference": f"Patient/p{choose.randrange(6)}"}
        if choose.random() < 0.8:
            one["effectiveDateTime"] = choose.choice(
                ("2020", "2020-06", "2020-07-01", "2021-01-01", "2021-01-01T10:00:00Z")
            )
        if choose.random() < 0.7:
            one["valueQuantity"] = {"value": choose.choice((1, 2, 2, 5, 100))}
        if choose.random() < 0.5:
            one["meta"] = {"tag": [{"code": "t"}]}
        return one

    def write(self, touch: bool) -> None:
        """What others do between two pages. `touch`: the steady ones may be updated, too."""
        choose = self._choose
        for _ in range(choose.choice((0, 1, 2, 5))):
            others = [id for id in self.observations if id not in self.steady]
            kind = choose.random()
            if kind < 0.35 or not others:
                self._put(self._observation(next(self._names)))
            elif kind < 0.55:
                self._put(self._observation(choose.choice(others)))
            elif kind < 0.75:
                id = choose.choice(others)
                del self.observations[id]
                self.live.delete(f"Observation/{id}")
                self.gone.append(id)
            elif kind < 0.85 and self.gone:
                self._put(self._observation(self.gone.pop()))
            elif touch and self.steady:
                id = choose.choice(sorted(self.steady))
                self._put(self.observations[id] | {"note": [{"text": f"touched {choose.random()}"}]})

    def _put(self, one: Resource) -> None:
        self.observations[one["id"]] = one
        self.live.put(one)

    def leave(self) -> None:
        for id in self.observations:
            self.live.delete(f"Observation/{id}")


class Page:
    """One page of a walk."""

    def __init__(self, live: Live, url: str) -> None:
        answer = live.get(url)
        assert answer.status_code == 200, f"{url}: {answer.text[:500]}"
        bundle = answer.json()
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        self.next, self.previous = links.get("next"), links.get("previous")
        self.ids = [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def whole(live: Live, url: str) -> list[str]:
    page = Page(live, url)
    found = page.ids
    while page.next:
        page = Page(live, page.next)
        found += page.ids
    return found


def walk(live: Live, choose: random.Random, prefix: str, sort: str) -> None:
    crowd = Crowd(live, choose, prefix)
    try:
        wander(live, choose, crowd, sort)
    finally:
        crowd.leave()


def wander(live: Live, choose: random.Random, crowd: Crowd, sort: str) -> None:
    filter = choose.choice(FILTERS)
    url = "Observation?" + "&".join(part for part in (filter, sort and "_sort=" + sort) if part)
    paged = f"{url}&_count={choose.choice((1, 3, 4, 7))}"
    before = whole(live, f"{url}&_count=1000")
    check_order(crowd, url, before)
    crowd.steady = set(choose.sample(before, len(before) * 2 // 3))
    steady = [id for id in before if id in crowd.steady]
    page = Page(live, paged)
    seen: list[tuple[str, list[str]]] = []
    low, high = 0, 0
    ways = (
        ["next"] * 40 + ["previous"] * 40
        if choose.random() < 0.6
        else choose.choices(("next", "next", "previous"), k=40)
    )
    for way in ["first", *ways]:
        if way != "first":
            link = page.next if way == "next" else page.previous
            if link is None:
                left = steady[high:] if way == "next" else steady[:low]
                assert not left, f"{paged}: no {way} page after {page.ids}, although {left} is left"
                continue
            crowd.write(touch="_lastUpdated" not in sort)
            page = Page(live, link)
        found = [id for id in page.ids if id in crowd.steady]
        seen.append((way, found))
        assert len(set(page.ids)) == len(page.ids), f"{paged}: twice on one page: {page.ids}"
        if way == "previous":
            low, high = max(0, low - len(found)), low
        else:
            low, high = high, high + len(found)
        assert found == steady[low:high], f"{paged}: {way} gives {found}, expected {steady[low:high]}; {seen[-4:]}"


def check_order(crowd: Crowd, url: str, found: list[str]) -> None:
    """Before anything is written, what is found and its order are as the second opinion says."""
    world = World([*crowd.patients, *(one | {"meta": {"lastUpdated": "2020-01-01T00:00:00Z", **one.get("meta", {})}}
                                      for one in crowd.observations.values())])  # fmt: skip
    pairs = [
        (name, value) for name, _, value in (part.partition("=") for part in url.partition("?")[2].split("&")) if name
    ]
    expected = world.ask("Observation", pairs)
    keys = [f"Observation/{id}" for id in found]
    assert set(keys) == expected.matches, url
    assert in_order(keys, expected.compare), f"{url}: {[key_of(world.resources[key]) for key in keys]}"


@pytest.fixture(scope="module", params=databases.ENGINES)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with databases.for_test(request.param, tmp_path_factory.mktemp("paging")) as url:
        one = Live(url)
        yield one
        one.close()


@pytest.mark.parametrize("number", range(len(SORTS)))
def test_a_walk_goes_on_where_it_was(live: Live, number: int) -> None:
    walk(live, random.Random(f"{SEED}/{number}"), f"w{number}-", SORTS[number])


@pytest.mark.parametrize(("number", "sort"), list(enumerate(("_id", "-_id", "value-quantity", "-date", "code"))))
def test_an_empty_page_leads_back(live: Live, number: int, sort: str) -> None:
    """Others may delete all that was left: the page is empty then, and the one before it is still there."""
    crowd = Crowd(live, random.Random(SEED), f"e{number}-")
    try:
        order = whole(live, f"Observation?_sort={sort}&_count=1000")
        first = Page(live, f"Observation?_sort={sort}&_count=4")
        second = Page(live, str(first.next))
        for id in order[8:]:
            live.delete(f"Observation/{id}")
        empty = Page(live, str(second.next))
        assert (empty.ids, empty.next) == ([], None)
        assert Page(live, str(empty.previous)).ids == order[4:8]
        for id in order[:4]:
            live.delete(f"Observation/{id}")
        empty = Page(live, str(second.previous))
        assert (empty.ids, empty.previous) == ([], None)
        assert Page(live, str(empty.next)).ids == order[4:8]
    finally:
        crowd.leave()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_many_walks_go_on_where_they_were(live: Live) -> None:
    for number in range(300):
        walk(live, random.Random(f"many {SEED}/{number}"), f"m{number}-", SORTS[number % len(SORTS)])
