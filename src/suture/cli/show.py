"""`suture settings` and `suture version`: what is set, where it came from, and what this is."""

import platform
import sys
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from suture import __version__
from suture.cli.options import Config, Database, Set, settings_from
from suture.deferred import deferred
from suture.fhir.versions import Version
from suture.settings import fields, shown

if TYPE_CHECKING:
    from rich import box, console, table
else:
    box = deferred("rich.box")
    console = deferred("rich.console")
    table = deferred("rich.table")


def settings(
    database: Database = None,
    config: Config = None,
    set: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> int:
    """Show every setting, its value and where the value came from.

    A setting is given, strongest first, as a flag, as an environment variable (`SUTURE_PORT=8080`), as a line of a
    TOML file (`port = 8080` in `suture.toml`), or not at all.

    Examples:

    - `suture settings`

    - `SUTURE_MAX_COUNT=200 suture settings --json`
    """
    loaded = settings_from(config, set, database=database)
    rows = [
        {
            "setting": field.name,
            "value": shown(field.name, getattr(loaded.settings, field.name)),
            "source": loaded.sources[field.name],
            "help": field.help,
        }
        for field in fields()
    ]
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n")
        return 0
    rows_and_columns = table.Table(box=box.SIMPLE, pad_edge=False)
    for column in rows[0]:
        rows_and_columns.add_column(column, no_wrap=column in ("setting", "source"), overflow="fold")
    for row in rows:
        rows_and_columns.add_row(*row.values(), style="" if row["source"] == "default" else "bold")
    _console().print(rows_and_columns)
    return 0


def version() -> int:
    """Print the versions of Suture, of Python, of SQLite and of the FHIR releases it knows."""
    import apsw

    releases = ", ".join(f"{version.name} ({version.number})" for version in Version)
    sys.stdout.write(
        f"Suture {__version__}\n"
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}\n"
        f"SQLite {apsw.sqlite_lib_version()}\n"
        f"FHIR {releases}\n"
    )
    return 0


def _console(**options: Any) -> "console.Console":
    wide = None if sys.stdout.isatty() else 160
    return console.Console(width=wide, highlight=False, markup=False, **options)
