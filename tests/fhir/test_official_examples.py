"""HL7's own examples: all are accepted but those that break the specification themselves.

`refused_examples.toml` lists these with the reason; `docs/conformance-examples.md` shows the list to readers.
"""

import gzip
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from suture.fhir.definitions import load
from suture.fhir.json import decode, encode
from suture.fhir.structure.accept import Acceptor
from suture.fhir.structure.explain import Explainer
from suture.fhir.structure.schema import Schema
from suture.fhir.versions import Version

PACKAGES = {
    Version.R4: ("hl7.fhir.r4.examples#4.0.1.tgz", 5298),
    Version.R4B: ("hl7.fhir.r4b.examples#4.3.0.hfs.tgz", 3017),
    Version.R5: ("hl7.fhir.r5.examples#5.0.0.hfs.tgz", 2821),
}
REFUSED: dict[str, list[dict[str, str]]] = tomllib.loads(
    (Path(__file__).parent / "refused_examples.toml").read_text("utf-8")
)
QUICK = 6
"""The quick run looks at every sixth file, and at all that are refused."""


def examples(package: Path, wanted: Any) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(package) as archive:
        for number, member in enumerate(m for m in archive if m.isfile()):
            name = member.name.rpartition("/")[2]
            if name.endswith(".json") and name not in ("package.json", ".index.json") and wanted(number, name):
                file = archive.extractfile(member)
                assert file is not None
                yield name, file.read()


def judge(version: Version, package: Path, wanted: Any) -> tuple[int, dict[str, list[str]]]:
    """How many files there are, and the places of the problems in each that is refused."""
    schema = Schema(load(version))
    accepts = Acceptor(schema).accepts
    issues = Explainer(schema, accepts).issues
    refused: dict[str, list[str]] = {}
    count = 0
    for name, raw in examples(package, wanted):
        count += 1
        resource = decode(raw)
        found = issues(resource)
        assert not (found and accepts(resource)), name
        if found:
            refused[name] = [issue.expression for issue in found]
        else:
            assert decode(encode(resource)) == resource
    return count, refused


def compare(version: Version, refused: dict[str, list[str]]) -> None:
    expected = {example["file"]: example["expression"] for example in REFUSED[version.value]}
    assert set(refused) == set(expected)
    for name, expression in expected.items():
        assert expression in refused[name]


@pytest.mark.parametrize("version", list(Version))
def test_a_sample_of_the_official_examples_is_judged_as_listed(version: Version, shared: Path) -> None:
    package, total = PACKAGES[version]
    listed = {example["file"] for example in REFUSED[version.value]}
    count, refused = judge(version, shared / "packages" / package, lambda n, name: n % QUICK == 0 or name in listed)
    assert count > total / QUICK - 5
    compare(version, refused)


@pytest.mark.slow
@pytest.mark.parametrize("version", list(Version))
def test_all_official_examples_are_judged_as_listed(version: Version, shared: Path) -> None:
    package, total = PACKAGES[version]
    count, refused = judge(version, shared / "packages" / package, lambda _, __: True)
    assert count == total
    compare(version, refused)


@pytest.mark.parametrize("version", list(Version))
def test_the_documentation_shows_every_refused_example_with_its_reason(version: Version) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "conformance-examples.md").read_text("utf-8")
    section = page.split(f"\n## {version.name} ")[1].split("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines() if ".json" in line
    ]
    assert rows == [(example["file"], example["reason"]) for example in REFUSED[version.value]]


def bundles(shared: Path, step: int) -> list[Path]:
    return sorted((shared / "data" / "synthea-r4").glob("*.json.gz"))[::step]


def check_synthea(paths: list[Path]) -> int:
    schema = Schema(load(Version.R4))
    accepts = Acceptor(schema).accepts
    issues = Explainer(schema, accepts).issues
    count = 0
    for path in paths:
        bundle = decode(gzip.decompress(path.read_bytes()))
        assert accepts(bundle)
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert accepts(resource)
            assert issues(resource) == []
            assert decode(encode(resource)) == resource
            count += 1
    return count


def test_a_sample_of_synthetic_patients_is_valid_at_first_sight(shared: Path) -> None:
    assert check_synthea(bundles(shared, 20)) > 1000


@pytest.mark.slow
def test_all_synthetic_patients_are_valid_at_first_sight(shared: Path) -> None:
    assert check_synthea(bundles(shared, 1)) == 38_970
