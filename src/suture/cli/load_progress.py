"""What both ways of loading show: the progress bar, the summary, and how an interruption reaches them."""

import asyncio
import signal
import sys
from collections import Counter

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from suture.cli.loading import Refusal, Report

SHOWN_REASONS = 10


def bar() -> Progress:
    """A progress bar on standard error, silent unless that is a terminal. Its tasks have a field `stored`."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


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
