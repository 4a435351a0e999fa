"""How a PostgreSQL database lies on a cluster of machines (Citus), and what that changes for the store.

Every table with a compartment key is distributed by it, so all of a patient lies on one machine. A `rh` cannot be
unique over machines when rows are placed by `ck`, so the table `place` (rh, ck), distributed by rh, keeps ids unique
and says in one step where a resource lies; a Patient lies where its own hash says and needs no row. The newest event
number stays on the machine that Suture connects to, the coordinator: every commit goes through it anyway.
https://docs.citusdata.com/en/stable/develop/reference_ddl.html
"""

from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from suture.fhir.definitions import type_number
from suture.store.connection import Connection

OWNER = "Patient"
"""The resource type whose `ck` is always its own `rh`."""

LAYOUT = "layout"
"""The name in `meta` that only a distributed database has."""

OWN_WORDS = "own_words"
"""Texts of the vocabulary of which there are as many as resources, such as identifiers, so not on every machine."""

LOCAL = frozenset(("counter",))
"""Tables that stay on the coordinator."""

EXTENSION = "select to_regproc('create_distributed_table') is not null"

DISTRIBUTED = "select table_name::text from citus_tables"

TABLES = (
    "select c.relname::text, array_agg(a.attname::text order by a.attnum) from pg_class c "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
    "where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace group by c.relname order by c.relname"
)

OTHERS = (
    "select count(*) from pg_stat_activity where application_name = 'suture' and datname = current_database() "
    "and pid <> pg_backend_pid()"
)


class Table(msgspec.Struct, frozen=True):
    """A table of the database and its columns."""

    name: str
    columns: tuple[str, ...]

    @property
    def by(self) -> str:
        """The column by which it is distributed; "" for a reference table, which every machine has whole."""
        return {"place": "rh", OWN_WORDS: "h"}.get(self.name, "ck" if "ck" in self.columns else "")


def preparation() -> list[str]:
    """The statements that make the tables of one machine fit to be distributed. Keys and uniqueness get `ck`."""
    return [
        "create table place (rh bigint primary key, ck bigint not null)",
        f"insert into place (rh, ck) select rh, ck from res where rt <> {type_number(OWNER)}",
        f'create table {OWN_WORDS} (p bigint not null, norm text collate "C" not null, h bigint not null, '
        "primary key (p, norm, h))",
        f"create index {OWN_WORDS}_h on {OWN_WORDS} (h)",
        "drop index res_rh",
        "create unique index res_rh on res (rh, ck)",
        "alter table events add column ck bigint",
        "update events e set ck = r.ck from res r where r.rh = e.rh",
        "alter table events alter column ck set not null",
        "alter table events drop constraint events_pkey",
        "alter table events add primary key (seq, ck)",
        "create index events_k on events (k)",
    ]


PREPARED = (Table("place", ("rh", "ck")), Table(OWN_WORDS, ("p", "norm", "h")), Table("events", ("ck",)))
"""What `preparation` makes of tables."""


def distribution(tables: Iterable[Table], done: Set[str], shards: int) -> list[str]:
    """The statements that distribute what is not in `done` yet, the largest group first named by `res`."""
    wanted = [table for table in tables if table.name not in done and table.name not in LOCAL]
    commands = [f"select create_reference_table('{table.name}')" for table in wanted if not table.by]
    for table in sorted((table for table in wanted if table.by), key=lambda table: (table.name != "res", table.name)):
        begins = table.name == "res" or table.by != "ck"  # a group of tables whose rows lie together
        group = f"colocate_with := 'none', shard_count := {shards}" if begins else "colocate_with := 'res'"
        commands.append(f"select create_distributed_table('{table.name}', '{table.by}', {group})")
    return commands


def cleaning(tables: Iterable[Table], done: Set[str]) -> list[str]:
    """The statements that remove the copies of rows that stay behind on the coordinator."""
    names = [table.name for table in tables if table.name not in done and table.name not in LOCAL]
    return [f"select truncate_local_data_after_distributing_table('{name}')" for name in names]


class Steps(msgspec.Struct, frozen=True):
    """What turns a database into a distributed one. `within`: in one transaction. `afterwards`: each by itself."""

    within: list[str]
    afterwards: list[str]


def steps(tables: Sequence[Table], done: Set[str], shards: int) -> Steps:
    """What is left to do for a database with these tables, of which `done` are distributed."""
    names = {table.name for table in tables}
    fresh = "place" not in names
    known = {table.name: table for table in (*tables, *PREPARED)} if fresh else {table.name: table for table in tables}
    ordered = [known[name] for name in sorted(known)]
    marks = [f"insert into meta (name, value) values ('{LAYOUT}', 'citus')"] if fresh else []
    return Steps(
        [*(preparation() if fresh else ()), *marks, *distribution(ordered, done, shards)], cleaning(ordered, done)
    )


async def plan(connection: Connection, shards: int) -> Steps:
    """What is left to do for the database of `connection`, which has the Citus extension."""
    done = {row[0] for row in await connection.fetch(DISTRIBUTED)}
    tables = [Table(row[0], tuple(row[1])) for row in await connection.fetch(TABLES)]
    return steps(tables, done, shards)


async def places(connection: Connection, rhs: Sequence[int]) -> Mapping[int, int]:
    """Where resources lie: rh -> ck, for those that have a row in `place`."""
    rows = await connection.fetch("select rh, ck from place where rh = any(?1::bigint[])", (list(rhs),))
    return dict(rows)
