"""Code systems that another terminology server answers for, with a small one of our own."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from suture.fhir import json
from suture.fhir.outcomes import FhirError, Unavailable
from suture.fhir.versions import Version
from suture.terminology import Terminology
from suture.terminology.asked import Asked
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk
from suture.terminology.expansion import expand
from suture.terminology.lookup import lookup
from suture.terminology.remote import WithRemote
from suture.terminology.remote_server import FAILURES, KEPT_SECONDS, PAUSE, RemoteServer
from suture.terminology.subsumption import subsumes
from tests.terminology.stored import Defined

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

DRUGS = "urn:drugs"
CODES = {"a": "Aspirin", "b": "Buffered aspirin", "c": "Caffeine"}
ABOVE = {"b": "a"}


class Stub:
    """A terminology server with one code system. `asked`: the paths. `broken`: it fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                self._send({"resourceType": "TerminologyCapabilities", "codeSystem": [
                    {"uri": DRUGS, "version": [{"code": "1"}, {"code": "2", "isDefault": True}]},
                ]})  # fmt: skip

            def do_POST(self) -> None:
                body = json.decode(self.rfile.read(int(self.headers["Content-Length"])))
                given = {one["name"]: next(v for k, v in one.items() if k != "name") for one in body["parameter"]}
                self._send(*stub.answer(self.path.removeprefix("/fhir/"), given))

            def _send(self, resource: Json, status: int = 200) -> None:
                stub.asked.append(self.path)
                data = json.encode(resource)
                self.send_response(500 if stub.broken else status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/fhir"

    def answer(self, path: str, given: Json) -> tuple[Json, int]:
        def parameters(**values: Any) -> tuple[Json, int]:
            found = [{"name": name, f"value{type}": value} for name, (type, value) in values.items()]
            return {"resourceType": "Parameters", "parameter": found}, 200

        match path:
            case "CodeSystem/$lookup" if given["code"] in CODES:
                resource, _ = parameters(display=("String", CODES[given["code"]]))
                parts = [{"name": "code", "valueCode": "inactive"}, {"name": "value", "valueBoolean": False}]
                resource["parameter"].append({"name": "property", "part": parts})
                parts = [{"name": "language", "valueCode": "de"}, {"name": "value", "valueString": "Koffein"}]
                resource["parameter"].append({"name": "designation", "part": parts})
                return resource, 200
            case "CodeSystem/$validate-code":
                return parameters(result=("Boolean", given["code"] in CODES))
            case "ValueSet/$validate-code":
                codes = self._chosen(given["valueSet"]["compose"]["include"][0])
                return parameters(result=("Boolean", given["code"] in codes))
            case "CodeSystem/$subsumes":
                below = ABOVE.get(given["codeB"]) == given["codeA"]
                return parameters(outcome=("Code", "subsumes" if below else "not-subsumed"))
            case "ValueSet/$expand":
                codes = self._chosen(given["valueSet"]["compose"]["include"][0])
                entries = [{"system": DRUGS, "code": code, "display": CODES[code]} for code in codes]
                return {"resourceType": "ValueSet", "expansion": {"contains": entries}}, 200
            case _:
                return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]}, 404

    def _chosen(self, include: Json) -> list[str]:
        codes = [one["code"] for one in include["concept"]] if "concept" in include else list(CODES)
        for rule in include.get("filter", ()):
            assert (rule["property"], rule["op"]) == ("concept", "is-a")
            codes = [code for code in codes if rule["value"] in (code, ABOVE.get(code))]
        return codes


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def remote(stub: Stub, clock: Clock) -> Any:
    server = RemoteServer(stub.base, clock)
    yield server
    await server.close()


def value_set(url: str, **include: Any) -> Json:
    return {
        "resourceType": "ValueSet", "url": url, "status": "active",
        "compose": {"include": [{"system": DRUGS, **include}]},
    }  # fmt: skip


