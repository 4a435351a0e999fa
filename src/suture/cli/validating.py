"""The work of `suture validate`: files to jobs, and each job to verdicts, in any process.

The one thing to know: a job names what it is judged by, not the judge itself; each process builds the judge once and
keeps it, so that jobs travel lightly between processes.
"""

# JSON values have no static type until they are looked at.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from suture.api.judging import Terms
from suture.cli.options import Misuse
from suture.cli.package_sources import Sources, with_dependencies
from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.outcomes import FhirError, Issue
from suture.fhir.packages import Collection, CoreCanonicals, Layers, Package, PackageRefused
from suture.fhir.packages.collection import Entry, entry
from suture.fhir.profiles import Context, Judge
from suture.fhir.rules import Expectations
from suture.fhir.versions import Version
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk

LARGEST = 512 * 1024 * 1024
"""Bytes of one file."""

LINES = 200
"""Lines of an NDJSON file that are one job."""

STANDARD_INPUT = "standard input"

_SUFFIXES = (".json", ".xml", ".ndjson")


class Plan(msgspec.Struct, frozen=True):
    """What resources are judged by.

    `packages`: files, folders and names. `definitions`: files and folders of conformance resources. `entries`: see
    `Context.entries`.
    """

    version: Version
    packages: tuple[str, ...]
    definitions: tuple[str, ...]
    profiles: tuple[str, ...]
    entries: tuple[tuple[str, str], ...]
    expectations: Expectations


class Job(msgspec.Struct, frozen=True):
    """Some resources. `path`: "" where `data` has them. `first`: number of the first line of NDJSON, 0 for others."""

    plan: Plan
    name: str
    path: str
    data: bytes = b""
    first: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What was found about one resource. `line`: in an NDJSON file, else 0. `resource`: `Type/id` as far as known."""

    name: str
    line: int
    resource: str
    issues: list[Issue]

    @property
    def valid(self) -> bool:
        """Whether there is no error."""
        return not any(issue.severity in ("error", "fatal") for issue in self.issues)


def jobs(plan: Plan, names: Sequence[str]) -> Iterator[Job]:
    """The jobs for files and folders. Raises Misuse for what is not there."""
    for name in names:
        path = Path(name)
        if not path.exists():
            raise Misuse(f"{name}: there is no such file.")
        for file in _files(path):
            if file.suffix.lower() == ".ndjson":
                yield from _lines(plan, file)
            else:
                yield Job(plan, str(file), str(file))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in _SUFFIXES and file.is_file() and not file.name.startswith("."):
                yield file
    else:
        yield path


def _lines(plan: Plan, path: Path) -> Iterator[Job]:
    with path.open("rb") as file:
        some: list[bytes] = []
        first = 1
        for number, line in enumerate(file, start=1):
            some.append(line)
            if len(some) == LINES:
                yield Job(plan, str(path), "", b"".join(some), first)
                some, first = [], number + 1
        if some:
            yield Job(plan, str(path), "", b"".join(some), first)


def verdicts(job: Job) -> list[Verdict]:
    """Judge the resources of a job."""
    if job.first:
        texts = enumerate(job.data.split(b"\n"), start=job.first)
        return [_verdict(job, line, text) for line, text in texts if text.strip()]
    try:
        data = job.data if not job.path else _read(Path(job.path))
    except OSError as error:
        return [
            Verdict(job.name, 0, "", [Issue("fatal", "exception", f"It cannot be read: {error.strerror or error}.")])
        ]
    return [_verdict(job, 0, data)]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"more than {LARGEST} bytes are not read")
    return data


def _verdict(job: Job, line: int, data: bytes) -> Verdict:
    bench = _bench(job.plan)
    resource, issues = read_text(data, job.plan.version)
    if resource is not None:
        issues = [*issues, *asyncio.run(bench.issues(resource))]
    return Verdict(job.name, line, _label(resource), issues)


def _label(resource: Any) -> str:
    kind, id = (resource.get("resourceType"), resource.get("id")) if isinstance(resource, dict) else (None, None)
    return f"{kind}/{id}" if id else str(kind or "")


@lru_cache(maxsize=1)
def packages_of(given: tuple[str, ...]) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """The packages that a person names with their dependencies, and warnings. Raises Misuse."""
    sources = Sources(None)
    warnings: list[str] = []
    try:
        packages = with_dependencies([sources.given(text) for text in given], (), sources, warnings.append)
    except PackageRefused as error:
        raise Misuse(str(error)) from None
    return tuple(packages), tuple(warnings)


def _defined(plan: Plan) -> Iterator[Entry]:
    """The conformance resources of loose files. Raises Misuse."""
    for name in plan.definitions:
        path = Path(name)
        if not path.exists():
            raise Misuse(f"{name}: there is no such file.")
        for file in _files(path):
            try:
                resource, issues = read_text(file.read_bytes(), plan.version)
            except OSError as error:
                raise Misuse(f"{file}: {error.strerror or error}.") from None
            if resource is None:
                raise Misuse(f"{file}: {issues[0].diagnostics}")
            if isinstance(resource.get("url"), str):
                version = resource.get("version")
                yield entry(resource["resourceType"], resource["url"], str(version or ""), resource)


def read_text(data: bytes, version: Version) -> tuple[Any, list[Issue]]:
    """The resource in a text of JSON or XML (None when it cannot be read), and what is wrong with the text."""
    is_xml = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return xml.read(data, load(version)) if is_xml else (json.decode(data), [])
    except FhirError as error:
        return None, error.issues


@lru_cache(maxsize=1)
def _bench(plan: Plan) -> "_Bench":
    return _Bench(plan)


class _Bench:
    """The judge of one plan with everything that it needs."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._definitions = load(plan.version)
        packages, _ = packages_of(plan.packages)
        own = Collection(_defined(plan))
        self._canonicals = Layers([own, Collection.of(packages), CoreCanonicals(plan.version)])
        self._judge = Judge(self._definitions, self._canonicals, Engine(self._definitions))
        desk = Desk(plan.version, Grammars()).current(self._canonicals, 0)
        self._context = Context(
            oracle=Terms(lambda: desk),
            expectations=plan.expectations,
            entries=plan.entries,
            guided=True,
        )

    async def issues(self, resource: Any) -> list[Issue]:
        """What the judge says."""
        return await self._judge.issues(resource, profiles=self._plan.profiles, context=self._context)
