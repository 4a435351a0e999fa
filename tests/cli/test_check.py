"""`suture check`: a sound database is called sound, a damaged one is not."""

from pathlib import Path

import apsw
import httpx
import pytest

from tests.commands import suture
from tests.servers import Server


def write(server: Server) -> None:
    with httpx.Client(base_url=server.fhir) as client:
        for number in range(3):
            resource = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Ammann"}]}
            assert client.put(f"Patient/p{number}", json=resource).is_success
            assert client.put(f"Patient/p{number}", json=resource | {"birthDate": "1984-02-29"}).is_success
        assert client.delete("Patient/p2").is_success
    assert server.stop() == 0


def test_a_sound_database_has_no_problem(fresh_server: Server, tmp_path: Path) -> None:
    write(fresh_server)
    checked = suture("check", "--database", fresh_server.database, cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "3 resources checked: no problem found.\n"), checked.stderr


@pytest.mark.parametrize("damage", ["delete from str", "delete from hist", "delete from events where seq = 1"])
def test_damage_is_found(tmp_path: Path, start_server: type, damage: str) -> None:
    server: Server = start_server(f"sqlite:///{tmp_path}/x.db")
    write(server)
    apsw.Connection(str(tmp_path / "x.db")).execute(damage)
    checked = suture("check", "--database", server.database, cwd=tmp_path)
    assert checked.returncode == 1
    assert "problems found" in checked.stdout


def test_a_file_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    checked = suture("check", "--database", "sqlite:///none.db", cwd=tmp_path)
    assert checked.returncode == 2
    assert list(tmp_path.glob("none*")) == []
