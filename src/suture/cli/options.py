"""Options that several commands share, and the way from options to settings."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from suture.settings import Loaded, SettingsError, load


class Misuse(Exception):
    """The command cannot do what was asked. Its text is one sentence."""


Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        "-d",
        metavar="URL",
        help="`sqlite:///path/to/file.db` or `postgresql://user@host/name`. [default: sqlite:///suture.db]",
        show_default=False,
    ),
]
Replica = Annotated[
    list[str] | None,
    typer.Option(
        "--replica",
        metavar="URL",
        help="Read replica of the PostgreSQL database, `postgresql://user@host/name`: answers what only reads. "
        "Repeatable.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings as TOML. [default: suture.toml, where there is one]"),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting, for this run (see `suture settings`). Repeatable."),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Talk to a running server, such as `http://127.0.0.1:8000/fhir/r4`, instead of opening the database.",
    ),
]


def settings_from(config: Path | None, pairs: list[str] | None, **flags: Any) -> Loaded:
    """Combine a command's flags with the environment, the TOML file and the defaults. Raises SettingsError."""
    assignments: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set {pair}: write it as NAME=VALUE, such as --set max_count=500.")
        assignments[name.strip().replace("-", "_")] = value
    return load(flags, os.environ, config, assignments)
