"""Which version is meant: exact, in part, by wildcards, and by the parameters of a request."""

import pytest

from suture.terminology.versions import Rules, listed, matches, newest, rule_of


@pytest.mark.parametrize(
    ("wanted", "version", "expected"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.0.3", True),
        ("1.0", "1.01", False),
        ("1.2", "1.2.3", True),
        ("1", "1.2.3", False),
        ("1.x", "1.2", True),
        ("1.x", "2.1", False),
        ("1.*", "1.2.3", True),
        ("1.x.3", "1.2.3", True),
        ("1.x.3", "1.2.4", False),
        ("1.2.3", "1.2", False),
        ("http://snomed.info/sct/731000124108", "http://snomed.info/sct/731000124108/version/20240301", True),
        ("", "1", False),
        ("1", "", False),
    ],
)
def test_a_version_may_be_meant_in_part(wanted: str, version: str, expected: bool) -> None:
    assert matches(wanted, version) is expected


def test_versions_are_ordered_by_number() -> None:
    assert newest(["1.9", "1.10", "1.2"]) == ["1.10", "1.9", "1.2"]
    assert listed(["2", "1", "3"]) == "1, 2 and 3"
    assert listed(["2", "1"]) == "1 or 2"


def rules(**parameters: str) -> Rules:
    found = [rule_of(name.replace("_", "-"), f"urn:s|{version}") for name, version in parameters.items()]
    return Rules(tuple(rule for rule in found if rule is not None))


def test_a_forced_version_wins_and_a_default_only_fills_in() -> None:
    assert rules(system_version="1").chosen("urn:s", "") == "1"
    assert rules(system_version="1").chosen("urn:s", "2") == "2"
    assert rules(force_system_version="1").chosen("urn:s", "2") == "1"
    assert rules(force_system_version="1").chosen("urn:other", "2") == "2"


def test_a_checked_version_must_match() -> None:
    checked = rules(check_system_version="1.x")
    assert checked.chosen("urn:s", "") == "1.x"
    assert checked.failing("urn:s", "1.4") is None
    assert checked.failing("urn:s", "2.0") is not None
    assert checked.failing("urn:other", "2.0") is None


def test_what_is_no_canonical_with_a_version_is_no_rule() -> None:
    assert rule_of("system-version", "urn:s") is None
    assert rule_of("other-version", "urn:s|1") is None
