"""Formats and preferences: https://hl7.org/fhir/R4/http.html#mime-type, #parameters, #ops."""

import contextlib
import gzip
import zlib

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.api.compression import Inflater, accepts_gzip, deflate
from suture.api.http import parse_pairs
from suture.api.interactions.search import with_query
from suture.api.negotiation import accepts_raw, negotiate, preferences
from suture.fhir.outcomes import Invalid, NotAcceptable, PayloadTooLarge
from suture.fhir.versions import Version
from tests.api.given import JSON, created, issue, patient, unique


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", b"application/fhir+json;charset=utf-8"),
        ("*/*", b"application/fhir+json;charset=utf-8"),
        ("application/fhir+json", b"application/fhir+json;charset=utf-8"),
        ("application/fhir+json; fhirVersion=4.0", b"application/fhir+json;charset=utf-8"),
        ("application/json", b"application/json;charset=utf-8"),
        ("text/json", b"text/json;charset=utf-8"),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.5", b"application/fhir+xml;charset=utf-8"),
        ("application/fhir+xml;q=0.4, application/fhir+json;q=0.5", b"application/fhir+json;charset=utf-8"),
        ("application/fhir+xml;fhirVersion=5.0, application/json", b"application/json;charset=utf-8"),
        ("application/xml", b"application/xml;charset=utf-8"),
        ("text/xml; charset=utf-8", b"text/xml;charset=utf-8"),
        ("application/json;q=0.2, application/fhir+json", b"application/fhir+json;charset=utf-8"),
    ],
)
def test_accept_chooses_the_media_type(accept: str, content_type: bytes) -> None:
    assert negotiate(accept.encode(), "", Version.R4).content_type == content_type


@pytest.mark.parametrize(
    "accept",
    [
        "text/turtle",
        "application/fhir+json;q=0",
        "application/fhir+xml;q=0",
        "application/fhir+xml;fhirVersion=5.0",
        "application/fhir+json;fhirVersion=5.0",
        "image/png",
    ],
)
def test_what_cannot_be_produced_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept.encode(), "", Version.R4)


def test_format_wins_over_accept() -> None:
    assert negotiate(b"application/fhir+xml", "_format=json", Version.R4).content_type.startswith(
        b"application/fhir+json"
    )
    assert negotiate(b"", "_format=application/fhir+json", Version.R4).explicit
    assert negotiate(b"", "_format=application%2Fjson", Version.R4).content_type.startswith(b"application/json")
    assert negotiate(b"application/fhir+json", "_format=xml", Version.R4).content_type.startswith(
        b"application/fhir+xml"
    )
    with pytest.raises(NotAcceptable):
        negotiate(b"application/fhir+json", "_format=turtle", Version.R4)


def test_a_browser_gets_indented_json() -> None:
    chosen = negotiate(b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", Version.R4)
    assert chosen.pretty
    assert chosen.content_type.startswith(b"application/json")


@given(st.text(max_size=80), st.text(max_size=40))
@settings(max_examples=200, derandomize=True)
def test_no_header_breaks_negotiation(accept: str, query: str) -> None:
    header = accept.encode("utf-8")
    accepts_raw(header, query)
    preferences(accept)
    with contextlib.suppress(NotAcceptable):
        negotiate(header, query, Version.R4)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        )
    )
)
@settings(max_examples=200, derandomize=True)
def test_parameters_survive_being_written_and_read(pairs: list[tuple[str, str]]) -> None:
    _, _, query = with_query("http://x", pairs).partition("?")
    assert query.isascii()
    assert parse_pairs(query) == [pair for pair in pairs if pair != ("", "")] or ("", "") in pairs


def test_preferences() -> None:
    assert preferences("return=minimal").result == "minimal"
    assert preferences('return="representation"; handling=lenient').result == "representation"
    assert preferences("respond-async, handling=lenient").lenient
    assert not preferences("handling=strict").lenient
    assert preferences("return=nothing").result == ""


def test_formats_over_http(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    url = f"/Patient/{id}"
    refused = client.get(url, headers={"accept": "text/turtle"})
    assert refused.status_code == 406
    assert issue(refused)["code"] == "not-supported"
    assert client.get(url, params={"_format": "json"}, headers={"accept": "text/turtle"}).status_code == 200
    pretty = client.get(url, params={"_pretty": "true"})
    assert pretty.text.startswith('{\n  "resourceType"')
    assert pretty.json() == client.get(url).json()
    browser = client.get(url, headers={"accept": "text/html,*/*;q=0.8"})
    assert browser.headers["content-type"] == "application/json;charset=utf-8"
    assert "\n" in browser.text


def test_a_write_that_could_not_be_answered_is_not_done(client: httpx.Client) -> None:
    value = unique()
    answer = client.post("/Patient", json=patient(value), headers=JSON | {"accept": "image/png"})
    assert answer.status_code == 406
    assert client.get("/Patient", params={"identifier": value}).json()["total"] == 0


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json", 201),
        ("application/json", 201),
        ("application/fhir+json; charset=UTF-8", 201),
        ("application/fhir+json; fhirVersion=4.0", 201),
        ("application/fhir+json; fhirVersion=5.0", 415),
        ("application/fhir+json; charset=latin1", 415),
        ("text/turtle", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ],
)
def test_content_types(client: httpx.Client, content_type: str, status: int) -> None:
    answer = client.post("/Patient", json=patient(), headers={"content-type": content_type})
    assert answer.status_code == status
    if status == 415:
        assert issue(answer)["code"] == "not-supported"


def test_gzip_both_ways(client: httpx.Client) -> None:
    resource = patient(name=[{"family": "Ekman" * 200} for _ in range(20)])
    body = gzip.compress(httpx.Request("POST", "http://x", json=resource).content)
    answer = client.post("/Patient", content=body, headers=JSON | {"content-encoding": "gzip"})
    assert answer.status_code == 201
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["name"] == resource["name"]
    plain = client.get(f"/Patient/{answer.json()['id']}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()


def test_broken_and_unknown_encodings(client: httpx.Client) -> None:
    half = gzip.compress(b'{"resourceType":"Patient"}' * 50)[:-12]
    for body in (b"not gzip", half, b""):
        answer = client.post("/Patient", content=body, headers=JSON | {"content-encoding": "gzip"})
        assert answer.status_code == 400
    answer = client.post("/Patient", content=b"x", headers=JSON | {"content-encoding": "br"})
    assert answer.status_code == 415


def test_gzip_members_follow_each_other_and_stop_at_the_limit() -> None:
    inflate = Inflater(100)
    assert inflate.feed(gzip.compress(b"a" * 40) + gzip.compress(b"b" * 60)) == b"a" * 40 + b"b" * 60
    inflate.finish()
    with pytest.raises(PayloadTooLarge):
        Inflater(100).feed(gzip.compress(b"a" * 101))
    bomb = Inflater(1000)
    with pytest.raises(PayloadTooLarge):
        bomb.feed(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(Invalid):
        Inflater(10).finish()


@given(st.binary(max_size=3000), st.integers(1, 50))
@settings(max_examples=60, derandomize=True)
def test_what_was_deflated_inflates_in_any_pieces(data: bytes, size: int) -> None:
    packed = deflate(data)
    assert zlib.decompress(packed, 31) == data
    inflate = Inflater(len(data))
    pieces = [inflate.feed(packed[start : start + size]) for start in range(0, len(packed), size)]
    inflate.finish()
    assert b"".join(pieces) == data


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"*", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.0", False),
        (b"br", False),
        (b"", False),
    ],
)
def test_accept_encoding(header: bytes, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
