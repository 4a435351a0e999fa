"""The physical limit of writing: the drivers put the same rows into the same tables, 32 resources per commit.

Decoding, validation, indexing and compression are done before the clock starts.
    .venv/bin/python bench/raw_writes.py DATABASE-URL [--count 8000] [--batch 32]
"""

import argparse
import asyncio
import json
import random
import time
from typing import Any

from bench.resources import patient
from suture.app import open_services
from suture.fhir.json import decode, join_body, split_body
from suture.fhir.versions import Version
from suture.settings import Settings
from suture.store.connection import WriteConnection
from suture.store.index_rows import index_rows
from suture.store.opening import sqlite_path
from suture.store.pool import PostgresPool
from suture.store.sqlite_writer import SqliteWriteConnection
from suture.store.tables import INDEX_TABLES

Rows = dict[str, list[tuple[Any, ...]]]


async def batches(url: str, count: int, batch: int) -> list[Rows]:
    """Rows per table for `count` patients, in lists of `batch` resources. Creates the schema."""
    services = await open_services(Settings(database=url))
    model = services.models[Version.R4]
    made: list[Rows] = []
    rng = random.Random(1)
    try:
        for number in range(count):
            if number % batch == 0:
                made.append({table: [] for table in ("res", *INDEX_TABLES, "events")})
            resource = decode(json.dumps(patient(rng)).encode())
            index = model.indexer.rows(resource)
            id, k, now = f"raw-{number}", 2**40 + number, time.time_ns() // 1000
            body = join_body("Patient", id, 1, now, *split_body(resource))
            rh = services.store.keys.resource("Patient", id)
            enc, stored = services.store.bodies.encode(100, body)
            rows = made[-1]
            rows["res"].append((rh, k, 100, 40, id, 1, now, 0, 1, index.sdate, index.present, rh, enc, stored))
            for table, entries in zip(INDEX_TABLES, index_rows(index, rh, k), strict=True):
                rows[table] += entries
            rows["events"].append((100, rh, k, 1, now, 1, 0))
    finally:
        await services.store.close()
    return made


async def write(connection: WriteConnection, made: list[Rows]) -> float:
    """Seconds that the commits take."""
    start = time.perf_counter()
    for rows in made:
        await connection.begin()
        for table in ("res", *INDEX_TABLES):
            if rows[table]:
                await connection.insert(table, rows[table])
        await connection.append_events(rows["events"])
        await connection.commit()
    return time.perf_counter() - start


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database")
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    made = await batches(arguments.database, arguments.count, arguments.batch)
    if arguments.database.startswith("sqlite"):
        connection = SqliteWriteConnection(str(sqlite_path(arguments.database)), timeout=60)
        seconds = await write(connection, made)
        await connection.close()
    else:
        seconds = await write(await PostgresPool(arguments.database, size=1, timeout=60).connect(), made)
    print(json.dumps({"scenario": "raw_writes", "c": arguments.batch, "rps": round(arguments.count / seconds, 1)}))


if __name__ == "__main__":
    asyncio.run(main())
