"""The suites of HL7's terminology ecosystem, run against a server: docs/terminology.md has the rules.

The suites lie beside the project in ../shared and are not part of it.
"""

import os
from pathlib import Path

import httpx
import pytest

from tests.api.terminology_suite import Comparison, Suite

FOLDER = Path(os.environ.get("SUTURE_TERMINOLOGY_SUITE", Path(__file__).parents[4] / "shared/suites/terminology"))


@pytest.mark.skipif(not FOLDER.exists(), reason=f"the suites are not at {FOLDER}")
def test_every_case_is_answered_as_the_ecosystem_wants(client: httpx.Client) -> None:
    results = dict(Suite.of_ecosystem(FOLDER).results(client))
    assert {name: difference for name, difference in results.items() if difference} == {}
    assert len(results) >= 147


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ({"a": "$uuid$"}, {"a": "urn:uuid:8acdbfdc-e9d2-11ed-a05b-0242ac120003"}, True),
        ({"a": "$choice:x|y$"}, {"a": "y"}, True),
        ({"a": "$choice:x|y$"}, {"a": "z"}, False),
        ({"a": "$fragments:Code|Unknown$"}, {"a": "unknown code"}, True),
        ({"a": [1, {"b": 2}]}, {"a": [{"b": 2}, 1]}, True),
        ({"a": [{"$optional$": True, "b": 1}, {"b": 2}]}, {"a": [{"b": 2}]}, True),
        ({"a": [{"$optional$": "!special", "b": 1}]}, {"a": []}, True),
        ({"a": [{"$optional$": "special", "b": 1}]}, {"a": []}, True),
        ({"a": [{"$optional$": "version:5", "b": 1}]}, {"a": []}, False),
        ({"a": [{"$only$": "version:5", "b": 1}]}, {"a": [{"b": 1}]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 1}]}, False),
        ({"$optional-properties$": ["a"], "a": 1}, {}, True),
        ({"a": 1}, {}, False),
        ({}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": "$external:1:found$"}, {"a": "was found"}, True),
        ({"$count-arrays$": ["a"], "a": [1, 2]}, {"a": [3, 4]}, True),
        ({"a": "the 'x' is"}, {"a": "the x is"}, True),
        ({"a": "the 'x' is"}, {"a": "the y is"}, False),
        ({"expression": ["x"]}, {"expression": ["x"], "location": ["x"]}, True),
    ],
)
def test_answers_are_compared_by_the_rules(expected: object, actual: object, same: bool) -> None:
    assert (Comparison("4.0.1", {"general"}, None).difference(expected, actual) == "") == same
