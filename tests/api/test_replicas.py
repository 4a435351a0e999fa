"""A server with a read replica: what HTTP clients see of it, and what is left when the primary is gone."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests import cluster
from tests.commands import suture
from tests.replica import Replica, replica
from tests.servers import Server

PATIENT = {"resourceType": "Patient", "name": [{"family": "Replica"}]}
JSON = {"content-type": "application/fhir+json"}


class Pair:
    """A primary of its own and its replica."""

    def __init__(self, port: int, pid: int, standby: Replica) -> None:
        self.port = port
        self.pid = pid
        self.standby = standby
        self.primary = f"postgresql://{cluster.USER}@127.0.0.1:{port}/postgres"
        self.replica = standby.url(self.primary)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    folder = Path(tempfile.mkdtemp(prefix="suture-primary-"))
    folder.chmod(0o755)
    data = folder / "data"
    try:
        initdb = cluster.programs() / "initdb"
        cluster.fill(data, initdb, "-D", data, "-U", cluster.USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        port, pid = cluster.run(data, folder / "log")
        try:
            with replica(port) as standby:
                yield Pair(port, pid, standby)
        finally:
            cluster.end(pid)
    except cluster.Missing as missing:
        pytest.skip(str(missing))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ready(server: Server) -> dict[str, object]:
    return httpx.get(f"{server.url}/health/ready").json()


def wait_for(server: Server, **expected: object) -> None:
    for _ in range(200):
        if expected.items() <= ready(server).items():
            return
        httpx.get(f"{server.url}/health/live")
    raise AssertionError(ready(server))


def number(server: Server, metric: str) -> float:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(metric))


def test_a_session_reads_what_it_wrote_and_others_may_read_older(
    pair: Pair, start_server: Callable[..., Server]
) -> None:
    server = start_server(pair.primary, "--replica", pair.replica)
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        first = client.post("/Patient", json=PATIENT)
        assert first.status_code == 201
        wait_for(server, replicas=["ok"])
        pair.standby.pause()
        written = client.post("/Patient", json=PATIENT)
        id, sequence = written.json()["id"], written.headers["x-suture-sequence"]
        assert int(sequence) == int(first.headers["x-suture-sequence"]) + 1
        mine = {"x-suture-sequence": sequence}
        used = number(server, "suture_store_replica_reads_total")
        assert client.get(f"/Patient/{id}").status_code == 404, "the replica does not show it yet"
        assert number(server, "suture_store_replica_reads_total") > used
        for path in (f"/Patient/{id}", f"/Patient/{id}/_history/1", f"/Patient/{id}/$everything"):
            assert client.get(path, headers=mine).status_code == 200, path
        for path in (f"/Patient?_id={id}", f"/Patient/{id}/_history", f"/Patient/{id}/*", "/_history?_since=2020"):
            assert id in client.get(path, headers=mine).text, path
        assert id in client.post("/Patient/_search", data={"_id": id}, headers=mine).text
        assert id not in client.get(f"/Patient?_id={id}").text.partition('"entry"')[2]
        cookie = {"cookie": f"a=b; suture-sequence={sequence}"}
        assert client.get(f"/Patient/{id}", headers=cookie).status_code == 200
        assert client.get(f"/Patient/{id}", headers={"x-suture-sequence": "new"}).status_code == 400
        pair.standby.resume()


def test_what_writes_or_decides_a_write_never_looks_at_the_replica(
    pair: Pair, start_server: Callable[..., Server]
) -> None:
    server = start_server(pair.primary, "--replica", pair.replica)
    entry = {"system": "urn:replica", "value": "1"}
    wait_for(server, replicas=["ok"])
    pair.standby.pause()
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        condition = {"if-none-exist": "identifier=urn:replica|1"}
        one, two = (client.post("/Patient", json={**PATIENT, "identifier": [entry]}, headers=condition) for _ in "12")
        assert (one.status_code, two.status_code) == (201, 200)
        id = one.json()["id"]
        patch = [{"op": "add", "path": "/active", "value": True}]
        assert client.patch(
            f"/Patient/{id}", json=patch, headers=JSON | {"content-type": "application/json-patch+json"}
        )
        bundle = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"request": {"method": "GET", "url": f"Patient/{id}"}}],
        }
        assert client.post("", json=bundle).json()["entry"][0]["response"]["status"].startswith("200")
    pair.standby.resume()


def test_a_browser_is_given_a_cookie(pair: Pair, start_server: Callable[..., Server]) -> None:
    server = start_server(pair.primary, "--replica", pair.replica)
    answer = httpx.post(f"{server.fhir}/Patient", json=PATIENT, headers={"sec-fetch-mode": "cors"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"suture-sequence={answer.headers['x-suture-sequence']};") and "HttpOnly" in cookie
    assert "set-cookie" not in httpx.post(f"{server.fhir}/Patient", json=PATIENT).headers


def test_replicas_are_for_postgresql_and_their_passwords_are_not_shown(tmp_path: Path) -> None:
    replica = "postgresql://u:hidden@127.0.0.1/x"
    refused = suture("serve", "--replica", replica, "--port", "0", cwd=tmp_path)
    assert refused.returncode == 2 and "need a PostgreSQL database" in refused.stderr
    assert "hidden" not in refused.stderr + suture("settings", "--set", f"replicas={replica}", cwd=tmp_path).stdout


def test_without_the_primary_reads_go_on(pair: Pair, start_server: Callable[..., Server]) -> None:
    """The last test here: the primary is not started again."""
    server = start_server(pair.primary, "--replica", pair.replica)
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        written = client.post("/Patient", json=PATIENT)
        id, mine = written.json()["id"], {"x-suture-sequence": written.headers["x-suture-sequence"]}
        wait_for(server, status="ready", replicas=["ok"])
        while client.get(f"/Patient/{id}").status_code != 200:
            pass
        cluster.end(pair.pid)
        assert client.get(f"/Patient/{id}", headers=mine).status_code == 200
        assert client.get("/Patient?name=Replica", headers=mine).status_code == 200
        assert client.post("/Patient", json=PATIENT).status_code == 503
        wait_for(server, status="read-only", database="unavailable")
