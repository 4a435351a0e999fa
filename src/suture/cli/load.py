"""`suture load`: the command around `suture.cli.loading`, with its progress bar and its summary."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from suture.cli.bulk.command import bulk_load
from suture.cli.load_progress import bar, interruptible, summarise
from suture.cli.loading import CONCURRENCY, Loader, Report
from suture.cli.options import Config, Database, Misuse, Server, Set, settings_from
from suture.cli.progress_record import Record, place_for
from suture.cli.sources import Source, find
from suture.cli.target import embedded, remote
from suture.settings import Settings


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files and folders, which are searched.")],
    database: Database = None,
    server: Server = None,
    again: Annotated[bool, typer.Option("--again", help="Load also what was loaded before.")] = False,
    refused: Annotated[
        Path | None, typer.Option("--refused", metavar="FILE", help="Write every refusal to FILE, as NDJSON.")
    ] = None,
    bulk: Annotated[
        bool, typer.Option("--bulk", help="The fastest way into an empty database, which nobody uses meanwhile.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="With --bulk: empty what an interrupted bulk load left, and start again.")
    ] = False,
    processes: Annotated[
        int, typer.Option(min=0, max=64, metavar="N", help="With --bulk: worker processes; 0 means one per core.")
    ] = 0,
    config: Config = None,
    set: Set = None,
) -> int:
    """Load FHIR resources from files into the database, or into a running server.

    Reads .json and .ndjson, also with .gz or .zst. A transaction or batch Bundle is carried out; a collection or
    searchset is unpacked; a single resource keeps its id. An interrupted load goes on where it stopped when the same
    command is given again. Ends with 1 when something was refused.

    Examples:

    - `suture load patients/` every file in a folder, into suture.db

    - `suture load Patient.ndjson.gz Observation.ndjson.gz --database postgresql://suture@localhost/suture`

    - `suture load bundle.json --server http://127.0.0.1:8000/fhir/r4`

    - `suture load --bulk everything/ --database postgresql://suture@localhost/suture` millions of resources
    """
    if bulk and (server or again):
        raise Misuse("--bulk fills an empty database by itself: it goes with neither --server nor --again.")
    if (restart or processes) and not bulk:
        raise Misuse("--restart and --processes belong to --bulk.")
    loaded = settings_from(config, set, database=database)
    sources = find(paths)
    if bulk:
        report = asyncio.run(bulk_load(loaded.settings, sources, restart=restart, processes=processes))
    else:
        report = asyncio.run(run(loaded.settings, server, sources, summarise, again=again))
    if refused:
        refused.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in report.refused))
    return 1 if report.refused else 0


Summarise = Callable[[Report, float], None]
"""Tells of a report; the number is the seconds that the load took."""


async def run(
    settings: Settings, server: str | None, sources: list[Source], tell: Summarise, *, again: bool = False
) -> Report:
    """Load `sources` with a progress bar. `tell` is called at the end, however it comes. Raises Unreachable."""
    record = Record(place_for(server or settings.database))
    started = time.monotonic()
    interruptible()
    async with remote(server, CONCURRENCY) if server else embedded(settings) as target:
        with bar() as progress:
            task = progress.add_task("Loading", total=sum(source.size for source in sources), stored=0)
            stored = 0

            def advance(read: int, resources: int) -> None:
                nonlocal stored
                stored += resources
                progress.update(task, advance=read, stored=stored)

            loader = Loader(target, record, advance, again=again)
            try:
                await loader.run(sources)
            finally:
                progress.stop()
                tell(loader.report, time.monotonic() - started)
    return loader.report
