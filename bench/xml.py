"""What FHIR XML costs per resource: decode and encode, beside JSON on the same resource.

`python -m bench.xml ../shared/packages/hl7.fhir.r4.examples#4.0.1.tgz` takes the Observations of 1.5 to 2.5 kB out of
the official examples and prints the mean in µs of CPU time on one core, the best of five rounds.
"""

import sys
import tarfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from suture.fhir import json, xml
from suture.fhir.definitions import load
from suture.fhir.versions import Version

ROUNDS = 5
REPEATS = 100


def observations(package: str) -> list[Any]:
    """The Observations of about 2 kB of JSON in a package of examples."""
    found: list[Any] = []
    with tarfile.open(package) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2].lower()
            if member.isfile() and name.startswith("observation") and name.endswith(".json"):
                file = archive.extractfile(member)
                resource = json.decode(file.read()) if file else {}
                if resource.get("resourceType") == "Observation" and 1500 < len(json.encode(resource)) < 2500:
                    found.append(resource)
    return found


def micros(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Mean µs of CPU per item, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(REPEATS):
            for item in items:
                work(item)
        best = min(best, time.process_time() - started)
    return best / (REPEATS * len(items)) * 1e6


def main() -> None:
    """Print the table."""
    definitions = load(Version.R4)
    resources = observations(sys.argv[1])
    texts = [json.encode(resource) for resource in resources]
    documents = [xml.encode(resource, definitions) for resource in resources]
    print(f"{len(resources)} Observations, mean {sum(map(len, texts)) // len(texts)} bytes of JSON")
    print(f"JSON decode {micros(json.decode, texts):8.1f} µs")
    print(f"JSON encode {micros(json.encode, resources):8.1f} µs")
    print(f"XML decode  {micros(lambda text: xml.decode(text, definitions), documents):8.1f} µs")
    print(f"XML encode  {micros(lambda resource: xml.encode(resource, definitions), resources):8.1f} µs")


if __name__ == "__main__":
    main()
