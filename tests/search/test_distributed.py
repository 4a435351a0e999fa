"""Which machines of a cluster answer a search, and that its statements keep to what Citus does.

The answers themselves are tested by the other tests of this folder, run with TEST_LAYOUT=cluster.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from suture.access import ALLOW_ALL
from suture.fhir.outcomes import NotSupported
from suture.search.distributed import routing
from suture.search.query import Limits
from suture.store.cluster_connection import ClusterConnection
from tests import citus, cluster
from tests.citus_rules import on_one_machine, problems
from tests.search.population import population
from tests.search.world import World

ONE = [
    "Observation?patient=p01",
    "Observation?subject=Patient/p01&code=1234-5&_sort=-date",
    "Observation?patient=p01&status=final,amended&date=ge2020",
    "Observation?patient=p01&code:not=abc&_sort=value-quantity",
    "Observation?patient=p01&_summary=count",
    "Encounter?patient=p02&date=2020",
    "Patient?_id=p01",
    "Patient?_id=p01&name=smith",
]
ALL = [
    "Observation?status=final",
    "Observation?code=1234-5&_sort=-date",
    "Observation?patient=p01,p02",
    "Observation?_id=o010",
    "Patient?name=smith&_sort=birthdate,name",
    "Observation?patient.name=smith&_sort=code",
    "Patient?_has:Observation:patient:code=1234-5",
    "Encounter?patient=p01&_has:Observation:encounter:status=final",
    "Observation?code=1234-5&_include=Observation:subject&_include=Observation:encounter",
    "Patient?gender=male&_revinclude=Observation:subject&_revinclude=Encounter:patient",
    "?_type=Patient,Observation&_lastUpdated=ge2020",
    "Medication?code=abc&_contained=true",
    "Medication?code=abc&_contained=both&_containedType=contained&_total=accurate&_count=1",
    "Medication?_has:MedicationRequest:medication:status=active&_contained=true&_containedType=contained",
    "Medication?_has:Medication:ingredient:code=abc&_contained=true&_containedType=contained",
]


class Ran:
    """A world in the layout of a cluster, and the statements that searches ran in it."""

    def __init__(self, runner: asyncio.Runner, world: World) -> None:
        self.runner = runner
        self.world = world
        self.statements: list[str] = []

    def search(self, url: str) -> None:
        """Run a search; the statements that are about distributed tables are kept."""
        self.statements.clear()
        self.runner.run(self.world.page(url))


def _requests(number: int) -> list[dict[str, Any]]:
    """Requests for medications that they contain."""
    coded = {"coding": [{"system": "urn:m", "code": "abc"}]}
    part = {"resourceType": "Medication", "id": "part", "code": coded}
    whole = {"resourceType": "Medication", "id": "whole", "ingredient": [{"itemReference": {"reference": "#part"}}]}
    return [
        {
            "resourceType": "MedicationRequest",
            "id": f"r{n}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p01"},
            "medicationReference": {"reference": "#whole"},
            "contained": [whole, part],
        }
        for n in range(number)
    ]


@pytest.fixture(scope="module")
def ran() -> Iterator[Ran]:
    try:
        cluster.programs()
    except cluster.Missing as missing:
        pytest.skip(str(missing))
    with citus.database() as url, asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        found = Ran(runner, World())
        runner.run(found.world.open(url, Limits(default_count=20, max_count=50, max_include=40)))
        runner.run(found.world.put(*population(3, 12), *_requests(2)))
        fetch = ClusterConnection.fetch

        async def recorded(self: ClusterConnection, sql: str, args: object = ()) -> object:
            if "from forms" not in sql and "from words" not in sql:
                found.statements.append(sql)
            return await fetch(self, sql, args)  # type: ignore[arg-type]

        patch.setattr(ClusterConnection, "fetch", recorded)
        yield found
        runner.run(found.world.store.close())


@pytest.mark.parametrize("url", ONE)
def test_a_search_for_one_patient_is_asked_on_one_machine(ran: Ran, url: str) -> None:
    query = ran.world.parse(url)
    assert query.ck is not None and routing(query.ck).startswith("One machine")
    ran.search(url)
    assert ran.statements
    for statement in ran.statements:
        assert on_one_machine(statement), statement


@pytest.mark.parametrize("url", ALL)
def test_any_other_search_is_asked_on_all_in_a_form_that_citus_can_ask(ran: Ran, url: str) -> None:
    query = ran.world.parse(url)
    assert "_has" in url or (query.ck is None and routing(query.ck).startswith("All machines"))
    ran.search(url)
    for statement in ran.statements:
        assert problems(statement) == [], statement


@pytest.mark.parametrize("url", [*ONE, *ALL])
def test_the_explanation_says_which_machines_answer(ran: Ran, url: str) -> None:
    async def explain() -> tuple[str, ...]:
        async with ran.world.store.reading() as connection:
            return (await ran.world.search.explain(connection, ran.world.parse(url), ALLOW_ALL)).plan

    assert ran.runner.run(explain())[0] == routing(ran.world.parse(url).ck)


@pytest.mark.parametrize("sort", ["subject", "-patient.name", "status,encounter"])
def test_an_order_that_crosses_machines_is_refused(ran: Ran, sort: str) -> None:
    with pytest.raises(NotSupported, match="lies on other machines"):
        ran.search(f"Observation?_sort={sort}")


@pytest.mark.parametrize("sort", ["identifier", "-phone"])
def test_an_order_by_what_every_resource_has_its_own_of_is_refused(ran: Ran, sort: str) -> None:
    """Its texts would have to be on every machine."""
    with pytest.raises(NotSupported, match="identifiers"):
        ran.search(f"Patient?_sort={sort}")
