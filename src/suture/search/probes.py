"""A filter as a condition on one candidate resource: a probe into the index for that resource alone.

Probes are scalar subqueries with a limit, which the planner of PostgreSQL never turns into a join that reads
a list of a hundred thousand rows, and they are never null, so they may stand under `not` and `or`.
"""

import math
from collections.abc import Sequence
from typing import assert_never

from suture.search.filters import (
    And,
    Beside,
    Chain,
    Column,
    Compares,
    Contains,
    Enters,
    Equals,
    Filter,
    Has,
    Holds,
    Ids,
    Marked,
    Missing,
    Named,
    Near,
    Not,
    Or,
    Prose,
    Range,
    Refers,
    StartsWith,
    Test,
    Text,
    Token,
    Types,
    Updated,
    conjuncts,
    lists,
)
from suture.search.full_text import prose_probe
from suture.search.statement import Row, Statement
from suture.search.unresolved import Coded, Terms, Together, Worded
from suture.store.contained import inside_sql
from suture.store.rows import NO_DATE

_UPPER = (("hi", "<"), ("hi", "<="))

PROBED = 8
"""Lists of one filter that are looked up one by one for each candidate."""

TREE = 8
"""Conditions that are joined in a row."""

LAST = "\U0010ffff"
"""Sorts after every character that a text may hold."""


def probe(s: Statement, filter: Filter, row: Row) -> str:
    """SQL that is true when the resource `row` satisfies `filter`."""
    match filter:
        case Token():
            return _listed(s, "tok", filter, row)
        case Refers():
            return _listed(s, "ref", filter, row)
        case StartsWith() | Equals() | Contains() | Compares():
            a = s.alias()
            return _exists(s, f"str {a}", f"{a}.k = {row.k} and {text_condition(s, filter, a)} and {a}.ck = {row.ck}")
        case Near():
            return _near(s, filter, row)
        case Prose():
            return prose_probe(s, filter, row)
        case Range():
            return _range(s, filter, row)
        case Chain() | Has():
            return _linked(s, filter, row)
        case Holds():
            return _holds(s, filter, row)
        case Enters():
            return _enters(s, filter, row)
        case Named():
            return _named(s, filter, row)
        case Beside():
            return _beside(s, filter, row)
        case And():
            return "(" + (joined("and", [probe(s, item, row) for item in filter.items]) or "1 = 1") + ")"
        case Or():
            return "(" + (joined("or", [probe(s, item, row) for item in filter.items]) or "1 = 0") + ")"
        case Not():
            return f"not {probe(s, filter.item, row)}"
        case Updated() | Ids() | Missing() | Types():
            return _column(s, filter, row)
        case Marked():
            return _marked(s, filter, row)
        case Coded() | Worded() | Terms() | Together():
            raise AssertionError(f"{type(filter).__name__} was not resolved")
        case _:
            assert_never(filter)


def joined(operator: str, conditions: Sequence[str]) -> str:
    """`a or b or …`; of many as a tree that is not deep, since SQLite bounds the depth of expressions."""
    if len(conditions) <= TREE:
        return f" {operator} ".join(conditions)
    middle = len(conditions) // 2
    return f"({joined(operator, conditions[:middle])}) {operator} ({joined(operator, conditions[middle:])})"


def listed_condition(s: Statement, filter: Token | Refers, a: str) -> str:
    """The condition on a row `a` of `tok` or `ref`."""
    if isinstance(filter, Token):
        return s.any_of(f"{a}.h", filter.hashes)
    return f"{s.any_of(f'{a}.t', filter.ts)} and {s.any_of(f'{a}.p', filter.ps)}"


def _listed(s: Statement, table: str, filter: Token | Refers, row: Row) -> str:
    a = s.alias()
    if lists(filter) <= PROBED:
        at = f"{a}.d = {row.date} and {a}.k = {row.k} and {a}.ck = {row.ck}"
        return _exists(s, f"{table} {a}", f"{listed_condition(s, filter, a)} and {at}")
    # Too many look-ups: compare the few rows of the resource instead. The sign keeps the engines off the other index.
    plus = f"+{a}"
    if isinstance(filter, Token):
        of = s.any_of(f"{plus}.h", filter.hashes)
    else:
        of = f"{s.any_of(f'{plus}.t', filter.ts)} and {s.any_of(f'{plus}.p', filter.ps)}"
    return _exists(s, f"{table} {a}", f"{a}.k = {row.k} and {a}.ck = {row.ck} and {of}")


