"""A database that goes away for a moment is a clear 503, and the server goes on when it is back."""

import subprocess
from collections.abc import Callable

import httpx

from tests import cluster, servers


def test_postgresql_cutting_all_connections_is_survived(
    postgresql_url: str, start_server: Callable[..., servers.Server]
) -> None:
    server = start_server(postgresql_url)
    patient = {"resourceType": "Patient", "name": [{"family": "Outage"}]}
    with httpx.Client(base_url=server.fhir, timeout=30) as client:
        kept = client.post("/Patient", json=patient).json()["id"]
        for _ in range(12):
            cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            cut += " and application_name = 'suture'"
            subprocess.run([cluster.programs() / "psql", postgresql_url, "-qAtc", cut], check=True, capture_output=True)
            answers = [client.post("/Patient", json=patient) for _ in range(3)]
            answers += [client.get(f"/Patient/{kept}") for _ in range(3)]
            for answer in answers:
                assert answer.status_code in (200, 201, 503), answer.text
                if answer.status_code == 503:
                    assert answer.json()["issue"][0]["code"] == "transient"
            assert client.post("/Patient", json=patient).status_code == 201
            assert client.get(f"/Patient/{kept}").status_code == 200
