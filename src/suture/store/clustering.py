"""Turning a database into a distributed one, while no server runs; `suture.store.distribution` says how it lies then.

The one thing to know: all tables change in one transaction, so a database is distributed as a whole or not at all, and
what a later release adds is distributed by doing it again.
"""

from collections.abc import Callable

from suture.store.connection import Retry
from suture.store.distribution import EXTENSION, OTHERS, Steps, plan
from suture.store.opening import SCHEMA_LOCK, DatabaseError, open_store
from suture.store.pool import PostgresPool
from suture.store.postgres import PostgresConnection
from suture.store.rows import IndexRows

Tell = Callable[[str], None]
"""Called with every statement before it runs."""


async def preview(url: str, shards: int) -> list[str]:
    """The statements that `distribute` would run. Changes nothing. Raises DatabaseError."""
    _check_url(url)
    connection = await _connected(url)
    try:
        found = await plan_for(connection, shards)
        return ["begin", *found.within, "commit", *found.afterwards] if found.within else []
    finally:
        await connection.close()


async def distribute(url: str, shards: int, tell: Tell = lambda _: None) -> int:
    """Bring the schema up to date and distribute what is not distributed yet; how many statements that took.

    Raises DatabaseError when the extension is missing or servers are running.
    """
    _check_url(url)
    store = await open_store(url, index=_no_index)
    await store.close()
    connection = await _connected(url)
    try:
        if (others := (await connection.fetch(OTHERS))[0][0]) > 0:
            raise DatabaseError(f"Suture has {others} connections to the database: stop all its servers first")
        await connection.begin()
        await connection.lock([SCHEMA_LOCK])
        found = await plan_for(connection, shards)
        for statement in found.within:
            tell(statement)
            await connection.execute(statement)
        await connection.commit()
        for statement in found.afterwards:
            tell(statement)
            await connection.execute(statement)
        return len(found.within) + len(found.afterwards)
    except Retry as error:
        raise DatabaseError("others work with the database; stop them first") from error
    finally:
        await connection.close()


async def plan_for(connection: PostgresConnection, shards: int) -> Steps:
    """What is left to do. Raises DatabaseError when the extension or Suture's tables are missing."""
    if not (await connection.fetch(EXTENSION))[0][0]:
        raise DatabaseError("the database has no Citus extension: run `create extension citus` in it first")
    if not (await connection.fetch("select to_regclass('res') is not null"))[0][0]:
        raise DatabaseError("the database is empty; without --dry-run its tables are made")
    return await plan(connection, shards)


async def _connected(url: str) -> PostgresConnection:
    try:
        return await PostgresPool(url, size=1, timeout=0).connect(statement_timeout=0)
    except Exception as error:
        raise DatabaseError(f"cannot use the PostgreSQL database: {error.__cause__ or error}") from error


def _check_url(url: str) -> None:
    if url.startswith("sqlite:"):
        raise DatabaseError("only a PostgreSQL database can be distributed, not a SQLite file")


def _no_index(version: str, body: bytes) -> IndexRows:
    raise AssertionError("nothing is written here")
