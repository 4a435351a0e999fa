"""`suture load --bulk`: the load from beginning to end, with its progress bar and its summary.

The one thing to know: from `begin` to the end of `finish` the database carries a mark and nothing else opens it; the
workers read what they must know before that.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence

from suture.app import open_services
from suture.cli.bulk.leading import Crew
from suture.cli.load_progress import bar, interruptible, summarise
from suture.cli.loading import Refusal, Report
from suture.cli.sources import Source
from suture.observability import configure_logging
from suture.settings import Settings
from suture.store.bulk.database import Dropped
from suture.store.bulk.engines import bulk_database, most_writers


async def bulk_load(settings: Settings, sources: Sequence[Source], *, restart: bool, processes: int) -> Report:
    """Fill an empty database. `processes`: 0 for one per core. Raises DatabaseError.

    Prints the summary; of resources that came more than once the last stays, the others are refused.
    """
    configure_logging(settings.log_format, settings.log_level)
    interruptible()
    started = time.monotonic()
    report = Report()
    count = min(processes or len(os.sched_getaffinity(0)), most_writers(settings.database))
    database = bulk_database(settings.database)
    try:
        if restart:
            await database.empty_unfinished()
        await (await open_services(settings)).store.close()
        with Crew(settings, count) as crew, bar() as progress:
            loading = progress.add_task("Loading", total=sum(source.size for source in sources) or 1, stored=0)
            stored = 0

            def advance(read: int, resources: int) -> None:
                nonlocal stored
                stored += resources
                progress.update(loading, advance=read, stored=stored)

            await asyncio.to_thread(crew.ready)
            await database.begin()
            totals = await asyncio.to_thread(crew.load, sources, report, advance)
            read = time.monotonic()
            finishing = progress.add_task("Finishing", total=1, stored=stored)

            def tell(what: str, done: int, steps: int) -> None:
                progress.update(finishing, completed=done, total=steps, description=f"Finishing: {what}")

            for one in await database.finish(totals, tell):
                _leave_out(report, one)
    finally:
        await database.close()
    ended = time.monotonic()
    summarise(report, ended - started)
    parts = f"Reading and storing: {read - started:,.1f} s. Indexes and statistics: {ended - read:,.1f} s."
    sys.stdout.write(parts + "\n")
    return report


def _leave_out(report: Report, one: Dropped) -> None:
    report.loaded[one.type] -= one.left_out
    reason = "It came more than once; the last one was kept. Plain suture load would have made versions of them."
    report.refused += [Refusal("", f"{one.type}/{one.id}", one.type, 409, reason)] * one.left_out
