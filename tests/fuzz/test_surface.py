"""Whatever bytes arrive, the answer is an answer: never a 5xx, always JSON that says what was wrong."""

import json
import random
import socket
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import servers

TYPES = ["Patient", "Observation", "Bundle", "Binary", "Encounter", "Parameters", "Nonsense", "patient", ""]
OPERATIONS = ["$validate", "$everything", "$meta", "$meta-add", "$nothing", "_search", "_history", "*"]
HEADERS = [
    ("Accept", "application/fhir+json"),
    ("Accept", "text/html;q=0.1"),
    ("Accept", "image/png"),
    ("Accept", "\x00"),
    ("If-Match", 'W/"1"'),
    ("If-Match", 'W/"x"'),
    ("If-None-Match", "*"),
    ("If-None-Exist", "identifier=a|b"),
    ("If-None-Exist", "%zz"),
    ("If-Modified-Since", "yesterday"),
    ("Prefer", "return=OperationOutcome"),
    ("Prefer", "handling=lenient; return=minimal"),
    ("Content-Encoding", "gzip"),
    ("Content-Type", "application/json-patch+json"),
    ("Content-Type", "application/fhir+xml"),
    ("Content-Type", "text/plain"),
    ("X-Request-Id", "a" * 300),
]
PARAMETERS = [
    "_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_elements", "_format",
    "_pretty", "_since", "_at", "_type", "_cursor", "name", "name:exact", "birthdate", "code", "date",
    "subject:Patient", "subject.name", "value-quantity", "identifier", "_has:Observation:patient:code", "_filter",
    "nonsense", "patient",
]  # fmt: skip
VALUES = [
    "1", "a|b", "|", "ge2020-01-01", "ap2020", "xx2020", "2020-02-30", "-1", "99999999999999999999", "Patient/1",
    "\\,", "\\", "\x00", "%", "'; drop table res; --", "é" * 40, "http://[", "true", "count", "*",
    "Observation:patient", "5.4||mg", "1e400", "NaN", "9" * 400, "urn:uuid:x", "_id,-_lastUpdated", "-", "$",
    "a,b,c|d,|e",
]  # fmt: skip

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["resourceType", "id", "meta", "name", "entry", "resource", "request", "method", "url", "type",
                         "extension", "contained", "text", "div", "valueString", "status", "code", "_status"])
        | st.text(max_size=8),
        inner, max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip
QUICK = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(answer: httpx.Response) -> None:
    """No 5xx but 501 (FHIR knows it, Suture does not do it); every refusal is an OperationOutcome."""
    assert answer.status_code < 500 or answer.status_code == 501, (answer.request.url, answer.text[:500])
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        body = answer.json()
        assert body["resourceType"] == "OperationOutcome" and body["issue"], answer.text[:300]
        assert "Traceback" not in answer.text


@QUICK
@given(data=st.binary(max_size=200), path=st.sampled_from(TYPES))
def test_random_bytes_as_a_body(client: httpx.Client, data: bytes, path: str) -> None:
    check(client.post(f"/{path}", content=data, headers={"Content-Type": "application/fhir+json"}))


@QUICK
@given(
    value=JSON_VALUES, path=st.sampled_from(TYPES), type=st.sampled_from(TYPES), method=st.sampled_from(["POST", "PUT"])
)
def test_random_json_as_a_body(client: httpx.Client, value: Any, path: str, type: str, method: str) -> None:
    if isinstance(value, dict) and type:
        value = {**value, "resourceType": type}
    url = f"/{path}" if method == "POST" else f"/{path}/fuzz"
    content = json.dumps(value, ensure_ascii=True).encode()
    check(client.request(method, url, content=content, headers={"Content-Type": "application/fhir+json"}))


@pytest.mark.parametrize("seed", range(4))
def test_random_requests(client: httpx.Client, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(250):
        parts = [rng.choice([*TYPES, "1", "fuzz", "_history", *OPERATIONS]) for _ in range(rng.randrange(1, 5))]
        query = "&".join(
            f"{quote(rng.choice(PARAMETERS), safe=':.')}={quote(rng.choice(VALUES))}" for _ in range(rng.randrange(4))
        )
        headers = [pair for pair in rng.sample(HEADERS, rng.randrange(3)) if "\x00" not in pair[1]]
        method = rng.choice(["GET", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
        body = rng.choice([b"", b"{}", b"[]", b'{"resourceType":"Patient"}', b"\xff\xfe", b"a=b&c", b"\x1f\x8b\x00"])
        check(client.request(method, f"/{'/'.join(parts)}?{query}", headers=headers, content=body))


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 64 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /fhir/r4/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /fhir/r4/Basic HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /fhir/r4/Patient/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /fhir/r4/Patient?name=%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_broken_http_leaves_the_server_well(server: servers.Server, client: httpx.Client, data: bytes) -> None:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(data)
        connection.settimeout(2)
        try:
            answer = connection.recv(4096)
        except TimeoutError:
            answer = b""
    assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.1 502"))
    assert client.get("/metadata").status_code == 200
