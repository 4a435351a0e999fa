"""`suture explain`: how a search is answered from this database, with its statements, rows and times."""

import asyncio
import sys
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from suture.access import decide
from suture.api.http import Limits, Request, parse_pairs
from suture.api.interactions.search import plan
from suture.api.operations import REGISTRY
from suture.api.router import Router
from suture.app import open_services
from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.fhir.outcomes import FhirError
from suture.search.explaining import Explanation, Step
from suture.settings import Settings, shown
from suture.store.opening import sqlite_path

BASE = "http://localhost/fhir/r4"


def command(
    search: Annotated[
        str, typer.Argument(metavar="SEARCH", help="The search as in a URL, such as `Observation?patient=1&code=x`.")
    ],
    database: Database = None,
    config: Config = None,
    set: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> int:
    """Show how a search is answered: the plan in words, the SQL, estimated and real rows, the time.

    The search is run once, on the database itself. A running server does the same with `_explain=true`.

    Examples:

    - `suture explain 'Observation?patient=1&code=http://loinc.org|29463-7'`

    - `suture explain 'Patient/1/Condition?_sort=-onset-date' --database postgresql://suture@localhost/suture --json`
    """
    settings = settings_from(config, set, database=database).settings
    if settings.database.startswith("sqlite:") and not sqlite_path(settings.database).is_file():
        raise Misuse(f"{shown('database', settings.database)}: there is no such file to search.")
    try:
        explanation = asyncio.run(_explain(settings, search))
    except FhirError as error:
        raise Misuse(" ".join(issue.diagnostics for issue in error.issues)) from None
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(explanation), indent=2).decode() + "\n")
    else:
        _show(explanation)
    return 1 if explanation.failure else 0


async def _explain(settings: Settings, search: str) -> Explanation:
    services = await open_services(settings)
    try:
        version, model = next(iter(services.models.items()))
        path, _, text = search.removeprefix(BASE).strip().lstrip("/").partition("?")
        request = Request("GET", path, text, {}, base=BASE, version=version, id="explain", limits=Limits(0, 0))
        target, _ = Router(model, REGISTRY, settings).find("GET", path)
        if not target.interaction.startswith("search-"):
            raise Misuse(
                f"{search[:200]!r} is not a search, such as Observation?patient=1; it is a {target.interaction}."
            )
        query, _ = await services.catalogue.certainly(lambda: plan(model, request, target, parse_pairs(text)))
        decision = decide(target.interaction, target.type)
        async with services.store.reading() as connection:
            return await model.search.explain(connection, query, decision.predicate)
    finally:
        await services.store.close()


def _show(explanation: Explanation) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
    for sentence in explanation.plan:
        console.print(sentence, style="bold")
    for filter in explanation.filters:
        console.print(f"  {filter}")
    if explanation.estimated is not None:
        real = "not counted" if explanation.real is None else f"{explanation.real:,} real"
        console.print(f"Rows of the filter that is read: {explanation.estimated:,} estimated, {real}.")
    console.print(f"All together: {_milliseconds(explanation.seconds)}.")
    if explanation.failure:
        console.print(f"Refused: {explanation.failure}", style="red")
    for number, step in enumerate(explanation.steps, 1):
        console.print()
        console.print(f"{number}. {step.name}: {step.rows:,} rows in {_milliseconds(step.seconds)}", style="bold")
        console.print(_details(step))


def _details(step: Step) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("SQL", Text(step.sql, overflow="fold"))
    table.add_row("engine", Text("\n".join(step.engine), overflow="fold"))
    return table


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
