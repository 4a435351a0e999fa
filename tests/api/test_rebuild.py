"""The index follows what a release extracts: exactly what is different is built anew, and searched when it is whole."""

import asyncio
import re
from types import MappingProxyType
from typing import Any

import pytest

from suture.access import ALLOW_ALL
from suture.api.preparation import new_id, prepare_alone
from suture.api.services import Services
from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Invalid, Unavailable
from suture.search import catalog, fingerprints
from suture.search.extraction.versions import EXTRACTION
from suture.store import rebuild
from suture.store.check import check
from suture.store.migrations import migrations
from suture.store.transaction import Transaction
from tests.added_parameter import CONTACT_FAMILY
from tests.api.opening import model_of, opened

pytestmark = pytest.mark.anyio


def patient(number: int, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:p", "value": f"p{number}"}],
        "name": [{"family": f"Ammann{number}"}],
        "birthDate": f"19{number % 90 + 10}-02-03",
        "contact": [{"name": {"family": "Zumthor"}}],
        **elements,
    }


def weight(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Weight"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2020-02-03",
        "valueQuantity": {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }


async def put(services: Services, resource: dict[str, Any], id: str = "") -> str:
    id = id or new_id()
    type = resource["resourceType"]
    prepared = prepare_alone(model_of(services), {**resource, "id": id})

    async def work(tx: Transaction) -> None:
        await tx.current(type, id)
        tx.put(type, id, prepared, "PUT")

    await services.store.write(work, targets=((type, id),))
    return id


async def delete(services: Services, type: str, id: str) -> None:
    async def work(tx: Transaction) -> None:
        await tx.current(type, id)
        tx.delete(type, id)

    await services.store.write(work, targets=((type, id),))


async def found(services: Services, type: str, *pairs: tuple[str, str]) -> int:
    search = model_of(services).search
    query = search.parse(type, [*pairs, ("_summary", "count"), ("_total", "accurate")])
    async with services.store.reading() as connection:
        return (await search.run(connection, query, ALLOW_ALL)).total or 0


async def problems(services: Services) -> list[str]:
    return [f"{problem.where} {problem.what}" async for problem in check(services.store)]


async def rows(services: Services, sql: str, *args: Any) -> Any:
    async with services.store.reading() as connection:
        return (await connection.fetch(sql, args))[0][0]


def changed(monkeypatch: pytest.MonkeyPatch, **numbers: int) -> None:
    """Be a release that extracts some kinds in another way, as far as the numbers tell."""
    later = MappingProxyType({**EXTRACTION, **numbers})
    monkeypatch.setattr(fingerprints, "EXTRACTION", later)
    monkeypatch.setattr(catalog, "EXTRACTION", later)


async def test_a_database_that_is_up_to_date_is_left_alone(database_url: str) -> None:
    for _ in range(2):
        async with opened(database_url) as services:
            assert await services.catalogue.progress() == []
            assert await rows(services, "select generation from counter where name = 'seq'") == 0


async def test_a_change_of_one_kind_makes_exactly_its_parameters_wait(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as services:
        owner = await put(services, patient(1))
        await put(services, weight(owner))
    changed(monkeypatch, quantity=EXTRACTION["quantity"] + 1)
    async with opened(database_url) as services:
        waiting = {item.type: set(item.pending) for item in await services.catalogue.progress()}
        assert waiting["Observation"] == {"value-quantity", "component-value-quantity", "combo-value-quantity"}
        assert "Patient" not in waiting
        assert await found(services, "Observation", ("code", "29463-7"), ("patient", owner)) == 1
        with pytest.raises(Unavailable) as refused:
            await found(services, "Observation", ("value-quantity", "70"))
        assert int(refused.value.headers["Retry-After"]) > 0
        with pytest.raises(Unavailable):
            await found(services, "Patient", ("_has:Observation:patient:value-quantity", "70"))
        assert await services.catalogue.build() == {}
        assert await found(services, "Observation", ("value-quantity", "70")) == 1
        assert await problems(services) == []
    async with opened(database_url) as services:
        assert await services.catalogue.progress() == []


async def test_a_change_of_all_rows_leaves_what_needs_no_index_searchable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as services:
        id = await put(services, patient(1))
    changed(monkeypatch, resource=EXTRACTION["resource"] + 1)
    async with opened(database_url) as services:
        assert await found(services, "Patient", ("_id", id)) == 1
        for name, value in (("family", "Ammann"), ("_include", "Patient:*")):
            with pytest.raises(Unavailable):
                await found(services, "Patient", (name, value))
        search = model_of(services).search
        for type in ("Observation", None):
            with pytest.raises(Unavailable):
                search.parse(type, [], compartment=("Patient", id))
        await services.catalogue.build()
        search = model_of(services).search
        assert search.parse(None, [], compartment=("Patient", id))
        assert await found(services, "Patient", ("family", "Ammann")) == 1


def holding(code: str) -> dict[str, Any]:
    """A request that contains the medication with this code."""
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "medicationReference": {"reference": "#m"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": {"coding": [{"code": code}]}}],
    }


CONTAINED = ("_contained", "true")


async def test_contained_resources_are_indexed_when_they_are_to_be_searched(database_url: str) -> None:
    async with opened(database_url, contained_search=False) as services:
        await put(services, holding("a"))
        with pytest.raises(Invalid, match="contained_search"):
            await found(services, "Medication", ("code", "a"), CONTAINED)
        assert await found(services, "MedicationRequest", ("medication.code", "a")) == 0
        assert await problems(services) == []
    async with opened(database_url) as services:
        assert await found(services, "MedicationRequest", ("status", "active")) == 1
        with pytest.raises(Unavailable):
            await found(services, "Medication", ("code", "a"), CONTAINED)
        await put(services, holding("b"))
        assert await services.catalogue.build() == {}
        for code in "ab":
            assert await found(services, "Medication", ("code", code), CONTAINED) == 1
            assert await found(services, "MedicationRequest", ("medication.code", code)) == 1
        assert await problems(services) == []
    async with opened(database_url, contained_search=False) as services:
        await services.catalogue.build()
        assert await rows(services, "select count(*) from tok where k < 0") == 0
        assert await problems(services) == []


async def test_what_contains_a_changed_type_is_built_anew_and_nothing_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as services:
        await put(services, holding("a"))
        await put(services, patient(1))
    changed(monkeypatch, uri=EXTRACTION["uri"] + 1)
    async with opened(database_url) as services:
        waiting = {item.type: set(item.pending) for item in await services.catalogue.progress()}
        assert (
            waiting["MedicationRequest"]
            == {"_profile", "_source", "instantiates-uri", "_contained"} & waiting["MedicationRequest"]
            and "_contained" in waiting["MedicationRequest"]
        )
        assert "_contained" not in waiting.get("Patient", ())
        with pytest.raises(Unavailable):
            await found(services, "Medication", ("code", "a"), CONTAINED)
        await services.catalogue.build()
        assert await found(services, "Medication", ("code", "a"), CONTAINED) == 1


async def spoil(services: Services, *statements: str) -> None:
    for sql in statements:
        await services.store.write(lambda tx, sql=sql: tx.execute(sql))


async def test_an_ordered_rebuild_mends_whatever_is_wrong_while_all_can_be_searched(database_url: str) -> None:
    async with opened(database_url) as services:
        ids = [await put(services, patient(n)) for n in range(5)]
        await put(services, weight(ids[0]))
        await spoil(services, *(f"delete from {table}" for table in ("tok", "str", "qty", "dat")))
        await spoil(services, "insert into str select 7, 'x', 'x', k, ck from res", "update res set present = 0")
        assert await problems(services)
        await services.catalogue.order(("Patient", "Observation"))
        assert await found(services, "Patient", ("family", "Ammann")) == 0
        assert await services.catalogue.build() == {}
        assert await found(services, "Patient", ("family", "Ammann")) == 5
        assert await problems(services) == []


async def test_what_is_written_before_the_rebuild_comes_to_it_is_right_at_once(database_url: str) -> None:
    async with opened(database_url) as services:
        ids = [await put(services, patient(n)) for n in range(6)]
        # Rows as another release may have left them: some are missing, some nobody would write today, some others will.
        await spoil(services, "delete from tok", "insert into str select 7, 'x', 'x', k, ck from res")
        await services.catalogue.order(("Patient",))
        await put(services, patient(1), ids[1])
        await put(services, patient(20), ids[2])
        await delete(services, "Patient", ids[3])
        await delete(services, "Patient", ids[4])
        await put(services, patient(4), ids[4])
        wrong = {problem.partition(" ")[0] for problem in await problems(services)}
        assert wrong & {f"Patient/{id}" for id in ids} == {f"Patient/{ids[0]}", f"Patient/{ids[5]}"}
        await services.catalogue.build()
        assert await problems(services) == []


async def test_several_writers_and_builders_end_with_a_sound_index(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "PAGE", 7)
    monkeypatch.setattr(rebuild, "PAUSE", 0.05)
    async with opened(database_url) as one, opened(database_url) as other:
        both = (one, other)
        ids = [await put(one, patient(n)) for n in range(80)]
        await spoil(one, "delete from tok", "insert into str select 7, 'x', 'x', k, ck from res where k % 2 = 0")
        writing = True

        async def write(services: Services, offset: int) -> None:
            turn = 0
            while writing:
                id = ids[(offset + turn * 13) % len(ids)]
                if turn % 4 == 3:
                    await delete(services, "Patient", id)
                await put(services, patient(turn, contact=[{"name": {"family": "Berger"}}]), id)
                turn += 1

        async with asyncio.TaskGroup() as group:
            for number, services in enumerate((*both, *both)):
                group.create_task(write(services, number * 20))
            await put(one, CONTACT_FAMILY, "added")
            await asyncio.gather(one.catalogue.build(), other.catalogue.build())
            await put(
                other, {**CONTACT_FAMILY, "expression": "Patient.contact.name.family | Patient.name.family"}, "added"
            )
            await asyncio.gather(one.catalogue.build(), other.catalogue.build())
            writing = False
        for services in both:
            assert await services.catalogue.progress() == []
            total = await rows(
                services, "select count(*) from res where rt = ?1 and deleted = 0", type_number("Patient")
            )
            assert await found(services, "Patient", ("contact-family:missing", "false")) == total == 80
        assert await problems(one) == []


async def test_a_removed_parameter_leaves_no_row(database_url: str) -> None:
    async with opened(database_url) as services:
        before = await problems(services), await rows(services, "select count(*) from str")
        for n in range(3):
            await put(services, patient(n))
        plain = await rows(services, "select count(*) from str")
        await put(services, CONTACT_FAMILY, "added")
        with_its_own = await rows(services, "select count(*) from str")
        await services.catalogue.build()
        model = model_of(services)
        parameter = model.parameters.get("Patient", "contact-family")
        assert parameter is not None
        h = services.store.keys.parameter("Patient", parameter.rows[0])
        assert await rows(services, "select count(*) from str where h = ?1", h) == 3
        await delete(services, "SearchParameter", "added")
        await services.catalogue.build()
        assert await rows(services, "select count(*) from str where h = ?1", h) == 0
        assert await rows(services, "select count(*) from str") == plain
        assert with_its_own > plain and before[0] == []
        assert await problems(services) == []


async def test_a_rebuild_that_does_not_come_out_right_says_so_and_leaves_it_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as services:
        await put(services, patient(1))
        await put(services, CONTACT_FAMILY, "added")
        with monkeypatch.context() as patched:
            patched.setattr(Transaction, "insert_rows", _nothing)
            assert "index rows" in (await services.catalogue.build())["Patient"]
        assert [item.problem != "" for item in await services.catalogue.progress()] == [True]
        with pytest.raises(Unavailable):
            await found(services, "Patient", ("contact-family", "Zumthor"))
        await services.catalogue.order(("Patient",))
        assert await services.catalogue.build() == {}
        assert await found(services, "Patient", ("contact-family", "Zumthor")) == 1


async def _nothing(*_: object) -> None:
    """Writes nothing."""


async def test_a_resource_that_cannot_be_read_is_a_problem_and_no_end_of_the_building(database_url: str) -> None:
    async with opened(database_url) as services:
        await put(services, patient(1))
        await spoil(services, "update res set fv = 77")
        await services.catalogue.order(("Patient", "Observation"))
        assert set(await services.catalogue.build()) == {"Patient"}


async def test_search_parameters_that_came_by_a_bulk_load_are_built_at_the_next_start(database_url: str) -> None:
    async with opened(database_url) as services:
        services.store.changes.watch = None  # as the bulk load writes: rows by the parameters of the specification
        await put(services, patient(1))
        await put(services, CONTACT_FAMILY, "added")
        await spoil(services, "delete from building", "delete from pending")
    async with opened(database_url) as services:
        assert {item.type: item.pending for item in await services.catalogue.progress()} == {
            "Patient": ("contact-family",)
        }
        await services.catalogue.build()
        assert await found(services, "Patient", ("contact-family", "Zumthor")) == 1
    async with opened(database_url) as services:
        assert await services.catalogue.progress() == []


async def test_two_with_one_code_leave_the_first_in_force_and_then_the_other_is_built(database_url: str) -> None:
    async with opened(database_url) as services:
        await put(services, patient(1))
        await put(services, CONTACT_FAMILY, "first")
        await put(
            services,
            {**CONTACT_FAMILY, "url": "urn:second", "status": "draft", "expression": "Patient.name.family"},
            "b",
        )
        await services.catalogue.build()
        second = {**CONTACT_FAMILY, "url": "urn:second", "expression": "Patient.name.family"}
        services.catalogue.current = catalog.Catalog()  # a process that has not heard of the first
        for model in services.models.values():
            model.adopt(services.catalogue.current)
        prepared = prepare_alone(model_of(services), {**second, "id": "b"})

        async def work(tx: Transaction) -> None:
            await tx.current("SearchParameter", "b")
            tx.put("SearchParameter", "b", prepared, "PUT")

        await services.store.write(work, targets=(("SearchParameter", "b"),))
        await services.catalogue.build()
        assert await found(services, "Patient", ("contact-family", "Zumthor")) == 1
        await delete(services, "SearchParameter", "first")
        with pytest.raises(Unavailable):
            await found(services, "Patient", ("contact-family", "Ammann"))
        await services.catalogue.build()
        assert await found(services, "Patient", ("contact-family", "Ammann")) == 1


async def test_a_database_of_the_first_schema_is_built_anew(database_url: str) -> None:
    async with opened(database_url) as services:
        owner = await put(services, patient(1))
        await put(services, weight(owner))
        gone = await put(services, patient(2))
        await delete(services, "Patient", gone)
        name = services.store.dialect.name
        made = {
            table
            for migration in migrations(name)
            for text in migration.statements
            for table in re.findall(r"^create (?:virtual )?table (\w+)", text)
        }
        first = {
            table: text for text in migrations(name)[0].statements for table in re.findall(r"^create table (\w+)", text)
        }
        index = [
            text
            for text in migrations(name)[0].statements
            if re.match(r"create (table (tok|str|qty|dat|ref) |index \w+ on (tok|str|qty|dat|ref) )", text)
        ]

        async def go_back(tx: Transaction) -> None:
            for table in ("tok", "str", "qty", "dat", "ref", *sorted(made - first.keys())):
                await tx.execute(f"drop table {table}")
            await tx.execute("drop table if exists prose_content")  # which SQLite leaves behind
            await tx.execute("alter table counter drop column generation")
            await tx.execute("delete from counter where name not in ('seq', 'k')")
            for text in index:
                await tx.execute(text)
            await tx.execute("insert into str select 1, 'a', 'a', k, ck from res")
            await tx.execute("delete from meta where name in ('schema', 'extraction', 'search-parameters')")
            await tx.execute("insert into meta (name, value) values ('schema', ?1)", (b"1",))

        await services.store.write(go_back)
    async with opened(database_url) as services:
        waiting = {item.type: item.pending for item in await services.catalogue.progress()}
        assert waiting == {"Patient": ("",), "Observation": ("",)}
        with pytest.raises(Unavailable):
            await found(services, "Patient", ("family", "Ammann"))
        await services.catalogue.build()
        assert await found(services, "Patient", ("family", "Ammann")) == 1
        assert await found(services, "Observation", ("patient", owner), ("code", "29463-7")) == 1
        assert await problems(services) == []
