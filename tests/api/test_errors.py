"""Wrong requests: each has its status and an OperationOutcome (https://hl7.org/fhir/R4/http.html#Status-Codes)."""

import gzip
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.given import JSON, bundle, created, entry, issue, patient, unique
from tests.servers import Server


@pytest.mark.parametrize(
    "path",
    ["/Nonsense", "/patient", "/Patient/1/Nonsense", "/Patient/1/_history/1/2", "/Patient/$nonsense", "/$nonsense",
     "/Observation/1/Patient", "/Parameters", "/a/b/c/d/e", "/Patient/1/$validate/2"],
)  # fmt: skip
def test_urls_that_mean_nothing_are_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert issue(answer)["code"] == "not-found"


def test_an_unknown_type_or_operation_names_the_nearest(client: httpx.Client) -> None:
    assert "Patient" in issue(client.get("/Pateint"))["diagnostics"]
    assert "$everything" in issue(client.get("/Patient/1/$everythin"))["diagnostics"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/metadata", "GET, HEAD, OPTIONS"),
        ("PUT", "", "GET, HEAD, POST, OPTIONS"),
        ("DELETE", "", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/Patient/1", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("GET", "/Patient/_search", "POST, OPTIONS"),
        ("PUT", "/Patient/1/_history/1", "GET, HEAD, OPTIONS"),
        ("DELETE", "/_history", "GET, HEAD, OPTIONS"),
        ("TRACE", "/Patient", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ],
)
def test_methods_that_a_url_does_not_know_are_405(client: httpx.Client, method: str, path: str, allow: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allow
    assert issue(answer)["code"] == "not-supported"


def test_options_tells_the_methods(client: httpx.Client) -> None:
    answer = client.options("/Patient/1")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    assert client.options("/Nonsense").status_code == 404


def test_a_trailing_slash_changes_nothing(client: httpx.Client) -> None:
    id = created(client, patient())["id"]
    assert client.get(f"/Patient/{id}/").status_code == 200
    assert client.get(str(client.base_url)).status_code == 200


def test_a_url_that_is_too_long_is_414(client: httpx.Client) -> None:
    answer = client.get("/Patient", params={"name": "x" * 20_000})
    assert answer.status_code == 414
    assert issue(answer)["code"] == "too-long"


def test_too_many_headers_and_parameters_are_refused(client: httpx.Client) -> None:
    assert client.get("/Patient", headers={f"x-{n}": "1" for n in range(300)}).status_code == 431
    assert (
        client.post(
            "/Patient/_search", content="a=1&" * 5000, headers={"content-type": "application/x-www-form-urlencoded"}
        ).status_code
        == 400
    )


def test_request_ids_are_kept_when_they_are_sane(client: httpx.Client) -> None:
    assert client.get("/metadata", headers={"x-request-id": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    made = {
        client.get("/Patient/1", headers={"x-request-id": bad}).headers["x-request-id"]
        for bad in ("", "a b", "x" * 65, "<>")
    }
    assert len(made) == 4
    assert all(id.replace("-", "").isalnum() for id in made)


def test_a_host_header_that_is_none_does_not_reach_the_links(server: Server) -> None:
    parts = urlsplit(server.url)
    answer = httpx.get(f"{server.fhir}/Patient?_count=0", headers={"host": 'evil"><script>'})
    links = [link["url"] for link in answer.json()["link"]]
    assert links[0].startswith(f"http://127.0.0.1:{parts.port}/fhir/r4/Patient")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_public_url_is_used_in_links_and_stripped_from_references(
    database_url: str, start_server: Callable[..., Server]
) -> None:
    server = start_server(database_url, SUTURE_BASE_URL="https://fhir.example.org/")
    with httpx.Client(base_url=server.fhir) as client:
        body = created(
            client,
            patient(link=[{"other": {"reference": "https://fhir.example.org/fhir/r4/Patient/1"}, "type": "refer"}]),
        )
        assert body["link"][0]["other"]["reference"] == "Patient/1"
        found = client.get("/Patient").json()
        assert found["entry"][0]["fullUrl"] == f"https://fhir.example.org/fhir/r4/Patient/{body['id']}"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bodies_over_the_limit_are_413(database_url: str, start_server: Callable[..., Server]) -> None:
    server = start_server(
        database_url, SUTURE_BODY_LIMIT="64KiB", SUTURE_BUNDLE_LIMIT="256KiB", SUTURE_DECOMPRESSED_LIMIT="512KiB"
    )
    with httpx.Client(base_url=server.fhir) as client:
        large = json.dumps(patient(name=[{"family": "x" * 100_000}])).encode()

        def chunks() -> object:
            yield large[:1000]
            yield large[1000:]

        for body in (large, chunks()):
            answer = client.post("/Patient", content=body, headers=JSON)  # type: ignore[arg-type] (both kinds of content are taken)
            assert answer.status_code == 413
            assert issue(answer)["code"] == "too-long"
        held = bundle("batch", *(entry("POST", "Patient", patient(name=[{"family": "x" * 900}])) for _ in range(100)))
        assert client.post("", json=held, headers=JSON).status_code == 200
        held["entry"] *= 4
        assert client.post("", json=held, headers=JSON).status_code == 413
        bomb = gzip.compress(b" " * 1_000_000 + large)
        assert len(bomb) < 64_000
        answer = client.post("/Patient", content=bomb, headers=JSON | {"content-encoding": "gzip"})
        assert answer.status_code == 413
        assert client.get("/metadata").status_code == 200


def test_a_client_that_leaves_early_harms_nobody(server: Server) -> None:
    parts = urlsplit(server.url)
    for sent in (b"", b'{"resourceType":', b"5\r\n"):
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            head = b"POST /fhir/r4/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
            connection.sendall(head + sent)
    with httpx.Client(base_url=server.fhir) as client:
        assert client.get("/metadata").status_code == 200


@pytest.mark.parametrize(
    "query",
    ["%ff", "name=%ff", "_count=999999999999999999999", "_count=-1", "=", "&&&&", "name=%00", "_id=" + "a," * 500,
     "_format=%00", "_elements=%00", "_summary=x", "_cursor=x", "_sort=%27", "_include=*:*:*", "a" * 3000],
)  # fmt: skip
def test_no_query_is_a_server_error(client: httpx.Client, query: str) -> None:
    for path in ("/Patient", "", "/Patient/1", "/Patient/_history", "/metadata", "/Patient/1/Observation"):
        answer = client.get(f"{client.base_url}{path.lstrip('/')}?{query}")
        assert answer.status_code < 500, (path, answer.text)


def test_many_clients_at_once(server: Server) -> None:
    def work(number: int) -> set[int]:
        with httpx.Client(base_url=server.fhir, timeout=60) as client:
            value = unique()
            id = created(client, patient(value))["id"]
            return {
                client.get(f"/Patient/{id}").status_code,
                client.get("/Patient", params={"identifier": value}).status_code,
                client.put(f"/Patient/{id}", json=patient(value, id=id, gender="male"), headers=JSON).status_code,
            }

    with ThreadPoolExecutor(16) as threads:
        assert set.union(*threads.map(work, range(64))) == {200}
