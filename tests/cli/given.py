"""Files to load: the resources in them, and files of which some parts cannot go in."""

import json
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

FAULTS = {
    ("lines.ndjson", "line 2", 422),
    ("lines.ndjson", "line 3", 0),
    ("bad.json", "", 422),
    ("whole.json", "the whole transaction, 2 entries", 422),
    ("nothing.json", "", 0),
}
"""(file, place, status) of what cannot go in of the files that `write_faulty` makes."""


def patient(id: str = "", **more: Any) -> Resource:
    return {"resourceType": "Patient", **({"id": id} if id else {}), **more}


def bundle(kind: str, *entries: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: Resource, url: str = "", **request: str) -> Resource:
    """An entry that creates a resource. `url`: its fullUrl; `request`: more of the request."""
    asked = {"method": "POST", "url": resource["resourceType"], **request}
    return {"resource": resource, "request": asked} | ({"fullUrl": url} if url else {})


def write_faulty(folder: Path) -> None:
    """Two patients that can go in, and the FAULTS."""
    lines = [json.dumps(patient("a")), json.dumps(patient("b", gender="x")), "{", json.dumps(patient("c"))]
    (folder / "lines.ndjson").write_text("\n".join(lines))
    (folder / "bad.json").write_text(json.dumps(patient("d", birthDate="1985-02-29")))
    (folder / "whole.json").write_text(json.dumps(bundle("transaction", post(patient()), post(patient(nmae=1)))))
    (folder / "nothing.json").write_text("not JSON")


def refused(file: Path) -> set[tuple[str, str, int]]:
    """(file, place, status) of what a load has refused, one of them because of a gender."""
    told = [json.loads(line) for line in file.read_text().splitlines()]
    assert any("gender" in one["reason"] for one in told)
    return {(Path(one["file"]).name, one["where"], one["status"]) for one in told}
