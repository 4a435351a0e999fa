"""`suture demo`: a server on a file with the synthetic patients that come with the package.

The data are generated (tools/build_demo.py) and describe nobody. They are loaded on the first start only.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from suture.cli import load
from suture.cli.load_progress import summarise
from suture.cli.loading import Report
from suture.cli.options import Config, Set, settings_from
from suture.cli.serve import bind, run
from suture.cli.sources import find
from suture.settings import shown
from suture.store.opening import sqlite_path

DATABASE = "sqlite:///suture-demo.db"
PATIENT = "patient-1"


def command(
    port: Annotated[
        str | None, typer.Option("--port", "-p", metavar="PORT", help="TCP port; 0 takes a free one. [default: 8000]")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", "-d", metavar="URL", help=f"Where to keep the data. [default: {DATABASE}]", show_default=False
        ),
    ] = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Serve synthetic patients from a file, to look around.

    The first start loads the patients, later ones find them. Delete the file to begin anew.

    Examples:

    - `suture demo` and then open http://127.0.0.1:8000

    - `suture demo --port 0 --database sqlite:////tmp/demo.db`
    """
    settings = settings_from(config, set, port=port, database=database or DATABASE).settings
    listener = bind(settings)
    report = asyncio.run(load.run(settings, None, find([Path(__file__).parent / "demo_data"]), _tell))
    if report.refused:
        return 1
    return run(settings, listener, [*_tour(), f"The data lie in {_place(settings.database)}."])


def _tell(report: Report, seconds: float) -> None:
    if report.refused:
        summarise(report, seconds)
    elif total := report.loaded.total():
        sys.stdout.write(
            f"{report.loaded['Patient']} synthetic patients loaded: {total:,} resources of {len(report.loaded)} types "
            f"in {seconds:.1f} s.\n"
        )


def _tour() -> list[str]:
    """What to try first; `{url}` is filled in by `serve`."""
    tries = (
        ("", "a page with everything there is"),
        ("/fhir/r4/metadata", "what this server can do"),
        ("/fhir/r4/Patient?_count=5&_pretty=true", "five patients"),
        (f"/fhir/r4/Patient/{PATIENT}?_pretty=true", "one of them"),
        (f"/fhir/r4/Patient/{PATIENT}/$everything", "all that is known of that patient"),
        (f"/fhir/r4/Observation?patient={PATIENT}&category=vital-signs&_sort=-date", "vital signs, newest first"),
        ("/openapi.json", "the API for tools"),
    )
    return ["Try:", *(f"  {{url}}{path}   {what}" for path, what in tries)]


def _place(database: str) -> str:
    return str(sqlite_path(database).resolve()) if database.startswith("sqlite:") else shown("database", database)
