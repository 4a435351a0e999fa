"""Validation: how long one resource takes on its way in, how many a core and two cores check, and the memory it takes.

`python -m bench.validation [SHARED]`, where SHARED is the folder with `packages/` and `data/synthea-r4/` (default:
`../shared`). The first passes compile, and are not counted. Time is CPU time, so that what else runs does not count.
"""

import gzip
import json
import multiprocessing
import resource as process
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from suture.api.judging import Terms
from suture.fhir import json as fhir_json
from suture.fhir.definitions import load
from suture.fhir.fhirpath import Engine
from suture.fhir.packages import Collection, CoreCanonicals, Layers, read_package
from suture.fhir.profiles import Gate, Judge
from suture.fhir.versions import Version
from suture.terminology.content.grammars import Grammars
from suture.terminology.desk import Desk

US_CORE = "hl7.fhir.us.core#6.1.0.tgz"
_PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-body-weight"
_BUNDLES = 12

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "weight",
    "meta": {"lastUpdated": "2024-05-17T08:30:00Z"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Body weight: 72.5 kg</div>'},
    "status": "final",
    "category": [{"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
        "display": "Vital Signs",
    }]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
    "subject": {"reference": "Patient/1"},
    "encounter": {"reference": "Encounter/2"},
    "effectiveDateTime": "2024-05-17T08:30:00Z",
    "issued": "2024-05-17T08:31:00Z",
    "performer": [{"reference": "Practitioner/3"}],
    "valueQuantity": {"value": 72.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}  # fmt: skip


def gate(packages: Sequence[Path]) -> Gate:
    """The gate of writes with these packages loaded."""
    definitions = load(Version.R4)
    read = [read_package(path) for path in packages]
    canonicals = Layers([Collection.of(read), CoreCanonicals(Version.R4)])
    desk = Desk(Version.R4, Grammars()).current(canonicals, 0)
    return Gate(Judge(definitions, canonicals, Engine(definitions)), None, Terms(lambda: desk))


def microseconds(work: Callable[[], object], times: int = 5000) -> float:
    """The least of five means."""
    work()
    means: list[float] = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(times // 5):
            work()
        means.append((time.process_time() - start) / (times // 5))
    return min(means) * 1e6


def synthetic(shared: Path) -> list[dict[str, Any]]:
    """The resources of some Synthea bundles."""
    found: list[dict[str, Any]] = []
    for path in sorted((shared / "data" / "synthea-r4").glob("*.json.gz"))[:_BUNDLES]:
        bundle = fhir_json.decode(gzip.decompress(path.read_bytes()))
        found += [entry["resource"] for entry in bundle["entry"]]
    return found


def rate(shared: Path) -> float:
    """Resources per second of this process with the rules of the base specification."""
    resources = synthetic(shared)
    checked = gate(())
    for resource in resources[:1000]:
        checked.is_valid(resource)
    start = time.process_time()
    for resource in resources:
        checked.is_valid(resource)
    return len(resources) / (time.process_time() - start)


def memory() -> float:
    """MiB of this process at most."""
    return process.getrusage(process.RUSAGE_SELF).ru_maxrss / 1024


def main(shared: Path) -> None:
    """Print one line for each measurement."""
    observation = fhir_json.decode(json.dumps(OBSERVATION).encode())
    claiming = {**observation, "meta": {"profile": [_PROFILE]}}
    plain = gate(())
    print(f"base with invariants, Observation of 1 kB: {microseconds(lambda: plain.is_valid(observation)):.0f} µs")
    package = shared / "packages" / US_CORE
    if not package.exists():
        print(f"{package} is not there: no more is measured.")
        return
    loaded = gate((package,))
    assert not loaded.issues(claiming), loaded.issues(claiming)
    print(f"with the US Core profile it claims:        {microseconds(lambda: loaded.is_valid(claiming)):.0f} µs")
    print(f"one process, base, Synthea:                {rate(shared):.0f} resources/s")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(f"two processes, base, Synthea:              {sum(pool.map(rate, [shared, shared])):.0f} resources/s")
    before = memory()
    packages = sorted((shared / "packages").glob("hl7.fhir.u*.tgz"))
    everything = gate(packages)
    everything.is_valid(claiming)
    print(f"memory, {len(packages)} packages more:                 {memory() - before:.0f} MiB of {memory():.0f} MiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared")
