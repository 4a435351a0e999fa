"""`suture validate`: judges files, without a server."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suture.cli.options import Misuse
from suture.cli.validating import STANDARD_INPUT, Job, Plan, Verdict, jobs, packages_of, verdicts
from suture.fhir.outcomes import Issue, operation_outcome
from suture.fhir.rules import Expectations
from suture.fhir.versions import Version

_ALONE = 16
"""Jobs that one process does before others are worth their start."""

_AHEAD = 64
"""Jobs per process that are read ahead."""

_LEVELS = {"error": ("fatal", "error"), "warning": ("fatal", "error", "warning")}


class Displays(StrEnum):
    """How severe a wrong display is."""

    WARNING = "warning"
    ERROR = "error"


class Advice(StrEnum):
    """How severe a broken recommendation is."""

    NONE = "none"
    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


class Level(StrEnum):
    """What is shown: everything of this severity or worse."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]…",
            help="JSON, XML or NDJSON files, or folders of them; `-` or none: standard input.",
        ),
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(
            "--package",
            "-p",
            metavar="PACKAGE",
            help="FHIR package to judge by: a .tgz file, a folder, or NAME@VERSION of `~/.fhir/packages`. Repeatable.",
        ),
    ] = None,
    definitions: Annotated[
        list[str] | None,
        typer.Option(
            "--definitions",
            metavar="PATH",
            help="Profiles, extensions, value sets … that are not in a package: files or folders. Repeatable.",
        ),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="URL", help="Profile that every resource must meet. Repeatable."),
    ] = None,
    entry: Annotated[
        list[str] | None,
        typer.Option(
            "--entry",
            metavar="WHICH=URL",
            help="Profile that entries of Bundles must meet: `Patient=URL`, `Patient:0=URL` (the first), `0=URL`. "
            "Repeatable.",
        ),
    ] = None,
    version: Annotated[Version, typer.Option("--version", help="The FHIR version of the resources.")] = Version.R4,
    extensions: Annotated[
        list[str] | None,
        typer.Option(
            "--extensions",
            metavar="WHICH",
            help="Extensions that need no definition: `any`, `none`, or the beginning of their URLs. Repeatable. "
            "[default: any]",
            show_default=False,
        ),
    ] = None,
    displays: Annotated[
        Displays, typer.Option("--displays", help="How severe a display is that is not one of its code's.")
    ] = Displays.WARNING,
    best_practice: Annotated[
        Advice, typer.Option("--best-practice", help="How severe it is not to follow a recommendation.")
    ] = Advice.WARNING,
    security: Annotated[
        bool, typer.Option("--security", help="Texts that could be code in a browser are errors.")
    ] = False,
    level: Annotated[Level, typer.Option("--level", help="Least severity that is shown.")] = Level.WARNING,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each resource, with an OperationOutcome.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=256, help="[default: one per processor]", show_default=False)
    ] = None,
) -> int:
    """Judge FHIR resources: structure, invariants, bindings, profiles, extensions, and the rules beyond definitions.

    Resources are checked against their type, the profiles that they claim in meta.profile, and those that are named
    here. Ends with 0 when no error was found, 1 when there was one, 2 when a file or package is not there.

    Examples:

    - `suture validate patient.json`

    - `suture validate examples --package hl7.fhir.us.core@6.1.0 --level error`

    - `suture validate data.ndjson --json | jq 'select(.valid | not)'`
    """
    names = [name for name in files or [] if name != "-"]
    if not files and sys.stdin.isatty():
        raise Misuse("There is nothing to validate: name a FILE, or send it to the standard input.")
    if names and len(names) != len(files or []):
        raise Misuse("Standard input and files cannot be validated together.")
    expectations = Expectations(
        best_practice="" if best_practice is Advice.NONE else best_practice.value,
        extension_domains=tuple(domain for domain in extensions or ("any",) if domain != "none"),
        security=security,
        display=displays.value,
    )
    plan = Plan(
        version,
        tuple(package or ()),
        tuple(definitions or ()),
        tuple(profile or ()),
        _entries(entry or []),
        expectations,
    )
    for warning in packages_of(plan.packages)[1]:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(warning)
    work = list(jobs(plan, names)) if names else [Job(plan, STANDARD_INPUT, "", sys.stdin.buffer.read())]
    if not work:
        raise Misuse(f"There is no .json, .xml or .ndjson file in {', '.join(names)}.")
    shown = _LEVELS.get(level.value, ("fatal", "error", "warning", "information"))
    return _told(_judged(work, processes or os.cpu_count() or 1), len(work), shown, as_json=as_json)


def _entries(given: Sequence[str]) -> tuple[tuple[str, str], ...]:
    rules: list[tuple[str, str]] = []
    for text in given:
        which, equals, url = text.partition("=")
        if not equals or not which or ":" not in url:
            raise Misuse(f"--entry {text}: write it as WHICH=URL, such as Patient:0=http://example.org/profile.")
        rules.append((which, url))
    return tuple(rules)


def _judged(work: Sequence[Job], processes: int) -> Iterator[list[Verdict]]:
    """The verdicts of each job, in the order of the jobs."""
    processes = min(processes, len(work) // _ALONE)
    if processes < 2:
        yield from map(verdicts, work)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _quiet) as pool:
        try:
            waiting = iter(work)
            while some := list(islice(waiting, _AHEAD * processes)):
                yield from pool.map(verdicts, some, chunksize=4)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _quiet() -> None:
    # An interruption reaches the whole group of processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _told(results: Iterable[list[Verdict]], work: int, shown: Sequence[str], *, as_json: bool) -> int:
    """Show progress on standard error and verdicts on standard output, and give the exit status."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    judged = invalid = 0
    with (
        Progress(*columns, console=console, disable=not (console.is_terminal and work > 1), transient=True) as progress,
        suppress(BrokenPipeError),
    ):
        task = progress.add_task("Validating", total=work)
        for some in results:
            progress.advance(task)
            for verdict in some:
                judged += 1
                invalid += not verdict.valid
                for line in _as_json(verdict, shown) if as_json else _as_text(verdict, shown):
                    sys.stdout.write(line + "\n")
    if not as_json:
        with suppress(BrokenPipeError):
            sys.stdout.write(
                f"{judged:,} resource{'' if judged == 1 else 's'}: {judged - invalid:,} valid, {invalid:,} not.\n"
            )
    return 1 if invalid else 0


def _as_json(verdict: Verdict, shown: Sequence[str]) -> Iterator[str]:
    issues = [issue for issue in verdict.issues if issue.severity in shown]
    said: dict[str, Any] = {"file": verdict.name, "resource": verdict.resource, "valid": verdict.valid}
    if verdict.line:
        said["line"] = verdict.line
    if issues:
        said["outcome"] = operation_outcome(issues)
    yield msgspec.json.encode(said).decode()


def _as_text(verdict: Verdict, shown: Sequence[str]) -> Iterator[str]:
    place = f"{verdict.name}:{verdict.line}" if verdict.line else verdict.name
    for issue in verdict.issues:
        if issue.severity in shown:
            yield f"{place}: {_sentence(issue)}"


def _sentence(issue: Issue) -> str:
    where = f"{issue.expression}: " if issue.expression else ""
    return f"{issue.severity}: {where}{issue.diagnostics}"
