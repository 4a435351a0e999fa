"""`suture explain`: how a search is answered, told on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.commands import suture
from tests.servers import Server


@pytest.fixture
def database(database_url: str, start_server: Callable[..., Server]) -> str:
    server = start_server(database_url)
    with httpx.Client(base_url=server.fhir) as client:
        for number in range(3):
            client.put(f"Patient/p{number}", json={"resourceType": "Patient", "id": f"p{number}", "gender": "female"})
    assert server.stop() == 0
    return database_url


def test_it_shows_plan_sql_rows_and_time(database: str, tmp_path: Path) -> None:
    shown = suture("explain", "Patient?gender=female&_sort=birthdate", "--database", database, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for word in ("reads", "real", "select", "ms", "SQL", "engine"):
        assert word in shown.stdout
    told = json.loads(suture("explain", "Patient?gender=female", "--json", "-d", database, cwd=tmp_path).stdout)
    assert told["real"] == 3
    assert told["plan"] and told["steps"][-1]["sql"] and told["steps"][-1]["engine"]


@pytest.mark.parametrize(
    "search", ["Patient/p0/*", "?_type=Patient", "/Patient?_id=p0", "Patient/p0/Observation?code=x"]
)
def test_every_kind_of_search(tmp_path: Path, start_server: Callable[..., Server], search: str) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert start_server(url).stop() == 0
    assert suture("explain", search, "-d", url, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("search", "word"),
    [
        ("Patient/1", "read"),
        ("Patient?famly=x", "family"),
        ("Patience?x=1", "Patient"),
        ("Patient/1/$everything", "not a"),
    ],
)
def test_what_is_no_search_is_told_in_one_sentence(
    tmp_path: Path, start_server: Callable[..., Server], search: str, word: str
) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    assert start_server(url).stop() == 0
    refused = suture("explain", search, "-d", url, cwd=tmp_path)
    assert refused.returncode == 2
    assert word in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    assert suture("explain", "Patient?_id=1", "-d", "sqlite:///none.db", cwd=tmp_path).returncode == 2
    assert list(tmp_path.glob("none*")) == []
