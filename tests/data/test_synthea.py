"""Real patients: the Synthea bundles load completely and read back as they were sent."""

import collections
import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import servers


def exact(data: bytes) -> Any:
    """JSON with numbers as their text, so that 1.10 and 1.1 differ."""
    return json.loads(data, parse_float=lambda text: f"number {text}", parse_int=lambda text: f"number {text}")


def rewritten(value: Any, ids: dict[str, str]) -> Any:
    """What was sent, with references to entries of the bundle as the server must have rewritten them."""
    if isinstance(value, dict):
        return {key: rewritten(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


def bundles(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "synthea-r4").glob("*.json.gz"))


def load(client: httpx.Client, file: Path, counts: collections.Counter[str]) -> list[tuple[str, Any]]:
    """POST one bundle; returns (location, what must be found there) for each entry."""
    data = gzip.decompress(file.read_bytes())
    answer = client.post("/", content=data, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 200, answer.text[:2000]
    sent, results = exact(data)["entry"], answer.json()["entry"]
    assert len(sent) == len(results)
    ids: dict[str, str] = {}
    places: list[str] = []
    for entry, result in zip(sent, results, strict=True):
        assert result["response"]["status"].startswith("201")
        type, id = result["response"]["location"].split("/")[-4:-2]
        places.append(f"{type}/{id}")
        ids[entry["fullUrl"]] = f"{type}/{id}"
        counts[type] += 1
    return [(place, rewritten(entry["resource"], ids)) for place, entry in zip(places, sent, strict=True)]


def compare(client: httpx.Client, expected: list[tuple[str, Any]]) -> None:
    for place, resource in expected:
        found = exact(client.get(f"/{place}").content)
        del found["id"], found["meta"]
        resource.pop("id", None)
        resource.pop("meta", None)
        assert found == resource, place


def check_counts(client: httpx.Client, counts: collections.Counter[str]) -> None:
    for type, number in counts.items():
        assert client.get(f"/{type}", params={"_summary": "count"}).json()["total"] == number


def test_a_few_bundles_load_and_read_back_exactly(shared: Path, fresh_client: httpx.Client) -> None:
    counts: collections.Counter[str] = collections.Counter()
    for file in sorted(bundles(shared), key=lambda file: file.stat().st_size)[:6]:
        compare(fresh_client, load(fresh_client, file, counts))
    check_counts(fresh_client, counts)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_bundles_load_and_read_back_exactly(
    shared: Path, fresh_server: servers.Server, fresh_client: httpx.Client
) -> None:
    files = bundles(shared)
    assert len(files) == 102
    counts: collections.Counter[str] = collections.Counter()
    expected: list[tuple[str, Any]] = []
    for file in files:
        expected += load(fresh_client, file, counts)
    assert sum(counts.values()) == 38_970
    assert len(counts) == 17
    check_counts(fresh_client, counts)
    compare(fresh_client, expected)
