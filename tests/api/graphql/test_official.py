"""HL7's own cases: the manifest of the GraphQL suite, and the tests of servers.

The one thing to know: the suite was made for a stub that holds a handful of resources, so exactly these are loaded:
what the contexts name, and for the searches the two patients that the expected answers have. Names of files of the
specification stand in the manifest where the id of the example differs (`list-example-long` is `List/long`).
"""

import contextlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from tests import databases, servers
from tests.api.given import put

SUITE = Path(__file__).parents[4] / "shared" / "suites" / "graphql-r4"
EXAMPLES = Path(__file__).parents[4] / "shared" / "packages" / "hl7.fhir.r4.examples#4.0.1.tgz"
LOADED = (
    "Patient-example",
    "Patient-xds",
    "Patient-glossy",
    "Observation-example",
    "Observation-20minute-apgar-score",
    "MedicationDispense-meddisp008",
    "Condition-example",
    "List-long",
)
SEARCHED = ("Patient-example", "Patient-xds")
KINDS = ("instance-tests", "root-tests")
NAMES = {"List/example-long": "List/long"}
STUBBED = ("count", "pagesize", "next", "mode", "score")
"""What the stub of the suite makes up in search-full: 50 matches, a page of 50, a cursor, a score, one missing mode."""

CASES = [dict(test.attrib) for test in ElementTree.parse(SUITE / "manifest.xml").iter("test")] if SUITE.exists() else []

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="the shared test material (../shared) is not here")


@contextlib.contextmanager
def serving(urls: Sequence[str], folders: Sequence[Path]) -> Iterator[Callable[[tuple[str, ...]], str]]:
    """Starts servers, one on each database in turn, with some of the examples, and gives the FHIR base of each."""
    examples: dict[str, Any] = {}
    with tarfile.open(EXAMPLES) as archive:
        for name in LOADED:
            member = archive.extractfile(f"package/{name}.json")
            assert member is not None
            examples[name] = json.load(member)
    running: list[servers.Server] = []

    def begin(names: tuple[str, ...]) -> str:
        running.append(servers.start(urls[len(running)], folders[len(running)]))
        with httpx.Client(base_url=running[-1].fhir) as client:
            for name in names:
                assert put(client, examples[name]).status_code == 201
        return running[-1].fhir

    try:
        yield begin
    finally:
        for server in running:
            server.stop()


@pytest.fixture(scope="module", params=databases.ENGINES)
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[tuple[str, ...]], str]]:
    folders = [tmp_path_factory.mktemp("graphql") for _ in range(2)]
    with (
        databases.for_test(request.param, folders[0]) as one,
        databases.for_test(request.param, folders[1]) as two,
        serving((one, two), folders) as begin,
    ):
        yield begin


@pytest.fixture(scope="module")
def resources(start: Callable[[tuple[str, ...]], str]) -> str:
    return start(LOADED)


@pytest.fixture(scope="module")
def searched(start: Callable[[tuple[str, ...]], str], resources: str) -> str:
    return start(SEARCHED)


def without(value: Any, names: tuple[str, ...]) -> Any:
    """A JSON value without the members of these names, at any depth."""
    if isinstance(value, dict):
        return {key: without(below, names) for key, below in value.items() if key not in names}
    return [without(below, names) for below in value] if isinstance(value, list) else value


def in_any_order(value: Any) -> Any:
    """The lists of resources sorted by id, because searches of the suite say nothing of the order."""
    if isinstance(value, dict):
        return {key: in_any_order(below) for key, below in value.items()}
    return sorted(map(in_any_order, value), key=str) if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_manifest(case: dict[str, str], resources: str, searched: str) -> None:
    query = (SUITE / case["source"]).read_text("utf-8")
    place, _, _ = case["context"].partition("/$graphql")
    base = f"{resources}/{NAMES.get(place, place)}" if place else searched
    body: dict[str, Any] = {"query": query}
    if "operation" in case:
        body |= {"operationName": case["operation"], "variables": {"var": True}}
    answer = httpx.post(f"{base}/$graphql", json=body)
    if case["output"] == "$error":
        assert answer.status_code >= 400
        assert answer.json()["data"] is None
        assert answer.json()["errors"][0]["extensions"]["resource"]["resourceType"] == "OperationOutcome"
        return
    assert answer.status_code == 200, answer.text
    data, expected = answer.json()["data"], json.loads((SUITE / case["output"]).read_text("utf-8"))
    if case["name"] == "search-full":
        connection = data["PatientConnection"]
        assert (connection["count"], connection["offset"], connection["pagesize"]) == (2, 0, 20)
        assert [edge["mode"] for edge in connection["edges"]] == ["match", "match"]
        assert {"first", "last"} <= connection.keys()
        assert {"next", "previous"}.isdisjoint(connection.keys())
        data, expected = (without(value, (*STUBBED, "first", "last")) for value in (data, expected))
    assert data == expected if place else in_any_order(data) == in_any_order(expected)


def server_tests(kind: str) -> dict[str, Any]:
    return json.loads((SUITE / "server-tests.json").read_text("utf-8"))[kind]


def check_server(test: dict[str, Any], resources: str) -> None:
    path, _, query = test["url"].partition("?query=")
    answer = httpx.get(resources + path, params={"query": query})
    assert answer.json() == test["output"]


@pytest.mark.parametrize("kind", KINDS)
def test_servers(kind: str, resources: str) -> None:
    for test in server_tests(kind).values():
        check_server(test, resources)
