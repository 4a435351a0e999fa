"""`suture packages`: loads FHIR packages (implementation guides, profiles, terminology) into the database."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from suture.api import packages
from suture.api.packages import Loaded
from suture.api.services import Services
from suture.app import open_services
from suture.cli.options import Config, Database, Misuse, Set, settings_from
from suture.cli.package_server import PackageServer
from suture.cli.package_sources import Named, Sources, named, with_dependencies
from suture.fhir.dates import from_us
from suture.fhir.outcomes import FhirError
from suture.fhir.packages import Package, PackageRefused
from suture.settings import Settings
from suture.store.packages import Held

app = typer.Typer(name="packages", help="Load FHIR packages: profiles, terminology, guides.", no_args_is_help=True)

Which = Annotated[
    list[str],
    typer.Argument(
        metavar="PACKAGE…", help="`NAME@VERSION`, `NAME`, a `.tgz` file, or a folder with `package/package.json`."
    ),
]
Alone = Annotated[bool, typer.Option("--alone", help="Only the packages named, not what they depend on.")]
Server = Annotated[
    str | None, typer.Option("--package-server", metavar="URL", help="Where packages are fetched from by name.")
]


@app.callback()
def _group() -> None:
    """Load FHIR packages: profiles, terminology, guides."""


@app.command("add")
def add(
    packages: Which,
    alone: Alone = False,
    package_server: Server = None,
    database: Database = None,
    config: Config = None,
    set: Set = None,
) -> int:
    """Load packages, and what they depend on as far as it is at hand.

    Names are looked for in `~/.fhir/packages`, then on the package server, if one is set. Running servers take up what
    was loaded by themselves: validation, terminology, `StructureDefinition?url=…`, `/metadata`. A package that is
    loaded already is replaced. When one cannot be read, nothing is loaded.

    Examples:

    - `suture packages add hl7.fhir.us.core#6.1.0.tgz`

    - `suture packages add hl7.fhir.us.core@6.1.0 hl7.fhir.uv.ips@1.1.0 --package-server https://packages.example.org`

    - `suture packages add ./my-guide/output --alone`
    """
    settings = settings_from(config, set, database=database, package_server=package_server).settings
    return asyncio.run(_add(settings, packages, alone))


@app.command("list")
def list_(
    database: Database = None,
    config: Config = None,
    set: Set = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the remarks made when loading.")] = False,
) -> int:
    """Show the packages of the database.

    Examples:

    - `suture packages list`

    - `suture packages list --json`
    """
    settings = settings_from(config, set, database=database).settings
    return asyncio.run(_list(settings, as_json))


@app.command("remove")
def remove(packages: Which, database: Database = None, config: Config = None, set: Set = None) -> int:
    """Remove packages, and with them the resources that they define.

    Examples:

    - `suture packages remove hl7.fhir.us.core@3.1.1`
    """
    settings = settings_from(config, set, database=database).settings
    return asyncio.run(_remove(settings, packages))


async def _add(settings: Settings, texts: Sequence[str], alone: bool) -> int:
    console = _errors()
    server = PackageServer(settings.package_server) if settings.package_server else None
    sources = Sources(server)
    try:
        given = [sources.given(text) for text in texts]
        async with _opened(settings) as services:
            loaded = [Named(held.name, held.version) for held in await packages.listed(services)]
            wanted = given if alone else with_dependencies(given, loaded, sources, console.print)
            await _load(services, wanted, console)
            if building := services.catalogue.current.pending:
                names = ", ".join(sorted({code for _, code in building if code})) or "all"
                sys.stdout.write(f"Search parameters are being built ({names}): a running server does it by itself, ")
                sys.stdout.write("`suture reindex` at once.\n")
            for unused in services.catalogue.current.unused:
                console.print(f"The search parameter {unused.url} is not used: {unused.reason}")
    except (PackageRefused, FhirError) as error:
        console.print(str(error))
        return 1
    finally:
        if server is not None:
            server.close()
    return 0


async def _load(services: Services, wanted: Sequence[Package], console: Console) -> None:
    with _progress(console, len(wanted)) as advance:
        for package in wanted:
            started = time.monotonic()
            loaded = await packages.add(services, package)
            for remark in loaded.package.manifest.remarks:
                console.print(f"{package.label}: {remark}")
            sys.stdout.write(_told(loaded, time.monotonic() - started))
            advance(package.label)


def _told(loaded: Loaded, seconds: float) -> str:
    changes = f"{loaded.written} written" + (f", {loaded.removed} removed" if loaded.removed else "")
    return f"{loaded.package.label}: {loaded.package.count} definitions ({changes}), {seconds:.1f} s\n"


async def _list(settings: Settings, as_json: bool) -> int:
    async with _opened(settings) as services:
        found = await packages.listed(services)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode([_row(held) for held in found]), indent=2).decode())
        sys.stdout.write("\n")
        return 0
    for held in found:
        versions = ", ".join(held.manifest.fhir_versions) or "any"
        sys.stdout.write(f"{held.label}  FHIR {versions}  {held.count:,} definitions  {held.manifest.title}\n")
    if not found:
        sys.stdout.write("No package is loaded. Load one with `suture packages add`.\n")
    return 0


def _row(held: Held) -> dict[str, Any]:
    return {
        "name": held.name,
        "version": held.version,
        "title": held.manifest.title,
        "canonical": held.manifest.canonical,
        "fhirVersions": held.manifest.fhir_versions,
        "dependencies": held.manifest.dependencies,
        "definitions": held.count,
        "added": from_us(held.added),
        "remarks": held.manifest.remarks,
    }


async def _remove(settings: Settings, texts: Sequence[str]) -> int:
    console = _errors()
    try:
        async with _opened(settings) as services:
            found = await packages.listed(services)
            chosen = [_chosen(found, named(text)) for text in texts]
            for held in chosen:
                gone = await packages.remove(services, held.name, held.version)
                sys.stdout.write(f"{held.label} is removed, {gone} resources.\n")
    except (PackageRefused, FhirError) as error:
        console.print(str(error))
        return 1
    return 0


def _chosen(found: Sequence[Held], wanted: Named) -> Held:
    """The package that is meant. Raises PackageRefused when there is none, Misuse when there are several."""
    same = [held for held in found if held.name == wanted.name and wanted.version in ("", held.version)]
    if not same:
        known = ", ".join(held.label for held in found) or "none"
        raise PackageRefused(f"{wanted.label} is not loaded. Loaded: {known}.")
    if len(same) > 1:
        raise Misuse(f"Which one: {', '.join(held.label for held in same)}?")
    return same[0]


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncGenerator[Services]:
    services = await open_services(settings)
    try:
        yield services
    finally:
        await services.store.close()


def _errors() -> Console:
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _progress(console: Console, total: int) -> Generator[Callable[[str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("Loading", total=total)
        yield lambda label: progress.update(task, description=label, advance=1)
