"""Prepared statements: after five runs PostgreSQL plans a statement once for all values (a generic plan).

Each query shape is run more often than that, first with values that find little and then with values that find much,
and the other way round; answers stay right, no plan reads whole tables, and the generic plan of every statement reads
no more rows than the search calls for.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from suture.access import ALLOW_ALL
from suture.search.explaining import Timed
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


SORTS = ("", "&_sort=-date", "&_sort=_id", "&_sort=-_lastUpdated", "&_sort=value-quantity", "&_sort=-code,_id")
TABLES = {"res", "tok", "str", "dat", "qty", "ref"}
PER_ROW, PER_ROW_BY_TOKEN = 12, 50
"""Rows that a search may read for each row of its driving list: of other filters, the resource, its sort values. To
sort by tokens it reads all tokens of a resource and what they mean."""


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("shape", SHAPES, ids="+".join)
def test_the_generic_plan_reads_what_the_search_calls_for(filled: Driven, shape: tuple[str, ...], sort: str) -> None:
    """One plan for all values, without any knowledge of how many rows each finds."""
    world = filled.world
    if not world.store.dialect.lateral:
        pytest.skip("SQLite has one plan for all values")

    async def plans(url: str) -> list[Any]:
        async with world.store.reading() as connection:
            await connection.execute("analyze")
            timed = Timed(connection)
            timed.label = "page"
            for _ in range(6):
                await world.search.run(timed, world.parse(url), ALLOW_ALL)  # type: ignore[arg-type]
            return [await _generic(connection, sql, args) for _, sql, args, *_ in timed.ran[-1:]]

    for which in (0, 1):
        asked = {name: VALUES[name][which] for name in shape}
        url = "Observation?" + "&".join(f"{name}={value}" for name, value in asked.items()) + sort + "&_count=10"
        least = min(wanted(**{name: value}) for name, value in asked.items())
        for plan in filled.run(plans(url)):
            scans = list(_scans(plan))
            whole = [scan["Relation Name"] for scan in scans if scan["Node Type"] == "Seq Scan"]
            assert not TABLES.intersection(whole), (url, plan)
            per_row = PER_ROW_BY_TOKEN if "-code" in sort else PER_ROW
            assert sum(map(_read, scans)) <= per_row * (least + 11), (url, plan)


async def _generic(connection: Any, sql: str, args: Sequence[Any]) -> Any:
    """The generic plan of a statement, after it was run with these values."""
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"prepare generic as {sql}")
    try:
        values = f"({', '.join(map(_literal, args))})" if args else ""
        ((found,),) = await connection.fetch(f"explain (analyze, format json) execute generic{values}")
    finally:
        await connection.execute("deallocate generic")
        await connection.execute("reset plan_cache_mode")
    return (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"array[{', '.join(map(_literal, value))}]"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _scans(plan: Any) -> Iterator[Any]:
    if "Relation Name" in plan:
        yield plan
    for inner in plan.get("Plans", ()):
        yield from _scans(inner)


def _read(scan: Any) -> float:
    """Rows that a scan has looked at, over all its runs."""
    return scan["Actual Loops"] * (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0))