def _near(s: Statement, filter: Near, row: Row) -> str:
    a, b = s.alias(), s.alias()
    latitude, longitude = filter.at
    north, east, cosine = s.bind(latitude), s.bind(longitude), s.bind(math.cos(math.radians(latitude)))
    # The haversine of the angle between two points, https://en.wikipedia.org/wiki/Haversine_formula.
    dy, dx = f"sin(radians({a}.lo - {north}) / 2)", f"sin(radians({b}.lo - {east}) / 2)"
    reach = f"{dy} * {dy} + {cosine} * cos(radians({a}.lo)) * {dx} * {dx} <= {s.bind(filter.reach)}"
    both = (
        f"{a}.k = {row.k} and {a}.h = {s.bind(filter.latitude)} and {a}.ck = {row.ck} and "
        f"{b}.k = {row.k} and {b}.h = {s.bind(filter.longitude)} and {b}.ck = {row.ck}"
    )
    return _exists(s, f"qty {a} cross join qty {b}", f"{both} and {reach}")


def text_condition(s: Statement, filter: Text, a: str) -> str:
    """The condition on a row `a` of `str`."""
    of = s.any_of(f"{a}.h", filter.hs)
    match filter:
        case StartsWith():
            return f"{of} and {a}.norm >= {s.bind(filter.prefix)} and {a}.norm < {s.bind(filter.prefix + LAST)}"
        case Equals():
            return f"{of} and {a}.norm = {s.bind(filter.norm)} and {a}.raw = {s.bind(filter.raw)}"
        case Contains():
            if filter.at_end:
                start = f"length({a}.norm) - {len(filter.part) - 1}"
                return f"{of} and substr({a}.norm, {start}) = {s.bind(filter.part)}"
            return f"{of} and {s.dialect.holds(f'{a}.norm', s.bind(filter.part))}"
        case Compares():
            return f"{of} and {a}.norm {filter.comparison} {s.bind(filter.norm)}"


