"""`suture terminology`: loads code systems from their official release files into the database."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from suture.cli.load_progress import interruptible
from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.cli.sources import Unreadable
from suture.cli.terminology_packs import PACKS, fetched
from suture.store.terminology import Loading, Version, open_loading
from suture.terminology.content.assembly import Loaded, load
from suture.terminology.content.bodies import decode_description
from suture.terminology.content.dialects import US_ENGLISH, dialect
from suture.terminology.content.files import ReleaseError, files_of
from suture.terminology.content.formats import KINDS, Wishes, release_of

STATES = {0: "not complete", 1: "loaded", 2: "being removed"}

PATIENCE = 2.0
"""Seconds that servers get to finish what they do with a version that is gone, before its rows are taken away."""

app = typer.Typer(
    name="terminology", help="Load code systems from release files: SNOMED CT, LOINC, ICD-10-CM …", no_args_is_help=True
)


@app.callback()
def _group() -> None:
    """Load code systems from release files: SNOMED CT, LOINC, RxNorm, ICD-10-CM, ICD-10-PCS, CVX, NUCC, ISO 3166-2."""


@app.command("add")
def add(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH…", help="A zip, folder or file of a release; or icd-10-cm or iso-3166-2, which are fetched."
        ),
    ],
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=f"What it is, if it is not recognised: {', '.join(KINDS)}.")
    ] = "",
    release: Annotated[
        str, typer.Option("--release", metavar="VERSION", help="Its version, where the files do not say it.")
    ] = "",
    dialects: Annotated[
        list[str] | None,
        typer.Option(
            "--dialect",
            metavar="ALIAS",
            help="SNOMED CT: whose preferred terms are shown, such as en-GB or a language "
            "reference set. Repeatable, the first counts most. [default: en-US]",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Load it also when this version is loaded already.")] = False,
    database: Database = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Load a release of a code system, beside the versions that are there.

    Servers may go on meanwhile: they see the new version when it is complete, all at the same moment. An interrupted
    load goes on where it stopped when the same command is given again. An extension of SNOMED CT is loaded together
    with the edition that it extends: name both. The licence of a code system is between you and its publisher.

    Examples:

    - `suture terminology add icd-10-cm` fetches the free ICD-10-CM (98,000 codes) and loads it

    - `suture terminology add iso-3166-2` does so with the subdivisions of countries

    - `suture terminology add SnomedCT_InternationalRF2_PRODUCTION_20250101T120000Z.zip`

    - `suture terminology add Loinc_2.80.zip --database postgresql://suture@localhost/suture`
    """
    settings = settings_from(config, set, database=database).settings
    wishes = Wishes(release, _dialects(dialects))
    try:
        with _at_hand(paths) as found:
            return asyncio.run(_add(settings.database, found, kind, wishes, again=again))
    except ReleaseError as error:
        raise Unreadable(str(error)) from None
    except OSError as error:
        raise Unreadable(f"Not loaded: {error}. (TMPDIR names the folder for what is read on the way.)") from None


@app.command("list")
def list_(database: Database = None, config: Config = None, set: Set = None) -> int:
    """Tell which code systems are loaded, in which versions.

    Examples:

    - `suture terminology list`

    - `suture terminology list --database postgresql://suture@localhost/suture`
    """
    settings = settings_from(config, set, database=database).settings
    return asyncio.run(_list(settings.database))


@app.command("remove")
def remove(
    system: Annotated[
        str, typer.Argument(metavar="SYSTEM", help="URL of the code system, or its kind (`icd-10-cm`, `snomed` …).")
    ],
    version: Annotated[
        str, typer.Option("--release", metavar="VERSION", help="Which version, when there are several.")
    ] = "",
    all: Annotated[bool, typer.Option("--all", help="All versions of it.")] = False,
    database: Database = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Remove a code system that was loaded. All servers stop using it at the same moment.

    Examples:

    - `suture terminology remove icd-10-cm`

    - `suture terminology remove http://loinc.org --release 2.77`
    """
    settings = settings_from(config, set, database=database).settings
    return asyncio.run(_remove(settings.database, system, version, all=all))


async def _add(url: str, paths: Sequence[Path], kind: str, wishes: Wishes, *, again: bool) -> int:
    interruptible()
    started = time.monotonic()
    release = release_of(files_of(paths), kind, wishes)
    async with open_loading(url) as loading:
        with _progress() as tell:
            loaded = await load(release, loading, tell, again=again)
        if loaded is None:
            sys.stdout.write("This version is loaded already (--again loads it once more).\n")
            return 0
        _summarise(loaded, time.monotonic() - started)
        await _purge(loading, waiting=bool(loaded.replaced))
    return 0


async def _list(url: str) -> int:
    async with open_loading(url) as loading:
        versions = await loading.versions()
    if not versions:
        sys.stdout.write("No code system is loaded. Try: suture terminology add icd-10-cm\n")
        return 0
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("Code system", "Version", "Concepts", "State"):
        table.add_column(column, justify="right" if column == "Concepts" else "left")
    for one in versions:
        description = decode_description(one.body)
        size = f"{description.size:,}" if description.size else ""
        table.add_row(f"{description.head.name}\n{one.url}", one.version, size, STATES[one.state])
    Console(file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else 160).print(table)
    return 0


async def _remove(url: str, system: str, version: str, *, all: bool) -> int:
    async with open_loading(url) as loading:
        await loading.purge()  # what an interrupted removal left
        known = [one for one in await loading.versions() if one.state != 2]
        found = [one for one in known if system in (one.url, decode_description(one.body).kind)]
        if not found:
            raise Misuse(f"{system} is not loaded (suture terminology list tells what is).")
        chosen = [one for one in found if version in ("", one.version)]
        if not chosen or (len(chosen) > 1 and not all and not version):
            names = ", ".join(one.version for one in found)
            raise Misuse(f"{system} is loaded in the versions {names}: choose one by --release, or --all.")
        await loading.hide([one.cs for one in chosen])
        await _purge(loading, waiting=any(one.state == 1 for one in chosen))
        for one in chosen:
            sys.stdout.write(f"{_named(one)} is removed.\n")
    return 0


async def _purge(loading: Loading, *, waiting: bool) -> None:
    if waiting:
        await asyncio.sleep(PATIENCE)
    await loading.purge()


def _named(version: Version) -> str:
    return f"{decode_description(version.body).head.name} {version.version}"


def _dialects(names: list[str] | None) -> Sequence[int]:
    found: list[int] = []
    for name in names or ():
        known = dialect(name)
        if known is None:
            raise Misuse(
                f"--dialect {name}: it is no known dialect; give the identifier of its language reference set."
            )
        found.append(known)
    return found or (US_ENGLISH,)


@contextmanager
def _at_hand(paths: Sequence[Path]) -> Generator[Sequence[Path]]:
    """The paths; the name of a pack is fetched unless there is such a file."""
    name = str(paths[0])
    if len(paths) > 1 or name not in PACKS or paths[0].exists():
        yield paths
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.stderr.write(f"Fetching {PACKS[name].title} …\n")
        yield [fetched(name, Path(folder))]


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None]]:
    """Shows progress on standard error, when that is a terminal."""
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield tell


def _summarise(loaded: Loaded, seconds: float) -> None:
    description = loaded.description
    sys.stdout.write(
        f"{description.head.name} {description.head.version}: {description.size:,} concepts loaded in {seconds:,.1f} s"
    )
    continued = f", {loaded.continued:,} of them by an earlier load that was interrupted" if loaded.continued else ""
    sys.stdout.write(f"{continued}.\n")
