"""The full judge on examples that others publish: which of them it refuses, and why.

`judged_reasons.toml` argues each kind of error; `tools/judged_examples.py` writes the list to
docs/validation-examples.md.
"""

import asyncio
import gzip
import re
import tarfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.json import decode
from suture.fhir.outcomes import Issue
from suture.fhir.packages import Canonicals, Collection, CoreCanonicals, Layers, read_package
from suture.fhir.profiles import Context, Judge
from suture.fhir.versions import Version
from tests.fhir.suite_terminology import SuiteTerminology

Wanted = Callable[[int], bool]


class Source(msgspec.Struct, frozen=True):
    """A set of examples. `package`: a file of the shared packages; `profiles`: packages that are loaded for it."""

    title: str
    version: Version
    package: str
    folder: str = ""
    profiles: tuple[str, ...] = ()


class Reason(msgspec.Struct, frozen=True):
    """A kind of error, and why the examples that have it are wrong. See judged_reasons.toml for the members."""

    title: str
    says: str
    page: str
    why: str
    where: str = ".*"

    def explains(self, issue: Issue) -> bool:
        """Whether an error is of this kind."""
        return bool(
            re.fullmatch(self.says, issue.diagnostics, re.DOTALL) and re.fullmatch(self.where, issue.expression)
        )

    def url(self, issue: Issue, version: Version) -> str:
        """The page of the specification of a version that says so."""
        if self.page.startswith("https:"):
            return self.page
        type = issue.expression.partition(".")[0].lower()
        return f"https://hl7.org/fhir/{version.value.upper()}/{self.page.format(type=type)}"


REASONS = msgspec.convert(
    tomllib.loads((Path(__file__).parent / "judged_reasons.toml").read_text("utf-8"))["reason"], list[Reason]
)


def reasons_for(issue: Issue) -> list[Reason]:
    """The reasons that explain an error: one, where the list is right."""
    return [reason for reason in REASONS if reason.explains(issue)]


EXTENSIONS = "hl7.fhir.uv.extensions.r4#5.3.0.tgz"
SOURCES = (
    Source("R4 4.0.1", Version.R4, "hl7.fhir.r4.examples#4.0.1.tgz"),
    Source("R4B 4.3.0", Version.R4B, "hl7.fhir.r4b.examples#4.3.0.hfs.tgz"),
    Source("R5 5.0.0", Version.R5, "hl7.fhir.r5.examples#5.0.0.hfs.tgz"),
    *(
        Source(
            f"US Core {number}",
            Version.R4,
            f"hl7.fhir.us.core#{number}.tgz",
            "example/",
            (f"hl7.fhir.us.core#{number}.tgz", EXTENSIONS),
        )
        for number in ("3.1.1", "6.1.0", "7.0.0", "8.0.0")
    ),
    Source(
        "IPS 1.1.0",
        Version.R4,
        "hl7.fhir.uv.ips#1.1.0.tgz",
        "example/",
        ("hl7.fhir.uv.ips#1.1.0.tgz", EXTENSIONS),
    ),
    Source("Synthea", Version.R4, ""),
)


def examples(shared: Path, source: Source, wanted: Wanted) -> Iterator[tuple[str, Any]]:
    """(name, resource) of the examples whose number is wanted."""
    if not source.package:
        for number, path in enumerate(sorted((shared / "data" / "synthea-r4").glob("*.json.gz"))):
            if wanted(number):
                yield path.name, decode(gzip.decompress(path.read_bytes()))
        return
    with tarfile.open(shared / "packages" / source.package) as archive:
        for number, member in enumerate(each for each in archive if each.isfile()):
            name = member.name.rpartition("/")[2]
            chosen = (
                source.folder in member.name and name.endswith(".json") and not name.startswith((".", "package.json"))
            )
            file = archive.extractfile(member) if chosen and wanted(number) else None
            if file is not None:
                yield name, decode(file.read())


def refused(shared: Path, source: Source, wanted: Wanted = lambda _: True) -> tuple[int, dict[str, Issue]]:
    """How many examples there are, and the first error of each that is refused."""
    count, found = errors(shared, source, wanted)
    return count, {name: issues[0] for name, issues in found.items()}


def errors(shared: Path, source: Source, wanted: Wanted = lambda _: True) -> tuple[int, dict[str, list[Issue]]]:
    """How many examples there are, and all errors of each that is refused."""
    packages = [read_package(shared / "packages" / name) for name in source.profiles]
    core = CoreCanonicals(source.version)
    canonicals: Canonicals = Layers([Collection.of(packages), core]) if packages else core
    definitions = load(source.version)
    judge = Judge(definitions, canonicals, Engine(definitions))
    context = Context(oracle=SuiteTerminology(canonicals, source.version))
    return asyncio.run(_errors(judge, context, examples(shared, source, wanted)))


async def _errors(
    judge: Judge, context: Context, found: Iterator[tuple[str, Any]]
) -> tuple[int, dict[str, list[Issue]]]:
    count = 0
    refused: dict[str, list[Issue]] = {}
    for name, resource in found:
        count += 1
        issues = await judge.issues(resource, context=context)
        wrong = [issue for issue in issues if issue.severity in ("error", "fatal")]
        if wrong:
            refused[name] = wrong
    return count, refused
