"""`suture reindex`: makes the search index what it should be, also while servers work on the same database."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from suture.api.catalogue import Report
from suture.app import open_services
from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.settings import Settings, shown
from suture.store.opening import sqlite_path

Types = Annotated[
    list[str] | None, typer.Option("--type", "-t", metavar="TYPE", help="A resource type to build anew; repeatable.")
]
All = Annotated[bool, typer.Option("--all", help="Build the index of every resource type anew.")]
Status = Annotated[bool, typer.Option("--status", help="Only tell what is being built.")]


def command(
    type: Types = None,
    all: All = False,
    status: Status = False,
    database: Database = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Build index rows: those that are waiting (new search parameters, a new release), or those of given types.

    Servers may go on working meanwhile. When interrupted, the same command goes on where it stopped; a type that
    could not be made whole is tried again. Ends with 1 when that is so.

    Examples:

    - `suture reindex` finishes what is waiting

    - `suture reindex --type Observation --type Patient`

    - `suture reindex --status`
    """
    settings = settings_from(config, set, database=database).settings
    if settings.database.startswith("sqlite:") and not sqlite_path(settings.database).is_file():
        raise Misuse(f"{shown('database', settings.database)}: there is no such file.")
    return asyncio.run(_run(settings, tuple(type or ()), all, status))


async def _run(settings: Settings, types: Sequence[str], all: bool, status: bool) -> int:
    services = await open_services(settings)
    try:
        model = next(iter(services.models.values()))
        for type in types:
            if type not in model.types:
                raise Misuse(f"{type} is not a resource type.")
        catalogue = services.catalogue
        if status:
            for item in await catalogue.progress():
                total = f"{item.total:,}" if item.total >= 0 else "?"
                waiting = ", ".join(code or "all parameters" for code in item.pending) or "none"
                sys.stdout.write(f"{item.type}: {item.done:,} of {total} resources; not searchable: {waiting}")
                sys.stdout.write(f"; stopped: {item.problem}\n" if item.problem else "\n")
            return 0
        wanted = sorted(model.types) if all else types
        if wanted := wanted or [item.type for item in await catalogue.progress() if item.problem]:
            await catalogue.order(wanted)
        return await _build(services.catalogue.build)
    finally:
        await services.store.close()


async def _build(build: Callable[[Report], Awaitable[Mapping[str, str]]]) -> int:
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    built: dict[str, int] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def report(type: str, done: int, total: int) -> None:
            built[type] = done
            if type not in tasks:
                tasks[type] = progress.add_task(type, total=total)
            progress.update(tasks[type], completed=done, total=max(done, total))

        problems = await build(report)
    for type, problem in problems.items():
        console.print(f"{type}: {problem}")
    sys.stdout.write(f"{sum(built.values()):,} resources of {len(built)} types looked at: the index is ")
    sys.stdout.write("not whole.\n" if problems else "whole.\n")
    return 1 if problems else 0
