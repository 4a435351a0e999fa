"""CORS: https://fetch.spec.whatwg.org/#http-cors-protocol."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.servers import Server

APP = "https://app.example.org"


@pytest.fixture(params=[APP, "*"])
def open_client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, start_server: Callable[..., Server]
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("cors")
    server = start_server(f"sqlite:///{folder / 'suture.db'}", SUTURE_CORS_ORIGINS=request.param)
    with httpx.Client(base_url=server.fhir) as client:
        yield client


def test_an_allowed_origin_may_read_and_ask(open_client: httpx.Client) -> None:
    answer = open_client.get("/metadata", headers={"origin": APP})
    assert answer.headers["access-control-allow-origin"] in (APP, "*")
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    headers = {"origin": APP, "access-control-request-method": "PUT", "access-control-request-headers": "if-match"}
    preflight = open_client.options("/Patient/1", headers=headers)
    assert preflight.status_code == 204
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "If-Match" in preflight.headers["access-control-allow-headers"]
    assert "allow" not in preflight.headers
    error = open_client.get("/Nonsense", headers={"origin": APP})
    assert "access-control-allow-origin" in error.headers, "errors can be read too"


def test_other_origins_are_not_allowed_unless_all_are(open_client: httpx.Client) -> None:
    answer = open_client.get("/metadata", headers={"origin": "https://evil.example.org"})
    assert answer.headers.get("access-control-allow-origin", "*") == "*"
    assert "https://evil.example.org" not in str(answer.headers)


def test_without_the_setting_there_is_no_cors(client: httpx.Client) -> None:
    answer = client.get("/metadata", headers={"origin": APP})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = client.options("/Patient", headers={"origin": APP, "access-control-request-method": "POST"})
    assert "access-control-allow-methods" not in preflight.headers
