"""`suture export`: the command around `suture.cli.exporting`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suture.cli.exporting import export_type, types
from suture.cli.options import Config, Database, Misuse, Replica, Server, Set, settings_from
from suture.cli.target import EMBEDDED_BASE, embedded, remote
from suture.settings import Settings


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made if need be, must be empty.")],
    kinds: Annotated[
        list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="Only this resource type. Repeatable.")
    ] = None,
    gz: Annotated[bool, typer.Option("--gzip", "-z", help="Compress the files with gzip.")] = False,
    database: Database = None,
    replica: Replica = None,
    server: Server = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Write the current version of every resource to FOLDER, one NDJSON file per type.

    What was exported can be loaded again with `suture load FOLDER`.

    Examples:

    - `suture export backup/`

    - `suture export patients/ --type Patient --gzip --server http://127.0.0.1:8000/fhir/r4`
    """
    loaded = settings_from(config, set, database=database, replicas=replica or None)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"{folder} is not an empty folder; an export does not mix with older files.")
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_run(loaded.settings, server, folder, kinds or [], gz))


async def _run(settings: Settings, server: str | None, folder: Path, kinds: list[str], gz: bool) -> int:
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    written = 0
    async with remote(server, 1) if server else embedded(settings) as target:
        known = await types(target)
        if unknown := [kind for kind in kinds if kind not in known]:
            raise Misuse(f"The server has no resource type {', '.join(unknown)}.")
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("Exporting", total=None)

            def advance(kind: str, done: int, total: int | None) -> None:
                if total is not None:
                    progress.update(task, description=kind, total=total)
                progress.update(task, completed=done)

            for kind in kinds or known:
                written += await export_type(target, server or EMBEDDED_BASE, kind, folder, gz, advance)
    sys.stdout.write(f"{written:,} resources written to {folder}.\n")
    return 0
