"""`suture demo`: patients to look at, one command away."""

import re
from pathlib import Path

import httpx
import pytest

from tests.cli.demo_server import demo


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def test_the_first_start_loads_patients_and_says_what_to_try(folder: Path) -> None:
    with demo(folder) as (url, told):
        assert "112 synthetic patients loaded" in told
        assert str(folder / "suture-demo.db") in told
        urls = re.findall(r"http://\S+", told)
        assert len(urls) >= 7
        for one in urls:
            answer = httpx.get(one)
            assert answer.status_code == 200 or one.endswith("/fhir/r4"), one
            if "/fhir/r4/" in one and "metadata" not in one:
                assert answer.json().get("entry") or answer.json()["resourceType"] == "Patient", one
        counts = {
            kind: httpx.get(f"{url}/fhir/r4/{kind}?_summary=count").json()["total"]
            for kind in ("Patient", "Observation", "Condition", "Encounter", "Organization", "Practitioner")
        }
        assert counts["Patient"] == 112
        assert min(counts.values()) > 0


def test_later_starts_find_the_patients_as_they_were_left(folder: Path) -> None:
    with demo(folder) as (url, told):
        assert "loaded" not in told
        assert httpx.get(f"{url}/fhir/r4/Patient/patient-1").json()["meta"]["versionId"] == "1"
