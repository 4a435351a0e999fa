"""Synthea's bundles as templates: each resource cut into fixed pieces and slots, so that a copy is a few joins.

Slots: ids and references (a copy gets ids of its own, the same for everything that belongs together), dates (a whole
patient is moved by the same number of days), measured values (varied by up to a tenth, with their digits), the status
of Observations (7 % are not final), and the patient's names, identifiers and phone number.
Organizations and practitioners are shared by all copies of one generation, as they are by patients in life.
"""

import gzip
import json
import random
import re
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import Any

SHARED_TYPES = ("Organization", "Practitioner")
COPIES_PER_GENERATION = 25
"""So many copies of all template patients have the same organizations and practitioners."""

DAYS = (-1500, 2300)
"""By how many days a patient's life may be moved. The templates end in May 2020."""

FAMILIES = 2000
GIVEN = 400

_SLOT = re.compile(
    r"(?P<ref>urn:uuid:(?P<target>[0-9a-f-]{36}))|(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r'|(?<=")(?P<date>\d{4}-\d{2}-\d{2})(?=["T])|(?<="valueQuantity":\{"value":)(?P<value>-?\d+(?:\.\d+)?)'
    r'|(?<="resourceType":"Observation",)(?P<status>"status":"final")'
    r"|\u2402(?P<name>[a-z]+)\u2403"
)
_DAYS = [date.fromordinal(n).isoformat() for n in range(date(1800, 1, 1).toordinal(), date(2300, 1, 1).toordinal())]
_FIRST_DAY = date(1800, 1, 1).toordinal()
_STATUS = ["final"] * 93 + ["amended"] * 3 + ["preliminary"] * 2 + ["corrected", "entered-in-error"]
_SYLLABLES = "ba co da el fi gar ho in ja ker lo mar ni or pe ro sa ti".split()


def name(kind: str, number: int) -> str:
    """A made-up name: the same for the same number."""
    rng = random.Random(f"{kind}{number}")
    word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((2, 2, 3)))).capitalize()
    return word if kind == "given" else f"{word}{number:x}"


def make_id(*parts: object) -> str:
    """An id in the form of a UUID that follows from `parts`."""
    digits = blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Template:
    """One resource. `fixed`: len(slots) + 1 pieces; `slots`: (kind, value)."""

    __slots__ = ("fixed", "slots")

    def __init__(self, resource: dict[str, Any], places: dict[str, tuple[str, str, int]]) -> None:
        text = json.dumps(resource, separators=(",", ":"), ensure_ascii=False)
        self.fixed: list[str] = []
        self.slots: list[tuple[str, Any]] = []
        at = 0
        for match in _SLOT.finditer(text):
            kind = match.lastgroup or ""
            key = match["target"] if match["ref"] else match["id"]
            if key is not None:
                if key not in places:
                    continue
                kind, value = ("ref" if match["ref"] else "id"), places[key]
            elif match["date"]:
                kind, value = "date", date.fromisoformat(match["date"]).toordinal() - _FIRST_DAY
            elif match["value"]:
                kind, value = "value", match["value"]
            elif match["status"]:
                kind, value = "status", None
            else:
                kind, value = "name", match["name"]
            self.fixed.append(text[at : match.start()])
            self.slots.append((kind, value))
            at = match.end()
        self.fixed.append(text[at:])


class Life:
    """One template patient: `templates` of all that belongs to it, in the order of the file; `size` of them."""

    def __init__(self, number: int, resources: list[dict[str, Any]], shared: dict[str, tuple[str, str, int]]) -> None:
        places = dict(shared)
        for index, resource in enumerate(resources):
            places[resource["id"]] = ("own", resource["resourceType"], index)
        self.number = number
        self.templates = [Template(_open(resource), places) for resource in resources]
        self.types = [resource["resourceType"] for resource in resources]
        self.size = len(resources)


def _open(resource: dict[str, Any]) -> dict[str, Any]:
    """A patient with slots for what makes a person."""
    if resource["resourceType"] != "Patient":
        return resource
    names = resource["name"][0]
    names["family"], names["given"] = "\u2402family\u2403", ["\u2402given\u2403"]
    resource["telecom"][0]["value"] = "\u2402phone\u2403"
    for identifier in resource["identifier"]:
        if not re.fullmatch("[0-9a-f-]{36}", identifier["value"]):
            identifier["value"] = "\u2402number\u2403"
    return resource


