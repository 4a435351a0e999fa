"""One SQL statement in the making: bound values, fresh aliases, joins that keep their order, fences, the access
predicate.

A fence bounds how many index rows are read for one list of candidates (`budget`), on both engines at the same row;
a statement whose result may depend on what lies beyond a fence says so in a last row of nulls.

Text is put together from fixed pieces, numbers that this package chose itself and placeholders; every value
of a request is bound. The same shape of search gives the same text, so prepared statements are reused.
"""

from collections.abc import Sequence
from typing import Any

from suture.store.contained import container_sql
from suture.store.dialect import Dialect
from suture.store.predicate import Predicate


class Statement:
    """Values and aliases of one statement. `args`: what to bind, in order. `budget`: index rows of one list.

    `links`: resources that are looked at because they refer to one candidate; as the budget, unless it is told.
    """

    __slots__ = ("_aliases", "_lists", "_overruns", "_predicate", "args", "budget", "dialect", "links")

    def __init__(self, dialect: Dialect, predicate: Predicate, budget: int, links: int = 0) -> None:
        self.dialect = dialect
        self.budget = budget
        self.links = links or budget
        self._predicate = predicate
        self._aliases = 0
        self._lists: list[str] = []
        self._overruns: list[str] = []
        self.args: list[Any] = []

    def fresh(self) -> "Statement":
        """Another statement for the same caller."""
        return Statement(self.dialect, self._predicate, self.budget, self.links)

    def bind(self, value: Any) -> str:
        """Bind a value; returns its placeholder."""
        self.args.append(value)
        return f"?{len(self.args)}"

    def alias(self) -> str:
        """A name that no other table of the statement has."""
        self._aliases += 1
        return f"a{self._aliases}"

    def any_of(self, column: str, values: Sequence[int]) -> str:
        """A condition: `column` is one of `values`. Each number of values up to 4 has its own text, more share one."""
        if len(values) == 1:
            return f"{column} = {self.bind(values[0])}"
        if len(values) <= 4:
            return f"{column} in ({', '.join(map(self.bind, values))})"
        return self.dialect.any_of(column, self.bind(self.dialect.array(values)))

    def join(self, table: str, alias: str, **match: str) -> str:
        """Join `table` by a look-up for each row of what stands before it. `match`: its column = SQL expression.

        On PostgreSQL the fence (offset 0) forbids a hash join, which would read the whole table when the
        planner overestimates the number of rows; SQLite keeps the order of a cross join.
        """
        if self.dialect.clustered:  # Citus joins by plain equalities, see `suture.search.distributed`
            condition = " and ".join(f"{alias}.{column} = {expression}" for column, expression in match.items())
            return f" join {table} {alias} on {condition}"
        if self.dialect.lateral:
            condition = " and ".join(f"{column} = {expression}" for column, expression in match.items())
            return f" cross join lateral (select * from {table} where {condition} offset 0) {alias}"
        condition = " and ".join(f"{alias}.{column} = {expression}" for column, expression in match.items())
        return f" cross join {table} {alias} on {condition}"

    def beside(self, table: str, alias: str, condition: str) -> str:
        """Join the rows of `table` that satisfy `condition` (on `alias`), as `join` does, but by a range."""
        if self.dialect.lateral and not self.dialect.clustered:
            return f" cross join lateral (select * from {table} {alias} where {condition} offset 0) {alias}"
        return f" join {table} {alias} on {condition}"

    def gathered(self, select: str) -> str:
        """The name of a list that holds what `select` finds, which is read to its end, but not beyond the fence."""
        name = self.named(f"{select} limit {self.budget + 1}")
        self._overruns.append(f"(select count(*) from {name}) > {self.budget}")
        return name

    def streamed(self, select: str, share: int = 1) -> tuple[str, str]:
        """`select`, which is in order and read only as far as needed, as a table that ends at the fence.

        Also gives a condition: there is more beyond the fence. `share`: lists among which the budget is divided.
        """
        most = max(self.budget // share, 1)
        beyond = f"(select 1 from ({select} limit 1 offset {most}) {self.alias()}) is not null"
        # PostgreSQL would rather sort a whole list than read so many rows in order; of a limit that it cannot
        # foresee it expects few rows.
        limit = f"(select {most + 1})" if self.dialect.lateral else f"{most + 1}"
        return f"({select} limit {limit})", beyond

    def named(self, select: str) -> str:
        """The name of a list that holds what `select` finds."""
        name = self.alias()
        self._lists.append(f"{name} as materialized ({select})")
        return name

    def overruns(self, condition: str) -> None:
        """Remember when the search has met a fence that may change its result."""
        self._overruns.append(condition)

    def complete(self, select: str, columns: int) -> str:
        """The whole statement. A last row of nulls follows the rows of `select` when a fence was met."""
        if self._overruns:
            nulls = ", ".join(["null"] * columns)
            condition = " or ".join(self._overruns)
            select = f"select * from ({select}) {self.alias()} union all select {nulls} where {condition}"
        return f"with {', '.join(self._lists)} {select}" if self._lists else select

    @property
    def restricted(self) -> bool:
        """True when the access predicate restricts what the caller sees."""
        return bool(self._predicate.sql("r", str))

    def allowed(self, alias: str) -> str:
        """The access predicate on the `res` row `alias`, as ` and (…)`; "" when it restricts nothing."""
        text = self._predicate.sql(alias, self.bind)
        return f" and ({text})" if text else ""


class Row:
    """The names of one candidate resource inside a statement.

    `source`: alias of what gives `k` and `ck` (an index table, a subquery or `res` itself). The `res` row is
    joined only when something asks for it. `score`: SQL of how well it matches a text. `by_update`: rows are read in
    the order of `res.upd`. `inner`: it is a contained resource, whose `res` row is that of its container; `container`:
    which stands beside it in the statement.
    """

    __slots__ = (
        "_container", "_dated", "_joined", "_res", "_statement", "by_update", "ck", "inner", "is_res", "k", "score"
    )  # fmt: skip

    def __init__(
        self, statement: Statement, source: str, *, dated: bool = False, is_res: bool = False, by_update: bool = False,
        score: str = "", container: "Row | None" = None,
    ) -> None:  # fmt: skip
        self._container = container
        self.inner = container is not None
        self.by_update = by_update
        self.score = score
        self._statement = statement
        self._dated = f"{source}.d" if dated else ""
        self._res = source if is_res else ""
        self._joined = False
        self.is_res = is_res
        self.k = f"{source}.k"
        self.ck = f"{source}.ck"

    @property
    def res(self) -> str:
        """Alias of the `res` row."""
        if self._container is not None:
            return self._container.res
        if not self._res:
            self._res = self._statement.alias()
            self._joined = True
        return self._res

    @property
    def container(self) -> "Row":
        """What contains it, for a contained resource."""
        return self._container or Row(self._statement, self.res, is_res=True)

    @property
    def date(self) -> str:
        """The column that holds `sdate`."""
        if self._container is not None:
            return self._container.date
        return self._dated or f"{self.res}.sdate"

    @property
    def dated(self) -> bool:
        """True when the source itself has the date as column `d`."""
        return bool(self._dated)

    def allowed(self) -> str:
        """The access predicate on this resource, as ` and (…)`; "" when it restricts nothing."""
        if self._res:
            return self._statement.allowed(self._res)
        alias = self._statement.alias()
        text = self._statement.allowed(alias)
        if text:
            self._res, self._joined = alias, True
        return text

    def join(self) -> str:
        """The join that brings the `res` row into scope, when it was asked for. Call it last."""
        k = container_sql(self.k) if self.inner else self.k
        return self._statement.join("res", self._res, ck=self.ck, k=k) if self._joined else ""
