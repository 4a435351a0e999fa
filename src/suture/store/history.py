"""Reading versions: one version, the history of a resource, of a type, of the whole server.

Type and system histories follow the `events` log, newest first; an instance's history needs only its own
versions. Specification: https://hl7.org/fhir/R4/http.html#history
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from suture.fhir.definitions import type_number
from suture.store.bodies import Bodies
from suture.store.connection import Connection
from suture.store.predicate import Predicate, condition
from suture.store.rows import Stored

_VERSIONS = (
    "(select r.rt, r.id, r.ver, r.upd, r.deleted, r.method, r.enc, r.body, r.ck, r.k "
    "from res r where {at}{allowed} "
    "union all select r.rt, r.id, h.ver, h.upd, h.deleted, h.method, h.enc, h.body, h.ck, h.k "
    "from res r join hist h on h.ck = r.ck and h.k = r.k where {at}{allowed}) v"
)

_LOGGED = (
    "select r.rt, r.id, e.ver, e.upd, e.deleted, e.method, "
    "case when e.ver = r.ver then r.enc else h.enc end, case when e.ver = r.ver then r.body else h.body end, "
    "r.ck, r.k, e.seq from {log} "
    "left join hist h on h.ck = r.ck and h.k = r.k and h.ver = e.ver"
)

_SUPERSEDED = (
    "coalesce((select n.upd from hist n where n.ck = r.ck and n.k = r.k and n.ver = e.ver + 1), "
    "case when r.ver = e.ver + 1 then r.upd end)"
)


At = tuple[str, Sequence[Any]]
"""Which resource: a condition on the `res` row named r, and its values, which are bound first."""


class Window(msgspec.Struct, frozen=True):
    """Which versions of a history are wanted.

    `since`: updated at or after this time. `at`: versions that were current at some time within these two
    bounds. All in microseconds since 1970 UTC, inclusive. `before`: the `seq` of the last version of the
    page before. `count`: versions at most.
    """

    count: int
    since: int | None = None
    at: tuple[int, int] | None = None
    before: int | None = None


async def version(connection: Connection, bodies: Bodies, at: At, number: int, predicate: Predicate) -> Stored | None:
    """One version of the resource, or None."""
    args: list[Any] = [*at[1], number]
    wanted = len(args)
    versions = _VERSIONS.format(at=at[0], allowed=condition(predicate, "r", args))
    rows = await connection.fetch(f"select * from {versions} where v.ver = ?{wanted}", args)
    return bodies.stored(rows[0]) if rows else None


async def of_instance(
    connection: Connection, bodies: Bodies, at: At, window: Window, predicate: Predicate
) -> list[Stored]:
    """Versions of one resource, newest first. `seq` of each is its version number."""
    args: list[Any] = list(at[1])
    source = _instance_versions(at[0], window, predicate, args)
    before = ""
    if window.before is not None:
        args.append(window.before)
        before = f" where w.ver < ?{len(args)}"
    args.append(window.count)
    rows = await connection.fetch(f"select w.* from {source}{before} order by w.ver desc limit ?{len(args)}", args)
    return [msgspec.structs.replace(bodies.stored(row), seq=row[2]) for row in rows]


def _instance_versions(at: str, window: Window, predicate: Predicate, args: list[Any]) -> str:
    """A sub-query `w` over the versions of the resource that lie in the window, all pages."""
    versions = _VERSIONS.format(at=at, allowed=condition(predicate, "r", args))
    where: list[str] = []
    if window.since is not None:
        args.append(window.since)
        where.append(f"s.upd >= ?{len(args)}")
    if window.at is not None:
        args += window.at
        where.append(f"(s.superseded is null or s.superseded > ?{len(args) - 1}) and s.upd <= ?{len(args)}")
    filters = f" where {' and '.join(where)}" if where else ""
    return (
        f"(select s.* from (select v.*, lead(v.upd) over (order by v.ver) as superseded from {versions}) s{filters}) w"
    )


async def of_log(
    connection: Connection, bodies: Bodies, log: str, type: str | None, window: Window, predicate: Predicate
) -> list[Stored]:
    """Versions of all resources of a type, or of all types when `type` is None, newest first.

    `log`: the log as `suture.store.events` joins it.
    """
    args: list[Any] = []
    where = _log_filters(type, window, args)
    allowed = condition(predicate, "r", args)
    if window.before is not None:
        args.append(window.before)
        n = len(args)
        where.append(f"(e.upd, e.seq) < ((select b.upd from events b where b.seq = ?{n}), ?{n})")
    args.append(window.count)
    filters = " and ".join(where) or "1 = 1"
    rows = await connection.fetch(
        f"{_LOGGED.format(log=log)} where {filters}{allowed} order by e.upd desc, e.seq desc limit ?{len(args)}", args
    )
    return [msgspec.structs.replace(bodies.stored(row), seq=row[10]) for row in rows]


async def count_of_instance(connection: Connection, at: At, window: Window, predicate: Predicate) -> int:
    """How many versions the history of one resource has over all its pages."""
    args: list[Any] = list(at[1])
    source = _instance_versions(at[0], window, predicate, args)
    return (await connection.fetch(f"select count(*) from {source}", args))[0][0]


async def count_of_log(connection: Connection, log: str, type: str | None, window: Window, predicate: Predicate) -> int:
    """How many versions the history of a type, or of all, has over all its pages."""
    args: list[Any] = []
    where = _log_filters(type, window, args)
    allowed = condition(predicate, "r", args)
    filters = " and ".join(where) or "1 = 1"
    return (await connection.fetch(f"select count(*) from {log} where {filters}{allowed}", args))[0][0]


def _log_filters(type: str | None, window: Window, args: list[Any]) -> list[str]:
    where: list[str] = []
    if type is not None:
        args.append(type_number(type))
        where.append(f"e.rt = ?{len(args)}")
    if window.since is not None:
        args.append(window.since)
        where.append(f"e.upd >= ?{len(args)}")
    if window.at is not None:
        args += window.at
        low, high = len(args) - 1, len(args)
        where.append(f"e.upd <= ?{high} and ({_SUPERSEDED} is null or {_SUPERSEDED} > ?{low})")
    return where
