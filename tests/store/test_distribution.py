"""A database in the layout of a cluster: how it is made, and that the store keeps its promises on it.

Runs on a real Citus where SUTURE_TEST_CITUS_URL names one, else on PostgreSQL with stand-ins (tests/citus.py).
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from suture.fhir.definitions import type_number
from suture.fhir.outcomes import Conflict
from suture.store.clustering import distribute, preview
from suture.store.distribution import Table, steps
from suture.store.history import Window
from suture.store.opening import DatabaseError
from suture.store.postgres import PostgresConnection
from suture.store.store import Store
from suture.store.tables import COLUMNS
from suture.store.transaction import Transaction
from tests import citus, cluster
from tests.citus_rules import problems
from tests.commands import suture
from tests.store.sample import ALLOW_ALL, delete, observation, opened, prepared, put, table

pytestmark = pytest.mark.anyio

WINDOW = Window(100)
AT = Window(100, at=(0, 2**60))


@pytest.fixture
def distributed_url() -> Iterator[str]:
    with available(), citus.database() as url:
        yield url


@pytest.fixture
def citus_url() -> Iterator[str]:
    """A database with Citus that is not distributed yet."""
    with available(), citus.database(distributed=False) as url:
        yield url


class available:
    def __enter__(self) -> None:
        try:
            cluster.programs()
        except cluster.Missing as missing:
            pytest.skip(str(missing))

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
async def store(distributed_url: str) -> AsyncIterator[Store]:
    store = await opened(distributed_url)
    yield store
    await store.close()


async def put_patient(store: Store, id: str) -> None:
    resource = {**observation(), "resourceType": "Patient"}

    async def work(tx: Transaction) -> Any:
        await tx.current("Patient", id)
        return tx.put("Patient", id, prepared(resource), "PUT")

    await store.write(work, targets=[("Patient", id)])


# How a database becomes distributed


def test_every_table_has_its_place_and_the_largest_group_comes_first() -> None:
    tables = [Table("counter", ("name", "n")), Table("forms", ("s", "h", "f")), Table("hist", ("ck", "k"))]
    tables += [Table(name, COLUMNS[name]) for name in ("events", "res", "tok")]
    commands = steps(tables, set(), 64).within
    calls = [command for command in commands if "create_" in command and command.startswith("select")]
    assert calls == [
        "select create_reference_table('forms')",
        "select create_distributed_table('res', 'ck', colocate_with := 'none', shard_count := 64)",
        "select create_distributed_table('events', 'ck', colocate_with := 'res')",
        "select create_distributed_table('hist', 'ck', colocate_with := 'res')",
        "select create_distributed_table('own_words', 'h', colocate_with := 'none', shard_count := 64)",
        "select create_distributed_table('place', 'rh', colocate_with := 'none', shard_count := 64)",
        "select create_distributed_table('tok', 'ck', colocate_with := 'res')",
    ]
    before = commands[: commands.index(calls[0])]
    assert "create table place (rh bigint primary key, ck bigint not null)" in before
    assert "create unique index res_rh on res (rh, ck)" in before
    assert "alter table events add primary key (seq, ck)" in before
    assert "counter" not in " ".join(calls)


def test_doing_it_again_distributes_only_what_is_new() -> None:
    tables = [Table("res", COLUMNS["res"]), Table("place", ("rh", "ck")), Table("prose", ("k", "ck"))]
    again = steps(tables, {"res", "place"}, 8)
    assert again.within == ["select create_distributed_table('prose', 'ck', colocate_with := 'res')"]
    assert again.afterwards == ["select truncate_local_data_after_distributing_table('prose')"]
    assert steps(tables, {"res", "place", "prose"}, 8) == type(again)([], [])


async def test_all_keys_of_distributed_tables_hold_the_distribution_column(distributed_url: str) -> None:
    """Citus cannot keep anything else unique."""
    store = await opened(distributed_url)
    async with store.reading() as connection:
        rows = await connection.fetch(
            "select c.relname::text, array_agg(a.attname::text) from pg_index i join pg_class c on c.oid = i.indrelid "
            "join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey) "
            "where i.indisunique and c.relnamespace = 'public'::regnamespace group by i.indexrelid, c.relname"
        )
        columns = await connection.fetch(
            "select table_name::text, column_name::text from information_schema.columns where table_schema = 'public'"
        )
    keyed = {name for name, column in columns if column == "ck"}
    assert {"res", "hist", "tok", "str", "qty", "dat", "ref", "events", "place"} <= keyed
    for name, unique in rows:
        if name in keyed:
            assert ("rh" if name == "place" else "ck") in unique, name
    await store.close()


async def test_data_that_are_there_stay(citus_url: str) -> None:
    store = await opened(citus_url)
    await put_patient(store, "p")
    await put(store, "a", observation(1, patient="p"))
    await put(store, "a", observation(2, patient="p"))
    before = [await store.history(None, None, WINDOW, ALLOW_ALL), await store.events(0, 10)]
    await store.close()
    assert len(await preview(citus_url, 4)) > 20
    assert await distribute(citus_url, 4) > 20
    assert (await preview(citus_url, 4), await distribute(citus_url, 4)) == ([], 0)
    store = await opened(citus_url)
    assert store.dialect.clustered
    assert [await store.history(None, None, WINDOW, ALLOW_ALL), await store.events(0, 10)] == before
    found = await store.read("Observation", "a", ALLOW_ALL)
    assert found is not None and found.version == 2
    assert {row[0] for row in await table(store, "place")} == {store.keys.resource("Observation", "a")}
    await put(store, "a", observation(3, patient="p"))
    assert [event.seq for event in await store.events(0, 10)] == [1, 2, 3, 4]
    await store.close()


async def test_it_is_refused_while_servers_run_and_without_the_extension(citus_url: str, postgresql_url: str) -> None:
    store = await opened(citus_url)
    with pytest.raises(DatabaseError, match="stop all its servers first"):
        await distribute(citus_url, 4)
    await store.close()
    if not citus.wanted():
        with pytest.raises(DatabaseError, match="no Citus extension"):
            await distribute(postgresql_url, 4)


def test_the_command_prints_what_it_would_do_and_does_it(citus_url: str, tmp_path: Path) -> None:
    empty = suture("cluster", "init", "--database", citus_url, "--dry-run", cwd=tmp_path)
    assert empty.returncode == 1 and "empty" in empty.stderr
    assert suture("check", "--database", citus_url, cwd=tmp_path).returncode == 0
    dry = suture("cluster", "init", "--database", citus_url, "--shards", "8", "--dry-run", cwd=tmp_path)
    assert dry.returncode == 0, dry.stderr
    lines = dry.stdout.splitlines()
    assert lines[0] == "begin;" and "commit;" in lines and all(line.endswith(";") for line in lines)
    assert "select create_distributed_table('res', 'ck', colocate_with := 'none', shard_count := 8);" in lines
    done = suture("cluster", "init", "--database", citus_url, "--shards", "8", cwd=tmp_path)
    assert done.returncode == 0 and "is distributed" in done.stdout
    ran = [f"{line};" for line in done.stderr.splitlines()]
    assert ran == [line for line in lines if line not in ("begin;", "commit;")]
    assert "already" in suture("cluster", "init", "--database", citus_url, cwd=tmp_path).stdout
    sqlite = suture("cluster", "init", "--database", f"sqlite:///{tmp_path}/x.db", cwd=tmp_path)
    assert sqlite.returncode == 2 and "cannot be distributed" in sqlite.stderr


# What the store promises there


async def test_an_id_is_unique_over_all_machines(distributed_url: str) -> None:
    """Processes that create one id for different patients, so on different machines, make versions of one resource."""
    stores = [await opened(distributed_url) for _ in range(3)]

    async def write(store: Store, patient: str) -> int:
        return (await put(store, "same", observation(1, patient=patient))).version

    for _ in range(5):
        versions = await asyncio.gather(*(write(store, f"p{n}") for n, store in enumerate(stores)))
        assert len(set(versions)) == 3
    current = await stores[0].read("Observation", "same", ALLOW_ALL)
    assert current is not None and current.version == 15
    assert len(await table(stores[0], "place")) == 1 and len(await table(stores[0], "res")) == 1
    for store in stores:
        await store.close()


async def test_a_resource_that_gets_another_patient_moves_with_all_its_versions(store: Store) -> None:
    await put_patient(store, "p")
    await put(store, "a", observation(1, patient="p"))
    await put(store, "a", observation(2, patient="q"))
    await delete(store, "a")
    await put(store, "a", observation(4))
    q = store.keys.resource("Observation", "a")
    assert {(row[0], row[2]) for row in await table(store, "hist")} == {(q, 1), (q, 2), (q, 3)}
    events = [row for row in await table(store, "events") if row[1] == type_number("Observation")]
    assert {row[-1] for row in events} == {q} and len(events) == 4
    assert [v.version for v in await store.history("Observation", "a", WINDOW, ALLOW_ALL)] == [4, 3, 2, 1]
    assert [v.version for v in await store.history("Observation", None, WINDOW, ALLOW_ALL)] == [4, 3, 2, 1]
    assert (await store.vread("Observation", "a", 1, ALLOW_ALL)) is not None


async def test_the_log_ends_before_a_number_that_is_not_visible_yet(store: Store, distributed_url: str) -> None:
    """The machines of a commit show it one after the other."""
    for id in "abc":
        await put(store, id, observation())

    async def hide(tx: Transaction) -> None:
        await tx.execute("delete from events where seq = 2")

    await store.write(hide)
    assert [event.seq for event in await store.events(0, 10)] == [1]
    assert [event.seq for event in await store.events(2, 10)] == [3]


async def test_statements_keep_to_what_citus_supports(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    fetch = PostgresConnection.fetch

    async def recorded(self: PostgresConnection, sql: str, args: Any = ()) -> Any:
        ran.append(sql)
        return await fetch(self, sql, args)

    monkeypatch.setattr(PostgresConnection, "fetch", recorded)
    for n in range(70):
        await put(store, f"n{n}", observation(n, patient=f"p{n % 3}"))
    await put(store, "n1", observation(5, patient="p2"))
    await asyncio.gather(*(put(store, f"n{n}", observation(9, patient="p1")) for n in range(70)))
    await delete(store, "n2")
    await store.read("Observation", "n1", ALLOW_ALL)
    await store.vread("Observation", "n1", 1, ALLOW_ALL)
    await store.history("Observation", "n1", WINDOW, ALLOW_ALL)
    await store.history("Observation", None, WINDOW, ALLOW_ALL)
    await store.history_count("Observation", "n1", WINDOW, ALLOW_ALL)
    await store.history_count(None, None, AT, ALLOW_ALL)
    await store.events(0, 5)
    assert len(set(ran)) > 15
    assert {sql: found for sql in set(ran) if (found := problems(sql))} == {}
    assert not re.search("for update|for share", " ".join(ran))


def test_the_rules_know_what_citus_does_not_support() -> None:
    """So that the test above means something."""
    assert problems("select * from res r where r.rh = $1 for update")
    assert problems("select * from res r join hist h on h.k = r.k")
    assert problems("update res set ck = 1 where k = 2")
    assert problems("select * from tok a cross join lateral (select * from res where ck = a.ck offset 0) r")
    assert problems(
        "select 1 from res r where (select 1 from tok a where a.k = r.k and a.ck = r.ck limit 1) is not null"
    )
    assert not problems("select 1 from res r where exists (select 1 from tok a where a.k = r.k and a.ck = r.ck)")
    assert not problems("select * from res r where r.rh = $1 and r.ck = $2 for update")


async def test_savepoints_forget_where_undone_work_put_things(store: Store) -> None:
    await put(store, "a", observation(1, patient="p"))

    async def moves_and_fails(tx: Transaction) -> None:
        await tx.current("Observation", "a")
        tx.put("Observation", "a", prepared(observation(2, patient="q")), "PUT")
        await tx.flush()
        raise Conflict("not this one")

    failing = store.write(moves_and_fails, savepoint=True)
    done, _ = await asyncio.gather(put(store, "b", observation(1)), failing, return_exceptions=True)
    assert not isinstance(done, BaseException)
    assert (await put(store, "a", observation(3, patient="r"))).version == 2
    assert {row[0] for row in await table(store, "hist")} == {store.index("r4", (await current(store, "a")).body).ck}


async def current(store: Store, id: str) -> Any:
    return await store.read("Observation", id, ALLOW_ALL)


async def test_derived_values_change_without_a_version_and_move_the_resource(store: Store) -> None:
    await revised(store)
    new = store.keys.resource("Patient", "other")
    (placed,) = await table(store, "place")
    assert placed == (store.keys.resource("Observation", "a"), new)
    assert {row[-1] for row in await table(store, "events")} == {new}


async def test_derived_values_change_without_a_version_on_one_machine_too(database_url: str) -> None:
    store = await opened(database_url)
    await revised(store)
    await store.close()


async def revised(store: Store) -> None:
    await put(store, "a", observation(1, patient="p"))
    await put(store, "a", observation(2, patient="p"))
    rh, ck = store.keys.resource("Observation", "a"), store.keys.resource("Patient", "other")

    async def work(tx: Transaction) -> None:
        await tx.flush()
        await tx.hold([rh])
        await tx.revise(rh, ck, 77, 5)

    await store.write(work)
    (row,) = [dict(zip(COLUMNS["res"], row, strict=True)) for row in await table(store, "res")]
    assert (row["ck"], row["sdate"], row["present"], row["ver"]) == (ck, 77, 5, 2)
    assert {row[0] for row in await table(store, "hist")} == {ck}
    found = await store.vread("Observation", "a", 1, ALLOW_ALL)
    assert found is not None and found.version == 1
    assert len(await store.events(0, 10)) == 2


def test_a_distributed_database_takes_no_bulk_load(distributed_url: str, tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text('{"resourceType":"Patient","id":"a"}\n')
    refused = suture("load", "--bulk", "Patient.ndjson", "--database", distributed_url, cwd=tmp_path)
    assert refused.returncode == 1 and "filled without --bulk" in refused.stderr
    loaded = suture("load", "Patient.ndjson", "--database", distributed_url, cwd=tmp_path)
    assert loaded.returncode == 0, loaded.stderr
    assert suture("check", "--database", distributed_url, cwd=tmp_path).returncode == 0
