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

    def holds(self, column: str, placeholder: str) -> str:
        """SQL that is true when the text in `column` has the bound text in it. (LIKE ignores case on SQLite.)"""
        return f"{'strpos' if self.name == 'postgresql' else 'instr'}({column}, {placeholder}) > 0"

    def array(self, values: Iterable[int | str]) -> Any:
        """The value to bind for `any_of`: a list on PostgreSQL, JSON text on SQLite."""
        if self.name == "postgresql":
            return list(values)
        return json.dumps(list(values))


SQLITE = Dialect("sqlite", lateral=False)
POSTGRESQL = Dialect("postgresql", lateral=True)
CITUS = Dialect("postgresql", lateral=True, clustered=True)
