"""US Core's search parameters: each is built, or is a parameter of the specification already, or is refused clearly."""

import json
import tarfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.servers import Server

PACKAGE = "packages/hl7.fhir.us.core#6.1.0.tgz"
SECONDS = 60

BUILT = {
    ("CareTeam", "role"),
    ("Condition", "asserted-date"),
    ("Encounter", "discharge-disposition"),
    ("Goal", "description"),
    ("Patient", "ethnicity"),
    ("Patient", "gender-identity"),
    ("Patient", "race"),
}
"""What US Core adds to the specification, by resource type and code."""

REFUSED: dict[str, str] = {}


def read(shared: Path) -> list[dict[str, Any]]:
    with tarfile.open(shared / PACKAGE) as package:
        files = [package.extractfile(member) for member in package if "/SearchParameter-" in member.name]
        return [json.load(file) for file in files if file is not None]


def test_all_of_them(fresh_server: Server, shared: Path) -> None:
    given = read(shared)
    with httpx.Client(base_url=fresh_server.fhir, timeout=60) as client:
        refused = {
            each["id"]: answer.json()["issue"][0]["diagnostics"]
            for each in given
            if (answer := client.put(f"/SearchParameter/{each['id']}", json=each)).status_code not in (200, 201)
        }
        assert refused == REFUSED
        deadline = time.monotonic() + SECONDS
        while "building" in (text := client.get("/$reindex").text):
            assert time.monotonic() < deadline, text
            time.sleep(0.1)
        states = [
            {part["name"]: part.get("valueCode") for part in entry["part"]}
            for entry in client.get("/$reindex").json()["parameter"]
        ]
        assert {(state["type"], state["code"]) for state in states} == BUILT
        for each in given:
            for base in each["base"]:
                answer = client.get(f"/{base}?{each['code']}:missing=true&_summary=count")
                assert answer.status_code == 200 or each["type"] == "composite", (each["id"], answer.text)
