"""The official examples of each version are indexed without error."""

import tarfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from suture.fhir.versions import Version
from suture.store.rows import IndexRows
from tests.search.indexing import indexer, parameters

DECODER = msgspec.json.Decoder(float_hook=Decimal)


def examples(package: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with tarfile.open(package) as archive:
        for member in archive:
            name = Path(member.name).name
            if not name.endswith(".json") or name.startswith((".", "package")):
                continue
            content = archive.extractfile(member)
            assert content is not None
            resource = DECODER.decode(content.read())
            if "resourceType" in resource:
                yield name, resource


@pytest.mark.parametrize(
    ("version", "package", "least"),
    [
        (Version.R4, "hl7.fhir.r4.examples#4.0.1.tgz", 5_000),
        (Version.R4B, "hl7.fhir.r4b.examples#4.3.0.hfs.tgz", 500),
        (Version.R5, "hl7.fhir.r5.examples#5.0.0.hfs.tgz", 500),
    ],
)
def test_every_official_example_is_indexed(shared: Path, version: Version, package: str, least: int) -> None:
    count: Counter[str] = Counter()
    for name, resource in examples(shared / "packages" / package):
        rows = indexer(version).rows(resource)
        assert well_formed(rows), name
        highest = max(p.bit for p in parameters(version).for_type(resource["resourceType"]).values())
        assert 0 <= rows.present < 1 << (highest + 1)
        count[resource["resourceType"]] += 1
    assert count.total() >= least


def well_formed(rows: IndexRows) -> bool:
    tables = (rows.tok, rows.str, rows.qty, rows.dat, rows.ref)
    ranges = all(lo <= hi for _, lo, hi in (*rows.qty, *rows.dat))
    return ranges and all(len(set(table)) == len(table) for table in tables)
