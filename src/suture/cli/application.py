"""The `suture` command: its sub-commands, and how it ends.

Exit status: 0 all is well; 1 something was refused or is wrong with the data; 2 the command or a setting is wrong;
130 interrupted. Errors that a person can mend are one sentence on standard error, never a traceback.

The one thing to know: a sub-command's module is imported when that command is called, so each of them pays only for
what it needs. What the list of commands says about them stands here, and is the first paragraph of their own help.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from suture.cli.options import Misuse
from suture.deferred import deferred
from suture.settings import SettingsError

if TYPE_CHECKING:
    import asyncio

    from rich import console

    from suture.cli import sources, target
    from suture.store import opening
else:
    asyncio = deferred("asyncio")
    console = deferred("rich.console")
    sources = deferred("suture.cli.sources")
    target = deferred("suture.cli.target")
    opening = deferred("suture.store.opening")

INTERRUPTED = 130

_MARKUP = "markdown"


class Command(TyperCommand):
    """A sub-command, or a group of them, of which only name and summary are known until it is called.

    `place`: the module in `suture.cli`, and in it the function, or the Typer of a group.
    """

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self._place = place

    def whole(self) -> Any:
        """The command as the parser of the command line knows it: with its options, or its own sub-commands."""
        module, _, attribute = self._place.partition(":")
        found: Any = getattr(import_module(f"suture.cli.{module}"), attribute)
        holder = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=_MARKUP)
        if isinstance(found, typer.Typer):
            holder.add_typer(found)
            group: Any = typer.main.get_command(holder)
            return group.commands[self.name]
        holder.command(self.name)(found)
        return typer.main.get_command(holder)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the arguments: the parser's own step that comes before the call, the help and the completion."""
        return self.whole().make_context(info_name, args, parent, **extra)


app = TyperGroup(
    name="suture",
    help="A FHIR server that starts with one command.\n\n"
    "Try `suture demo` first: it serves synthetic patients from a file. Then `suture serve` and `suture load`.",
    epilog="Every setting: suture settings   ·   Help on a command: suture load --help",
    no_args_is_help=True,
    rich_markup_mode=_MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
    commands=[
        Command("demo", "demo:command", "Serve synthetic patients from a file, to look around."),
        Command("serve", "serve:command", "Serve the FHIR API."),
        Command("load", "load:command", "Load FHIR resources from files into the database, or into a running server."),
        Command(
            "export",
            "export:command",
            "Write the current version of every resource to FOLDER, one NDJSON file per type.",
        ),
        Command(
            "check",
            "check:command",
            "Verify the database: schema, index rows against resources, gapless histories and events.",
        ),
        Command("convert", "convert:command", "Convert FHIR resources between JSON and XML."),
        Command(
            "validate",
            "validate:command",
            "Judge FHIR resources: structure, invariants, bindings, profiles, extensions, and the rules beyond "
            "definitions.",
        ),
        Command("fhirpath", "fhirpath:command", "Evaluate a FHIRPath expression on a resource."),
        Command(
            "reindex",
            "reindex:command",
            "Build index rows: those that are waiting (new search parameters, a new release), or those of given types.",
        ),
        Command(
            "explain",
            "explain:command",
            "Show how a search is answered: the plan in words, the SQL, estimated and real rows, the time.",
        ),
        Command("settings", "show:settings", "Show every setting, its value and where the value came from."),
        Command(
            "version",
            "show:version",
            "Print the versions of Suture, of Python, of SQLite and of the FHIR releases it knows.",
        ),
        Command("packages", "packages:app", "Load FHIR packages: profiles, terminology, guides."),
        Command(
            "terminology", "terminology:app", "Load code systems from release files: SNOMED CT, LOINC, ICD-10-CM …"
        ),
        Command("cluster", "cluster:app", "Distribute the database over several machines."),
    ],
)


def run() -> int:
    """Run the command of this process's arguments and return its exit status."""
    try:
        status: int = app(standalone_mode=False) or 0
        return _failed("Interrupted.", INTERRUPTED) if status == INTERRUPTED else status
    except (SettingsError, Misuse) as error:
        return _failed(str(error), 2)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _failed("Interrupted.", INTERRUPTED)
    except Exception as error:
        return _told(error)
    except asyncio.CancelledError:
        return _failed("Interrupted.", INTERRUPTED)


def _told(error: Exception) -> int:
    show_itself = getattr(error, "show", None)
    if show_itself is not None:  # a usage error of the command-line parser knows how to show itself
        show_itself()
        return 2
    if isinstance(error, sources.Unreadable):
        return _failed(str(error), 2)
    if isinstance(error, target.Unreachable):
        return _failed(str(error), 1)
    if isinstance(error, opening.DatabaseError):
        return _failed(target.sentence(str(error)), 1)
    raise error


def _failed(sentence: str, status: int) -> int:
    console.Console(file=sys.stderr, soft_wrap=True, highlight=False, markup=False).print(sentence)
    return status
