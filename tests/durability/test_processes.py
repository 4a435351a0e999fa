"""Four server processes on one PostgreSQL database behave as one server."""

import concurrent.futures
import time
from collections.abc import Callable

import httpx
import pytest

from tests.servers import Server

PROCESSES = 4
ROUNDS = 15


@pytest.fixture
def servers(postgresql_url: str, start_server: Callable[..., Server]) -> list[Server]:
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:  # they also start at once on an empty database
        return list(pool.map(lambda _: start_server(postgresql_url), range(PROCESSES)))


def patient(value: str) -> dict[str, object]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:p", "value": value}]}


def total(client: httpx.Client, query: str) -> int:
    return client.get(f"/Patient?{query}&_summary=count").json()["total"]


def number(server: Server, metric: str) -> float:
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(metric))


def test_what_one_has_answered_all_others_show_at_once(clients: list[httpx.Client]) -> None:
    for turn in range(ROUNDS):
        writer, *readers = clients[turn % PROCESSES :] + clients[: turn % PROCESSES]
        id = writer.post("/Patient", json=patient(f"a{turn}")).json()["id"]
        for reader in readers:
            assert reader.get(f"/Patient/{id}").status_code == 200
            assert total(reader, f"identifier=urn:p|a{turn}") == 1
        changed = readers[0].put(f"/Patient/{id}", json={**patient(f"b{turn}"), "id": id})
        assert changed.json()["meta"]["versionId"] == "2"
        for reader in (writer, *readers):
            assert (total(reader, f"identifier=urn:p|a{turn}"), total(reader, f"identifier=urn:p|b{turn}")) == (0, 1)
            assert reader.get(f"/Patient/{id}").headers["etag"] == 'W/"2"'
        readers[1].delete(f"/Patient/{id}")
        for reader in (writer, *readers):
            assert reader.get(f"/Patient/{id}").status_code == 410
            assert total(reader, f"identifier=urn:p|b{turn}") == 0


def test_conditional_creates_that_race_through_all_of_them_make_one_resource_each(clients: list[httpx.Client]) -> None:
    def create(client: httpx.Client, turn: int) -> tuple[int, str]:
        headers = {"if-none-exist": f"identifier=urn:p|race{turn}"}
        answer = client.post("/Patient", json=patient(f"race{turn}"), headers=headers)
        return answer.status_code, answer.json()["id"]

    with concurrent.futures.ThreadPoolExecutor(2 * PROCESSES) as pool:
        for turn in range(ROUNDS):
            answers = list(pool.map(lambda client, turn=turn: create(client, turn), clients * 2))
            assert sorted(status for status, _ in answers) == [200] * (2 * PROCESSES - 1) + [201]
            assert len({id for _, id in answers}) == 1
            assert total(clients[turn % PROCESSES], f"identifier=urn:p|race{turn}") == 1


def test_updates_that_race_through_all_of_them_lose_nothing(clients: list[httpx.Client]) -> None:
    id = clients[0].post("/Patient", json=patient("0")).json()["id"]
    done = [0] * PROCESSES

    def count_up(process: int) -> None:
        client = clients[process]
        while done[process] < ROUNDS:
            seen = client.get(f"/Patient/{id}")
            value = int(seen.json()["identifier"][0]["value"])
            body = {**patient(str(value + 1)), "id": id}
            done[process] += client.put(
                f"/Patient/{id}", json=body, headers={"if-match": seen.headers["etag"]}
            ).is_success

    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        list(pool.map(count_up, range(PROCESSES)))
    for client in clients:
        last = client.get(f"/Patient/{id}").json()
        assert last["identifier"][0]["value"] == str(PROCESSES * ROUNDS)
        assert last["meta"]["versionId"] == str(PROCESSES * ROUNDS + 1)


def test_all_hear_of_a_new_generation_and_of_the_newest_event(
    servers: list[Server], clients: list[httpx.Client]
) -> None:
    value_set = {"resourceType": "ValueSet", "status": "active"}
    assert [number(server, "suture_store_generation{") for server in servers] == [0] * PROCESSES
    for turn, client in enumerate(clients, 1):
        assert client.post("/ValueSet", json=value_set).status_code == 201
        assert number(servers[turn - 1], "suture_store_generation{") == turn, "the writer itself knows at once"
        deadline = time.monotonic() + 3
        while [number(server, "suture_store_generation{") for server in servers] != [turn] * PROCESSES:
            assert time.monotonic() < deadline
    assert {number(server, "suture_store_last_event{") for server in servers} == {PROCESSES}


def test_pages_go_on_in_another_process(clients: list[httpx.Client]) -> None:
    ids = {clients[n % PROCESSES].post("/Patient", json=patient(f"p{n}")).json()["id"] for n in range(20)}
    found: list[str] = []
    link, turn = "/Patient?_count=3", 0
    while link:
        page = clients[turn % PROCESSES].get(link).json()
        found += [entry["resource"]["id"] for entry in page["entry"]]
        link = next((link["url"].partition("/fhir/r4")[2] for link in page["link"] if link["relation"] == "next"), "")
        turn += 1
    assert len(found) == 20 and set(found) == ids