BELOW_A = value_set("urn:below-a", filter=[{"property": "concept", "op": "is-a", "value": "a"}])
LISTED = value_set("urn:listed", concept=[{"code": "c", "display": "Coffee"}])


@pytest.fixture
def desk(remote: RemoteServer) -> Desk:
    content = WithRemote(Grammars(), {DRUGS: remote})
    return Desk(Version.R4, content).current(Defined(BELOW_A, LISTED), 0)


async def test_a_code_is_looked_up_there_and_the_answer_is_kept(desk: Desk, stub: Stub, clock: Clock) -> None:
    for _ in range(3):
        found = (await lookup(desk.question(Asked({})), DRUGS, "", "c"))["parameter"]
        assert {"name": "display", "valueString": "Caffeine"} in found
        assert {"name": "version", "valueString": "2"} in found
        assert "Koffein" in str(found)
    assert stub.asked.count("/fhir/CodeSystem/$lookup") == 1
    clock.now += KEPT_SECONDS + 1
    await lookup(desk.question(Asked({})), DRUGS, "", "c")
    assert stub.asked.count("/fhir/CodeSystem/$lookup") == 2


async def test_a_code_is_judged_by_the_code_system_and_by_value_sets(desk: Desk) -> None:
    async def member(url: str, code: str, display: str = "") -> tuple[bool | None, bool]:
        found = await desk.memberships.member(desk, url, DRUGS, "", code, display)
        return found.result, found.display_ok

    assert await member("", "a", "Aspirin") == (True, True)
    assert await member("", "a", "Wine") == (True, False)
    assert await member("", "x") == (False, True)
    assert await member("urn:below-a", "b") == (True, True)
    assert await member("urn:below-a", "c") == (False, True)
    assert await member("urn:listed", "c") == (True, True)
    assert await member("urn:listed", "a") == (False, True)


async def test_subsumption_and_versions_are_asked_there(desk: Desk) -> None:
    async def outcome(a: str, b: str, version: str = "") -> str:
        return (await subsumes(desk.question(Asked({})), DRUGS, version, a, b))["parameter"][0]["valueCode"]

    assert await outcome("a", "b") == "subsumes"
    assert await outcome("c", "b", "1") == "not-subsumed"
    with pytest.raises(FhirError, match="version '3'"):
        await outcome("a", "b", "3")


@pytest.mark.parametrize(("url", "codes"), [("urn:below-a", ["a", "b"]), ("urn:listed", ["c"])])
async def test_value_sets_are_expanded_part_by_part(desk: Desk, url: str, codes: list[str]) -> None:
    question = desk.question(Asked({}))
    found = await expand(question.composer, await question.value_set(url), Asked({}), Version.R4)
    assert [one["code"] for one in found["expansion"]["contains"]] == codes


async def test_searches_use_it_as_well(remote: RemoteServer) -> None:
    terminology = Terminology(Version.R4, WithRemote(Grammars(), {DRUGS: remote}))
    assert await terminology.below(DRUGS, "a") == {"a", "b"}


async def test_a_server_that_fails_is_left_alone_for_a_while(
    desk: Desk, remote: RemoteServer, stub: Stub, clock: Clock
) -> None:
    stub.broken = True
    for _ in range(FAILURES + 10):
        with pytest.raises(Unavailable, match="try again later"):
            await remote.ask("metadata?mode=terminology")
    assert len(stub.asked) == FAILURES
    found = await desk.memberships.member(desk, "", DRUGS, "", "a", "")
    assert found.result is None
    stub.broken = False
    clock.now += PAUSE + 1
    found = await desk.memberships.member(desk, "", DRUGS, "", "a", "")
    assert found.result is True, "an outage is not kept as an answer"


async def test_a_server_that_is_not_there_is_said_so() -> None:
    server = RemoteServer("http://127.0.0.1:9/fhir")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await server.ask("metadata")
    await server.close()
