"""What was acknowledged survives kill -9. A short run; `make crash` kills fifty times per engine."""

from pathlib import Path

from tests.durability import crash


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(database_url: str, tmp_path: Path) -> None:
    assert crash.run(database_url, tmp_path, rounds=3) == []
