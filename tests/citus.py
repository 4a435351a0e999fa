"""PostgreSQL databases in the layout of a cluster: on a real Citus where there is one, else with stand-ins.

`SUTURE_TEST_CITUS_URL` names the coordinator (or the only machine) of a Citus cluster, as a superuser. Without it the
functions of Citus that Suture calls are stood in for by functions that only record their calls: then the layout, the
statements and their answers are tested, and nothing is said about what Citus itself does with them.
"""

import asyncio
import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg

from suture.store.clustering import distribute
from tests import cluster

VARIABLE = "SUTURE_TEST_CITUS_URL"

LAYOUT_VARIABLE = "TEST_LAYOUT"
"""`cluster`: all PostgreSQL databases of the tests are made in the layout of a cluster."""

SHARDS = 4

NOT_DONE = {
    "test_budget": "budgets of index rows are for one machine; a search of all is bounded by the statement timeout",
    "test_plan_cache": "Citus plans statements with their values",
    "test_words_come_with_the_first_resource": "the words of identifiers lie in a table of their own",
    "test_words_may_be_written_for_rows": "the words of identifiers lie in a table of their own",
    "test_all_patients_records": "everything of all patients crosses machines",
    "test_a_page_link_is_of_one_record": "everything of all patients crosses machines",
    "test_explain_shows_the_plan": "the plan is told in other words, see test_distributed",
}
"""Tests, by a part of their name, that do not apply to a cluster, and why."""

REFUSED = "A distributed database cannot"
"""How the refusal of what a cluster does not do begins."""

STAND_IN = """
create schema citus_stand_in;
create table citus_stand_in.called (
    n int generated always as identity, table_name regclass, by text, colocate_with text, shards int
);
create function citus_stand_in.create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text default 'hash',
    colocate_with text default 'default', shard_count int default null
) returns void language sql as
$$ insert into citus_stand_in.called (table_name, by, colocate_with, shards)
   values (table_name, distribution_column, colocate_with, shard_count) $$;
create function citus_stand_in.create_reference_table(table_name regclass) returns void language sql as
$$ insert into citus_stand_in.called (table_name) values (table_name) $$;
create function citus_stand_in.truncate_local_data_after_distributing_table(table_name regclass) returns void
language sql as $$ select $$;
create view citus_stand_in.citus_tables as select table_name, by as distribution_column from citus_stand_in.called;
"""


def wanted() -> bool:
    """Whether all PostgreSQL databases of this session are clustered."""
    return VARIABLE in os.environ or os.environ.get(LAYOUT_VARIABLE) == "cluster"


def reason_to_skip(test: str) -> str:
    """Why a test does not apply to this session's databases; "" when it does."""
    if not wanted() or "sqlite" in test:
        return ""
    return next((why for part, why in NOT_DONE.items() if part in test), "")


@contextlib.contextmanager
def database(*, distributed: bool = True) -> Iterator[str]:
    """A new database with Citus or the stand-ins; `distributed`: and `suture cluster init` done. Dropped at the end."""
    if server := os.environ.get(VARIABLE):
        with _on_citus(server) as url:
            _ready(url, distributed)
            yield url
        return
    with cluster.database() as url:
        _run(_execute(url, STAND_IN))
        name = url.rpartition("/")[2]
        _run(_execute(url, f"alter database {name} set search_path = public, citus_stand_in"))
        _ready(url, distributed)
        yield url


def _ready(url: str, distributed: bool) -> None:
    if distributed:
        _run(distribute(url, SHARDS))


@contextlib.contextmanager
def _on_citus(server: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    url = f"{server.rpartition('/')[0]}/{name}"
    _run(_execute(server, f"create database {name} template template0"))
    try:
        _run(_execute(url, "create extension citus"))
        _run(_execute(url, "select citus_set_coordinator_host('localhost', current_setting('port')::int)"))
        _run(
            _execute(
                url,
                "select citus_set_node_property('localhost', current_setting('port')::int, 'shouldhaveshards', true)",
            )
        )
        yield url
    finally:
        _run(_execute(server, f"drop database if exists {name} with (force)"))


async def _execute(url: str, sql: str) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _run(work: Any) -> None:
    """Run a coroutine to its end, on a thread of its own: the test may have a running loop."""
    failed: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