def pattern(text: str) -> str:
    r"""`text` inside of a pattern of `like … escape '\'`."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def range_condition(s: Statement, filter: Range, a: str) -> str:
    """The condition on a row `a` of `dat` or `qty`."""
    conditions = [f"{a}.h = {s.bind(filter.h)}"]
    conditions += [f"{a}.{end} {comparison} {s.bind(value)}" for end, comparison, value in filter.every]
    if filter.some:
        some = " or ".join(f"{a}.{end} {comparison} {s.bind(value)}" for end, comparison, value in filter.some)
        conditions.append(f"({some})")
    return " and ".join(conditions)


def updated_condition(s: Statement, filter: Updated, column: str) -> str:
    """The condition on `column`, which holds `res.upd`."""
    low = [] if filter.low is None else [f"{column} >= {s.bind(filter.low)}"]
    high = [] if filter.high is None else [f"{column} <= {s.bind(filter.high)}"]
    text = " and ".join(low + high)
    return text if filter.inside else f"not ({text})"


def _range(s: Statement, filter: Range, row: Row) -> str:
    a = s.alias()
    at = f"{a}.k = {row.k} and {range_condition(s, filter, a)} and {a}.ck = {row.ck}"
    found = _exists(s, f"{filter.table} {a}", at)
    if filter.far is None or not (row.dated or row.is_res):
        return found
    # What follows from the filter for sdate bounds the scan; where sdate alone proves the filter nothing is probed.
    bounds = date_bounds(s, filter, row.date)
    proofs = [_proof(s, test, row) for test in _enough(filter)]
    return f"({' and '.join([*bounds, '(' + ' or '.join([*proofs, found]) + ')'])})"


def date_bounds(s: Statement, filter: Range, date: str) -> list[str]:
    """What follows from the filter for sdate, in the column `date`; nothing when it is about another parameter."""
    if filter.far is None:
        return []
    return [f"{date} {test[1]} {s.bind(test[2])}" for test in filter.every if test[:2] in _UPPER]


def _enough(filter: Range) -> list[Test]:
    """Tests that prove the filter once sdate passes them.

    sdate is the smallest start of a value, or its end when it has no start. So a date above a bound proves
    that some `hi` is, and a date below a bound that some `lo` is.
    """
    alternatives = filter.some or filter.every
    if filter.some and filter.every:  # le: what lies below `first` lies below `last` too
        return [test for test in alternatives if test[:2] == ("lo", "<")]
    if len(alternatives) > 1 and not filter.some:
        return []
    return [test for test in alternatives if test[:2] in (("lo", "<"), ("hi", ">"))]


def _proof(s: Statement, test: Test, row: Row) -> str:
    proof = f"{row.date} {test[1]} {s.bind(test[2])}"
    return f"({proof} and {row.date} > {NO_DATE})" if test[0] == "lo" else proof


def _column(s: Statement, filter: Column, row: Row) -> str:
    match filter:
        case Updated():
            # The sign keeps the engine from reading in the order of `upd` what is wanted in another order.
            column = f"{row.res}.upd" if row.by_update else f"+{row.res}.upd"
            return f"({updated_condition(s, filter, column)})"
        case Ids():
            return f"({s.any_of(f'{row.res}.rh', filter.rhs)})"
        case Missing():
            return f"({row.res}.present & {s.bind(1 << filter.bit)}) {'=' if filter.missing else '<>'} 0"
        case Types():
            return f"({row.res}.rt in ({', '.join(map(str, filter.rts))}))"


def _linked(s: Statement, filter: Chain | Has, row: Row) -> str:
    a, other = s.alias(), s.alias()
    p = s.bind(filter.p)
    far = Row(s, other, is_res=True)
    living = f"{other}.deleted = 0 and {other}.rt = {filter.rt}"
    if isinstance(filter, Chain):
        links = f"ref {a}{s.join('res', other, rh=f'{a}.t')}"
        at = f"{a}.k = {row.k} and {a}.p = {p} and {a}.ck = {row.ck}"
        return _exists(s, links, f"{at} and {living}{far.allowed()} and {probe(s, filter.inner, far)}")
    at = f"{a}.t = {row.res}.rh and {a}.p = {p}"
    join = s.join("res", other, ck=f"{a}.ck", k=f"{a}.k")
    met = f"{living}{far.allowed()} and {probe(s, filter.inner, far)}"
    if s.dialect.clustered:
        return _exists(s, f"ref {a}{join}", f"{at} and {met}")
    # A great many may refer to one resource. When none of those that may be looked at is right, the statement stops.
    found = _exists(s, f"(select {a}.k, {a}.ck from ref {a} where {at} limit {s.links}) {a}{join}", met)
    more = f"(select {a}.k from ref {a} where {at} limit 1 offset {s.links}) {a}"
    beyond = f"(select {s.dialect.stop(f'{a}.k')} from {more}) is not null"
    return f"({found} or {beyond})"


def _marked(s: Statement, filter: Marked, row: Row) -> str:
    a = s.alias()
    bits = f"({a}.lo & {s.bind(1 << filter.bit)}) {'=' if filter.missing else '<>'} 0"
    return _exists(s, f"dat {a}", f"{a}.k = {row.k} and +{a}.h = {s.bind(filter.h)} and {bits} and {a}.ck = {row.ck}")


def inside_condition(s: Statement, inner: Filter, a: str, row: Row) -> str:
    """The condition that a row `a` of `dat` stands for a resource inside of `row` that satisfies `inner`."""
    own, *others = conjuncts(inner)
    assert isinstance(own, Range)  # the row that every contained resource has, see `contained.of_type`
    contained = Row(s, a, container=row)
    # The sign keeps the engines off the list of all contained resources of the type.
    at = f"{inside_sql(f'{a}.k', row.k)} and +{a}.h = {s.bind(own.h)} and {a}.ck = {row.ck}"
    return at + "".join(f" and {probe(s, item, contained)}" for item in others)


def _holds(s: Statement, filter: Holds, row: Row) -> str:
    a = s.alias()
    return _exists(s, f"dat {a}", inside_condition(s, filter.inner, a, row))


def _enters(s: Statement, filter: Enters, row: Row) -> str:
    a, b = s.alias(), s.alias()
    inner = probe(s, filter.inner, Row(s, b, container=row))
    at = f"{b}.h = {a}.t and {b}.d = {row.date} and {inside_sql(f'{b}.k', row.k)} and {b}.ck = {row.ck}"
    entered = _exists(s, f"tok {b}", f"{at} and {inner}")
    return _exists(s, f"ref {a}", f"{a}.k = {row.k} and {a}.p = {s.bind(filter.p)} and {a}.ck = {row.ck} and {entered}")


def _named(s: Statement, filter: Named, row: Row) -> str:
    a, b, holder = s.alias(), s.alias(), row.container
    # Its id is one of its tokens, and what references inside of the container lead to.
    link = s.join("ref", a, t=f"{b}.h", p=s.bind(filter.p), d=f"{b}.d", k=holder.k, ck=holder.ck)
    named = _exists(s, f"tok {b}{link}", f"{b}.k = {row.k} and {b}.ck = {row.ck}")
    return f"({probe(s, filter.inner, holder)} and {named})"


def _beside(s: Statement, filter: Beside, row: Row) -> str:
    a, b, holder = s.alias(), s.alias(), row.container
    at = f"{a}.t = {b}.h and {a}.p = {s.bind(filter.p)} and {a}.d = {b}.d and {a}.ck = {b}.ck"
    link = s.beside("ref", a, f"{at} and {inside_sql(f'{a}.k', holder.k)}")
    met = probe(s, filter.inner, Row(s, a, container=holder))
    return _exists(s, f"tok {b}{link}", f"{b}.k = {row.k} and {b}.ck = {row.ck} and {met}")


def _exists(s: Statement, tables: str, condition: str) -> str:
    if s.dialect.clustered:  # a limit would keep Citus from asking all machines at once
        return f"exists (select 1 from {tables} where {condition})"
    return f"(select 1 from {tables} where {condition} limit 1) is not null"
