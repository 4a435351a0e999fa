"""Primitive types accept what the specification says and nothing else (datatypes.html#primitive)."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.fhir.definitions import load
from suture.fhir.json import decode
from suture.fhir.primitives import MAX_STRING, primitives
from suture.fhir.versions import Version

R4 = primitives(Version.R4)
R5 = primitives(Version.R5)

YEAR = "([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
MONTH = "(0[1-9]|1[0-2])"
DAY = "(0[1-9]|[1-2][0-9]|3[0-1])"
TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
ZONE = r"(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

PUBLISHED = {
    "date": f"{YEAR}(-{MONTH}(-{DAY})?)?",
    "dateTime": f"{YEAR}(-{MONTH}(-{DAY}(T{TIME}{ZONE})?)?)?",
    "instant": f"{YEAR}-{MONTH}-{DAY}T{TIME}{ZONE}",
    "time": TIME,
    "id": r"[A-Za-z0-9\-\.]{1,64}",
    "oid": r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+",
    "uuid": r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "code": r"[^\s]+(\s[^\s]+)*",
    "uri": r"\S+",
}
"""The patterns of R4 for the types that are text with a form."""

VALID: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "unsignedInt": [0, 2**31 - 1],
    "positiveInt": [1, 2**31 - 1],
    "decimal": [0, -17, 10**300, Decimal("1.50"), Decimal("-0.0"), Decimal("1E-300")],
    "string": ["a", " ", "two\nlines\tand\rmore", "\u00a0", "😀", "x" * MAX_STRING],
    "markdown": ["# a\n\n* b"],
    "uri": ["http://loinc.org", "urn:oid:1.2", "#x", "mailto:a@b", "a", "http://ex.org/ä"],
    "url": ["https://example.org/a?b=c#d"],
    "canonical": ["http://hl7.org/fhir/ValueSet/x|4.0.1", "#a"],
    "code": ["a", "a b", "8310-5", "mm[Hg]", "a-b c"],
    "id": ["a", "A-Z.0", "x" * 64],
    "oid": ["urn:oid:1.2.3", "urn:oid:2.0"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "base64Binary": ["AAAA", "AAA=", "AA==", "AAAA\n  BBBB", "+/+/"],
    "date": ["2020", "2020-02", "2020-02-29", "0001-01-01", "9999-12-31", "2000-02-29"],
    "dateTime": ["2020", "2020-02", "2020-02-29", "2020-02-29T23:59:60Z", "1905-08-23T10:00:00.123456789012+14:00"],
    "instant": ["2020-02-29T00:00:00Z", "2015-02-07T13:28:17.239+02:00"],
    "time": ["00:00:00", "23:59:60", "12:00:00.000"],
}

INVALID: dict[str, list[Any]] = {
    "boolean": [0, 1, "true", None],
    "integer": [True, 2**31, -(2**31) - 1, Decimal("1.0"), "1", 1.0],
    "unsignedInt": [-1, True, False],
    "positiveInt": [0, -1, True],
    "decimal": [True, "1.0", Decimal("NaN"), Decimal("Infinity"), 10**308, 1.5],
    "string": ["", "a\x00", "\x08", "a\x1fb", "\x0b", 1, None, "x" * (MAX_STRING + 1)],
    "markdown": ["", "\x01"],
    "uri": ["", "a b", " a", "a\n", "\t", 1],
    "url": ["http://a b"],
    "canonical": ["a b"],
    "code": ["", " a", "a ", "a  b", "a\t\tb", "\n", 5],
    "id": ["", "a_b", "x" * 65, "ä", "a\n", "a/b"],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1", "urn:oid:1.02"],
    "uuid": ["urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "c757873d-ec9a-4326-a141-556f43239520"],
    "base64Binary": ["", "A", "AAA", "AAAA=", "A=AA", "ÄÄÄÄ", "AA=A", "AAAA=AAA", " "],
    "date": ["", "20", "2020-2", "2020-13", "2020-02-30", "2019-02-29", "1900-02-29", "2020-04-31", "0000",
                 "2020-01-01T00:00:00Z",
             "2020-01-01\n", "２０２０"],
    "dateTime": ["2020-02-29T10:00:00", "2020-02-29T10:00Z", "2020-02-29T24:00:00Z", "2020-02-29T10:00:00+14:30",
                 "2020-02T10:00:00Z", "2019-02-29T10:00:00Z", "2020-02-29 10:00:00Z", "2020-02-29T10:00:00.Z"],
    "instant": ["2020", "2020-02", "2020-02-29", "2020-02-30T00:00:00Z", "2020-02-29T00:00:00"],
    "time": ["24:00:00", "12:00", "12:00:00Z", "12:61:00"],
}  # fmt: skip


@pytest.mark.parametrize("version", list(Version))
def test_every_primitive_type_of_every_version_is_known(version: Version) -> None:
    published = {s.name for s in load(version).structures.values() if s.kind == "primitive-type" and not s.abstract}
    assert set(primitives(version)) == published


@pytest.mark.parametrize("name", VALID)
def test_valid_values_are_accepted(name: str) -> None:
    assert [value for value in VALID[name] if not R4[name].accepts(value)] == []


@pytest.mark.parametrize("name", INVALID)
def test_invalid_values_are_refused(name: str) -> None:
    assert [value for value in INVALID[name] if R4[name].accepts(value)] == []


@pytest.mark.parametrize("name", INVALID)
def test_a_refusal_says_what_would_be_right(name: str) -> None:
    for value in INVALID[name]:
        sentence = R4[name].complaint(value)
        assert sentence.endswith(".")
        assert len(sentence) < 300


def test_the_calendar_is_named_when_a_day_does_not_exist() -> None:
    assert R4["date"].complaint("2023-02-30") == (
        "'2023-02-30' is not a day of the calendar: February 2023 has 28 days."
    )
    assert "31 days" not in R4["date"].complaint("2023-13-40")


def test_remembering_one_type_does_not_open_another() -> None:
    """A partial date that was accepted as a date stays no instant."""
    for text in ("2020", "2020-05", "2020-05-17", "a b", "8310-5"):
        for name in ("date", "dateTime", "code", "uri", "string"):
            R4[name].accepts(text)
        assert not R4["instant"].accepts(text)
    assert R4["code"].accepts("a b")
    assert not R4["uri"].accepts("a b")


@pytest.mark.parametrize("name", PUBLISHED)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=st.data())
def test_texts_of_the_published_form_are_accepted_if_they_exist(name: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(re.compile(PUBLISHED[name], re.ASCII), fullmatch=True))
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text):
        return
    accepted = R4[name].accepts(text)
    assert accepted or "calendar" in R4[name].complaint(text), text


@pytest.mark.parametrize("name", PUBLISHED)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(text=st.one_of(st.text(max_size=12), st.from_regex(r"[0-9T:Z+.\-]{1,30}", fullmatch=True)))
def test_no_other_text_is_accepted(name: str, text: str) -> None:
    if R4[name].accepts(text):
        assert re.fullmatch(PUBLISHED[name], text, re.ASCII)


@given(st.dates(), st.integers(0, 40))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_every_day_of_the_calendar_and_no_other_is_accepted(day: date, surplus: int) -> None:
    for name, suffix in (("date", ""), ("dateTime", ""), ("dateTime", "T12:00:00Z"), ("instant", "T12:00:00-05:00")):
        assert R4[name].accepts(day.isoformat() + suffix)
    last = (
        (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1) if day < date(9999, 12, 1) else day
    )
    beyond = f"{last.year:04}-{last.month:02}-{min(last.day + 1 + surplus, 99):02}"
    assert not R4["date"].accepts(beyond) or beyond == last.isoformat()


@given(st.integers(), st.integers(-(2**33), 2**33))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_integers_have_32_bits(any_size: int, near: int) -> None:
    for value in (any_size, near):
        assert R4["integer"].accepts(value) == (-(2**31) <= value < 2**31)
        assert R4["unsignedInt"].accepts(value) == (0 <= value < 2**31)
        assert R4["positiveInt"].accepts(value) == (0 < value < 2**31)


def test_numbers_read_from_json_fit_their_types() -> None:
    assert R4["decimal"].accepts(decode(b"1.0"))
    assert R4["decimal"].accepts(decode(b"1"))
    assert R4["decimal"].accepts(decode(b"1e3"))
    assert not R4["integer"].accepts(decode(b"1.0"))
    assert not R4["integer"].accepts(decode(b"1e3"))


def test_r5_differs_where_its_specification_does() -> None:
    assert "integer64" not in R4
    assert R5["integer64"].accepts("9223372036854775807")
    assert not R5["integer64"].accepts("9223372036854775808")
    assert not R5["integer64"].accepts(5)
    assert not R5["base64Binary"].accepts("AAAA BBBB")
    assert not R5["instant"].accepts("2020-02-29T00:00:00.1234567890Z")
    assert not R5["decimal"].accepts(Decimal("1." + "1" * 40))
    assert R5["decimal"].accepts(Decimal("1.00000000000000000E-24"))
    assert not R5["code"].accepts("a\tb")
    assert R4["code"].accepts("a\tb")


def test_memory_of_seen_values_is_bounded() -> None:
    for number in range(20_000):
        assert R4["uri"].accepts(f"urn:x:{number}")
    assert R4["uri"].accepts("urn:x:1")
    assert not R4["uri"].accepts("urn x")
