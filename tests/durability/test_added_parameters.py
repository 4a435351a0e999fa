"""Several server processes on one database know the same added search parameters, as soon as one has answered."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.added_parameter import CODE, CONTACT_FAMILY
from tests.commands import suture
from tests.servers import Server

PROCESSES = 3
SECONDS = 30
PARAMETER = {**CONTACT_FAMILY, "id": CODE}


@pytest.fixture
def servers(database_url: str, start_server: Callable[..., Server]) -> list[Server]:
    return [start_server(database_url) for _ in range(PROCESSES)]


def patient(family: str) -> dict[str, object]:
    return {"resourceType": "Patient", "contact": [{"name": {"family": family}}]}


def wait_until_usable(client: httpx.Client, query: str) -> None:
    deadline = time.monotonic() + SECONDS
    while (answer := client.get(f"/Patient?{query}")).status_code == 503:
        assert answer.headers["retry-after"]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert answer.status_code == 200, answer.text


def put(client: httpx.Client, **elements: object) -> None:
    answer = client.put(f"/SearchParameter/{CODE}", json={**PARAMETER, **elements})
    assert answer.is_success, answer.text


def status(client: httpx.Client, query: str) -> int:
    return client.get(f"/Patient?{query}").status_code


def conditional(client: httpx.Client, family: str) -> httpx.Response:
    return client.post("/Patient", json=patient(family), headers={"if-none-exist": f"{CODE}={family}"})


def graphql(client: httpx.Client, family: str) -> httpx.Response:
    query = f'{{ PatientList({CODE.replace("-", "_")}: "{family}") {{ id }} }}'
    return client.post("/$graphql", json={"query": query})


def test_what_one_adds_all_others_can_search_at_once(clients: list[httpx.Client]) -> None:
    ids = [clients[n].post("/Patient", json=patient("Ammann")).json()["id"] for n in range(PROCESSES)]
    writer, *others = clients
    for turn in range(4):
        put(writer)
        wait_until_usable(writer, f"{CODE}=Ammann")
        for other in others:
            found = other.get(f"/Patient?{CODE}=Ammann")
            assert found.status_code == 200, (turn, found.text)
            assert {entry["resource"]["id"] for entry in found.json()["entry"]} == set(ids)
        writer.delete(f"/SearchParameter/{CODE}")
        for other in clients:
            assert status(other, f"{CODE}=Ammann") == 400, turn
            assert status(other, f"_sort={CODE}") == 400, turn
            assert conditional(other, "Ammann").status_code == 400, turn
            assert graphql(other, "Ammann").status_code == 400, turn


def test_conditions_and_graphql_know_them_at_once(clients: list[httpx.Client]) -> None:
    writer, *others = clients
    put(writer)
    wait_until_usable(writer, f"{CODE}=x")
    for n, other in enumerate(others):
        assert conditional(other, f"First{n}").status_code == 201
        assert conditional(writer, f"First{n}").status_code == 200
        assert len(graphql(other, f"First{n}").json()["data"]["PatientList"]) == 1


def test_a_changed_expression_holds_for_all_at_once(clients: list[httpx.Client]) -> None:
    writer, *others = clients
    writer.post("/Patient", json={**patient("Ammann"), "name": [{"family": "Berger"}]})
    put(writer)
    for family, expression in (("Ammann", PARAMETER["expression"]), ("Berger", "Patient.name.family")):
        put(writer, expression=expression)
        wait_until_usable(writer, f"{CODE}={family}")
        for other in others:
            assert other.get(f"/Patient?{CODE}={family}&_summary=count").json()["total"] == 1


def test_what_is_written_while_it_is_built_is_found(
    servers: list[Server], clients: list[httpx.Client], tmp_path: Path
) -> None:
    kept = [client.post("/Patient", json=patient("Before")).json()["id"] for client in clients for _ in range(60)]

    def write(number: int) -> None:
        client = clients[number % PROCESSES]
        for turn, id in enumerate(kept[number::PROCESSES]):
            if turn % 3 == 0:
                assert client.delete(f"/Patient/{id}").is_success
            elif turn % 3 == 1:
                assert client.put(f"/Patient/{id}", json={**patient("After"), "id": id}).is_success
            else:
                assert client.post("/Patient", json=patient("After")).is_success

    for change in ({}, {"expression": "Patient.contact.name.family | Patient.name.family"}):
        with ThreadPoolExecutor(PROCESSES) as pool:
            running = [pool.submit(write, number) for number in range(PROCESSES)]
            put(clients[0], **change)
            for one in running:
                one.result()
        wait_until_usable(clients[0], f"{CODE}=x")
        for client in clients:
            before, after = (
                client.get(f"/Patient?{CODE}={name}&_summary=count").json()["total"] for name in ("Before", "After")
            )
            assert (before, after) == (60, 120 if not change else 180)
    for server in servers:
        assert server.stop() == 0
    checked = suture("check", "--database", servers[0].database, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_all_say_what_can_be_searched(clients: list[httpx.Client]) -> None:
    def told(client: httpx.Client) -> tuple[bool, bool]:
        resources = client.get("/metadata").json()["rest"][0]["resource"]
        parameters = next(each["searchParam"] for each in resources if each["type"] == "Patient")
        query = '{ __type(name: "Query") { fields { name args { name } } } }'
        fields = client.post("/$graphql", json={"query": query}).json()["data"]["__type"]["fields"]
        arguments = next(each["args"] for each in fields if each["name"] == "PatientList")
        return (
            CODE in {each["name"] for each in parameters},
            CODE.replace("-", "_") in {each["name"] for each in arguments},
        )

    writer = clients[0]
    assert [told(client) for client in clients] == [(False, False)] * PROCESSES
    put(writer)
    wait_until_usable(writer, f"{CODE}=x")
    assert [told(client) for client in clients] == [(True, True)] * PROCESSES
    writer.delete(f"/SearchParameter/{CODE}")
    assert [told(client) for client in clients] == [(False, False)] * PROCESSES
