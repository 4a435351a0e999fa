"""Non-interference: what a caller may not see changes nothing in any answer.

Two databases, one with resources that the predicate hides and one without them, answer alike, whatever is
asked: matches, order, pages, totals, includes, chains, `_has`, sorting by what a reference leads to.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.search.conftest import Driven
from tests.search.population import population

SIZE = 20
SEEN = population(seed=3, size=SIZE)


class HidesSecrets:
    """Hides every resource whose id begins with "secret"."""

    def sql(self, alias: str, bind: Callable[[Any], str]) -> str:
        return f"{alias}.id not like {bind('secret%')}"

    def allows(self, type: str, body: bytes) -> bool:
        raise AssertionError("a search asks the database")


def secrets(seed: int) -> list[dict[str, Any]]:
    """Resources much like the visible ones; what they refer to is partly visible and partly hidden."""
    choose = random.Random(seed)
    found = population(seed=seed, size=SIZE)
    for resource in found:
        resource["id"] = "secret" + resource["id"]
        for element in ("subject", "encounter"):
            if element in resource and choose.random() < 0.5:
                type, _, id = resource[element]["reference"].partition("/")
                resource[element] = {"reference": f"{type}/secret{id}"}
    return found


def mingled(seed: int) -> list[dict[str, Any]]:
    """The visible resources in their order, with hidden ones among them. Some visible ones refer to hidden ones."""
    choose = random.Random(seed)
    found: list[dict[str, Any]] = []
    hidden = secrets(seed)
    for resource in SEEN:
        while hidden and choose.random() < 0.5:
            found.append(hidden.pop())
        found.append(resource)
    return found + hidden


@pytest.fixture(scope="module")
def both(driven: Driven, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(with hidden resources, without them)."""
    for n, resource in enumerate(SEEN):  # a visible resource may refer to a hidden one; there it is as if to none
        if n % 5 == 0 and "subject" in resource:
            resource["subject"] = {"reference": f"Patient/secretp{n % SIZE:02d}"}
    driven.run(driven.world.put(*mingled(seed=5)))
    without = Driven(f"sqlite:///{tmp_path_factory.mktemp('without')}/suture.db")
    without.run(without.world.put(*SEEN))
    yield driven, without
    without.close()


SEARCHES = (
    "Patient?",
    "Patient?name=s",
    "Patient?name:contains=e&_sort=-family",
    "Patient?_sort=birthdate,_id&_count=3",
    "Patient?gender:not=male",
    "Patient?name:missing=true",
    "Patient?birthdate=ne2020",
    "Patient?_id=p01,secretp01,p02",
    "Observation?patient=secretp00",
    "Observation?subject=Patient/secretp05&_sort=date",
    "Observation?code=1234-5,abc&_count=4",
    "Observation?status=final&_sort=-date&_count=5",
    "Observation?_sort=value-quantity&_count=6",
    "Observation?value-quantity=gt1",
    "Observation?subject:Patient.name=s",
    "Observation?subject.name:contains=e",
    "Observation?patient._id=secretp05",
    "Observation?patient.gender:not=male&_sort=-date",
    "Observation?encounter.patient.gender=male",
    "Patient?_has:Observation:patient:code=1234-5",
    "Patient?_has:Observation:patient:status=final&_sort=family",
    "Patient?_has:Observation:patient:_id=secreto001",
    "Patient?_has:Encounter:patient:_has:Observation:encounter:status=final",
    "Observation?_sort=subject,-date&_count=7",
    "Observation?_sort=-patient&status=final&_count=3",
    "?_type=Patient,Encounter&_count=9",
    "?_tag=red",
    "?_lastUpdated=gt2000&_count=17",
    "Encounter?_include=Encounter:patient",
    "Observation?_include=*&_count=10",
    "Patient?_revinclude=Observation:patient&_count=3",
    "Patient?_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter&_count=2",
)


@pytest.mark.parametrize("streamed", (False, True), ids=("planned", "streamed"))
@pytest.mark.parametrize("url", SEARCHES)
def test_hidden_resources_change_no_answer(both: tuple[Driven, Driven], url: str, streamed: bool) -> None:
    answers: list[list[Any]] = []
    for driven in both:
        driven.world.stream(always=streamed)
        pages: list[Any] = []
        cursor = ""
        while True:
            page = driven.run(driven.world.page(f"{url}&_total=accurate{cursor}", HidesSecrets()))
            matches = [f"{m.type}/{m.id}" for m in page.matches]
            pages.append(
                (matches, sorted(f"{m.type}/{m.id}" for m in page.includes), page.total, page.previous is None)
            )
            if page.next is None:
                break
            cursor = f"&_cursor={page.next}"
        pages.append(driven.run(driven.world.count(url, HidesSecrets())))
        answers.append(pages)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("owner", ("p01", "secretp01"))
def test_a_compartment_holds_only_what_may_be_seen(both: tuple[Driven, Driven], owner: str) -> None:
    for type in ("", "Observation", "Patient"):
        found, wanted = (d.ids(f"{type}?", HidesSecrets(), compartment=("Patient", owner)) for d in both)
        assert found == wanted


def test_conditional_searches_see_only_what_may_be_seen(both: tuple[Driven, Driven]) -> None:
    async def identified(driven: Driven, url: str) -> list[tuple[str, str]]:
        async with driven.world.store.reading() as connection:
            query = driven.world.parse(url)
            return await driven.world.search.identify(connection, query, HidesSecrets(), 100)

    for url in ("Patient?gender=male", "Patient?_id=secretp01", "Observation?patient=secretp05"):
        found, wanted = (sorted(driven.run(identified(driven, url))) for driven in both)
        assert found == wanted
