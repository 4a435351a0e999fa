"""`suture convert`: FHIR JSON to XML and back, without a server."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suture.cli.converting import Conversion, Job, convert, prepared
from suture.cli.options import Misuse
from suture.fhir.versions import Version

_ALONE = 16
"""Files that one process does before others are worth their start."""

_SHOWN = 50
"""Files with faults that are listed."""


class Form(StrEnum):
    """What is written."""

    XML = "xml"
    JSON = "json"


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE…", help="Files, or folders with .json and .xml files; `-` or none: standard input."
        ),
    ] = None,
    to: Annotated[
        Form | None,
        typer.Option(
            "--to",
            metavar="FORM",
            help="What to write: xml or json. [default: XML from JSON, JSON from XML]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; needed for several files.")
    ] = None,
    version: Annotated[
        Version, typer.Option("--version", metavar="VERSION", help="FHIR version of the resources: r4, r4b or r5.")
    ] = Version.R4,
    compact: Annotated[bool, typer.Option("--compact", help="Write one line without indentation.")] = False,
) -> int:
    """Convert FHIR resources between JSON and XML.

    What a file holds is seen from its beginning. Nothing is lost or changed on the way: decimals keep their digits,
    narratives every byte. Whether a resource is valid is not asked (see `suture validate`), but names, order and
    values must be such that the other form can say them. Ends with 1 when a file was refused.

    Examples:

    - `suture convert patient.json`

    - `suture convert examples --to xml --out converted --version r5`

    - `curl -s http://127.0.0.1:8000/fhir/r4/metadata | suture convert --to xml --compact`
    """
    conversion = Conversion(to.value if to else "", version, not compact)
    sources = [name for name in files or [] if name != "-"]
    if not files and sys.stdin.isatty():
        raise Misuse("There is nothing to convert: name a FILE, or send it to the standard input.")
    if not sources:
        return _standard_input(conversion)
    if len(sources) != len(files or []):
        raise Misuse("Standard input and files cannot be converted together.")
    jobs = prepared(sources, out, conversion)
    if out is None:
        if len(jobs) > 1:
            raise Misuse(f"{len(jobs)} files need a folder for the results: --out DIR.")
        return _told([convert(jobs[0])], 1)
    return _told(_converted(jobs), len(jobs))


def _standard_input(conversion: Conversion) -> int:
    return _told([convert(Job(None, None, conversion))], 1)


def _converted(jobs: Sequence[Job]) -> Iterator[list[str]]:
    """The faults of each file, in the order of the files; none where all is well."""
    processes = min(os.cpu_count() or 1, len(jobs) // _ALONE)
    if processes < 2:
        yield from map(convert, jobs)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _quiet) as pool:
        try:
            yield from pool.map(convert, jobs, chunksize=max(1, min(100, len(jobs) // (4 * processes))))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _quiet() -> None:
    # An interruption reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _told(results: Iterable[list[str]], files: int) -> int:
    """Show the progress and the faults on standard error, and give the exit status."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    refused = 0
    with Progress(
        *columns, console=console, disable=not (console.is_terminal and files > 1), transient=True
    ) as progress:
        task = progress.add_task("Converting", total=files)
        for faults in results:
            progress.advance(task)
            refused += bool(faults)
            if refused <= _SHOWN:
                for fault in faults:
                    progress.console.print(fault)
    if refused > _SHOWN:
        console.print(f"… and {refused - _SHOWN:,} more files with faults.")
    if files > 1:
        with suppress(BrokenPipeError):
            sys.stdout.write(f"{files - refused:,} of {files:,} files converted.\n")
    return 1 if refused else 0
