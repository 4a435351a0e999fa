"""A process remembers what codes mean, and still finds at once what others have added since."""

from collections.abc import Iterator
from typing import Any

import pytest

from suture.fhir.outcomes import TooCostly
from suture.search.query import Limits
from tests import databases
from tests.search.conftest import Driven

SEARCHES = (
    "Observation?code=8480-6",
    "Observation?code=http://loinc.org|8480-6&status=final",
    "Observation?patient=a&code=8480-6",
    "Observation?code=8480-6&_sort=value-string",
    "Observation?code=8480-6&value-string=t&_sort=_id",
    "Observation?code:not=other&_sort=-date",
    "Patient?_has:Observation:patient:code=8480-6",
)


def observation(id: str, system: str, display: str, patient: str = "a") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": system, "code": "8480-6", "display": display}]},
        "subject": {"reference": f"Patient/{patient}"},
        "valueString": f"text {id}",
    }


@pytest.fixture(params=databases.ENGINES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    with databases.for_test(request.param, tmp_path_factory.mktemp("recollection")) as url:
        one = Driven(url)
        one.run(one.world.put(*({"resourceType": "Patient", "id": id} for id in "abc")))
        one.run(one.world.put(observation("o1", "http://loinc.org", "Systolic")))
        yield one
        one.close()


@pytest.mark.parametrize("streamed", (False, True))
@pytest.mark.parametrize("url", SEARCHES)
def test_other_displays_and_systems_are_found_as_soon_as_they_are_there(
    world: Driven, url: str, streamed: bool
) -> None:
    world.world.stream(always=streamed)
    first = world.ids(url)
    assert len(first) == 1
    assert world.ids(url) == first
    world.run(world.world.put(observation("o2", "http://loinc.org", "Systolic pressure", "b")))
    world.run(world.world.put(observation("o3", "http://loinc.org", "SBP")))
    found = sorted(world.ids(url))
    assert found == sorted(world.ids(url))
    assert found == (
        ["a", "b"] if url.startswith("Patient") else ["o1", "o3"] if "patient" in url else ["o1", "o2", "o3"]
    )


def test_a_page_that_was_full_shows_what_is_new(world: Driven) -> None:
    world.run(world.world.put(*(observation(f"p{n:02d}", "http://loinc.org", "Systolic") for n in range(30))))
    assert len(world.ids("Observation?code=8480-6&_sort=-_id&_count=5")) == 31
    world.run(world.world.put(observation("z", "urn:x", "Another")))
    assert world.ids("Observation?code=8480-6&_sort=-_id&_count=5")[0] == "z"


def test_what_is_too_costly_stays_so(world: Driven) -> None:
    world.run(world.world.put(*(observation(f"p{n:02d}", "http://loinc.org", "Systolic") for n in range(30))))
    world.world.search = world.world.with_limits(Limits(10, 50, 40, gather=5, budget=10))
    for _ in range(2):
        assert len(world.run(world.world.page("Observation?code=8480-6&_sort=-date")).matches) == 10
        with pytest.raises(TooCostly):
            world.ids("Observation?code=8480-6&value-string:contains=nothing&_sort=-date")
