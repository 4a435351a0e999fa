"""The official patch suites: FHIRPath Patch in XML (converted here) and JSON Patch."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from suture.fhir import xml
from suture.fhir.definitions import load
from suture.fhir.outcomes import FhirError
from suture.fhir.patch import FhirPathPatch, JsonPatch
from suture.fhir.versions import Version

SUITE = Path(__file__).parents[4] / "shared" / "suites" / "patch-r4"

if not SUITE.is_dir():
    pytest.skip(f"the official suite is not at {SUITE}", allow_module_level=True)

FHIRPATH_CASES = list(etree.parse(str(SUITE / "fhir-patch-tests.xml")).getroot().iterchildren("case"))
JSON_CASES: list[dict[str, Any]] = msgspec.json.decode((SUITE / "json-patch-tests.json").read_bytes())


def resource_in(case: Any, name: str) -> dict[str, Any]:
    return xml.decode(etree.tostring(case.find(name)[0], with_tail=False), load(Version.R4))


def without_layout(value: Any) -> Any:
    """The narrative with its white space and escapes in one form, which the two XML texts write differently."""
    if isinstance(value, dict):
        return {name: without_layout(member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_layout(member) for member in value]
    return re.sub(r"\s+", " ", value.replace("&quot;", '"')) if isinstance(value, str) else value


@pytest.mark.parametrize("case", FHIRPATH_CASES, ids=lambda case: case.get("name"))
def test_fhirpath_patch(case: Any) -> None:
    given = resource_in(case, "input")
    patch = FhirPathPatch.read(resource_in(case, "diff"), load(Version.R4))
    if case.find("error") is not None:
        with pytest.raises(FhirError):
            patch.apply(given)
        return
    assert without_layout(patch.apply(given)) == without_layout(resource_in(case, "output"))


@pytest.mark.parametrize("case", JSON_CASES, ids=lambda case: case["comment"])
def test_json_patch(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(FhirError):
            JsonPatch.read(case["patch"]).apply(case["doc"])
        return
    assert JsonPatch.read(case["patch"]).apply(case["doc"]) == case["expected"]


def test_the_suite_is_complete() -> None:
    assert len(FHIRPATH_CASES) == 33
    assert len(JSON_CASES) == 16
