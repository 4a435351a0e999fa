"""What is written to PostgreSQL, as SQL: many rows by `unnest`, and many statements in one.

The one thing to know: under load every answer of the server waits for a turn of the busy event loop, so a batch that
reads nothing is one statement, which is its own transaction.
"""

import functools
import re
from collections.abc import Sequence
from typing import Any

from suture.store.bodies import STORED_COLUMNS
from suture.store.dialect import POSTGRESQL
from suture.store.tables import COLUMNS, INDEX_TABLES, VOCABULARY

CHANNEL = "suture"
"""Where a commit's message goes: `<newest event> <generation>`."""

TYPES = {
    "res": (
        "bigint", "bigint", "int", "int", "text", "int", "bigint", "int", "int", "bigint", "bigint", "bigint", "int",
        "bytea",
    ),
    "hist": ("bigint", "bigint", "int", "bigint", "int", "int", "int", "int", "bytea"),
    "tok": ("bigint", "bigint", "bigint", "bigint"),
    "str": ("bigint", "text", "text", "bigint", "bigint"),
    "qty": ("bigint", "float8", "float8", "bigint", "bigint"),
    "dat": ("bigint", "bigint", "bigint", "bigint", "bigint"),
    "ref": ("bigint", "bigint", "bigint", "bigint", "bigint"),
    "forms": ("bigint", "bigint", "bigint"),
    "words": ("bigint", "text", "bigint"),
    "events": ("int", "bigint", "bigint", "int", "bigint", "int", "int"),
}  # fmt: skip


def _unnest(table: str) -> str:
    return ", ".join(f"${n}::{type}[]" for n, type in enumerate(TYPES[table], 1))


def _insert(table: str) -> str:
    return f"insert into {table} select * from unnest({_unnest(table)})"


def _delete(table: str) -> str:
    names = COLUMNS[table]
    match = " and ".join(f"{table}.{name} = u.{name}" for name in names)
    return f"delete from {table} using unnest({_unnest(table)}) as u({', '.join(names)}) where {match}"


def _replace() -> str:
    names = COLUMNS["res"]
    updates = ", ".join(f"{name} = u.{name}" for name in names if name != "rh")
    return f"update res set {updates} from unnest({_unnest('res')}) as u({', '.join(names)}) where res.rh = u.rh"


INSERT = {table: _insert(table) for table in COLUMNS if table != "events"}
INSERT_NEW = {table: f"{_insert(table)} on conflict do nothing" for table in VOCABULARY}
DELETE = {table: _delete(table) for table in INDEX_TABLES}
REPLACE = _replace()
LOAD = f"select {STORED_COLUMNS}, r.fv, r.rh from res r where r.rh = any($1::bigint[]) order by r.rh for update"
ARCHIVE = (
    f"insert into hist ({', '.join(COLUMNS['hist'])}) select {', '.join(COLUMNS['hist'])} "
    "from res where rh = any($1::bigint[])"
)
INSERT_PROSE = (
    "insert into prose (k, ck, words) select k, ck, words::tsvector "
    "from unnest($1::bigint[], $2::bigint[], $3::text[]) as u(k, ck, words) "
    "on conflict (k, ck) do update set words = excluded.words"
)
DELETE_PROSE = (
    "delete from prose where k = any($1::bigint[]) and not exists "
    "(select 1 from unnest($2::bigint[], $3::bigint[]) as u(k, ck) where u.k = prose.k and u.ck = prose.ck)"
)
# The row lock on the counter is held to the commit, so numbers become visible in their order.
_COUNTED = "update counter set n = n + $8, generation = generation + $9 where name = 'seq'"
_LOGGED = (
    "insert into events select last.n - $8 + u.position, u.rt, u.rh, u.k, u.ver, u.upd, u.method, u.deleted "
    f"from last, unnest({_unnest('events')}) with ordinality as u(rt, rh, k, ver, upd, method, deleted, position)"
)
_TOLD = "pg_notify($10, n || ' ' || generation)"
APPEND = (
    f"with last as ({_COUNTED} returning n, generation), added as ({_LOGGED}) select n, generation, {_TOLD} from last"
)

_PARAMETER = re.compile(r"\$(\d+)")


def as_one(gathered: Sequence[tuple[str, Sequence[Any]]], events: Sequence[Any] | None = None) -> tuple[str, list[Any]]:
    """One statement that does what is gathered, and its values. `events`: values of what ends it."""
    texts = tuple(sql for sql, _ in gathered)
    values = [value for _, some in gathered for value in some]
    return _combined(texts, ending=events is not None), [*values, *(events or ())]


@functools.lru_cache(maxsize=512)
def _combined(statements: tuple[str, ...], *, ending: bool) -> str:
    """One statement that does the same as these, which touch different rows. `ending`: and ends with the events."""
    parts: list[str] = []
    before = 0
    for number, sql in enumerate(statements):
        parts.append(f"w{number} as ({_shifted(sql, before)}{' returning 1' if ending else ''})")
        before += max(int(n) for n in _PARAMETER.findall(sql))
    if not ending:
        return f"with {', '.join(parts)} select 1"
    # The counter's row is locked last, so that the writers of other processes wait for no more than the commit.
    after = "".join(f" and (select count(*) from w{number}) >= 0" for number in range(len(statements)))
    parts.append(f"last as ({_shifted(_COUNTED, before)}{after} returning n, generation)")
    parts.append(f"added as ({_shifted(_LOGGED, before)})")
    right = f"case when generation = ${before + 11} then 1 else {POSTGRESQL.stop('generation')} end"
    return f"with {', '.join(parts)} select n, {_shifted(_TOLD, before)}, {right} from last"


def _shifted(sql: str, by: int) -> str:
    """`sql` with the numbers of its parameters raised."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + by}", sql)
