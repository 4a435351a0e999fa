"""The limit: the statements that a request runs, by the bare driver, without HTTP, parsing, planning and assembling.

The statements are recorded while the same application answers the same request in this process, and then run again.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

import apsw
import asyncpg

from suture.cli.target import embedded
from suture.settings import Settings
from suture.store.opening import sqlite_path
from suture.store.postgres import PostgresConnection
from suture.store.sqlite import SqliteReader

Statement = tuple[str, tuple[Any, ...]]

_PLACEHOLDER = re.compile(r"\?(\d+)")
_CHANGES = "data_version"


async def record(settings: Settings, paths: Sequence[str]) -> list[list[Statement]]:
    """The statements of each request."""
    seen: list[Statement] = []
    kept: dict[type[Any], Any] = {kind: kind.fetch for kind in (PostgresConnection, SqliteReader)}

    def recording(kind: type[Any]) -> Any:
        original = kept[kind]

        async def fetch(self: Any, sql: str, args: Sequence[Any] = ()) -> Any:
            if sql.startswith(("select", "with")) and "counter" not in sql:
                seen.append((sql, tuple(args)))
            return await original(self, sql, args)

        return fetch

    async with embedded(settings) as target:
        for kind in kept:
            kind.fetch = recording(kind)
        try:
            found: list[list[Statement]] = []
            for path in paths:
                seen.clear()
                await target.request("GET", path)
                found.append(list(seen))
            return found
        finally:
            for kind, original in kept.items():
                kind.fetch = original


async def run(url: str, requests: Sequence[Sequence[Statement]]) -> list[float]:
    """Seconds that the statements of each request take, by the bare driver."""
    if url.startswith("sqlite:"):
        return await asyncio.to_thread(_sqlite, url, requests)
    connection = await asyncpg.connect(
        url,
        statement_cache_size=400,
        server_settings={
            "jit": "off",
            "random_page_cost": "1.1",
            "max_parallel_workers_per_gather": "0",
            "plan_cache_mode": "force_generic_plan",
        },
    )
    try:
        times: list[float] = []
        for statements in requests:
            translated = [(_PLACEHOLDER.sub(r"$\1", sql), args) for sql, args in statements]
            start = time.perf_counter()
            for sql, args in translated:
                await connection.fetch(sql, *args)
            times.append(time.perf_counter() - start)
        return times
    finally:
        await connection.close()


def _sqlite(url: str, requests: Sequence[Sequence[Statement]]) -> list[float]:
    connection = apsw.Connection(str(sqlite_path(url)), statementcachesize=400)
    try:
        connection.execute("pragma cache_size = -65536")
        connection.execute("pragma temp_store = memory")
        times: list[float] = []
        for statements in requests:
            start = time.perf_counter()
            for sql, args in statements:
                connection.execute(sql, args).fetchall()
            times.append(time.perf_counter() - start)
        return times
    finally:
        connection.close()
