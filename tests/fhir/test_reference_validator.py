"""Official validator cases for R4: where HL7's reference validator finds no error, neither do we.

The other way round we find less, because the cases go beyond structure: profiles, terminology, invariants.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.json import decode
from suture.fhir.outcomes import FhirError, Issue
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

STRICTER = {
    # Run by the reference validator with the setting to overlook the id of 65 characters.
    "contained-resource-bad-id-ignore": "Condition.contained[0].id",
    # A template: its dateTime is the placeholder $instant$.
    "matchetype-pattern-1": "ValueSet.expansion.timestamp",
}

# Errors of the reference validator that are structural: we must find them too.
STRUCTURAL = (
    "Unrecognized property",
    "Unrecognised property",
    "minimum required = ",
    "The property must be an",
    "This property must be an",
    "No code provided, and a code is required",
    "is not a valid date",
    "Not a valid date",
    "Duplicated JSON property",
    "Duplicated property",
    "Unknown resource type",
    "Invalid Resource id",
)


def cases(shared: Path) -> list[tuple[str, bytes, list[str]]]:
    folder = shared / "suites" / "validator-r4"
    found: list[tuple[str, bytes, list[str]]] = []
    for case in json.loads((folder / "manifest.json").read_text("utf-8"))["test-cases"]:
        file, outcome = folder / case["file"], case.get("java")
        if file.suffix != ".json" or not file.exists() or not isinstance(outcome, str):
            continue
        path = folder / "outcomes" / outcome
        if path.exists():
            found.append((case["name"], file.read_bytes(), errors_of(json.loads(path.read_text("utf-8")))))
    return found


def errors_of(outcome: dict[str, Any]) -> list[str]:
    issues = outcome.get("outcome", outcome).get("issue", [])
    return [
        issue.get("details", {}).get("text") or issue.get("diagnostics", "")
        for issue in issues
        if issue["severity"] in ("error", "fatal")
    ]


def test_what_the_reference_validator_accepts_is_accepted(shared: Path) -> None:
    validator = Validator(load(Version.R4))
    ours: dict[str, list[Issue]] = {}
    theirs: dict[str, list[str]] = {}
    for name, raw, errors in cases(shared):
        try:
            ours[name] = validator.issues(decode(raw))
        except FhirError as error:
            ours[name] = error.issues
        theirs[name] = errors
    assert len(ours) > 100
    stricter = {name: issues[0].expression for name, issues in ours.items() if issues and not theirs[name]}
    assert stricter == STRICTER
    missed = {
        name: errors
        for name, errors in theirs.items()
        if not ours[name] and any(sign in error for error in errors for sign in STRUCTURAL if "(from " not in error)
    }
    assert missed == {}


@pytest.mark.parametrize("name", ["us-docref.json", "allergy"])
def test_required_codes_are_missed_like_the_reference_validator_misses_them(name: str, shared: Path) -> None:
    raw = next(raw for case, raw, _ in cases(shared) if case == name)
    assert "code-invalid" in [issue.code for issue in Validator(load(Version.R4)).issues(decode(raw))]
