"""What FHIRPath costs on real data: the search parameters and the invariants of R4 over Synthea resources.

    .venv/bin/python -m bench.fhirpath [--resources 600] [--rounds 3] [--data FOLDER]

Every search parameter of a resource's type is evaluated on the resource, every invariant on every element it is made
for, ele-1 included. One thread; the best of some rounds; the table ends in build/bench/fhirpath.md. When fhirpathpy is
installed (`pip install fhirpathpy`), it answers the same questions about fewer resources in the same run.
"""

import argparse
import gzip
import platform
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from suture.fhir.definitions import Definitions, Element, load
from suture.fhir.fhirpath import Budget, Engine, FhirPathError, Item
from suture.fhir.json import decode
from suture.fhir.versions import Version

ROOT = Path(__file__).parent.parent
SYNTHEA = ROOT.parent / "shared" / "data" / "synthea-r4"
SAMPLE = 3000
RESULTS = ROOT / "build" / "bench"
LIMITS = {"search parameters": 4.0, "invariants": 20.0}
"""Microseconds that one evaluation may take on average."""

Json = dict[str, Any]
Job = tuple[str, str, Json, Item]
"""An expression, the element it is made for, the resource, and the item that it is applied to."""


def resources(folder: Path, count: int) -> list[Json]:
    """So many resources, taken from all patients in turn so that every type occurs."""
    found: list[Json] = []
    for file in sorted(folder.glob("*.json.gz")):
        entries = decode(gzip.decompress(file.read_bytes())).get("entry", [])
        step = max(1, len(entries) // 60)
        found += [entry["resource"] for entry in entries[::step]]
        if len(found) >= count:
            break
    return found[:count]


def search_jobs(engine: Engine, definitions: Definitions, found: list[Json]) -> list[Job]:
    """Every search parameter of the type of each resource."""
    by_type: dict[str, list[str]] = {}
    for parameter in definitions.search_parameters:
        for base in parameter.base:
            if parameter.expression:
                by_type.setdefault(base, []).append(parameter.expression)
    jobs: list[Job] = []
    for resource in found:
        item = engine.item(resource)
        type = resource["resourceType"]
        jobs += [(expression, type, resource, item) for expression in by_type.get(type, ())]
    return jobs


def invariant_jobs(engine: Engine, definitions: Definitions, found: list[Json]) -> list[Job]:
    """Every invariant on every element of each resource that it is made for."""
    jobs: list[Job] = []
    for resource in found:
        for item, element, expressions in _elements(engine, definitions, engine.item(resource), None):
            jobs += [(expression, element, resource, item) for expression in expressions]
    return jobs


def _elements(
    engine: Engine, definitions: Definitions, item: Item, element: Element | None
) -> Iterator[tuple[Item, str, list[str]]]:
    """The item and all below it, with the invariants of their types and elements."""
    value, type, _ = item
    own = element.constraints if element else ()
    inherited = [
        constraint
        for name in type.supers
        if name in definitions.structures
        for constraint in definitions.structures[name].constraints
    ]
    yield item, type.path, list({one.expression for one in (*own, *inherited) if one.expression})
    if not isinstance(value, dict):
        return
    for name in type.names:
        field = type.fields[name]
        if field is None:
            continue
        below: list[Item] = []
        field.read(value, below)
        definition = engine.model.element(field.path)
        for one in below:
            yield from _elements(engine, definitions, one, definition)


def ours(engine: Engine, jobs: list[Job], *, truth: bool, rounds: int) -> tuple[float, int]:
    """Microseconds per evaluation, and how many evaluations end in an error."""
    prepared = [(engine.compile(text, focus=element), resource, item) for text, element, resource, item in jobs]
    best, faults = 1e9, 0
    for _ in range(rounds):
        faults = 0
        last: Any = None
        started = time.process_time()
        for expression, resource, item in prepared:
            if resource is not last:
                last = resource
                environment = engine.environment(resource, budget=Budget(1 << 40, 600))
            try:
                expression.truth(item, environment) if truth else expression.items(item, environment)
            except FhirPathError:
                faults += 1
        best = min(best, time.process_time() - started)
    return best / len(jobs) * 1e6, faults


def theirs(jobs: list[Job]) -> tuple[float, list[Job]]:
    """Microseconds per evaluation by fhirpathpy, compiled as well, and the jobs that it can do."""
    import fhirpathpy
    from fhirpathpy.models import models

    compiled: dict[str, Callable[..., Any]] = {}
    able: list[tuple[Callable[..., Any], Job]] = []
    for job in jobs:
        text, _, resource, item = job
        try:
            if text not in compiled:
                compiled[text] = fhirpathpy.compile(text, models["r4"], {"traceFn": _quiet})
            compiled[text](item[0], {"resource": resource, "rootResource": resource})
        except Exception:
            compiled[text] = _failing
        else:
            able.append((compiled[text], job))
    started = time.process_time()
    for run, (_, _, resource, item) in able:
        run(item[0], {"resource": resource, "rootResource": resource})
    return (time.process_time() - started) / max(1, len(able)) * 1e6, [job for _, job in able]


def _quiet(*_: Any) -> None:
    pass


def _failing(*_: Any) -> Any:
    raise ValueError("not compiled")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--resources", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=SYNTHEA)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"There are no resources in {arguments.data}; give a folder of *.json.gz bundles with --data.")
    definitions = load(Version.R4)
    engine = Engine(definitions)
    found = resources(arguments.data, arguments.resources)
    compare = find_spec("fhirpathpy") is not None
    lines = [
        f"FHIRPath on {len(found)} Synthea resources, Python {platform.python_version()}, one thread",
        "",
        "| expressions | evaluations | µs each | limit | errors | fhirpathpy can do | its µs each | ours of these |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    slow = False
    for name, jobs in (
        ("search parameters", search_jobs(engine, definitions, found)),
        ("invariants", invariant_jobs(engine, definitions, found)),
    ):
        each, faults = ours(engine, jobs, truth=name == "invariants", rounds=arguments.rounds)
        row = f"| {name} | {len(jobs):,} | {each:.2f} | {LIMITS[name]:.0f} | {faults} |"
        if compare:
            some = jobs[:: max(1, len(jobs) // SAMPLE)]
            other, able = theirs(some)
            same, _ = ours(engine, able, truth=name == "invariants", rounds=arguments.rounds)
            row += f" {len(able):,} of {len(some):,} | {other:,.0f} | {same:.2f} ({other / same:,.0f} times faster) |"
        else:
            row += " not installed | | |"
        lines.append(row)
        slow = slow or each > LIMITS[name]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "fhirpath.md").write_text(text)
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
