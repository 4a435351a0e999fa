"""`suture load`: the command around `suture.cli.loading`, with its progress bar and its summary."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from suture.cli.loading import CONCURRENCY, Loader, Refusal, Report
from suture.cli.options import Config, Database, Server, Set, settings_from
from suture.cli.progress_record import Record, place_for
from suture.cli.sources import Source, find
from suture.cli.target import embedded, remote
from suture.settings import Settings

SHOWN_REASONS = 10


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files and folders, which are searched.")],
    database: Database = None,
    server: Server = None,
    again: Annotated[bool, typer.Option("--again", help="Load also what was loaded before.")] = False,
    refused: Annotated[
        Path | None, typer.Option("--refused", metavar="FILE", help="Write every refusal to FILE, as NDJSON.")
    ] = None,
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
    """
    loaded = settings_from(config, set, database=database)
    sources = find(paths)
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
    console = Console(stderr=True, highlight=False, markup=False)
    started = time.monotonic()
    interruptible()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    async with remote(server, CONCURRENCY) if server else embedded(settings) as target:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
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


def interruptible() -> None:
    """Let SIGTERM stop the running task as Ctrl-C does: what is on its way is finished, the rest is left."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def summarise(report: Report, seconds: float) -> None:
    """Print what was loaded, and what was refused and why."""
    console = Console(
        file=sys.stdout, highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160
    )
    total = report.loaded.total()
    rate = f" ({total / seconds:,.0f} per second)" if total and seconds > 0 else ""
    console.print(
        f"{_number(total, 'resource')} loaded in {seconds:,.1f} s{rate} from {_number(report.files, 'file')}."
    )
    if report.skipped:
        console.print(f"{_number(report.skipped, 'file')} had been loaded before (--again loads them once more).")
    if total:
        table = Table(box=box.SIMPLE, pad_edge=False, show_header=False)
        table.add_column()
        table.add_column(justify="right")
        for kind, count in sorted(report.loaded.items()):
            table.add_row(kind, f"{count:,}")
        console.print(table)
    if report.refused:
        _tell_refusals(console, report.refused)


def _tell_refusals(console: Console, refused: list[Refusal]) -> None:
    console.print(f"{len(refused):,} refused:")
    reasons = Counter(one.reason for one in refused)
    example = {one.reason: one for one in reversed(refused)}
    for reason, count in reasons.most_common(SHOWN_REASONS):
        one = example[reason]
        place = ", ".join(filter(None, [one.file, one.where, one.type]))
        console.print(f"  {count:,} × {reason}\n      {'such as' if count > 1 else 'in'} {place}")
    if len(reasons) > SHOWN_REASONS:
        console.print(f"  and {len(reasons) - SHOWN_REASONS:,} other reasons (--refused FILE writes them all).")


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


class _Rate(ProgressColumn):
    """Resources stored, and how many per second."""

    def render(self, task: Task) -> Text:
        stored: int = task.fields["stored"]
        seconds = task.elapsed or 0
        rate = stored / seconds if seconds else 0
        return Text(f"{stored:,} resources, {rate:,.0f}/s", no_wrap=True)
