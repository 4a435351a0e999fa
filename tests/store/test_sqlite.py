"""What only SQLite needs: long statements leave the event loop, and the write lock of the file is shared fairly."""

import asyncio
import time
from pathlib import Path

import pytest

from suture.fhir.outcomes import TimedOut
from suture.store.sqlite import SqliteReader
from suture.store.sqlite_writer import SqliteWriteConnection

pytestmark = pytest.mark.anyio

LONG = "with recursive c(n) as (select 1 union all select n + 1 from c where n < ?1) select count(*) from c"


async def test_a_long_read_does_not_hold_up_the_others(tmp_path: Path) -> None:
    reader = SqliteReader(str(tmp_path / "a.db"), timeout=60)
    long = asyncio.create_task(reader.fetch(LONG, (3_000_000,)))
    await asyncio.sleep(0)
    assert not long.done()
    assert await reader.fetch("select 1") == [(1,)]
    assert not long.done(), "the short read was answered while the long one ran"
    assert await long == [(3_000_000,)]
    reader.close()


async def test_a_read_that_never_ends_is_stopped_after_its_time(tmp_path: Path) -> None:
    reader = SqliteReader(str(tmp_path / "a.db"), timeout=0.2)
    started = time.monotonic()
    with pytest.raises(TimedOut, match=r"more than 0\.2 s"):
        await reader.fetch(LONG, (10**12,))
    assert time.monotonic() - started < 30
    assert await reader.fetch("select 1") == [(1,)]
    reader.close()


async def test_writers_of_two_processes_take_turns(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    first, second = (SqliteWriteConnection(path, timeout=10) for _ in range(2))
    await first.begin()
    await first.execute("create table t (n integer)")
    waiting = asyncio.create_task(second.begin())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await first.commit()
    await waiting
    await second.execute("insert into t values (1)")
    await second.commit()
    assert await first.fetch("select n from t") == [(1,)]
    await first.close()
    await second.close()


async def test_a_long_query_of_a_writer_ends_alone_and_its_transaction_goes_on(tmp_path: Path) -> None:
    writer = SqliteWriteConnection(str(tmp_path / "a.db"), timeout=0.2)
    await writer.begin()
    await writer.execute("create table t (n integer)")
    with pytest.raises(TimedOut):
        await writer.fetch(LONG, (10**12,))
    await writer.execute(f"insert into t {LONG}", (1_500_000,))  # longer than the timeout, and not stopped
    await writer.commit()
    assert await writer.fetch("select n from t") == [(1_500_000,)]
    await writer.close()
