"""Where packages come from: files, the user's cache, a package server (here a stub of one), and dependencies."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from suture.cli import package_server
from suture.cli.package_server import PackageServer
from suture.cli.package_sources import Named, Sources, named, with_dependencies
from suture.fhir.packages import PackageRefused, read_package
from tests.packages import archive, files, profile, written


class Stub:
    """A package server. `answers`: path -> (status, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        answers, asked = self.answers, self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                status, body = answers.get(self.path, (404, b""))
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, name: str, *versions: str, latest: str = "", **members: object) -> None:
        """List versions of a package, each with an archive."""
        listing = {}
        for version in versions:
            data = archive(
                files(profile(f"of-{name}".replace(".", "-"), version), name=name, version=version, **members)
            )
            self.answers[f"/{name}/{version}"] = 200, data
            listing[version] = {"name": name, "version": version, "dist": {"shasum": sha1(data)}}
        tags = {"dist-tags": {"latest": latest}} if latest else {}
        self.answers[f"/{name}"] = 200, json.dumps({"_id": name, "versions": listing, **tags}).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def stub() -> Iterator[Stub]:
    running = Stub()
    yield running
    running.close()


@pytest.fixture
def server(stub: Stub) -> Iterator[PackageServer]:
    client = PackageServer(stub.url)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("version", "chosen"),
    [
        ("1.0.0", "1.0.0"),
        ("1.1.x", "1.1.2"),
        ("1", "1.1.2"),
        ("2.0.0-ballot", "2.0.0-ballot"),
        ("", "1.0.0"),
        ("latest", "1.0.0"),
    ],
)
def test_a_version_is_chosen_from_the_listing(stub: Stub, server: PackageServer, version: str, chosen: str) -> None:
    stub.publish("example.guide", "1.0.0", "1.1.0", "1.1.2", "2.0.0-ballot", latest="1.0.0")
    data = server.fetch("example.guide", version)
    assert data is not None
    assert read_package(data).version == chosen


def test_without_tags_the_newest_release_is_the_latest(stub: Stub, server: PackageServer) -> None:
    stub.publish("example.guide", "1.9.0", "1.10.0", "2.0.0-ballot")
    data = server.fetch("example.guide", "")
    assert data is not None
    assert read_package(data).version == "1.10.0"


def test_what_the_server_does_not_have_is_none(stub: Stub, server: PackageServer) -> None:
    stub.publish("example.guide", "1.0.0")
    assert server.fetch("example.guide", "3.0.0") is None
    assert server.fetch("example.other", "") is None


def test_an_answer_may_tell_where_the_archive_is(stub: Stub, server: PackageServer) -> None:
    stub.publish("example.guide", "1.0.0")
    stub.answers["/files/guide.tgz"] = stub.answers["/example.guide/1.0.0"]
    told = {"name": "example.guide", "version": "1.0.0", "dist": {"tarball": f"{stub.url}/files/guide.tgz"}}
    stub.answers["/example.guide/1.0.0"] = 200, json.dumps(told).encode()
    assert server.fetch("example.guide", "1.0.0") is not None
    stub.answers["/example.guide/1.0.0"] = 302, b"/files/guide.tgz"
    assert server.fetch("example.guide", "1.0.0") is not None
    told["dist"] = {"tarball": "file:///etc/passwd"}
    stub.answers["/example.guide/1.0.0"] = 200, json.dumps(told).encode()
    with pytest.raises(PackageRefused, match="not http"):
        server.fetch("example.guide", "1.0.0")


def test_other_bytes_than_the_digest_says_are_refused(stub: Stub, server: PackageServer) -> None:
    stub.publish("example.guide", "1.0.0")
    stub.answers["/example.guide/1.0.0"] = 200, archive(files(version="1.0.0"))
    with pytest.raises(PackageRefused, match="digest"):
        server.fetch("example.guide", "1.0.0")


