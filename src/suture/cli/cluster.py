"""`suture cluster init`: turns a PostgreSQL database with the Citus extension into a distributed one."""

import asyncio
import sys
from typing import Annotated

import typer

from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.settings import shown
from suture.store.clustering import distribute, preview

app = typer.Typer(name="cluster", help="Distribute the database over several machines.", no_args_is_help=True)

SHARDS = 32


@app.callback()
def _group() -> None:
    """Distribute the database over several machines."""


@app.command("init")
def init(
    database: Database = None,
    shards: Annotated[
        int, typer.Option("--shards", metavar="N", min=1, max=4096, help="Parts of each table. [default: 32]")
    ] = SHARDS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the statements.")] = False,
    config: Config = None,
    set: Set = None,
) -> int:
    """Turn a PostgreSQL database with the Citus extension into a distributed one.

    All that belongs to a patient comes to lie on one machine. Stop all servers first; what is there is kept, and
    doing it again distributes what a later version has added. The URL is that of the coordinator.

    Examples:

    - `suture cluster init --database postgresql://suture@coordinator/suture --dry-run`

    - `suture cluster init --database postgresql://suture@coordinator/suture --shards 128`
    """
    url = settings_from(config, set, database=database).settings.database
    if not url.startswith(("postgresql:", "postgres:")):
        raise Misuse(f"{shown('database', url)} cannot be distributed; that takes a PostgreSQL database with Citus.")
    if dry_run:
        statements = asyncio.run(preview(url, shards))
        sys.stdout.writelines(f"{statement};\n" for statement in statements)
        return 0
    ran = asyncio.run(distribute(url, shards, _tell))
    done = f"The database is distributed ({ran} statements)." if ran else "Everything is distributed already."
    sys.stdout.write(f"{done}\n")
    return 0


def _tell(statement: str) -> None:
    sys.stderr.write(f"{statement}\n")
