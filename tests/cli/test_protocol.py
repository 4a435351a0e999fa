"""What a server does with heads of requests that are too large, over real sockets."""

import socket
from urllib.parse import urlsplit

import pytest

from tests import servers


def answer(server: servers.Server, *pieces: bytes) -> bytes:
    """All that the server says to `pieces`, until it closes the connection or has sent 2 kB."""
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), 20) as connection:
        for piece in pieces:
            connection.sendall(piece)
        said = b""
        while len(said) < 2000 and (more := connection.recv(65536)):
            said += more
        return said


@pytest.mark.parametrize("size", [20_000, 40_000, 1_048_576, 4_000_000])
@pytest.mark.parametrize("place", [b"Patient?_id=", b"Patient/"])
def test_a_long_url_is_414(server: servers.Server, size: int, place: bytes) -> None:
    said = answer(server, b"GET /fhir/r4/" + place + b"a" * size, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 414 ")
    assert b'"resourceType":"OperationOutcome"' in said
    assert b'"code":"too-long"' in said
    assert b"_search" in said


@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_large_headers_are_431(server: servers.Server, size: int) -> None:
    said = answer(server, b"GET /fhir/r4/metadata HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * size, b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 431 ")
    many = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(size // 1000))
    assert answer(server, b"GET /fhir/r4/metadata HTTP/1.1\r\n" + many + b"\r\n").startswith(b"HTTP/1.1 431 ")


def test_heads_of_a_usual_size_and_large_bodies_pass(server: servers.Server) -> None:
    head = b"GET /fhir/r4/Patient?_id=" + b"a," * 7000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: "
    assert answer(server, head + b"a" * 10_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    body = b"_id=" + b"abcd," * 90_000
    head = b"POST /fhir/r4/Patient/_search HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    head += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert answer(server, head, body).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_http_is_400(server: servers.Server) -> None:
    assert answer(server, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_head_and_body_of_an_answer_are_sent_together(server: servers.Server) -> None:
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), 20) as connection:
        for _ in range(3):
            connection.sendall(b"GET /fhir/r4/Patient/nobody HTTP/1.1\r\nHost: x\r\n\r\n")
            said = connection.recv(65536)
            assert said.startswith(b"HTTP/1.1 404 ")
            assert said.endswith(b"}")