def test_a_server_that_fails_is_named(stub: Stub, server: PackageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for status, body, why in (
        (500, b"", "answered 500"),
        (200, b"<html>", "another form"),
        (200, b"[1]", "another form"),
    ):
        stub.answers["/example.guide"] = status, body
        with pytest.raises(PackageRefused, match=why):
            server.fetch("example.guide", "1.0.0")
    stub.answers["/example.guide"] = 200, b"x" * 2000
    monkeypatch.setattr(package_server, "LISTING", 1000)
    with pytest.raises(PackageRefused, match="more than"):
        server.fetch("example.guide", "1.0.0")
    silent = PackageServer("http://127.0.0.1:1")
    with pytest.raises(PackageRefused, match="cannot be reached"):
        silent.fetch("example.guide", "")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hl7.fhir.us.core@6.1.0", Named("hl7.fhir.us.core", "6.1.0")),
        ("hl7.fhir.us.core#6.1.0", Named("hl7.fhir.us.core", "6.1.0")),
        ("hl7.fhir.us.core", Named("hl7.fhir.us.core", "")),
    ],
)
def test_packages_are_named_in_either_notation(text: str, wanted: Named) -> None:
    assert named(text) == wanted


@pytest.mark.parametrize("text", ["", "a@b@c", "../x", "a b", "guide.tgz", "@1.0.0", "x@../y", "folder/x"])
def test_other_texts_name_no_package(text: str) -> None:
    with pytest.raises(PackageRefused, match=r"no such file or folder"):
        named(text)


def test_files_come_first_then_the_cache_then_the_server(stub: Stub, server: PackageServer, tmp_path: Path) -> None:
    stub.publish("example.guide", "1.0.0", "2.0.0")
    cache = tmp_path / "cache"
    for name, data in files(name="example.guide", version="1.0.0", title="Of the cache").items():
        path = cache / "example.guide#1.0.0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    sources = Sources(server, cache)
    assert sources.given("example.guide@1.0.0").title == "Of the cache"
    assert sources.given("example.guide@2.0.0").title == "A guide"
    assert sources.given("example.guide").version == "2.0.0"
    assert Sources(None, cache).given("example.guide").version == "1.0.0"
    file = written(files(name="example.file"), tmp_path / "guide.tgz")
    assert sources.given(str(file)).name == "example.file"
    with pytest.raises(PackageRefused, match=r"not in the package cache and on the package server"):
        sources.given("example.nothing")
    with pytest.raises(PackageRefused, match=r"set package_server"):
        Sources(None, cache).given("example.nothing@1.0.0")
    file.write_bytes(b"no archive")
    with pytest.raises(PackageRefused, match=r"guide\.tgz: .*gzip"):
        sources.given(str(file))


def test_dependencies_come_along_and_missing_ones_are_warnings(
    stub: Stub, server: PackageServer, tmp_path: Path
) -> None:
    stub.publish("example.base", "1.0.0", "1.0.4", dependencies={"hl7.fhir.r4.core": "4.0.1", "example.leaf": "1.0.0"})
    stub.publish("example.leaf", "1.0.0", dependencies={"example.guide": "1.0.0"})
    wanted = {
        "hl7.fhir.r4.core": "4.0.1", "hl7.terminology.r4": "5.0.0", "example.base": "1.0.x", "example.loaded": "2.0.0",
        "example.old": "1.0.0", "example.gone": "1.0.0", "example.odd": "../..",
    }  # fmt: skip
    guide = read_package(archive(files(dependencies=wanted)))
    warnings: list[str] = []
    loaded = [Named("example.loaded", "2.0.0"), Named("example.old", "3.0.0")]
    found = with_dependencies([guide], loaded, Sources(server, tmp_path), warnings.append)
    assert [package.label for package in found] == ["example.leaf@1.0.0", "example.base@1.0.4", "example.guide@1.0.0"]
    assert warnings == [
        "example.guide@1.0.0 needs example.gone@1.0.0, which is not at hand.",
        "example.guide@1.0.0 needs example.odd, which is not at hand.",
        "example.guide@1.0.0 needs example.old@1.0.0; example.old@3.0.0 is used in its place.",
    ]
