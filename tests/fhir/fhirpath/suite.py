"""HL7's own tests of FHIRPath (github.com/FHIR/fhir-test-cases): read, and run through the public functions."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from lxml import etree

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.versions import Version
from suture.fhirpath import FhirPathError, evaluate_typed

_FHIR = "{http://hl7.org/fhir}"


class Suite:
    """The tests of one file. `folders`: where the resources lie that they are about, the first that has one counts."""

    def __init__(self, file: Path, version: Version, folders: Sequence[Path]) -> None:
        self.file = file
        self.version = version
        self._folders = folders
        self._inputs: dict[str, Any] = {}

    @cached_property
    def groups(self) -> list[Any]:
        """The groups of tests; none when the file is not there."""
        return list(etree.parse(self.file).getroot().iter("{*}group")) if self.file.exists() else []

    def tests(self) -> Iterator[Any]:
        """All tests."""
        return (test for group in self.groups for test in group.iter("{*}test"))

    def missing(self, test: Any) -> str:
        """Why a test cannot be run; "" when it can."""
        name = test.get("inputfile")
        if not name:
            return ""
        path = next((folder / name for folder in self._folders if (folder / name).exists()), None)
        if path is None:
            return f"{name} is not at hand"
        return "" if name.endswith(".json") or _is_fhir(path) else f"{name} is no FHIR resource"

    def fault(self, test: Any) -> str:
        """What is wrong with the answer to one test; "" when it is right."""
        expression = test.find("{*}expression")
        name = test.get("inputfile")
        try:
            found = evaluate_typed(expression.text, self._input(name) if name else None, version=self.version.value)
        except FhirPathError as error:
            return "" if expression.get("invalid") else f"{expression.text}: {error}"
        if expression.get("invalid"):
            return f"{expression.text}: an error is expected, there is {found}"
        if test.get("predicate") == "true":
            found = [("boolean", bool(found))]
        wanted = [(output.get("type"), output.text or "") for output in test.findall("{*}output")]
        given = [(type, _shown(type, value)) for type, value in found]
        if test.get("ordered") == "false":
            wanted, given = sorted(wanted), sorted(given)
        same = len(wanted) == len(given) and all(_same(*pair) for pair in zip(wanted, given, strict=True))
        return "" if same else f"{expression.text}: {given}, and {wanted} is expected"

    def _input(self, name: str) -> Any:
        if name not in self._inputs:
            path = next(folder / name for folder in self._folders if (folder / name).exists())
            data = path.read_bytes()
            self._inputs[name] = (
                json.decode(data) if name.endswith(".json") else xml.decode(_in_order(data), load(self.version))
            )
        return self._inputs[name]


def _is_fhir(path: Path) -> bool:
    return etree.parse(path).getroot().tag.startswith(_FHIR)


def _in_order(data: bytes) -> bytes:
    """One example has its extensions behind its status, where FHIR XML does not have them."""
    root = etree.fromstring(data)
    for extension in reversed(root.findall(f"{_FHIR}extension")):
        text = root.find(f"{_FHIR}text")
        root.insert(0 if text is None else root.index(text) + 1, extension)
    return etree.tostring(root)


def _shown(type: str, value: Any) -> str:
    """A value as the suite writes it."""
    match type, value:
        case _, bool():
            return str(value).lower()
        case (("date" | "dateTime"), _):
            return f"@{value}"
        case "time", _:
            return f"@T{value}"
        case "Quantity", dict():
            return f"{value['value']:f} '{value['unit']}'"
        case _, Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def _same(wanted: tuple[str | None, str], given: tuple[str, str]) -> bool:
    if wanted[0] is not None and wanted[0] != given[0]:
        return False
    return Decimal(wanted[1]) == Decimal(given[1]) if wanted[0] == "decimal" else wanted[1] == given[1]
