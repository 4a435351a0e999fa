"""`suture fhirpath`: what an expression finds in a resource, without a server."""

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from suture.cli.options import Misuse
from suture.cli.sources import Unreadable
from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine, FhirPathError, FhirPathEvaluationError, Item
from suture.fhir.fhirpath.alone import Alone
from suture.fhir.fhirpath.navigation import path_of
from suture.fhir.fhirpath.values import plain, type_name
from suture.fhir.outcomes import FhirError
from suture.fhir.versions import Version


class _Telling(Alone):
    """Shows what `trace()` sees on standard error."""

    def trace(self, name: str, items: Sequence[Item]) -> None:
        """One line per item."""
        for item in items:
            sys.stderr.write(f"trace {name}: {_shown(item)}\n")
        if not items:
            sys.stderr.write(f"trace {name}: nothing\n")


def command(
    expression: Annotated[str, typer.Argument(metavar="EXPRESSION", help="A FHIRPath expression.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A resource in FHIR JSON or XML; `-` or nothing: standard input."),
    ] = None,
    version: Annotated[Version, typer.Option("--version", help="The FHIR version of the resource.")] = Version.R4,
    variable: Annotated[
        list[str] | None,
        typer.Option("--variable", metavar="NAME=TEXT", help="A string to be used as %NAME; may be repeated."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array with type, path and value of each item.")
    ] = False,
) -> int:
    """Evaluate a FHIRPath expression on a resource.

    Prints one line per item: text and numbers as they are, structures as JSON. Nothing found is no output. Names that
    do not exist are errors, with their place: the expression is checked against the type of the resource first.
    `trace('name')` shows on standard error what passes through it. Ends with 1 when the expression is wrong or
    cannot be evaluated.

    Examples:

    - `suture fhirpath "name.where(use = 'official').given" patient.json`

    - `suture fhirpath "value.ofType(Quantity).value > 100" observation.xml --json`

    - `curl -s http://127.0.0.1:8000/fhir/r4/Patient/1 | suture fhirpath "birthDate + 18 years <= today()"`
    """
    resource = _read(file, version)
    definitions = load(version)
    engine = Engine(definitions, _Telling(definitions))
    focus = engine.item(resource)
    try:
        compiled = engine.located(expression, focus=focus[1].path)
        found = compiled.items(focus, engine.environment(resource, variables=_variables(variable or [])))
    except FhirPathError as error:
        reason = (
            "The expression cannot be evaluated"
            if isinstance(error, FhirPathEvaluationError)
            else "The expression is wrong"
        )
        sys.stderr.write(f"{reason}: {error}\n")
        return 1
    if as_json:
        rows = [{"type": type_name(item), "path": path_of(item, short=True), "value": plain(item)} for item in found]
        sys.stdout.write(json.encode_pretty(rows).decode() + "\n")
    else:
        sys.stdout.writelines(f"{_shown(item)}\n" for item in found)
    return 0


def _read(file: Path | None, version: Version) -> dict[str, Any]:
    """The resource in a file or on standard input."""
    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            raise Misuse(
                "There is nothing to evaluate the expression on: name a FILE, or send it to the standard input."
            )
        data, name = sys.stdin.buffer.read(), "The standard input"
    else:
        try:
            data, name = file.read_bytes(), str(file)
        except OSError as error:
            raise Unreadable(f"{file}: {error.strerror or error}.") from None
    try:
        value = xml.decode(data, load(version)) if data.lstrip()[:1] == b"<" else json.decode(data)
    except FhirError as error:
        raise Unreadable(f"{name}: {error}") from None
    if not isinstance(value, dict) or "resourceType" not in value:
        raise Unreadable(f"{name} is no FHIR resource: it has no resourceType.")
    return cast("dict[str, Any]", value)


def _variables(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise Misuse(f"--variable takes NAME=TEXT, not '{pair[:60]}'.")
        found[name] = text
    return found


def _shown(item: Item) -> str:
    """An item on one line."""
    value = plain(item)
    match value:
        case None:
            return json.encode(item[2]).decode()
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case str() | int():
            return " ".join(str(value).splitlines())
        case _:
            return json.encode(value).decode()