class Templates:
    """All templates. `shared`: of organizations and practitioners. `lives`: of patients."""

    def __init__(self, folder: Path) -> None:
        shared: dict[str, tuple[str, str, int]] = {}
        kinds: list[dict[str, Any]] = []
        seen: dict[str, tuple[str, str, int]] = {}
        patients: list[list[dict[str, Any]]] = []
        for file in sorted(folder.glob("*.json.gz")):
            resources = [entry["resource"] for entry in json.loads(gzip.decompress(file.read_bytes()))["entry"]]
            for resource in resources:
                if resource["resourceType"] in SHARED_TYPES and resource["id"] not in shared:
                    key = json.dumps([resource["resourceType"], resource.get("name"), resource["identifier"]])
                    if key not in seen:
                        seen[key] = ("shared", resource["resourceType"], len(kinds))
                        kinds.append(resource)
                    shared[resource["id"]] = seen[key]
            own = [resource for resource in resources if resource["resourceType"] not in SHARED_TYPES]
            if own:
                patients.append(own)
        self.shared = [Template(resource, shared) for resource in kinds]
        self.lives = [Life(number, resources, shared) for number, resources in enumerate(patients)]
        self.cycle = sum(life.size for life in self.lives)


class Person:
    """The patient with the given `number`: everything about it follows from the number."""

    def __init__(self, templates: Templates, number: int) -> None:
        self.life = templates.lives[number % len(templates.lives)]
        self.number = number
        self.generation = number // len(templates.lives) // COPIES_PER_GENERATION
        rng = random.Random(f"person {number}")
        self._rng = rng
        self.shift = rng.randint(*DAYS)
        self.family = name("family", int(FAMILIES * rng.random() ** 2))
        self.given = name("given", int(GIVEN * rng.random() ** 1.5))
        self.phone = f"555-{rng.randrange(100, 999)}-{rng.randrange(1000, 9999)}"

    @property
    def id(self) -> str:
        """The id of the Patient."""
        return self.of(self.life.types.index("Patient"))

    def of(self, index: int) -> str:
        """The id of one of its resources."""
        return make_id("own", self.number, index)

    def lines(self) -> list[str]:
        """All its resources as JSON."""
        ids = [self.of(index) for index in range(self.life.size)]
        return [self._fill(template, ids) for template in self.life.templates]

    def _fill(self, template: Template, ids: list[str]) -> str:
        rng = self._rng
        parts = [template.fixed[0]]
        for (kind, value), fixed in zip(template.slots, template.fixed[1:], strict=True):
            if kind == "ref" or kind == "id":
                owner, type, index = value
                id = ids[index] if owner == "own" else make_id("shared", self.generation, index)
                parts.append(f"{type}/{id}" if kind == "ref" else id)
            elif kind == "date":
                parts.append(_DAYS[value + self.shift])
            elif kind == "value":
                _, _, digits = value.partition(".")
                parts.append(f"{float(value) * (0.9 + 0.2 * rng.random()):.{len(digits)}f}")
            elif kind == "status":
                parts.append(f'"status":"{_STATUS[rng.randrange(100)]}"')
            else:
                parts.append(self._detail(value))
            parts.append(fixed)
        return "".join(parts)

    def _detail(self, kind: str) -> str:
        if kind == "number":
            return f"{self._rng.randrange(10**9):09d}"
        return str(getattr(self, kind))


def shared_lines(templates: Templates, generation: int) -> list[str]:
    """The organizations and practitioners of one generation, as JSON."""
    lines: list[str] = []
    for template in templates.shared:
        parts = [template.fixed[0]]
        for (kind, value), fixed in zip(template.slots, template.fixed[1:], strict=True):
            if kind == "ref" or kind == "id":
                _, type, index = value
                id = make_id("shared", generation, index)
                parts.append(f"{type}/{id}" if kind == "ref" else id)
            else:
                parts.append(_DAYS[value] if kind == "date" else "")
            parts.append(fixed)
        lines.append("".join(parts))
    return lines
