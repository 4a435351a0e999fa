"""Loading one size by `suture load --bulk`, and how many bytes of disk each table takes."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import asyncpg

from suture.store.opening import sqlite_path
from tests.servers import environment

_PARTS = re.compile(r"Reading and storing: ([\d.,]+) s\. Indexes and statistics: ([\d.,]+) s\.")


def load(url: str, files: list[Path], root: Path) -> dict[str, Any]:
    """Load `files` into the empty database `url`; seconds, resources per second."""
    command = [sys.executable, "-m", "suture", "load", "--bulk", *map(str, files), "--database", url]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment(), check=False)
    seconds = time.monotonic() - started
    found = re.search(r"([\d,]+) resources? loaded", done.stdout)
    parts = _PARTS.search(done.stdout)
    if done.returncode or not found or not parts:
        raise SystemExit(f"the load ended with status {done.returncode}: {done.stdout[-3000:]}")
    resources = int(found[1].replace(",", ""))
    return {
        "resources": resources,
        "seconds": round(seconds, 1),
        "per_second": round(resources / seconds),
        "storing_seconds": float(parts[1].replace(",", "")),
        "finishing_seconds": float(parts[2].replace(",", "")),
        "cores": len(os.sched_getaffinity(0)),
    }


def disk(url: str, resources: int) -> dict[str, Any]:
    """Bytes per resource: in all, and per table with its indexes (`rows`: number of rows per resource)."""
    found = _of_sqlite(sqlite_path(url)) if url.startswith("sqlite:") else asyncio.run(_of_postgres(url))
    tables = {name: round(size / resources, 1) for name, size in sorted(found.items()) if size > resources}
    return {"bytes_per_resource": round(sum(found.values()) / resources), "tables": tables}


async def _of_postgres(url: str) -> dict[str, int]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "select t.relname, pg_table_size(t.oid), x.relname, pg_relation_size(x.oid) from pg_class t "
            "left join pg_index i on i.indrelid = t.oid left join pg_class x on x.oid = i.indexrelid "
            "where t.relnamespace = current_schema()::regnamespace and t.relkind = 'r'"
        )
        found: dict[str, int] = {}
        for table, size, index, more in rows:
            found[table] = size
            if index:
                found[index] = more
        return found
    finally:
        await connection.close()


def _of_sqlite(path: Path) -> dict[str, int]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return dict(connection.execute("select name, sum(pgsize) from dbstat group by name").fetchall())
    except apsw.SQLError:
        return {"file": path.stat().st_size}
    finally:
        connection.close()
