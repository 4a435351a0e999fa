"""Prepared statements: after five runs PostgreSQL plans a statement once for all values (a generic plan).

Each query shape is run more often than that, first with values that find little and then with values that find much,
and the other way round; answers stay right, and no plan reads whole tables.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from suture.access import ALLOW_ALL
from tests.search.conftest import Driven

Resource = dict[str, Any]
PATIENTS = 40
OFTEN, RARE = "common", "rare"


def observation(n: int) -> Resource:
    code = RARE if n % 100 == 7 else OFTEN
    return {
        "resourceType": "Observation",
        "id": f"o{n:04d}",
        "status": "final" if n % 50 else "amended",
        "code": {"coding": [{"system": "urn:c", "code": code, "display": f"A {code} code"}]},
        "category": [{"coding": [{"system": "urn:k", "code": "lab" if n % 3 else "vital"}]}],
        "effectiveDateTime": f"20{n % 20 + 1:02d}-01-01",
        "subject": {"reference": f"Patient/p{0 if n % 2 else n % PATIENTS}"},
        "valueQuantity": {"value": n % 10, "system": "http://unitsofmeasure.org", "code": "mg"},
    }


OBSERVATIONS = [observation(n) for n in range(1200)]


@pytest.fixture(scope="module")
def filled(driven: Driven) -> Iterator[Driven]:
    patients = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"F{n}"}]} for n in range(PATIENTS)]
    driven.run(driven.world.put(*OBSERVATIONS, *patients))
    driven.world.stream(always=False)
    yield driven


def wanted(**asked: str) -> int:
    def matches(resource: Resource) -> bool:
        has = {
            "code": resource["code"]["coding"][0]["code"],
            "patient": resource["subject"]["reference"][8:],
            "status": resource["status"],
            "category": resource["category"][0]["coding"][0]["code"],
        }
        return all(has[name] == value for name, value in asked.items())

    return sum(map(matches, OBSERVATIONS))


SHAPES: tuple[tuple[str, ...], ...] = (
    ("code",),
    ("patient", "code"),
    ("patient", "category"),
    ("status", "code"),
    ("status", "category", "code"),
)
VALUES = {
    "code": (RARE, OFTEN), "patient": ("p2", "p0"), "status": ("amended", "final"), "category": ("vital", "lab"),
}  # fmt: skip


@pytest.mark.parametrize(
    "sort", ("", "&_sort=-date", "&_sort=_id", "&_sort=value-quantity", "&_sort=subject:Patient.name")
)
@pytest.mark.parametrize("shape", SHAPES, ids="+".join)
def test_answers_stay_right_and_plans_stay_narrow(filled: Driven, shape: tuple[str, ...], sort: str) -> None:
    world = filled.world
    rounds = [0] * 7 + [1] * 7 + [0, 1]
    for which in rounds:
        asked = {name: VALUES[name][which] for name in shape}
        url = "Observation?" + "&".join(f"{name}={value}" for name, value in asked.items()) + sort
        total = wanted(**asked)
        page = filled.run(world.page(f"{url}&_count=10&_total=accurate"))
        assert (len(page.matches), page.total) == (min(10, total), total), url


def test_no_plan_reads_a_whole_table(filled: Driven) -> None:
    """The engine's own plan of the page, at the eighth run of a shape, names indexes only."""
    world = filled.world

    async def explain(url: str) -> Any:
        async with world.store.reading() as connection:
            if world.store.dialect.lateral:
                await connection.execute("analyze")
            for _ in range(8):
                await world.search.run(connection, world.parse(url), ALLOW_ALL)
            return await world.search.explain(connection, world.parse(url), ALLOW_ALL)

    for url in (
        f"Observation?patient=p2&code=urn:c|{RARE}",
        f"Observation?code={OFTEN}&_sort=-date",
        "Observation?patient=p2&category=lab&date=ge2010",
        "Patient?name=F1&_sort=_id",
        f"Patient?_has:Observation:patient:code={RARE}",
    ):
        for step in filled.run(explain(url)).steps:
            if step.name == "page":
                plan = "\n".join(step.engine)
                for table in ("tok", "ref", "dat", "qty"):
                    assert f"Seq Scan on {table} " not in plan, (url, plan)
                    assert f"SCAN {table} " not in plan, (url, plan)
