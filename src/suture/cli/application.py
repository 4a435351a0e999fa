"""The `suture` command: its sub-commands, and how it ends.

Exit status: 0 all is well; 1 something was refused or is wrong with the data; 2 the command or a setting is wrong;
130 interrupted. Errors that a person can mend are one sentence on standard error, never a traceback.
"""

import asyncio
import sys

import typer
from rich.console import Console

from suture.cli import (
    check,
    cluster,
    convert,
    demo,
    explain,
    export,
    fhirpath,
    load,
    packages,
    reindex,
    serve,
    show,
    terminology,
    validate,
)
from suture.cli.options import Misuse
from suture.cli.sources import Unreadable
from suture.cli.target import Unreachable, sentence
from suture.settings import SettingsError
from suture.store.opening import DatabaseError

INTERRUPTED = 130

app = typer.Typer(
    name="suture",
    help="A FHIR server that starts with one command.\n\n"
    "Try `suture demo` first: it serves synthetic patients from a file. Then `suture serve` and `suture load`.",
    epilog="Every setting: suture settings   ·   Help on a command: suture load --help",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.command)
app.command("serve")(serve.command)
app.command("load")(load.command)
app.command("export")(export.command)
app.command("check")(check.command)
app.command("convert")(convert.command)
app.command("validate")(validate.command)
app.command("fhirpath")(fhirpath.command)
app.add_typer(packages.app)
app.add_typer(terminology.app)
app.add_typer(cluster.app)
app.command("reindex")(reindex.command)
app.command("explain")(explain.command)
app.command("settings")(show.settings)
app.command("version")(show.version)


def run() -> int:
    """Run the command of this process's arguments and return its exit status."""
    try:
        status: int = app(standalone_mode=False) or 0
        return _failed("Interrupted.", INTERRUPTED) if status == INTERRUPTED else status
    except (SettingsError, Misuse, Unreadable) as error:
        return _failed(str(error), 2)
    except Unreachable as error:
        return _failed(str(error), 1)
    except DatabaseError as error:
        return _failed(sentence(str(error)), 1)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError, typer.Abort):
        return _failed("Interrupted.", INTERRUPTED)
    except Exception as error:  # a usage error of the command-line parser knows how to show itself
        show_itself = getattr(error, "show", None)
        if show_itself is None:
            raise
        show_itself()
        return 2


def _failed(sentence: str, status: int) -> int:
    Console(file=sys.stderr, soft_wrap=True, highlight=False, markup=False).print(sentence)
    return status
