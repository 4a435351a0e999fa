"""The work of `suture convert` on one file, and which files there are to work on."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from suture.cli.options import Misuse
from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.outcomes import FhirError, Invalid, Issue, PayloadTooLarge
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

LARGEST = 512 * 1024 * 1024
"""Bytes of one file."""

_SHOWN = 10
"""Faults of one file that are listed."""

_SUFFIXES = (".json", ".xml")


class Conversion(msgspec.Struct, frozen=True):
    """What is to be done. `to`: xml | json, or "" for the form that the file does not have."""

    to: str
    version: Version
    pretty: bool


class Job(msgspec.Struct, frozen=True):
    """One file to convert. `source`: None for standard input. `folder`: None for standard output.

    `target`: the path below `folder`, without its suffix, which follows from the result.
    """

    source: Path | None
    folder: Path | None
    conversion: Conversion
    target: Path = Path()


def prepared(names: Sequence[str], folder: Path | None, conversion: Conversion) -> list[Job]:
    """A job for every file. Raises Misuse for what is not there, and for two results with one name."""
    jobs: list[Job] = []
    for name in names:
        path = Path(name)
        if not path.exists():
            raise Misuse(f"{name}: there is no such file.")
        jobs += [Job(source, folder, conversion, target.with_suffix("")) for source, target in _files(path)]
    if not jobs:
        raise Misuse(f"There is no .json or .xml file in {', '.join(names)}.")
    seen: dict[Path, Path | None] = {}
    for job in jobs:
        if folder is not None and job.target in seen:
            raise Misuse(f"{seen[job.target]} and {job.source} would both become {folder / job.target}.")
        seen[job.target] = job.source
    return jobs


def _files(path: Path) -> Iterator[tuple[Path, Path]]:
    """The files of a path, each with its place in the folder of the results."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _SUFFIXES and file.is_file():
            yield file, file.relative_to(path)


def convert(job: Job) -> list[str]:
    """Do one job. What is wrong with the file comes back as lines for a person; none when it was converted."""
    name = str(job.source) if job.source else "standard input"
    try:
        form, result = converted(_read(job), job.conversion)
        _write(job, form, result)
    except FhirError as error:
        lines = [f"{name}: {_sentence(issue)}" for issue in error.issues[:_SHOWN]]
        more = len(error.issues) - _SHOWN
        return [*lines, f"{name}: … and {more} more."] if more > 0 else lines
    except OSError as error:
        return [f"{name}: {error.strerror or error}."]
    return []


def converted(data: bytes, conversion: Conversion) -> tuple[str, bytes]:
    """The form and the text of the result. Raises Invalid with everything that is wrong."""
    definitions = load(conversion.version)
    is_xml = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff")
    resource: Any = xml.decode(data, definitions) if is_xml else json.decode(data)
    form = conversion.to or ("json" if is_xml else "xml")
    if form == "json":
        return form, json.encode_pretty(resource) if conversion.pretty else json.encode(resource)
    try:
        return form, (xml.encode_pretty if conversion.pretty else xml.encode)(resource, definitions)
    except xml.NotInXml as error:
        # The validator says it with places, and says all of it.
        raise Invalid(issues=Validator(definitions).issues(resource) or error.issues) from None


def _read(job: Job) -> bytes:
    if job.source is None:
        data = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with job.source.open("rb") as file:
            data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise PayloadTooLarge(f"more than {LARGEST} bytes are not read.")
    return data


def _write(job: Job, form: str, result: bytes) -> None:
    if job.folder is None:
        sys.stdout.buffer.write(result + b"\n")
        sys.stdout.buffer.flush()
        return
    target = job.folder / job.target.with_name(f"{job.target.name}.{form}")
    if job.source is not None and target.exists() and target.samefile(job.source):
        raise Invalid("the result would be written over the file itself.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(result + b"\n")


def _sentence(issue: Issue) -> str:
    return f"{issue.diagnostics} [{issue.expression}]" if issue.expression else issue.diagnostics
