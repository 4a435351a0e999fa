"""`suture check`: opens the database and looks whether everything in it fits together."""

import asyncio
import sys

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suture.app import open_services
from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.settings import Settings, shown
from suture.store.check import check
from suture.store.opening import sqlite_path

SHOWN = 100
PATIENCE = 3600.0


def command(database: Database = None, config: Config = None, set: Set = None) -> int:
    """Verify the database: schema, index rows against resources, gapless histories and events.

    Reads everything and changes nothing but, where it is old, the schema. Ends with 1 when something is wrong.

    Examples:

    - `suture check`

    - `suture check --database postgresql://suture@localhost/suture`
    """
    settings = settings_from(config, set, database=database).settings
    if settings.database.startswith("sqlite:") and not sqlite_path(settings.database).is_file():
        raise Misuse(f"{shown('database', settings.database)}: there is no such file to check.")
    found = asyncio.run(_run(msgspec.structs.replace(settings, statement_timeout=PATIENCE)))
    return 1 if found else 0


async def _run(settings: Settings) -> int:
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    services = await open_services(settings)
    found = looked_at = 0
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
            task = progress.add_task("Checking", total=None)

            def advance(done: int, total: int) -> None:
                nonlocal looked_at
                looked_at = done
                progress.update(task, completed=done, total=total)

            async for problem in check(services.store, advance):
                found += 1
                if found <= SHOWN:
                    progress.console.print(f"{problem.where} {problem.what}")
    finally:
        await services.store.close()
    if found > SHOWN:
        sys.stdout.write(f"… and {found - SHOWN:,} more.\n")
    verdict = f"{found:,} problems" if found else "no problem"
    sys.stdout.write(f"{looked_at:,} resources checked: {verdict} found.\n")
    return found
