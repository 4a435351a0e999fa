"""The index rows of resources: those that they should have, and those that they have.

The one thing to know: every index table can be read by `k`, so what a resource really has can always be compared.
"""

from collections.abc import Sequence

from suture.store.connection import Connection, Row
from suture.store.contained import container, inner_key, inside_sql
from suture.store.dialect import Dialect
from suture.store.rows import IndexRows
from suture.store.tables import COLUMNS, INDEX_TABLES

Tables = tuple[Sequence[Row], ...]
"""Rows of the five index tables, in the order of INDEX_TABLES."""

NO_ROWS: Tables = ((), (), (), (), ())

_PLACES = tuple((table, COLUMNS[table].index("k")) for table in INDEX_TABLES)


def index_rows(rows: IndexRows, ck: int, k: int) -> Tables:
    """The rows that the resource `ck`, `k` should have, with those of what it contains."""
    tables = _own_rows(rows, ck, k, rows.sdate)
    for n, inner in enumerate(rows.contained, 1):
        for table, more in zip(tables, _own_rows(inner, ck, inner_key(k, n), rows.sdate), strict=True):
            table += more
    return tables


def _own_rows(rows: IndexRows, ck: int, k: int, d: int) -> tuple[list[Row], ...]:
    return (
        [(h, d, k, ck) for h in rows.tok],
        [(h, norm, raw, k, ck) for h, norm, raw in rows.str],
        [(h, lo, hi, k, ck) for h, lo, hi in rows.qty],
        [(h, lo, hi, k, ck) for h, lo, hi in rows.dat],
        [(t, p, d, k, ck) for t, p in rows.ref],
    )


async def rows_there(connection: Connection, dialect: Dialect, ks: Sequence[int]) -> dict[int, Tables]:
    """The rows that these resources have, with those of what they contain, by `k`."""
    found: dict[int, tuple[list[Row], ...]] = {k: ([], [], [], [], []) for k in ks}
    if not found:
        return {}
    bound = dialect.array(ks)
    for number, (table, place) in enumerate(_PLACES):
        names = ", ".join(COLUMNS[table])
        own = f"select {names} from {table} where {dialect.any_of('k', '?1')}"
        inner = f"select {names} from {dialect.joined('?1', table, inside_sql('k', 'x.value'))}"
        for row in await connection.fetch(f"{own} union all {inner}", (bound,)):
            found[container(row[place])][number].append(tuple(row))
    return dict(found)
