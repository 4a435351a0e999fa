"""The few places where the SQL of the two engines differs, for the rooms that build statements."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec


class Dialect(msgspec.Struct, frozen=True):
    """What a statement builder must know of an engine.

    `lateral`: the engine knows LATERAL joins (needed for fast chained searches on PostgreSQL). `clustered`: the
    tables are distributed by `ck` over several machines, see `suture.store.distribution`.
    """

    name: str
    lateral: bool
    clustered: bool = False

    def any_of(self, column: str, placeholder: str) -> str:
        """SQL that is true when `column` is one of the values bound at `placeholder` by `array`."""
        if self.name == "postgresql":
            return f"{column} = any({placeholder})"
        return f"{column} in (select value from json_each({placeholder}))"

    def stop(self, k: str) -> str:
        """SQL of a number that cannot be computed from the number `k`: the statement ends there (TooCostly)."""
        if self.name == "postgresql":
            return f"1 / ({k} - {k})"
        return f"abs({k} - {k} - 9223372036854775807 - 1)"

    def holds(self, column: str, placeholder: str) -> str:
        """SQL that is true when the text in `column` has the bound text in it. (LIKE ignores case on SQLite.)"""
        return f"{'strpos' if self.name == 'postgresql' else 'instr'}({column}, {placeholder}) > 0"

    def joined(self, placeholder: str, table: str, condition: str) -> str:
        """SQL of the rows of `table` that a look-up finds for each `x.value` of those bound at `placeholder`.

        `condition`: on columns of the table, which are named without it, and `x.value`.
        """
        if self.name == "postgresql":
            values = f"unnest(cast({placeholder} as bigint[])) x(value)"
            if self.clustered:
                return f"{values} join {table} on {condition}"
            return f"{values} cross join lateral (select * from {table} where {condition} offset 0) found"
        return f"json_each({placeholder}) x cross join {table} on {condition}"

    def array(self, values: Iterable[int | str]) -> Any:
        """The value to bind for `any_of`: a list on PostgreSQL, JSON text on SQLite."""
        if self.name == "postgresql":
            return list(values)
        return json.dumps(list(values))


SQLITE = Dialect("sqlite", lateral=False)
POSTGRESQL = Dialect("postgresql", lateral=True)
CITUS = Dialect("postgresql", lateral=True, clustered=True)
