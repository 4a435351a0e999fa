"""HL7's own tests of FHIRPath for R4 (github.com/FHIR/fhir-test-cases), all of them, through the public functions."""

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.versions import Version
from suture.fhirpath import FhirPathError, evaluate_typed

SUITE = Path(__file__).parents[4] / "shared" / "suites" / "fhirpath-r4"
FILE = SUITE / "tests-fhir-r4.xml"

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the official FHIRPath tests are not beside the checkout")


def groups() -> list[Any]:
    return list(etree.parse(FILE).getroot().iter("group")) if FILE.exists() else []


@cache
def _input(name: str) -> Any:
    """A file of the suite."""
    data = (SUITE / name).read_bytes()
    return json.decode(data) if name.endswith(".json") else xml.decode(_in_order(data), load(Version.R4))


def _in_order(data: bytes) -> bytes:
    """One example has its extensions behind its status, where FHIR XML does not have them."""
    root = etree.fromstring(data)
    for extension in reversed(root.findall("{http://hl7.org/fhir}extension")):
        text = root.find("{http://hl7.org/fhir}text")
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


def fault(test: Any) -> str | None:
    """What is wrong with the answer to one test, None if it is right."""
    expression = test.find("expression")
    name = test.get("inputfile")
    try:
        found = evaluate_typed(expression.text, _input(name) if name else None)
    except FhirPathError as error:
        return None if expression.get("invalid") else f"{expression.text}: {error}"
    if expression.get("invalid"):
        return f"{expression.text}: an error is expected, there is {found}"
    if test.get("predicate") == "true":
        found = [("boolean", bool(found))]
    wanted = [(output.get("type"), output.text or "") for output in test.findall("output")]
    given = [(type, _shown(type, value)) for type, value in found]
    if test.get("ordered") == "false":
        wanted, given = sorted(wanted), sorted(given)
    same = len(wanted) == len(given) and all(_same(*pair) for pair in zip(wanted, given, strict=True))
    return None if same else f"{expression.text}: {given}, and {wanted} is expected"


def _same(wanted: tuple[str | None, str], given: tuple[str, str]) -> bool:
    if wanted[0] is not None and wanted[0] != given[0]:
        return False
    return Decimal(wanted[1]) == Decimal(given[1]) if wanted[0] == "decimal" else wanted[1] == given[1]


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.get("name"))
def test_the_answers_are_those_of_the_suite(group: Any) -> None:
    faults = [f"{test.get('name')}: {wrong}" for test in group.iter("test") if (wrong := fault(test))]
    assert faults == []


def test_the_suite_is_complete() -> None:
    assert sum(len(group.findall("test")) for group in groups()) == 935
